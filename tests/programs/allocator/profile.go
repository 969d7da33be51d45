// SPDX-License-Identifier: Apache-2.0

// What allocator says of itself by the runtime's heap profile. More commands:
//
//	heap FILE  its own /debug/pprof/allocs?debug=1 as of now
//	rate N     runtime.MemProfileRate
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
)

// What has been sampled is published by the second collection after it.
func writeProfile(path string) error {
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.Lookup("allocs").WriteTo(f, 1)
}

func init() {
	rate := flag.Int("rate", 16*1024, "runtime.MemProfileRate")
	sample = func() { runtime.MemProfileRate = *rate }
	commands["heap"] = writeProfile
	commands["rate"] = func(operand string) error {
		n, err := strconv.Atoi(operand)
		runtime.MemProfileRate = n
		return err
	}
}
