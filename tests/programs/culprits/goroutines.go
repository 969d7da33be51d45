// SPDX-License-Identifier: Apache-2.0

package main

type session struct {
	id   int
	gone chan struct{}
}

var expired = make(chan int, 1)

// Wrong: the goroutine waits for the session's end, which nobody tells it, since gone is never closed. Every request
// leaves one behind, with its stack and all that it holds. A context of the request would end it.
func (s *session) watch() {
	go func() { // want: 3b
		<-s.gone
		expired <- s.id
	}()
}

func runGoroutines(ready func()) {
	ready()
	pace(100, func(i int) {
		s := &session{id: i, gone: make(chan struct{})}
		s.watch()
		count()
	})
}
