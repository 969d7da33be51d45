// SPDX-License-Identifier: Apache-2.0

// execstorm is a Go program that is hard to hit: it lives for some milliseconds, then execs, under
// the same pid and start time, a C program (canary.c) that has data of its own at the addresses
// where this one has its gcController, and that execs this one again; it forks children that share
// its memory until they exec, and now and then it exits in the middle. Whoever writes to it by pid
// alone writes into the canary sooner or later, and the canary says so: it creates the file -marker,
// prints CANARY CHANGED and exits with 99.
//
// Built without -buildmode=pie, so that the addresses are the same every time. Prints "storm PID" at
// the start and "done" after the last round.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type storm struct {
	rounds, exits  int
	canary, marker string
	image          string
}

func main() {
	var s storm
	flag.IntVar(&s.rounds, "rounds", 100, "execs into the canary that are left")
	flag.IntVar(&s.exits, "exits", 0, "one in so many rounds exits in the middle, 0 for none")
	flag.StringVar(&s.canary, "canary", "", "the canary built for this very file")
	flag.StringVar(&s.marker, "marker", "", "file that the canary creates when it was changed")
	flag.StringVar(&s.image, "image", "", "file for a copy of this program's data, which the\n"+
		"canary then wears in place of its pattern")
	again := flag.Bool("again", false, "not the first round")
	flag.Parse()

	if !*again {
		fmt.Println("storm", os.Getpid())
		fail(s.saveImage())
	}
	rand.Seed(time.Now().UnixNano())
	s.live()
	if s.rounds <= 0 {
		fmt.Println("done")
		return
	}
	s.turn()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "execstorm:", err)
		os.Exit(1)
	}
}

// live allocates for some milliseconds, so that this is a Go program with a collector at work.
func (s *storm) live() {
	var sink [64][]byte
	end := time.Now().Add(time.Duration(rand.Intn(5000)) * time.Microsecond)
	for i := 0; time.Now().Before(end); i++ {
		sink[i%len(sink)] = make([]byte, 16<<10)
	}
}

// turn hands the pid over to the canary, sometimes with children on the way.
func (s *storm) turn() {
	if s.exits > 0 && rand.Intn(s.exits) == 0 {
		fmt.Println("left", s.rounds)
		os.Exit(0)
	}
	if rand.Intn(4) == 0 {
		s.child()
	}
	image := s.image
	if rand.Intn(2) == 0 {
		image = ""
	}
	program, err := os.Executable()
	fail(err)
	fail(syscall.Exec(s.canary, []string{"canary", "turn", s.marker, image, program, "-again",
		"-rounds", strconv.Itoa(s.rounds - 1), "-exits", strconv.Itoa(s.exits),
		"-canary", s.canary, "-marker", s.marker, "-image", s.image}, os.Environ()))
}

// child starts a canary that checks itself and ends. From fork to exec it runs in this program's
// memory (vfork).
func (s *storm) child() {
	pid, err := syscall.ForkExec(s.canary, []string{"canary", "check", s.marker, ""},
		&syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	fail(err)
	var status syscall.WaitStatus
	_, err = syscall.Wait4(pid, &status, 0, nil)
	fail(err)
	if status.ExitStatus() != 0 {
		os.Exit(status.ExitStatus())
	}
}

// saveImage copies the writable segment as it is in memory. A canary that wears it passes whatever
// check looks at these words alone.
func (s *storm) saveImage() error {
	if s.image == "" {
		return nil
	}
	start, end, err := writableSegment()
	if err != nil {
		return err
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return err
	}
	defer memory.Close()
	words := make([]byte, end-start)
	if _, err := memory.ReadAt(words, start); err != nil {
		return err
	}
	return os.WriteFile(s.image, words, 0o600)
}

// writableSegment is the executable's first rw-p mapping with all that lies right behind it.
func writableSegment() (start, end int64, err error) {
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, 0, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		var lo, hi int64
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &lo, &hi, &mode); n != 3 || mode != "rw-p" {
			continue
		}
		if start == 0 {
			start, end = lo, lo
		}
		if lo != end {
			break
		}
		end = hi
	}
	return start, end, nil
}
