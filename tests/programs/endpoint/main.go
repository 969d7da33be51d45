// SPDX-License-Identifier: Apache-2.0

// endpoint serves its own memstats as package expvar does at /debug/vars, and some of them as the Prometheus client does at
// /metrics: truly, or with a fault. It prints "ready ADDRESS", and a line for each request. Its HTTP is written by hand:
// what it does wrong no server of the library does.
package main

import (
	"bufio"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"runtime"
	"strings"
	"time"
)

const gib = 1 << 30

var faults = map[string]func(c net.Conn, path string){
	"none":     func(c net.Conn, path string) { serve(c, path, 0) },
	"lies":     func(c net.Conn, path string) { serve(c, path, 64*gib) },
	"silent":   func(c net.Conn, path string) { select {} },
	"slow":     slow,
	"endless":  endless,
	"bomb":     bomb,
	"types":    types,
	"values":   func(c net.Conn, path string) { body(c, `{"memstats":[`+strings.Repeat("[],", 1<<18)+`[]]}`) },
	"deep":     func(c net.Conn, path string) { body(c, `{"memstats":`+strings.Repeat("[", 1<<20)) },
	"redirect": redirect,
	"header":   header,
	"close":    func(c net.Conn, path string) {},
	"cut": func(c net.Conn, path string) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"memstats\":{}")
	},
	"garbage": func(c net.Conn, path string) { io.Copy(c, io.LimitReader(rand.Reader, 1<<16)) },
	"other":   func(c net.Conn, path string) { body(c, "hello\n") },
	"missing": missing,
	"zipped":  zipped,
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address, or unix:PATH")
	fault := flag.String("fault", "none", "what it does wrong")
	secure := flag.Bool("tls", false, "over TLS, by a certificate of its own")
	flag.Parse()
	answer, ok := faults[*fault]
	if !ok {
		check(fmt.Errorf("no fault %q", *fault))
	}
	network := "tcp"
	if path := strings.TrimPrefix(*address, "unix:"); path != *address {
		network, *address = "unix", path
	}
	l, err := net.Listen(network, *address)
	check(err)
	if *secure {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate()}})
	}
	fmt.Println("ready", l.Addr())
	for {
		c, err := l.Accept()
		check(err)
		go one(c, answer)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "endpoint:", err)
		os.Exit(2)
	}
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// one reads a request up to its empty line.
func one(c net.Conn, answer func(net.Conn, string)) {
	defer c.Close()
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		return
	}
	for next := ""; err == nil && next != "\r\n"; {
		next, err = r.ReadString('\n')
	}
	words := strings.Fields(line)
	if len(words) < 2 {
		return
	}
	fmt.Println("asked", words[1])
	answer(c, words[1])
}

func body(c net.Conn, text string) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

// figures are those of both pages; more is what they are too large by.
func figures(path string, more uint64) string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	m.HeapAlloc += more
	m.TotalAlloc += more
	if path == "/metrics" {
		return fmt.Sprintf("# TYPE go_goroutines gauge\ngo_goroutines %d\ngo_memstats_heap_alloc_bytes %g\n",
			runtime.NumGoroutine(), float64(m.HeapAlloc))
	}
	text, err := json.Marshal(map[string]interface{}{"cmdline": os.Args, "memstats": m})
	check(err)
	return string(text)
}

func serve(c net.Conn, path string, more uint64) {
	if path != "/debug/vars" && path != "/metrics" {
		missing(c, path)
		return
	}
	body(c, figures(path, more))
}

func missing(c net.Conn, path string) {
	fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
}

func slow(c net.Conn, path string) {
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
	for _, err := c.Write([]byte("{")); err == nil; _, err = c.Write([]byte(" ")) {
		time.Sleep(50 * time.Millisecond)
	}
}

func endless(c net.Conn, path string) {
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
	piece := []byte(strings.Repeat("# go on\n", 8192))
	for _, err := c.Write(piece); err == nil; _, err = c.Write(piece) {
	}
}

func bomb(c net.Conn, path string) {
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
	z := gzip.NewWriter(c)
	piece := make([]byte, 1<<20)
	for i := 0; i < 1024; i++ {
		if _, err := z.Write(piece); err != nil {
			return
		}
	}
	z.Close()
}

func zipped(c net.Conn, path string) {
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
	z := gzip.NewWriter(c)
	io.WriteString(z, figures(path, 0))
	z.Close()
}

func types(c net.Conn, path string) {
	body(c, `{"memstats":{"HeapAlloc":"many","HeapSys":[1],"HeapInuse":-5,"NumGC":1e300,"NextGC":null,`+
		`"TotalAlloc":{"a":1},"PauseTotalNs":true,"Mallocs":NaN,"Frees":7}}`)
}

func redirect(c net.Conn, path string) {
	if path == "/elsewhere" {
		serve(c, "/debug/vars", 0)
		return
	}
	fmt.Fprint(c, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
}

func header(c net.Conn, path string) {
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
	line := []byte("X-More: " + strings.Repeat("m", 1000) + "\r\n")
	for _, err := c.Write(line); err == nil; _, err = c.Write(line) {
	}
}
