// SPDX-License-Identifier: Apache-2.0

// Compiled together with a program's main.go, this makes it one that uses cgo: its threads are the
// C library's, its entry point is not Go's. As a C shared library it lets a foreign program run main.
package main

/*
static int from_c(int n) { return n + 1; }
*/
import "C"

import "runtime"

func init() {
	if C.from_c(1) != 2 {
		panic("C does not answer")
	}
}

// GomemdTestStarted comes back when the runtime has started, and has collected once.
//
//export GomemdTestStarted
func GomemdTestStarted() {
	runtime.GC()
}

//export GomemdTestMain
func GomemdTestMain() {
	main()
}
