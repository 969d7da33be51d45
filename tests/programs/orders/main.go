// SPDX-License-Identifier: Apache-2.0

// Takes orders in the ways in which services allocate, with every allocation in its profile, and writes that profile to
// the file that it is given.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
)

type line struct {
	Article string
	Amount  int
}

type order struct {
	ID    int
	Name  string
	Lines []line
	next  *order
}

var (
	sink   any
	newest *order
	byName = map[string]*order{}
)

func init() { runtime.MemProfileRate = 1 }

// Returned: 2a.
func newOrder(i int) *order {
	return &order{ID: i, Name: fmt.Sprintf("order-%d", i)}
}

// Of a size that is not constant: 6.
func lines(n int) []line {
	return make([]line, n)
}

// Its address is stored in a global: 1.
func keep(o order) {
	o.next = nil
	newest = &o
}

// Boxed: 4a.
func box(n int) { sink = n }

// Captured by a closure that is returned: 2b.
func counter() func() int {
	var n [16]int
	return func() int {
		n[0]++
		return n[0]
	}
}

// Reflection, and buffers of the standard library.
func encode(o *order) []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return text
}

// Sent over a channel: 3a.
func send(c chan []byte, n int) {
	for i := 0; i < n; i++ {
		c <- make([]byte, 512)
	}
	close(c)
}

// No line of the compiler's: a map that grows, strings that are put together.
func count(n int) map[string]int {
	seen := map[string]int{}
	for i := 0; i < n; i++ {
		seen[strings.Repeat("k", i%8+1)]++
	}
	return seen
}

func render(o *order) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d %s %d", o.ID, o.Name, len(o.Lines))
	return b.String()
}

func main() {
	for i := 0; i < 2000; i++ {
		o := newOrder(i)
		o.Lines = lines(i%16 + 4)
		keep(*o)
		box(1000 + i)
		sink = counter()
		sink = render(o)
		if i%10 == 0 {
			sink = encode(o)
			sink = count(8)
			byName[o.Name] = o
			c := make(chan []byte, 1)
			go send(c, 3)
			for b := range c {
				sink = b
			}
		}
	}
	f, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer f.Close()
	runtime.GC()
	if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
		panic(err)
	}
}
