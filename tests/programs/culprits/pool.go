// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	renderers  = 12
	largeEvery = 240
	smallRows  = 16
	largeRows  = 24 * kib
)

var (
	buffers = sync.Pool{New: func() interface{} { return new(bytes.Buffer) }}
	row     = bytes.Repeat([]byte("0123456789abcde\n"), 8)
)

// Wrong: one large export in some hundred requests makes the buffer large, and it goes back as it is: for the small pages
// after it the pool keeps megabytes alive. What has grown far beyond the usual size should not be put back.
func render(rows int) {
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	for i := 0; i < rows; i++ {
		buf.Write(row) // want: 0
	}
	time.Sleep(tick) // as long as the client takes
	io.Discard.Write(buf.Bytes())
	buffers.Put(buf)
	count()
}

// Each renderer in its turn has a large one.
func runPool(ready func()) {
	var turns uint64
	for r := 0; r < renderers; r++ {
		go func(r int) {
			for i := 0; ; i++ {
				rows := smallRows
				if i%largeEvery == r*largeEvery/renderers {
					rows = largeRows
					if atomic.AddUint64(&turns, 1) == 2*renderers {
						ready()
					}
				}
				render(rows)
			}
		}(r)
	}
	select {}
}
