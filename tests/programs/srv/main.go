// SPDX-License-Identifier: Apache-2.0

// srv is the workhorse of the tests: a service with so much live data and so much garbage a second,
// which says what became of it. It stands for the program that is governed, so it does nothing
// about its own memory.
//
// It prints "ready" when its live data stands, obeys one command a line on standard input
//
//	set live=200 garbage=50 grow=0 mmap=0 growmap=0 read=0 goroutines=0 idle=false free=1
//	stats
//	quit
//
// (end of input is no command: it goes on), serves /metrics and /set?live=200 on -http, and ends
// after -duration, on quit or on SIGTERM with its stats as one line of JSON.
//
// Its HTTP is written by hand: net/http would take longer to compile than all the rest, eight
// times over.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const mib = 1 << 20

func main() {
	settings := map[string]*int{
		"live":    flag.Int("live", 0, "MiB of live data, in small nodes with pointers"),
		"garbage": flag.Int("garbage", 0, "MiB of garbage a second, 0 as fast as it can"),
		"grow":    flag.Int("grow", 0, "MiB a second that are never freed"),
		"mmap":    flag.Int("mmap", 0, "MiB of touched memory that is not Go's"),
		"growmap": flag.Int("growmap", 0, "MiB a second of such memory that are never freed"),
		"read":    flag.Int("read", 0, "MiB a second that are read of -file"),

		"goroutines": flag.Int("goroutines", 0, "goroutines that wait most of the time"),
	}
	idle := flag.Bool("idle", false, "allocate nothing once ready")
	workers := flag.Int("workers", 1, "goroutines that share the garbage")
	every := flag.Duration("latency", 0, "interval of the requests whose time is taken, 0 for none")
	served := flag.Bool("served", false, "the requests make the garbage: what waits for them is made late")
	duration := flag.Duration("duration", 0, "end after this time, 0 never")
	address := flag.String("http", "", "address to serve on")
	keepGogc := flag.Int("keepwriting", 0, "a GOGC that it sets itself again and again, 0 for not")
	keepEvery := flag.Duration("keepwriting-every", 100*time.Millisecond, "how often")
	file := flag.String("file", "", "a file to read at random places")
	kept := flag.String("progress", "", "a file that keeps what was done over restarts")
	steps := flag.String("plan", "", "changes of settings: 30:live=50,garbage=10 60:live=5, in percent of -span")
	span := flag.Duration("span", time.Minute, "the whole of which a plan says percents")
	shown := flag.Bool("show", false, "sum up the progress files that are named, and end")
	until := flag.Int64("until", 0, "for -show: the Unix time in ns at which the run ended")
	flag.Parse()
	if *shown {
		fmt.Println(show(flag.Args(), *until))
		return
	}

	done, err := openProgress(*kept)
	check(err)
	plan, err := parsePlan(*steps, *span)
	check(err)
	load := newLoad(done)
	for name, value := range settings {
		check(load.set(name, strconv.Itoa(*value)))
	}
	check(load.set("idle", strconv.FormatBool(*idle)))
	check(serve(*address, load))
	check(load.readFile(*file))
	fmt.Println("ready")
	go load.follow(plan)
	load.run(*workers, *every, *served)
	keepWriting(*keepGogc, *keepEvery)
	wait(load, *duration)
	fmt.Println(load.stats())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "srv:", err)
		os.Exit(2)
	}
}

// wait obeys standard input until one of the ends is reached.
func wait(load *load, duration time.Duration) {
	end := make(chan os.Signal, 2)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		commands := bufio.NewScanner(os.Stdin)
		for commands.Scan() {
			words := strings.Fields(commands.Text())
			switch {
			case len(words) == 0:
			case words[0] == "quit":
				end <- syscall.SIGTERM
			case words[0] == "stats":
				fmt.Println(load.stats())
			case words[0] == "set":
				fmt.Println(load.setAll(words[1:]))
			default:
				fmt.Println("unknown command")
			}
		}
	}()
	if duration > 0 {
		time.AfterFunc(duration, func() { end <- syscall.SIGTERM })
	}
	<-end
}

// keepWriting makes the program the owner of its GOGC that does not let go of it.
func keepWriting(gogc int, every time.Duration) {
	if gogc == 0 {
		return
	}
	go func() {
		for {
			debug.SetGCPercent(gogc)
			time.Sleep(every)
		}
	}()
}

// node has pointers, as live data has: marking it takes what marking takes.
type node struct {
	left, right *node
	payload     [6]uint64
}

const nodesPerMiB = mib / 64

// load is what the program does to its memory.
type load struct {
	*progress
	setting sync.Mutex // held by who changes live
	mu      sync.Mutex // of live and mapped
	live    []*node    // one tree of a MiB each
	mapped  []byte
	leaked  [][]byte // of the goroutine that leaks
	garbage atomic.Int64
	grow    atomic.Int64
	idle    atomic.Bool
	growmap atomic.Int64
	read    atomic.Int64
	wanted  atomic.Int64 // goroutines; those above it end
	running int64
	sum     atomic.Int64 // of what was read, so that it is read
	start   time.Time
}

func newLoad(done *progress) *load {
	return &load{progress: done, start: time.Now()}
}

func (l *load) setAll(words []string) string {
	for _, word := range words {
		parts := strings.SplitN(word, "=", 2)
		if len(parts) != 2 {
			return word + ": key=value is needed"
		}
		if err := l.set(parts[0], parts[1]); err != nil {
			return err.Error()
		}
	}
	return "ok"
}

func (l *load) set(name, text string) error {
	if name == "idle" {
		on, err := strconv.ParseBool(text)
		l.idle.Store(on)
		return err
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 {
		return fmt.Errorf("%s: %q is no number of MiB", name, text)
	}
	switch name {
	case "free": // what a program may do that knows of its garbage: collect, and give it all back
		debug.FreeOSMemory()
	case "live":
		l.setLive(value)
	case "garbage":
		l.garbage.Store(int64(value))
	case "grow":
		l.grow.Store(int64(value))
	case "mmap":
		return l.setMapped(value)
	case "growmap":
		l.growmap.Store(int64(value))
	case "read":
		l.read.Store(int64(value))
	case "goroutines":
		l.setGoroutines(value)
	default:
		return fmt.Errorf("unknown setting %q", name)
	}
	return nil
}

// setLive makes its trees without the lock: requests go on meanwhile.
func (l *load) setLive(megabytes int) {
	l.setting.Lock()
	defer l.setting.Unlock()
	for i := len(l.live); i < megabytes; i++ {
		tree := newTree(nodesPerMiB)
		l.mu.Lock()
		l.live = append(l.live, tree)
		l.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := megabytes; i < len(l.live); i++ {
		l.live[i] = nil
	}
	l.live = l.live[:megabytes]
}

func newTree(nodes int) *node {
	if nodes == 0 {
		return nil
	}
	left := (nodes - 1) / 2
	return &node{left: newTree(left), right: newTree(nodes - 1 - left)}
}

func (l *load) setMapped(megabytes int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mapped != nil {
		if err := syscall.Munmap(l.mapped); err != nil {
			return err
		}
		l.mapped = nil
	}
	if megabytes == 0 {
		return nil
	}
	mapped, err := mapMemory(megabytes * mib)
	if err != nil {
		return err
	}
	l.mapped = mapped
	return nil
}

func (l *load) run(workers int, every time.Duration, served bool) {
	for i := 0; i < workers && !served; i++ {
		go l.makeGarbage(workers)
	}
	go l.pace(&l.grow, l.leak)
	go l.pace(&l.growmap, growMapped)
	go l.countGC()
	if every > 0 {
		go l.requests(every, served)
	}
}

// makeGarbage keeps to the rate. It makes up for a tick that came late, but not for more than a few:
// a program that was stopped for a while does not come back with a burst.
func (l *load) makeGarbage(workers int) {
	const tick = 5 * time.Millisecond
	for due := time.Now(); ; due = due.Add(tick) {
		rate := l.garbage.Load() * mib / int64(workers)
		switch {
		case l.idle.Load():
			time.Sleep(tick)
			due = time.Now()
		case rate == 0:
			l.discard(mib)
			due = time.Now()
		default:
			l.discard(rate * int64(tick) / int64(time.Second))
			ahead := time.Until(due)
			time.Sleep(ahead)
			if ahead < -20*tick {
				due = time.Now()
			}
		}
	}
}

func (l *load) discard(bytes int64) {
	var sink []byte
	for size := 64; bytes > 0; size = nextSize(size) {
		sink = make([]byte, size)
		bytes -= int64(size)
		l.made.Add(int64(size))
	}
	runtime.KeepAlive(sink)
}

func nextSize(size int) int {
	if size >= 4096 {
		return 64
	}
	return size * 3 / 2
}

// pace hands out what a rate of MiB a second has come to, tick by tick; as makeGarbage, it makes up
// for a few ticks that came late.
func (l *load) pace(rate *atomic.Int64, spend func(bytes int64)) {
	const tick = 20 * time.Millisecond
	for last := time.Now(); ; time.Sleep(tick) {
		elapsed := time.Since(last)
		last = last.Add(elapsed)
		if elapsed > 20*tick {
			elapsed = 20 * tick
		}
		bytes := rate.Load() * mib * int64(elapsed) / int64(time.Second)
		if bytes > 0 && !l.idle.Load() {
			spend(bytes)
		}
	}
}

func (l *load) leak(bytes int64) {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	l.leaked = append(l.leaked, block)
}

// requests takes each request's time from the moment it was due, so that a pause counts for all the
// requests that it held up and not only for the one that it met.
func (l *load) requests(every time.Duration, served bool) {
	l.every.Store(int64(every))
	l.due.CompareAndSwap(0, time.Now().UnixNano())
	for due := time.Unix(0, l.due.Load()); ; due = due.Add(every) {
		l.due.Store(due.UnixNano())
		if ahead := time.Until(due); ahead > 0 {
			time.Sleep(ahead)
		}
		l.request()
		if served && !l.idle.Load() {
			l.discard(l.garbage.Load() * mib * int64(every) / int64(time.Second))
		}
		l.times.add(time.Since(due))
	}
}

// request reads some live data and makes an answer of some KiB.
func (l *load) request() {
	l.mu.Lock()
	trees := l.live
	l.mu.Unlock()
	var sum uint64
	if len(trees) > 0 {
		for n := trees[int(l.times.count.Load())%len(trees)]; n != nil; n = n.left {
			sum += n.payload[0]
		}
	}
	answer := make([]string, 0, 64)
	for i := 0; i < 64; i++ {
		answer = append(answer, strconv.FormatUint(sum+uint64(i)*1e9, 10))
	}
	_ = strings.Join(answer, ",")
}

// histogram has eight buckets to each doubling, from a microsecond: a percentile is right within 9 %.
type histogram struct {
	count   atomic.Int64
	max     atomic.Int64
	buckets [320]atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	i, edge := 0, float64(time.Microsecond)
	for float64(d) > edge && i < len(h.buckets)-1 {
		edge *= 1.0905077326652577 // the eighth root of 2
		i++
	}
	h.buckets[i].Add(1)
	h.count.Add(1)
	if int64(d) > h.max.Load() {
		h.max.Store(int64(d))
	}
}

// within counts what took no longer.
func (h *histogram) within(most time.Duration) (count int64) {
	edge := float64(time.Microsecond)
	for i := 0; i < len(h.buckets) && edge <= float64(most); i++ {
		count += h.buckets[i].Load()
		edge *= 1.0905077326652577
	}
	return count
}

// quantile is in ms.
func (h *histogram) quantile(q float64) float64 {
	rest := int64(q * float64(h.count.Load()))
	edge := float64(time.Microsecond)
	for i := range h.buckets {
		rest -= h.buckets[i].Load()
		if rest < 0 {
			break
		}
		edge *= 1.0905077326652577
	}
	if max := float64(h.max.Load()); edge > max {
		edge = max
	}
	return edge / 1e6
}

// figure is a figure of the program about itself; its text is null where this Go has none.
type figure struct {
	name, text string
}

func (l *load) figures() []figure {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.mu.Lock()
	live := len(l.live)
	l.mu.Unlock()
	num := func(n int64) string { return strconv.FormatInt(n, 10) }
	ms := func(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
	return []figure{
		{"seconds", ms(time.Since(l.start).Seconds())},
		{"live_mb", num(int64(live))},
		{"garbage_mb", num(l.made.Load() / mib)},
		{"requests", num(l.times.count.Load())},
		{"p50_ms", ms(l.times.quantile(0.50))},
		{"p99_ms", ms(l.times.quantile(0.99))},
		{"max_ms", ms(float64(l.times.max.Load()) / 1e6)},
		{"num_gc", num(int64(m.NumGC))},
		{"pause_total_ns", num(int64(m.PauseTotalNs))},
		{"total_alloc_bytes", num(int64(m.TotalAlloc))},
		{"goroutines", num(int64(runtime.NumGoroutine()))},
		{"heap_alloc_bytes", num(int64(m.HeapAlloc))},
		{"heap_inuse_bytes", num(int64(m.HeapInuse))},
		{"heap_released_bytes", num(int64(m.HeapReleased))},
		{"heap_goal_bytes", num(int64(m.NextGC))},
		{"memory_limit_bytes", num(debug.SetMemoryLimit(-1))},
		{"gogc", metric("/gc/gogc:percent")},
		{"gc_cpu_seconds", metric("/cpu/classes/gc/total:cpu-seconds")},
		{"gc_idle_cpu_seconds", metric("/cpu/classes/gc/mark/idle:cpu-seconds")},
	}
}

func metric(name string) string {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	switch sample[0].Value.Kind() {
	case metrics.KindUint64:
		return strconv.FormatInt(int64(sample[0].Value.Uint64()), 10)
	case metrics.KindFloat64:
		return strconv.FormatFloat(sample[0].Value.Float64(), 'f', 6, 64)
	}
	return "null"
}

func (l *load) stats() string {
	text := fmt.Sprintf(`{"go_version":%q`, runtime.Version())
	for _, f := range l.figures() {
		text += fmt.Sprintf(`,%q:%s`, f.name, f.text)
	}
	return text + "}"
}

func (l *load) exposition() string {
	text := ""
	for _, f := range l.figures() {
		if f.text != "null" {
			text += "srv_" + f.name + " " + f.text + "\n"
		}
	}
	return text
}

func serve(address string, load *load) error {
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("listening", listener.Addr())
	go func() {
		for {
			connection, err := listener.Accept()
			check(err)
			go answer(connection, load)
		}
	}()
	return nil
}

// answer serves the one request of a connection.
func answer(connection net.Conn, load *load) {
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	reader := bufio.NewReader(connection)
	request, err := reader.ReadString('\n')
	if err != nil {
		return
	}
	for line := ""; line != "\r\n" && line != "\n"; {
		if line, err = reader.ReadString('\n'); err != nil {
			return
		}
	}
	status, body := page(request, load)
	fmt.Fprintf(connection, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"+
		"Connection: close\r\n\r\n%s", status, len(body), body)
}

func page(request string, load *load) (status, body string) {
	words := strings.Fields(request)
	if len(words) < 2 || words[0] != "GET" {
		return "400 Bad Request", "GET only\n"
	}
	where, err := url.Parse(words[1])
	if err != nil {
		return "400 Bad Request", "no path\n"
	}
	switch where.Path {
	case "/metrics":
		return "200 OK", load.exposition()
	case "/stats":
		return "200 OK", load.stats() + "\n"
	case "/set":
		if said := load.setAll(strings.Split(where.RawQuery, "&")); said != "ok" {
			return "400 Bad Request", said + "\n"
		}
		return "200 OK", "ok\n"
	}
	return "404 Not Found", "no such page\n"
}
