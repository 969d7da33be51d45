// SPDX-License-Identifier: Apache-2.0

// Memory that is not the heap's: of the process beside Go, of goroutines, and of the page cache.
package main

import (
	"math/rand"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

func mapMemory(bytes int) ([]byte, error) {
	mapped, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	for i := 0; i < len(mapped); i += 4096 {
		mapped[i] = 1
	}
	return mapped, err
}

// growMapped is a leak that no collection can touch.
func growMapped(bytes int64) {
	_, err := mapMemory(int(bytes))
	check(err)
}

// goroutines that wait most of the time, as those of connections do: each has its stack and now and
// then makes a little garbage.
func (l *load) setGoroutines(count int) {
	l.wanted.Store(int64(count))
	for ; l.running < int64(count); l.running++ {
		go func(number int64) {
			for number < l.wanted.Load() {
				l.keep(number)
				time.Sleep(time.Second/2 + time.Duration(rand.Intn(int(time.Second))))
			}
		}(l.running)
	}
	l.running = int64(count)
}

// keep has a frame of 6 KiB, for which the runtime makes a stack of 8.
func (l *load) keep(number int64) {
	var frame [6 << 10]byte
	frame[number%int64(len(frame))] = 1
	l.discard(int64(len(frame)))
	l.sum.Add(int64(frame[(number+1)%int64(len(frame))]))
}

// readFile touches so many MiB a second of a mapped file, in runs of 64 KiB at random places, as a
// database does that maps its file.
func (l *load) readFile(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	const run = 64 << 10
	mapped, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	rest := int64(0)
	go l.pace(&l.read, func(bytes int64) {
		for rest += bytes; rest >= run; rest -= run {
			touch(mapped[rand.Intn(len(mapped)/run)*run:][:run], &l.sum)
		}
	})
	return nil
}

func touch(bytes []byte, sum *atomic.Int64) {
	for i := 0; i < len(bytes); i += 4096 {
		sum.Add(int64(bytes[i]))
	}
}
