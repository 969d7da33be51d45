// SPDX-License-Identifier: Apache-2.0

// leaker has a heap whose sites are known: three that hold their share of -live and replace it all the time, one whose
// bytes stay from the start, one that makes garbage, and, with -leak, one that forgets to let go. Nothing in it reads a
// heap profile, so its linker switches sampling off.
//
// It prints "ready PID", checks what it holds each time that it replaces it, and answers "stats" on standard input (or
// SIGUSR2) with "rounds N bad N". SIGUSR1 makes it set runtime.MemProfileRate to 4096.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	kib        = 1 << 10
	mib        = 1 << 20
	tick       = 10 * time.Millisecond
	largeBytes = 32 * kib
	nodeBytes  = 1 * kib
	smallBytes = 256
	leakBytes  = 4 * kib
)

type node struct {
	next  *node
	stamp uint64
	data  [nodeBytes - 16]byte
}

var (
	rounds, bad uint64
	large       [][]byte
	nodes       []*node
	small       []*[smallBytes]byte
	leaked      [][]byte
	still       [][]byte
	dropped     []byte
	never       chan int
)

//go:noinline
func holdLarge(i int) {
	if b := large[i]; b != nil && (b[0] != byte(i) || b[largeBytes-1] != byte(i)) {
		atomic.AddUint64(&bad, 1)
	}
	b := make([]byte, largeBytes)
	b[0], b[largeBytes-1] = byte(i), byte(i)
	large[i] = b
}

//go:noinline
func holdNode(i int) {
	if n := nodes[i]; n != nil && n.stamp != uint64(i) {
		atomic.AddUint64(&bad, 1)
	}
	nodes[i] = &node{stamp: uint64(i)}
}

//go:noinline
func holdSmall(i int) {
	if b := small[i]; b != nil && b[7] != byte(i) {
		atomic.AddUint64(&bad, 1)
	}
	b := new([smallBytes]byte)
	b[7] = byte(i)
	small[i] = b
}

//go:noinline
func keepStill() {
	still = append(still, make([]byte, largeBytes))
}

//go:noinline
func dropGarbage() {
	dropped = make([]byte, 8*kib)
}

//go:noinline
func leak() {
	leaked = append(leaked, make([]byte, leakBytes))
}

// forget starts one that waits for what nobody will send.
//
//go:noinline
func forget() {
	go func() { <-never }()
}

// ring calls hold for the next n of size places.
func ring(at *int, size, n int, hold func(int)) {
	for ; n > 0 && size > 0; n-- {
		hold(*at)
		*at = (*at + 1) % size
	}
}

// per is how many of one size make up rate bytes a second, in one tick; what is left over waits for the next.
func per(left *int, rate, size int) int {
	*left += rate / int(time.Second/tick)
	n := *left / size
	*left -= n * size
	return n
}

func main() {
	live := flag.Int("live", 64, "MiB that are held: half, 3/10 and 2/10 of it at three sites")
	fixed := flag.Int("still", 16, "MiB that are allocated once and stay")
	rate := flag.Int("rate", 64, "MiB a second that are replaced; as much again is garbage")
	leakRate := flag.Int("leak", 0, "KiB a second that are never let go")
	forgetRate := flag.Int("goroutines", 0, "goroutines a second that wait for ever")
	flag.Parse()

	large = make([][]byte, *live*mib/2/largeBytes)
	nodes = make([]*node, *live*mib*3/10/nodeBytes)
	small = make([]*[smallBytes]byte, *live*mib/5/smallBytes)
	for i := 0; i < *fixed*mib/largeBytes; i++ {
		keepStill()
	}
	go listen()
	ready := false
	var at, left [6]int
	for next := time.Now(); ; next = next.Add(tick) {
		ring(&at[0], len(large), per(&left[0], *rate*mib/2, largeBytes), holdLarge)
		ring(&at[1], len(nodes), per(&left[1], *rate*mib*3/10, nodeBytes), holdNode)
		ring(&at[2], len(small), per(&left[2], *rate*mib/5, smallBytes), holdSmall)
		for n := per(&left[3], *rate*mib, 8*kib); n > 0; n-- {
			dropGarbage()
		}
		for n := per(&left[4], *leakRate*kib, leakBytes); n > 0; n-- {
			leak()
		}
		for n := per(&left[5], *forgetRate, 1); n > 0; n-- {
			forget()
		}
		atomic.AddUint64(&rounds, 1)
		if !ready && (len(small) == 0 || small[len(small)-1] != nil) {
			ready = true
			fmt.Println("ready", os.Getpid())
		}
		if wait := time.Until(next); wait > 0 {
			time.Sleep(wait)
		} else {
			next = time.Now()
		}
	}
}

func stats() {
	fmt.Println("rounds", atomic.LoadUint64(&rounds), "bad", atomic.LoadUint64(&bad))
}

func listen() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		commands := bufio.NewScanner(os.Stdin)
		for commands.Scan() {
			stats()
		}
	}()
	for s := range signals {
		if s == syscall.SIGUSR1 {
			runtime.MemProfileRate = 4096
		} else {
			stats()
		}
	}
}
