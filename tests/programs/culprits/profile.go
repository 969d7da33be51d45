// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // which reads heap profiles, so that the linker leaves sampling on
	"os"
	"sync/atomic"
)

func init() {
	serve = func(address string) {
		http.HandleFunc("/served", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, atomic.LoadUint64(&served))
		})
		l, err := net.Listen("tcp", address)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go http.Serve(l, nil)
	}
}
