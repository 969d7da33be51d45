// SPDX-License-Identifier: Apache-2.0

// spawner makes goroutines, and knows whether each did its work. usage: spawner GOROUTINES
//
// It prints "ready", then as many goroutines as the argument says create others as fast as they can: each adds its number
// to a sum, fills memory of its own, and is counted when it has ended. No more than 20000 live at a time. It collects
// garbage now and then.
//
// It reads a line from standard input: "figures" answers one JSON object, with the nanoseconds since it began, how many were
// created and how many have ended; "stop" has all of them end, says whether every one did its work ("ok": the sums agree),
// and leaves the process; "exec" has it begin anew, by an exec of itself. Where the input ends it goes on.
//
// spawner --beside ADDRESS answers requests instead, with some work for each; spawner --ask ADDRESS SECONDS asks it 200
// times a second and prints one JSON object of how long the answers took.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	liveMax   = 20000
	interval  = 5 * time.Millisecond
	workBytes = 32 << 10
)

var (
	began                      = time.Now()
	started, ended, live, sum  int64
	wanted                     int64
	stopping, mistaken         int32
	sink                       [64][]byte
	sinkLock                   [64]sync.Mutex
)

func child(i int64) {
	b := make([]byte, 256)
	for k := range b {
		b[k] = byte(i) + byte(k)
	}
	for k := range b {
		if b[k] != byte(i)+byte(k) {
			atomic.StoreInt32(&mistaken, 1)
		}
	}
	sinkLock[i&63].Lock()
	sink[i&63] = b
	sinkLock[i&63].Unlock()
	atomic.AddInt64(&sum, i)
	atomic.AddInt64(&ended, 1)
	atomic.AddInt64(&live, -1)
}

func spawn(done *sync.WaitGroup) {
	defer done.Done()
	for atomic.LoadInt32(&stopping) == 0 {
		if atomic.LoadInt64(&live) > liveMax {
			runtime.Gosched()
			continue
		}
		atomic.AddInt64(&live, 1)
		i := atomic.AddInt64(&started, 1)
		atomic.AddInt64(&wanted, i)
		go child(i)
	}
}

func collect() {
	for atomic.LoadInt32(&stopping) == 0 {
		runtime.GC()
		time.Sleep(200 * time.Millisecond)
	}
}

func figures() {
	fmt.Printf("{\"at_ns\": %d, \"started\": %d, \"ended\": %d}\n", time.Since(began).Nanoseconds(),
		atomic.LoadInt64(&started), atomic.LoadInt64(&ended))
}

func stop(done *sync.WaitGroup) {
	atomic.StoreInt32(&stopping, 1)
	done.Wait()
	for atomic.LoadInt64(&live) > 0 {
		time.Sleep(time.Millisecond)
	}
	ok := started == ended && sum == wanted && mistaken == 0
	fmt.Printf("{\"ok\": %v, \"started\": %d, \"ended\": %d}\n", ok, started, ended)
}

func spawner(n int) {
	var done sync.WaitGroup
	go collect()
	fmt.Println("ready")
	for i := 0; i < n; i++ {
		done.Add(1)
		go spawn(&done)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "figures":
			figures()
		case "exec":
			check(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
		case "stop":
			stop(&done)
			return
		}
	}
	// Nobody asks: until it is ended.
	done.Wait()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A byte is a question, the first of the work's hash the answer.
func answer(c net.Conn) {
	work, b := make([]byte, workBytes), make([]byte, 1)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
		hash := sha256.Sum256(work)
		if _, err := c.Write(hash[:1]); err != nil {
			return
		}
	}
}

func beside(path string) {
	l, err := net.Listen("unix", path)
	check(err)
	fmt.Println("ready")
	for {
		c, err := l.Accept()
		check(err)
		go answer(c)
	}
}

func ask(path string, seconds float64) {
	var took []float64
	c, err := net.Dial("unix", path)
	check(err)
	b := make([]byte, 1)
	for end := time.Now().Add(time.Duration(seconds * 1e9)); time.Now().Before(end); {
		time.Sleep(interval)
		at := time.Now()
		_, err = c.Write(b)
		check(err)
		_, err = c.Read(b)
		check(err)
		took = append(took, float64(time.Since(at).Nanoseconds())/1e6)
	}
	sort.Float64s(took)
	quantile := func(q float64) float64 { return took[int(q*float64(len(took)-1))] }
	fmt.Printf("{\"requests\": %d, \"p50_ms\": %.3f, \"p95_ms\": %.3f, \"p99_ms\": %.3f}\n", len(took), quantile(0.5),
		quantile(0.95), quantile(0.99))
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "--beside":
		beside(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "--ask":
		seconds, err := strconv.ParseFloat(os.Args[3], 64)
		check(err)
		ask(os.Args[2], seconds)
	case len(os.Args) == 2:
		n, err := strconv.Atoi(os.Args[1])
		check(err)
		spawner(n)
	default:
		fmt.Fprintln(os.Stderr, "usage: spawner GOROUTINES | --beside ADDRESS | --ask ADDRESS SECONDS")
		os.Exit(2)
	}
}
