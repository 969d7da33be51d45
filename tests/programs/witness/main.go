// SPDX-License-Identifier: Apache-2.0

// witness is the oracle of profiles: a Go program that says what its own runtime makes of its own
// stacks, types, heap profile and goroutines, so that what is read from outside can be compared line
// by line.
//
// It prints "ready PID" and obeys one command a line on standard input, each answered by "done":
//
//	stacks FILE      call stacks of many kinds: a line a call, as runtime.CallersFrames has it:
//	                 pc, machine function's entry, function, file, line, start line (0 if not told)
//	types FILE       types by the address of their descriptor: address, size, name
//	heap FILE        its own /debug/pprof/heap?debug=1
//	goroutines FILE  its own /debug/pprof/goroutine?debug=2, "count N" by runtime.NumGoroutine and
//	                 "stack N" by runtime.MemStats.StackInuse
//	park N           N more goroutines of each kind that waits for something
//	collect          two collections, after which the profile of the first is published
//	rate N           runtime.MemProfileRate
//	quit             ends
//
// All fields are parted by tabs. What it allocates for -sites is sampled at -rate; then sampling is
// switched off, so that its answers do not change what they tell about.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"
)

func main() {
	rate := flag.Int("rate", 512*1024, "runtime.MemProfileRate while allocating")
	sites := flag.Int("sites", 64, "rounds of allocations at the sites below")
	collect := flag.Bool("collect", true, "collect twice after it")
	parked := flag.Int("parked", 1, "goroutines of each kind that waits for something")
	flag.Parse()

	runtime.MemProfileRate = *rate
	allocate(*sites)
	runtime.MemProfileRate = 0
	if *collect {
		runtime.GC()
		runtime.GC()
	}
	park(*parked)
	fmt.Println("ready", os.Getpid())
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		words := strings.Fields(commands.Text())
		if len(words) > 0 && words[0] == "quit" {
			return
		}
		if err := obey(words); err != nil {
			fmt.Println("error", err)
			continue
		}
		fmt.Println("done")
	}
}

func obey(words []string) error {
	operand := ""
	if len(words) == 2 {
		operand = words[1]
	}
	n, _ := strconv.Atoi(operand)
	switch {
	case len(words) == 0:
		return errors.New("no command")
	case words[0] == "collect":
		runtime.GC()
		runtime.GC()
	case words[0] == "park":
		park(n)
	case words[0] == "rate":
		runtime.MemProfileRate = n
	case writers[words[0]] != nil:
		return toFile(operand, writers[words[0]])
	default:
		return errors.New("unknown: " + words[0])
	}
	return nil
}

var writers map[string]func(io.Writer) error

func init() {
	writers = map[string]func(io.Writer) error{
		"stacks": writeStacks,
		"types":  writeTypes,
		"heap": func(w io.Writer) error {
			return pprof.Lookup("heap").WriteTo(w, 1)
		},
		"goroutines": func(w io.Writer) error {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			fmt.Fprintln(w, "count", runtime.NumGoroutine())
			fmt.Fprintln(w, "stack", stats.StackInuse)
			return pprof.Lookup("goroutine").WriteTo(w, 2)
		},
	}
}

func toFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	if err := write(out); err != nil {
		return err
	}
	return out.Flush()
}

// --- stacks ---

var stacks [][]uintptr

//go:noinline
func capture() {
	pcs := make([]uintptr, 256)
	stacks = append(stacks, pcs[:runtime.Callers(1, pcs)])
}

func inlinedLeaf()   { capture() }
func inlinedMiddle() { inlinedLeaf() }
func inlinedOuter() {
	inlinedMiddle()
	if len(stacks) == 0 {
		inlinedLeaf()
	}
}

type shape interface{ visit() }

type square struct{ side int }

func (s square) visit() { capture() }

type box struct{ *square }

type generic[T any] struct{ value T }

func (g *generic[T]) visit() { inlinedLeaf() }

func each[T any](values []T, f func(T)) {
	for _, v := range values {
		f(v)
	}
}

//go:noinline
func deep(n int) {
	if n == 0 {
		capture()
		return
	}
	deep(n - 1)
}

func panics() {
	defer func() {
		recover()
		inlinedMiddle()
	}()
	var nothing *square
	_ = nothing.side
}

func onGoroutine(f func()) {
	done := make(chan bool)
	go func(n int) {
		defer close(done)
		if n == 7 {
			f()
		}
	}(7)
	<-done
}

var initialized = func() int { capture(); return 1 }()

func init() { inlinedOuter() }

func captureAll() {
	inlinedOuter()
	each([]shape{square{1}, box{&square{2}}, &generic[int]{}, &generic[string]{}},
		func(s shape) { s.visit() })
	each([]int{1}, func(int) { inlinedMiddle() })
	deep(3)
	deep(150)
	panics()
	onGoroutine(inlinedOuter)
	onGoroutine(square{3}.visit)
	numbers := []int{2, 1}
	sort.Slice(numbers, func(i, j int) bool { capture(); return numbers[i] < numbers[j] })
	new(sync.Once).Do(inlinedMiddle)
	reflect.ValueOf(inlinedOuter).Call(nil)
	done := make(chan bool)
	time.AfterFunc(0, func() { capture(); close(done) })
	<-done
	strings.Map(func(r rune) rune { inlinedLeaf(); return r }, "x")
	elsewhere()
}

func writeStacks(w io.Writer) error {
	captureAll()
	for _, stack := range stacks {
		frames := runtime.CallersFrames(stack)
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if f.PC == 0 {
				continue
			}
			start := int64(0)
			if field := reflect.ValueOf(f).FieldByName("startLine"); field.IsValid() {
				start = field.Int()
			}
			fmt.Fprintf(w, "%x\t%x\t%s\t%s\t%d\t%d\n", f.PC+1, f.Entry, f.Function, f.File, f.Line, start)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// --- types ---

type named struct {
	a int
	b string
}

type alias = named

func values() []interface{} {
	n := 1
	s := "s"
	return []interface{}{
		n, &n, s, &s, int8(1), uint16(1), 1.5, complex(1, 2), true, uintptr(1),
		named{}, &named{}, []named{}, [3]named{}, [0]int{}, map[string]*named{}, alias{}, []*named{},
		generic[int]{}, &generic[map[string]named]{}, box{}, struct{}{},
		struct {
			F uintptr
			X *int `json:"x"`
		}{},
		make(chan int), make(<-chan named), make(chan<- struct{}), func() {},
		func(int, ...string) (bool, error) { return false, nil }, errors.New("e"), os.Stdin,
		[]interface{}{}, []error{}, time.Second, time.Time{}, &sync.Mutex{}, reflect.Value{},
		unsafe.Pointer(&n), [1 << 20]byte{}, []byte("b"), 'r', strings.NewReplacer("a", "b"),
	}
}

func writeTypes(w io.Writer) error {
	for _, v := range values() {
		address := *(*uintptr)(unsafe.Pointer(&v))
		fmt.Fprintf(w, "%x\t%d\t%T\n", address, reflect.TypeOf(v).Size(), v)
	}
	return nil
}

// --- heap ---

var (
	kept     [][]byte
	keptMaps []map[int]string
	keptAny  []interface{}
)

//go:noinline
func siteLarge(round int) { kept = append(kept, make([]byte, 100000+round)) }

//go:noinline
func siteSmall() {
	for i := 0; i < 64; i++ {
		kept = append(kept, make([]byte, 1<<(4+uint(i%9))))
	}
}

//go:noinline
func siteGarbage() {
	var last []byte
	for i := 0; i < 16; i++ {
		last = make([]byte, 32<<10)
	}
	last[0] = 1
	kept = append(kept, last)
}

func inlinedSite() []byte { return make([]byte, 48<<10) }

//go:noinline
func siteInlined() { kept = append(kept, inlinedSite()) }

//go:noinline
func siteMap(round int) {
	m := make(map[int]string)
	for i := 0; i < 300; i++ {
		m[i] = strings.Repeat("x", 10+round%3)
	}
	keptMaps = append(keptMaps, m)
}

//go:noinline
func siteBoxed(round int) { keptAny = append(keptAny, named{round, "x"}, round*1000) }

func allocate(rounds int) {
	for i := 0; i < rounds; i++ {
		siteLarge(i % 5)
		siteSmall()
		siteGarbage()
		siteInlined()
		siteMap(i)
		siteBoxed(i)
	}
}

// --- goroutines ---

var (
	never     = make(chan bool)
	norEver   = make(chan bool)
	neverToo  chan bool
	mutex     sync.Mutex
	readers   sync.RWMutex
	group     sync.WaitGroup
	condition = sync.NewCond(new(sync.Mutex))
	listener  net.Listener
	prepare   sync.Once
)

func waitReceive() { <-never }
func waitSend()    { neverToo <- true }
func waitNil()     { <-neverToo }
func waitSelect() {
	select {
	case <-never:
	case norEver <- true:
	}
}
func waitForever()    { select {} }
func waitSleep()      { time.Sleep(1000 * time.Hour) }
func waitMutex()      { mutex.Lock() }
func waitReader()     { readers.RLock() }
func waitGroup()      { group.Wait() }
func waitNetwork()    { listener.Accept() }
func waitClosure(int) { <-never }

func waitCondition() {
	condition.L.Lock()
	condition.Wait()
}

func park(n int) {
	prepare.Do(func() {
		mutex.Lock()
		readers.Lock()
		group.Add(1)
		listener, _ = net.Listen("tcp", "127.0.0.1:0")
		object := new(named)
		runtime.SetFinalizer(object, func(*named) {})
	})
	for i := 0; i < n; i++ {
		for _, f := range []func(){waitReceive, waitSend, waitNil, waitSelect, waitForever, waitSleep, waitMutex,
			waitReader, waitGroup, waitNetwork, waitCondition} {
			go f()
		}
		go waitClosure(i)
		go waitReceive()
		parkClosure()
		parkSum(n)
		(&generic[string]{}).park()
		(&generic[[2]int]{}).park()
		(&generic[[3]int]{}).park()
	}
	each([]int{1, 2}, func(int) {
		go waitDeep()
	})
}

func (g *generic[T]) park() {
	inlinedTwice()
	go waitReceive()
}

// What is inlined before and behind a go statement is not what made it.
var counted int

func inlinedOnce()  { counted++ }
func inlinedTwice() { inlinedOnce(); inlinedOnce() }

func inlinedSum(n int) int { return n + counted }

func parkSum(n int) {
	inlinedTwice()
	go waitClosure(
		inlinedSum(n),
	)
	inlinedTwice()
}

func parkClosure() {
	go func() { <-never }()
}

// A megabyte of stack, less than a hundred calls deep: of more the dump leaves some out.
func waitDeep() { descend(64) }

//go:noinline
func descend(n int) byte {
	var frame [16 << 10]byte
	if n == 0 {
		<-never
		return 0
	}
	frame[n] = descend(n - 1)
	return frame[n/2] + frame[n]
}

// What a generator leaves behind; it has to stay last.
func elsewhere() {
//line /generated/odd "name" #1.y:4711
	inlinedMiddle()
	capture()
}
