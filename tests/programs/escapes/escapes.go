// SPDX-License-Identifier: Apache-2.0

// Escapes of every class. A comment "want EXPRESSION CLASS FUNCTION" says what a report has to say of its line; the
// expressions are those that the compiler prints.
package escapes

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
)

type node struct {
	value *int
	next  *node
	list  []*int
	any   interface{}
}

type shape interface{ area() int }

type square struct{ side int }

func (s *square) area() int { return s.side * s.side }

var (
	global     *int
	globalAny  interface{}
	pool       sync.Pool
	channel    = make(chan *int, 64)
	background sync.WaitGroup
)

//go:noinline
func keep(p *int) { // want p leak keep
	global = p
}

//go:noinline
func keepContent(n *node) { // want n leak keepContent
	global = n.value
}

//go:noinline
func work(p *int) { *p++ }

//go:noinline
func returned() *int {
	x := 1 // want x 2a returned
	return &x
}

//go:noinline
func returnedLiteral() *node {
	return &node{} // want &node{} 2a returnedLiteral
}

//go:noinline
func stored() {
	x := 2 // want x 1 stored
	global = &x
}

//go:noinline
func throughPointer(n *node) {
	x := 3 // want x 5b throughPointer
	n.value = &x
}

//go:noinline
func intoElement(list []*int) {
	x := 4 // want x 5b intoElement
	list[0] = &x
}

//go:noinline
func intoMap(m map[string]*int) {
	x := 5 // want x 5b intoMap
	m["x"] = &x
}

//go:noinline
func asKey(m map[*int]int) {
	x := 6 // want x 5a asKey
	m[&x] = 1
}

//go:noinline
func inLiteral() *node {
	x := 7 // want x 5a inLiteral
	return &node{value: &x}
}

//go:noinline
func inSlice() []*int {
	x := 8 // want x 5a inSlice
	return []*int{&x}
}

//go:noinline
func captured() func() int {
	x := 9 // want x 2b captured
	return func() int { x++; return x } // want func literal 2a captured
}

// The closure goes to a field, and takes along what it captures.
//go:noinline
func capturedInField(n *node) {
	x := 10 // want x 5b capturedInField
	n.any = func() int { x++; return x } // want func literal 5b capturedInField
}

//go:noinline
func sent() {
	x := 11 // want x 3a sent
	channel <- &x
}

//go:noinline
func inGoroutine() {
	x := 12 // want x 3b inGoroutine
	background.Add(1)
	go func() { // want func literal 3b inGoroutine
		x++
		background.Done()
	}()
}

//go:noinline
func goroutineArgument() {
	x := 13 // want x 3b goroutineArgument
	go work(&x)
}

//go:noinline
func deferredInLoop(n int) {
	for i := 0; i < n; i++ {
		x := i // want x 3b deferredInLoop
		defer func() { x++ }() // want func literal 3b deferredInLoop
	}
}

//go:noinline
func pooled() {
	b := make([]byte, 64) // want make([]byte, 64) 3c pooled
	pool.Put(b) // want b 3c pooled
}

//go:noinline
func pooledPointer() {
	x := 14 // want x 3c pooledPointer
	pool.Put(&x)
}

//go:noinline
func boxed(x int) {
	fmt.Fprintln(os.Stderr, x) // want x 4a boxed
}

//go:noinline
func boxedResult(x int) interface{} {
	return x // want x 4a boxedResult
}

//go:noinline
func pointerInInterface() shape {
	s := square{4} // want s 4b pointerInInterface
	return &s
}

//go:noinline
func made() error {
	return errors.New("made") // want &errors.errorString{...} 4b made
}

//go:noinline
func panicking(x int) {
	if x > 1000 {
		panic(x) // want x 4d panicking
	}
}

//go:noinline
func givenToUnknown(f func(*int)) {
	x := 15 // want x 2c givenToUnknown
	f(&x)
}

//go:noinline
func givenToKeeper() {
	x := 16 // want x 2c givenToKeeper
	keep(&x)
}

//go:noinline
func tooLarge() int {
	b := make([]byte, 131072) // want make([]byte, 131072) 6 tooLarge
	return len(b)
}

//go:noinline
func tooLargeVariable(i int) byte {
	var b [11 << 20]byte // want b 6 tooLargeVariable
	b[i] = 1
	return b[i/2]
}

//go:noinline
func generic[T any](x T) *T { // want x 2a generic
	return &x
}

func (n *node) method() {
	x := 17 // want x 5b (*node).method
	n.list = append(n.list, nil)
	n.next.value = &x
}

//go:noinline
func stays(x int) int {
	y := x
	p := &y
	var b strings.Builder
	b.WriteString("stays")
	return *p + b.Len()
}

// Run calls what there is.
func Run() {
	n := &node{next: &node{}}
	intoElement(make([]*int, 1))
	intoMap(map[string]*int{})
	asKey(map[*int]int{})
	throughPointer(n)
	capturedInField(n)
	keepContent(n)
	stored()
	sent()
	inGoroutine()
	goroutineArgument()
	deferredInLoop(3)
	pooled()
	pooledPointer()
	boxed(*returned())
	panicking(stays(1))
	givenToUnknown(work)
	givenToKeeper()
	n.method()
	globalAny = reflect.ValueOf(n).Kind()
	fmt.Fprintln(os.Stderr, returnedLiteral(), inLiteral(), inSlice(), captured()(), boxedResult(1), pointerInInterface().area(),
		made(), tooLarge(), tooLargeVariable(3), *generic(1), *generic("a"))
	background.Wait()
}
