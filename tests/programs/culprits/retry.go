// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	clients    = 4
	attempts   = 100
	backoff    = 400 * time.Millisecond
	errorBytes = 320 * kib
)

type failure struct {
	status int
	body   []byte
}

func fetch(url string) (failure, error) {
	resp, err := http.Get(url)
	if err != nil {
		return failure{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body) // want: 0
	return failure{resp.StatusCode, body}, err
}

// Wrong: the body of every attempt is held until the last one, for the sake of a message that needs the status and a few
// bytes. As long as the server is ill, memory grows with each attempt. A limit, and only the last body.
func fetchWithRetry(url string, backoff time.Duration) error {
	var failures []failure
	for len(failures) < attempts {
		f, err := fetch(url)
		if err != nil {
			return err
		}
		count()
		if f.status == http.StatusOK {
			return nil
		}
		failures = append(failures, f)
		time.Sleep(backoff)
	}
	last := failures[len(failures)-1]
	return fmt.Errorf("%d attempts, the last with %d: %.20s", len(failures), last.status, last.body)
}

// illServer answers each request with a long page that says that it cannot.
func illServer() string {
	page := make([]byte, errorBytes)
	for i := range page {
		page[i] = '.'
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write(page)
	}))
	return "http://" + l.Addr().String() + "/"
}

// Each client has a backoff of its own, so that they do not all let go at once.
func runRetry(ready func()) {
	url := illServer()
	for c := 0; c < clients; c++ {
		go func(c int) {
			for {
				if err := fetchWithRetry(url, backoff+time.Duration(c)*backoff/8); err == nil {
					panic("the server is well")
				}
			}
		}(c)
	}
	ready()
	select {}
}
