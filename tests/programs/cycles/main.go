// SPDX-License-Identifier: Apache-2.0

// cycles collects garbage when it is told to, and says how long each collection paused it.
//
// It reads a line from standard input, "heap N", "forced N" or "stop N", makes N collections (reached by allocating,
// asked for by runtime.GC, or instead N stops of the world by ReadMemStats), and answers "done". "report" answers one
// JSON object a collection of the last 256, from MemStats: its number, its pause and when it ended; then "done".
//
// "start N" has N goroutines begin and end, "park N" has N more wait in main.wait. "figures" answers one JSON object of
// what the program and its runtime count: collections, bytes allocated, goroutines that there are and that it started, how
// long ago each "forced" began and ended, and the CPU time of collections (gc_cpu_ns; of Go 1.19 only
// MemStats.GCCPUFraction, of that many CPUs since the program began).
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

var (
	began            = time.Now()
	beginnings, ends []time.Time
	started          int
	never            = make(chan struct{})
)

func wait(ready *sync.WaitGroup) {
	ready.Done()
	<-never
}

func start(n int) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		go group.Done()
	}
	group.Wait()
	started += n
}

func park(n int) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		go wait(&group)
	}
	group.Wait()
	started += n
}

// CPU seconds of collections without idle marking, as nanoseconds; false where this release does not tell them.
func gcCPU() (int64, bool) {
	samples := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	metrics.Read(samples)
	if samples[0].Value.Kind() != metrics.KindFloat64 {
		return 0, false
	}
	return int64((samples[0].Value.Float64() - samples[1].Value.Float64()) * 1e9), true
}

func ages(moments []time.Time) []byte {
	list := []byte("[")
	for i, moment := range moments {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, int64(time.Since(moment)), 10)
	}
	return append(list, ']')
}

func figures(out *bufio.Writer) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(out, "{\"num_gc\":%d,\"total_alloc_bytes\":%d,\"goroutines\":%d,\"started\":%d,", m.NumGC,
		m.TotalAlloc, runtime.NumGoroutine(), started)
	if ns, ok := gcCPU(); ok {
		fmt.Fprintf(out, "\"gc_cpu_ns\":%d,", ns)
	}
	last := time.Unix(0, int64(m.LastGC))
	fmt.Fprintf(out, "\"gc_cpu_fraction_ns\":%d,\"began_ns\":%s,\"ended_ns\":%s}\n",
		int64(m.GCCPUFraction*float64(last.Sub(began))*float64(runtime.GOMAXPROCS(0))),
		ages(beginnings), ages(ends))
}

var sink [][]byte

func numGC() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}

func allocateUntil(n uint32) {
	for numGC() < n {
		for i := 0; i < 2000; i++ {
			sink[i%len(sink)] = make([]byte, 1024)
		}
	}
}

func report(out *bufio.Writer) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	first := uint32(1)
	if m.NumGC > uint32(len(m.PauseNs)) {
		first = m.NumGC - uint32(len(m.PauseNs)) + 1
	}
	for n := first; n <= m.NumGC; n++ {
		i := (n + 255) % 256
		fmt.Fprintf(out, "{\"num_gc\":%d,\"pause_ns\":%d,\"pause_end\":%d}\n", n, m.PauseNs[i], m.PauseEnd[i])
	}
}

func main() {
	sink = make([][]byte, 4096)
	in := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "ready %s\n", runtime.Version())
	out.Flush()
	for in.Scan() {
		var what string
		n := 0
		fmt.Sscan(in.Text(), &what, &n)
		switch what {
		case "heap":
			allocateUntil(numGC() + uint32(n))
		case "forced":
			beginnings = append(beginnings, time.Now())
			for i := 0; i < n; i++ {
				runtime.GC()
			}
			ends = append(ends, time.Now())
		case "stop":
			for i := 0; i < n; i++ {
				numGC()
			}
		case "start":
			start(n)
		case "park":
			park(n)
		case "figures":
			figures(out)
		case "report":
			report(out)
		}
		fmt.Fprintln(out, "done")
		out.Flush()
	}
}
