// SPDX-License-Identifier: Apache-2.0

// allocator allocates all the time, in the same proportions: four parts of its bytes at one site, two at another, one at a
// third, and a little in each other way that a program may allocate. The sites are inlined into their callers.
//
// Without profile.go nothing in it reads a heap profile, so that its linker switches the runtime's sampler off.
//
// It prints "ready PID" and obeys one command a line on standard input, each answered by "done":
//
//	total      prints "total BYTES NANOSECONDS": MemStats.TotalAlloc, and when that was
//	(profile.go has more)
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"time"
)

type node struct {
	next *node
	data [120]byte
}

type pair struct{ a, b [64]int64 }

type wide struct {
	next *wide
	data [700]byte
}

var (
	bytesSink  []byte
	nodeSink   *node
	wideSink   *wide
	kept       []*node
	growSink   []uint64
	anySink    interface{}
	mapSink    map[int][64]byte
	stringSink string
	chanSink   chan [64]int64
	valueSink  reflect.Value
	prefix     = strings.Repeat("x", 4000)
	pairType   = reflect.TypeOf(pair{})
)

func four()   { bytesSink = make([]byte, 4096) }
func middle() { four() }

func two() { nodeSink = new(node) }

func wider() { wideSink = new(wide) }

func one() {
	growSink = growSink[:0:0]
	growSink = append(growSink, 1)
	growSink = append(growSink, make([]uint64, 2047)...)
}

func boxed(p *pair)   { anySink = *p }
func mapped()         { mapSink = map[int][64]byte{}; fill(mapSink) }
func joined(s string) { stringSink = prefix + s }
func channel()        { chanSink = make(chan [64]int64, 8) }
func reflected()      { valueSink = reflect.New(pairType) }

//go:noinline
func fill(m map[int][64]byte) {
	for i := 0; i < 64; i++ {
		m[i] = [64]byte{}
	}
}

// Of the nodes some are kept in the place of others, so that those of one span are freed at many times.
func keep(n int) {
	if len(kept) > 0 {
		kept[uint64(n)*0x9e3779b97f4a7c15>>20%uint64(len(kept))] = nodeSink
	}
}

//go:noinline
func round(n int) {
	var p pair
	p.a[0] = int64(n)
	for i := 0; i < 16; i++ {
		middle()
	}
	for i := 0; i < 256; i++ {
		two()
		keep(n<<8 + i)
	}
	one()
	for i := 0; i < 4; i++ {
		boxed(&p)
		wider()
	}
	// With those above 7 objects of one size, of which 8 are a span: it is not always the same one that finds it used up.
	for i := 0; i < 3; i++ {
		reflected()
	}
	joined(stringSink[:n%3])
	channel()
	mapped()
}

var spun uint64

func spin(n int) {
	for i := 0; i < n; i++ {
		spun = spun*31 + uint64(i)
	}
}

func allocate(rounds, spins int) {
	stringSink = prefix
	for n := 0; ; n++ {
		for i := 0; i < rounds; i++ {
			round(n*rounds + i)
		}
		spin(spins)
		time.Sleep(10 * time.Millisecond)
	}
}

// Commands with an operand: those of profile.go.
var commands = map[string]func(string) error{}

func obey(words []string) error {
	switch {
	case len(words) == 2 && commands[words[0]] != nil:
		return commands[words[0]](words[1])
	case len(words) == 1 && words[0] == "total":
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println("total", m.TotalAlloc, time.Now().UnixNano())
		return nil
	}
	return fmt.Errorf("unknown: %v", words)
}

// With -rate, where there is profile.go.
var sample = func() {}

func main() {
	rounds := flag.Int("rounds", 3, "rounds of allocations, 150 KiB each, every 10 ms")
	keep := flag.Int("keep", 0, "so many nodes stay, each until another takes its place")
	spins := flag.Int("spin", 0, "so many steps of work without an allocation, every 10 ms")
	flag.Parse()
	sample()
	kept = make([]*node, *keep)
	go allocate(*rounds, *spins)
	fmt.Println("ready", os.Getpid())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := obey(strings.Fields(lines.Text())); err != nil {
			fmt.Println("error", err)
			continue
		}
		fmt.Println("done")
	}
}
