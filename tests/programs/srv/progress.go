// SPDX-License-Identifier: Apache-2.0

// What a program has done is kept in a file that it maps (-progress), so that a kill loses nothing of
// it: a start that finds the file goes on in it. -show sums such files up, with -until also the
// requests that were due by then and had no server. In time is what was answered within a second.
package main

import (
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// progress is the file, word by word; all times are in ns.
type progress struct {
	starts atomic.Int64
	begun  atomic.Int64 // Unix time at which it was ready for the first time
	every  atomic.Int64 // between two requests
	due    atomic.Int64 // Unix time at which the next request is due
	gc     atomic.Int64 // CPU of collections, without what ran on idle processors only
	made   atomic.Int64 // bytes of garbage
	times  histogram
}

func openProgress(path string) (*progress, error) {
	p := new(progress)
	if path != "" {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if err := file.Truncate(int64(unsafe.Sizeof(progress{}))); err != nil {
			return nil, err
		}
		bytes, err := syscall.Mmap(int(file.Fd()), 0, int(unsafe.Sizeof(progress{})),
			syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		if err != nil {
			return nil, err
		}
		p = (*progress)(unsafe.Pointer(&bytes[0]))
	}
	p.starts.Add(1)
	return p, nil
}

// countGC adds what this process's collections took. The runtime says so after each one (Go 1.20 and
// later): what a kill leaves unsaid is the one that it met.
func (p *progress) countGC() {
	samples := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	for last := int64(0); ; time.Sleep(50 * time.Millisecond) {
		metrics.Read(samples)
		if samples[0].Value.Kind() != metrics.KindFloat64 {
			return
		}
		now := int64((samples[0].Value.Float64() - samples[1].Value.Float64()) * 1e9)
		p.gc.Add(now - last)
		last = now
	}
}

// unanswered adds the requests that nobody had answered at that time, with how long they had waited.
func (p *progress) unanswered(until int64) (count int64) {
	every := p.every.Load()
	for due := p.due.Load(); every > 0 && due < until; due += every {
		p.times.add(time.Duration(until - due))
		count++
	}
	return count
}

func (p *progress) merge(other *progress) {
	p.starts.Add(other.starts.Load())
	p.gc.Add(other.gc.Load())
	p.made.Add(other.made.Load())
	p.times.count.Add(other.times.count.Load())
	for i := range p.times.buckets {
		p.times.buckets[i].Add(other.times.buckets[i].Load())
	}
	if max := other.times.max.Load(); max > p.times.max.Load() {
		p.times.max.Store(max)
	}
}

// show is the sum over files as one line of JSON. A file that is not there, of a program that never
// came so far, adds nothing.
func show(paths []string, until int64) string {
	sum, lost := new(progress), int64(0)
	for _, path := range paths {
		bytes, err := os.ReadFile(path)
		if err != nil || len(bytes) < int(unsafe.Sizeof(progress{})) {
			continue
		}
		// A copy: what is added to it here is not to be in the file.
		p := (*progress)(unsafe.Pointer(&bytes[0]))
		lost += p.unanswered(until)
		sum.merge(p)
	}
	return fmt.Sprintf(`{"starts":%d,"garbage_bytes":%d,"requests":%d,"in_time":%d,"unanswered":%d,"gc_cpu_us":%d,`+
		`"p50_us":%.0f,"p95_us":%.0f,"p99_us":%.0f,"max_us":%d}`,
		sum.starts.Load(), sum.made.Load(), sum.times.count.Load()-lost,
		sum.times.within(time.Second), lost, sum.gc.Load()/1000,
		sum.times.quantile(0.5)*1000, sum.times.quantile(0.95)*1000, sum.times.quantile(0.99)*1000,
		sum.times.max.Load()/1000)
}

// step is what a plan changes, some time after the program was ready for the first time.
type step struct {
	after time.Duration
	words []string
}

// parsePlan reads steps as "30:live=50,garbage=10 60:live=5": at 30 % and 60 % of the span.
func parsePlan(text string, span time.Duration) (plan []step, err error) {
	for _, word := range strings.Fields(text) {
		parts := strings.SplitN(word, ":", 2)
		percent, err := strconv.Atoi(parts[0])
		if err != nil || len(parts) != 2 {
			return nil, fmt.Errorf("no step of a plan: %q", word)
		}
		plan = append(plan, step{span * time.Duration(percent) / 100, strings.Split(parts[1], ",")})
	}
	return plan, nil
}

// follow takes the steps in their order; those whose time has come before, at once, so that a program
// that was started again is where it would be.
func (l *load) follow(plan []step) {
	l.begun.CompareAndSwap(0, time.Now().UnixNano())
	for _, s := range plan {
		time.Sleep(time.Until(time.Unix(0, l.begun.Load()).Add(s.after)))
		if said := l.setAll(s.words); said != "ok" {
			fmt.Fprintln(os.Stderr, "srv: plan:", said)
		}
	}
}
