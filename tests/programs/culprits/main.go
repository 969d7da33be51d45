// SPDX-License-Identifier: Apache-2.0

// culprits is a service with one thing wrong in it, which is named by its argument, among twenty other places that
// allocate and are in order (noise.go). The line that is wrong ends in a comment that says so, with the class that
// escape analysis gives it; where the compiler prints no line, 0, or 4c for what the runtime allocates for reflection.
//
// It prints "ready PID" when everything that is held is there, and goes on until it is ended. With profile.go it has the
// profiles of net/http/pprof at -http, and /served says how many requests there were; without that file nothing in it
// reads a heap profile, so that its linker switches sampling off.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	kib  = 1 << 10
	mib  = 1 << 20
	tick = 10 * time.Millisecond
)

var (
	served uint64

	// serve is set by profile.go.
	serve func(address string)

	cases = map[string]func(ready func()){
		"pool":       runPool,
		"context-3":  func(ready func()) { runContext(3, ready) },
		"context-7":  func(ready func()) { runContext(7, ready) },
		"context-12": func(ready func()) { runContext(12, ready) },
		"retry":      runRetry,
		"fields":     runFields,
		"json":       runJSON,
		"goroutines": runGoroutines,
	}
)

// pace calls work so many times a second, for ever; where it could not keep up it does not make up for it.
func pace(perSecond int, work func(i int)) {
	left, i := 0, 0
	for next := time.Now(); ; next = next.Add(tick) {
		left += perSecond
		for ; left >= int(time.Second/tick); left -= int(time.Second / tick) {
			work(i)
			i++
		}
		if wait := time.Until(next); wait > 0 {
			time.Sleep(wait)
		} else if wait < -time.Second {
			next = time.Now()
		}
	}
}

func count() { atomic.AddUint64(&served, 1) }

func names() string {
	var all []string
	for name := range cases {
		all = append(all, name)
	}
	return strings.Join(all, " | ")
}

func main() {
	address := flag.String("http", "", "where to serve profiles")
	flag.Parse()
	run := cases[flag.Arg(0)]
	if run == nil || (*address != "" && serve == nil) {
		fmt.Fprintln(os.Stderr, "usage: culprits [-http ADDRESS]", names())
		os.Exit(2)
	}
	if *address != "" {
		serve(*address)
	}
	startNoise()
	run(func() { fmt.Println("ready", os.Getpid()) })
}
