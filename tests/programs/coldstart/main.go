// SPDX-License-Identifier: Apache-2.0

// coldstart allocates as fast as it can from its first instruction: live data up to -live MiB, and garbage with it and
// ever after. Beside that it watches its own soft limit, by debug.SetMemoryLimit, and says in one line of JSON when it
// first saw one, counted from -since; after -duration, or when it has allocated -made MiB in all, a second line says what
// became of it. It does nothing about its own memory.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	mib         = 1 << 20
	nodesPerMiB = mib / 64
)

// node has pointers, as live data has: marking it takes what marking takes.
type node struct {
	left, right *node
	payload     [6]uint64
}

var (
	begun = time.Now()
	live  []*node
	made  atomic64
	sink  *node
)

// atomic64 is sync/atomic's Int64, by the functions that older releases have too.
type atomic64 struct{ n int64 }

func (a *atomic64) add(n int64) { atomic.AddInt64(&a.n, n) }
func (a *atomic64) get() int64  { return atomic.LoadInt64(&a.n) }

func grow(nodes int) *node {
	var top *node
	for i := 0; i < nodes; i++ {
		top = &node{left: top}
	}
	return top
}

// allocate makes as much garbage as live data, MiB by MiB, until the live data stands, and then garbage alone.
func allocate(liveMiB int, mostMiB int64, done chan<- bool) {
	defer close(done)
	for mostMiB == 0 || made.get() < mostMiB*mib {
		if len(live) < liveMiB {
			live = append(live, grow(nodesPerMiB))
			made.add(mib)
		}
		sink = grow(nodesPerMiB)
		made.add(mib)
	}
}

// kib is a figure of /proc/self/status.
func kib(name string) int64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return -1
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) >= 2 && words[0] == name+":" {
			n, _ := strconv.ParseInt(words[1], 10, 64)
			return n
		}
	}
	return -1
}

// watch waits for a soft limit: one that no environment set is somebody else's.
func watch(since time.Time, done <-chan bool) {
	for {
		limit := debug.SetMemoryLimit(-1)
		if limit != math.MaxInt64 {
			fmt.Printf("{\"event\":\"limit\",\"us\":%d,\"bytes\":%d,\"made_mib\":%d,\"rss_kib\":%d}\n",
				time.Since(since).Microseconds(), limit, made.get()/mib, kib("VmRSS"))
			return
		}
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func main() {
	liveMiB := flag.Int("live", 50, "MiB of live data")
	sinceText := flag.String("since", "", "when it was started: seconds since 1970, with a fraction")
	duration := flag.Duration("duration", time.Second, "how long it runs at most")
	mostMiB := flag.Int64("made", 0, "MiB to allocate in all, 0 for no end")
	flag.Parse()

	since := begun
	if seconds, err := strconv.ParseFloat(*sinceText, 64); err == nil {
		since = time.UnixMicro(int64(seconds * 1e6))
	}
	done := make(chan bool)
	go allocate(*liveMiB, *mostMiB, done)
	go watch(since, done)
	select {
	case <-done:
	case <-time.After(*duration):
	}
	fmt.Printf("{\"event\":\"end\",\"main_us\":%d,\"made_mib\":%d,\"live_mib\":%d,\"peak_kib\":%d}\n",
		begun.Sub(since).Microseconds(), made.get()/mib, *liveMiB, kib("VmHWM"))
}
