// SPDX-License-Identifier: Apache-2.0

// publisher is the oracle of the exact comparison: a Go program that says what its own runtime
// holds, at a moment in which nothing in it moves, so that what gomemctl reads from outside can be
// compared figure by figure.
//
// It obeys one command a line on standard input and answers each with one line of JSON:
//
//	work MB        allocates that much garbage, some of it kept for a while
//	retain MB      keeps that much live from now on
//	goroutines N   has N more goroutines, parked, from now on
//	gogc N         debug.SetGCPercent(N)
//	limit BYTES    debug.SetMemoryLimit(BYTES)
//	stop           parks the workers, finishes the collection, publishes the figures
//	go             publishes them again, and resumes
//	quit           ends
//
// From the answer to "stop" until "go" arrives it allocates nothing. The runtime itself may still
// act then: its scavenger moves some pages from free to released, so that a figure read from outside
// lies between the two published ones; a collection of its own accord (every two minutes) makes the
// second answer say "steady":false, and that round is none.
//
// The keys are those of "gomemctl probe --json". A figure that this Go version does not offer is
// left out, never guessed.
package main

import (
	"bufio"
	"flag"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mib       = 1 << 20
	keptSlots = 2048
)

func main() {
	goroutines := flag.Int("goroutines", 0, "goroutines that are parked from the start")
	workers := flag.Int("workers", 2, "goroutines that allocate until stopped")
	retain := flag.Int("retain", 8, "MiB kept live from the start")
	flag.Parse()

	p := newPublisher(*workers)
	p.retain(*retain)
	p.park(*goroutines)
	p.obey(bufio.NewScanner(os.Stdin))
}

// publisher is the program's state; only the goroutine that reads commands uses it.
type publisher struct {
	crew     *crew
	live     [][]byte
	recent   [][]byte
	parked   chan struct{}
	seq      int64
	gogc     int64 // kept by hand: Go 1.19 and 1.20 offer no way to read it without writing it
	snapshot snapshot
	out      line
}

func newPublisher(workers int) *publisher {
	p := &publisher{
		crew:     newCrew(workers),
		parked:   make(chan struct{}),
		gogc:     gogcFromEnvironment(),
		snapshot: newSnapshot(),
		out:      line{buf: make([]byte, 0, 4096)},
	}
	p.snapshot.read(p.gogc)
	p.out.start().str("go_version", runtime.Version()).num("pid", int64(os.Getpid())).send()
	return p
}

func gogcFromEnvironment() int64 {
	text := os.Getenv("GOGC")
	if text == "off" {
		return -1
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return n
	}
	return 100
}

func (p *publisher) obey(commands *bufio.Scanner) {
	for commands.Scan() {
		words := strings.Fields(commands.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "quit" {
			return
		}
		if err := p.command(words); err != "" {
			p.out.start().str("error", err).send()
		}
	}
}

func (p *publisher) command(words []string) (err string) {
	switch words[0] {
	case "stop":
		p.stop()
		return ""
	case "go":
		p.resume()
		return ""
	}
	if len(words) != 2 {
		return words[0] + ": one number is needed"
	}
	n, bad := strconv.ParseInt(words[1], 10, 64)
	if bad != nil {
		return words[0] + ": not a number"
	}
	switch words[0] {
	case "work":
		p.work(int(n))
	case "retain":
		p.retain(int(n))
	case "goroutines":
		p.park(int(n))
	case "gogc":
		debug.SetGCPercent(int(n))
		p.gogc = n
	case "limit":
		debug.SetMemoryLimit(n)
	default:
		return words[0] + ": unknown"
	}
	p.out.start().str("done", words[0]).send()
	return ""
}

// stop brings the program to rest and publishes what it holds.
func (p *publisher) stop() {
	p.crew.stop()
	p.settle()
	p.seq++
	p.out.start().num("seq", p.seq)
	p.snapshot.print(&p.out)
	p.out.send()
}

// resume publishes the figures once more: whatever was read from outside lies between the two.
func (p *publisher) resume() {
	before := p.snapshot.figures
	p.snapshot.read(p.gogc)
	p.out.start().num("seq", p.seq).flag("steady", before.held(&p.snapshot.figures))
	p.snapshot.print(&p.out)
	p.out.send()
	p.crew.resume()
}

// settle leaves the heap with no collection running and no sweeping due, but some way above what
// the last collection marked: at the mark, several figures would be equal that mean different
// things.
func (p *publisher) settle() {
	for try := 0; try < 10; try++ {
		runtime.GC()
		p.snapshot.read(p.gogc)
		collections := p.snapshot.figures.numGC
		p.recent = churn(p.snapshot.room() / 4)
		p.snapshot.read(p.gogc)
		if p.snapshot.figures.numGC == collections {
			break
		}
	}
}

func (p *publisher) work(megabytes int) {
	var group sync.WaitGroup
	for i := 0; i < megabytes; i++ {
		group.Add(1)
		go func() {
			churn(mib)
			group.Done()
		}()
	}
	group.Wait()
}

func (p *publisher) retain(megabytes int) {
	p.live = nil
	for i := 0; i < megabytes*16; i++ {
		block := make([]byte, mib/16)
		block[0] = byte(i)
		p.live = append(p.live, block)
	}
}

func (p *publisher) park(n int) {
	for i := 0; i < n; i++ {
		go func() { <-p.parked }()
	}
}

// churn allocates about that many bytes in objects of many sizes, a few of them larger than any
// size class, and returns a part of them.
func churn(bytes int) [][]byte {
	var kept [][]byte
	for size, i := 16, 0; bytes > 0; i++ {
		object := make([]byte, size)
		if i%512 == 0 {
			kept = append(kept, object)
		}
		bytes -= size
		size = size*5/4 + 3
		if size > 48<<10 {
			size = 16
		}
	}
	return kept
}

// crew is the goroutines that allocate between "go" and "stop".
type crew struct {
	stopping atomic.Bool
	resting  atomic.Int32
	wake     []chan struct{}
}

func newCrew(n int) *crew {
	c := &crew{}
	for i := 0; i < n; i++ {
		c.wake = append(c.wake, make(chan struct{}))
	}
	for _, wake := range c.wake {
		go c.work(wake)
	}
	return c
}

func (c *crew) work(wake chan struct{}) {
	kept := make([][]byte, keptSlots)
	for i := 0; ; i++ {
		if c.stopping.Load() {
			c.resting.Add(1)
			<-wake
		}
		for _, object := range churn(mib / 4) {
			kept[i%keptSlots] = object
			i++
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *crew) stop() {
	c.stopping.Store(true)
	for int(c.resting.Load()) < len(c.wake) {
		time.Sleep(100 * time.Microsecond)
	}
}

func (c *crew) resume() {
	c.stopping.Store(false)
	c.resting.Store(0)
	for _, wake := range c.wake {
		wake <- struct{}{}
	}
}

// figures is comparable, so that two readings can be.
type figures struct {
	gogc, limit                                     int64
	numGC, pauseTotal, lastGC                       int64
	alloc, totalAlloc, goal                         int64
	inuse, idle, released, sys, mapped              int64
	marked, stackScan, globalsScan, limiter         int64
	goroutines, procs, profileRate                  int64
	hasMarked, hasStack, hasGlobals, hasLimiterFlag bool
}

// held is whether no collection came between: then what is to be equal must be.
func (f *figures) held(now *figures) bool {
	return f.numGC == now.numGC && f.goroutines == now.goroutines
}

// snapshot owns all the memory that a reading needs.
type snapshot struct {
	figures figures
	stats   runtime.MemStats
	samples []metrics.Sample
}

const (
	metricGogc = iota
	metricLimit
	metricMarked
	metricStack
	metricGlobals
	metricLimiter
)

func newSnapshot() snapshot {
	return snapshot{samples: []metrics.Sample{
		metricGogc:    {Name: "/gc/gogc:percent"},
		metricLimit:   {Name: "/gc/gomemlimit:bytes"},
		metricMarked:  {Name: "/gc/heap/live:bytes"},
		metricStack:   {Name: "/gc/scan/stack:bytes"},
		metricGlobals: {Name: "/gc/scan/globals:bytes"},
		metricLimiter: {Name: "/gc/limiter/last-enabled:gc-cycle"},
	}}
}

// metric is false where this Go version does not have it.
func (s *snapshot) metric(i int) (value int64, ok bool) {
	if s.samples[i].Value.Kind() != metrics.KindUint64 {
		return 0, false
	}
	return int64(s.samples[i].Value.Uint64()), true
}

// read takes runtime/metrics first: MemStats flushes the per-P caches, so that what it says is
// also what lies in the runtime's own variables afterwards.
func (s *snapshot) read(gogc int64) {
	metrics.Read(s.samples)
	runtime.ReadMemStats(&s.stats)
	m := &s.stats
	s.figures = figures{
		numGC: int64(m.NumGC), pauseTotal: int64(m.PauseTotalNs), lastGC: int64(m.LastGC),
		alloc: int64(m.HeapAlloc), totalAlloc: int64(m.TotalAlloc), goal: int64(m.NextGC),
		inuse: int64(m.HeapInuse), idle: int64(m.HeapIdle), released: int64(m.HeapReleased),
		sys: int64(m.HeapSys), mapped: int64(m.Sys - m.HeapReleased),
		goroutines: int64(runtime.NumGoroutine()), procs: int64(runtime.GOMAXPROCS(0)),
		profileRate: int64(runtime.MemProfileRate),
	}
	s.readMetrics(gogc)
}

func (s *snapshot) readMetrics(gogc int64) {
	f := &s.figures
	var ok bool
	if f.gogc, ok = s.metric(metricGogc); !ok {
		f.gogc = gogc
	}
	if f.limit, ok = s.metric(metricLimit); !ok {
		f.limit = debug.SetMemoryLimit(-1) // a negative limit only reads
	}
	f.marked, f.hasMarked = s.metric(metricMarked)
	f.stackScan, f.hasStack = s.metric(metricStack)
	f.globalsScan, f.hasGlobals = s.metric(metricGlobals)
	f.limiter, f.hasLimiterFlag = s.metric(metricLimiter)
}

// room is how far the heap may grow before the next collection, within reason.
func (s *snapshot) room() int {
	const most = 16 * mib
	room := s.figures.goal - s.figures.alloc
	if room < 0 {
		return 0
	}
	if room > most {
		return most
	}
	return int(room)
}

func (s *snapshot) print(l *line) {
	f := &s.figures
	l.num("gogc", f.gogc).numOrNull("memory_limit_bytes", f.limit, f.limit != math.MaxInt64)
	l.num("num_gc", f.numGC).num("pause_total_ns", f.pauseTotal)
	l.num("last_gc_unix_ns", f.lastGC).time("last_gc_time", f.lastGC)
	l.num("heap_alloc_bytes", f.alloc).num("total_alloc_bytes", f.totalAlloc)
	l.num("heap_goal_bytes", f.goal)
	l.num("heap_inuse_bytes", f.inuse).num("heap_idle_bytes", f.idle)
	l.num("heap_free_bytes", f.idle-f.released).num("heap_released_bytes", f.released)
	l.num("heap_sys_bytes", f.sys).num("mapped_ready_bytes", f.mapped)
	l.numIf("heap_marked_bytes", f.marked, f.hasMarked)
	l.numIf("stack_scan_bytes", f.stackScan, f.hasStack)
	l.numIf("globals_scan_bytes", f.globalsScan, f.hasGlobals)
	l.numIf("gc_cpu_limiter_last_cycle", f.limiter, f.hasLimiterFlag)
	l.num("goroutines", f.goroutines).num("gomaxprocs", f.procs)
	l.num("mem_profile_rate", f.profileRate)
}

// line is one JSON object, written without allocating.
type line struct {
	buf []byte
}

func (l *line) start() *line {
	l.buf = append(l.buf[:0], '{')
	return l
}

func (l *line) key(key string) {
	if len(l.buf) > 1 {
		l.buf = append(l.buf, ',')
	}
	l.buf = append(l.buf, '"')
	l.buf = append(l.buf, key...)
	l.buf = append(l.buf, `":`...)
}

func (l *line) num(key string, value int64) *line {
	l.key(key)
	l.buf = strconv.AppendInt(l.buf, value, 10)
	return l
}

func (l *line) numIf(key string, value int64, present bool) *line {
	if present {
		l.num(key, value)
	}
	return l
}

func (l *line) numOrNull(key string, value int64, present bool) *line {
	if present {
		return l.num(key, value)
	}
	l.key(key)
	l.buf = append(l.buf, "null"...)
	return l
}

func (l *line) str(key, value string) *line {
	l.key(key)
	l.buf = strconv.AppendQuote(l.buf, value)
	return l
}

func (l *line) flag(key string, value bool) *line {
	l.key(key)
	l.buf = strconv.AppendBool(l.buf, value)
	return l
}

// time is RFC 3339 in UTC with nine digits, or null for never.
func (l *line) time(key string, unixNano int64) *line {
	l.key(key)
	if unixNano == 0 {
		l.buf = append(l.buf, "null"...)
		return l
	}
	l.buf = time.Unix(0, unixNano).UTC().AppendFormat(l.buf, `"2006-01-02T15:04:05.000000000Z"`)
	return l
}

func (l *line) send() {
	l.buf = append(l.buf, "}\n"...)
	os.Stdout.Write(l.buf)
}
