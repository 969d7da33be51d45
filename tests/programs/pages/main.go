// SPDX-License-Identifier: Apache-2.0

// pages serves what Go's own packages serve: /debug/vars of expvar, /debug/pprof/ of net/http/pprof, and at /metrics the
// runtime's figures under the names that the Prometheus client has for them. It prints "ready ADDRESS". With -keep each
// answer is kept as DIR/body, and in DIR/word what the runtime said of itself just before and just after it was made. What
// no package serves is at /fault/.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	_ "expvar"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// Each allocation is in the profile, so that its sums are exact.
func init() { runtime.MemProfileRate = 1 }

type record struct{ Data [4096]byte }

var kept []*record

//go:noinline
func keep(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, &record{})
	}
}

//go:noinline
func waste(n int) {
	for i := 0; i < n; i++ {
		kept[0] = &record{}
	}
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address, or unix:PATH")
	secure := flag.Bool("tls", false, "over TLS, by a certificate of its own")
	dir := flag.String("keep", "", "where answers and words are kept")
	flag.Parse()
	network := "tcp"
	if path := strings.TrimPrefix(*address, "unix:"); path != *address {
		network, *address = "unix", path
	}
	l, err := net.Listen(network, *address)
	check(err)
	if *secure {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate()}})
	}
	http.HandleFunc("/metrics", serveMetrics)
	http.HandleFunc("/fault/", fault)
	keep(500)
	waste(500)
	// What a profile tells of is published by the second collection after it was allocated.
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	fmt.Println("ready", l.Addr())
	var h http.Handler = http.DefaultServeMux
	if *dir != "" {
		h = keeper(*dir)
	}
	check(http.Serve(l, h))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
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

// word is what the runtime says of itself, by the names that it has for it.
type word struct {
	Version    string
	MemStats   runtime.MemStats
	Goroutines int
	Threads    int
	GOMAXPROCS int
	GOGC       int
	Limit      int64
	Metrics    map[string]uint64
	Profile    sums
}

// sums are those of a heap profile.
type sums struct{ AllocSpace, AllocObjects, InuseSpace, InuseObjects int64 }

func (w *word) take() {
	w.Version = runtime.Version()
	w.Profile = profileSums()
	w.Goroutines = runtime.NumGoroutine()
	w.Threads, _ = runtime.ThreadCreateProfile(nil)
	w.GOMAXPROCS = runtime.GOMAXPROCS(0)
	w.GOGC = debug.SetGCPercent(100)
	debug.SetGCPercent(w.GOGC)
	w.Limit = debug.SetMemoryLimit(-1)
	w.Metrics = map[string]uint64{}
	for _, name := range []string{"/gc/heap/live:bytes", "/sched/goroutines:goroutines", "/sched/threads/total:threads"} {
		s := []metrics.Sample{{Name: name}}
		metrics.Read(s)
		if s[0].Value.Kind() == metrics.KindUint64 {
			w.Metrics[name] = s[0].Value.Uint64()
		}
	}
	runtime.ReadMemStats(&w.MemStats)
}

func profileSums() (s sums) {
	n, _ := runtime.MemProfile(nil, true)
	records := make([]runtime.MemProfileRecord, n+100)
	n, ok := runtime.MemProfile(records, true)
	if !ok {
		check(fmt.Errorf("the profile has grown"))
	}
	for i := range records[:n] {
		r := &records[i]
		s.AllocSpace += r.AllocBytes
		s.AllocObjects += r.AllocObjects
		s.InuseSpace += r.InUseBytes()
		s.InuseObjects += r.InUseObjects()
	}
	return s
}

// answer is one that is kept before it is sent.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func keeper(dir string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := answer{header: w.Header(), status: 200}
		words := make([]word, 2)
		words[0].take()
		http.DefaultServeMux.ServeHTTP(&a, r)
		words[1].take()
		text, err := json.Marshal(words)
		check(err)
		check(os.WriteFile(filepath.Join(dir, "word"), text, 0o600))
		check(os.WriteFile(filepath.Join(dir, "body"), a.body.Bytes(), 0o600))
		w.WriteHeader(a.status)
		w.Write(a.body.Bytes())
	}
}

// The client's names of runtime/metrics (prometheus/internal/go_runtime_metrics.go), and its way to write numbers.
func serveMetrics(w http.ResponseWriter, r *http.Request) {
	var m runtime.MemStats
	line := func(name string, v float64) {
		fmt.Fprintf(w, "# HELP %s So and so.\n# TYPE %s gauge\n%s %s\n", name, name, name, strconv.FormatFloat(v, 'g', -1, 64))
	}
	if r.URL.Query().Get("of") != "metrics" {
		runtime.ReadMemStats(&m)
		threads, _ := runtime.ThreadCreateProfile(nil)
		fmt.Fprintf(w, "# TYPE go_gc_duration_seconds summary\ngo_gc_duration_seconds{quantile=\"0\"} 1.5e-05\n")
		line("go_gc_duration_seconds_sum", float64(m.PauseTotalNs)/1e9)
		line("go_gc_duration_seconds_count", float64(m.NumGC))
		line("go_goroutines", float64(runtime.NumGoroutine()))
		line("go_threads", float64(threads))
		line("go_memstats_heap_alloc_bytes", float64(m.HeapAlloc))
		line("go_memstats_heap_sys_bytes", float64(m.HeapSys))
		line("go_memstats_heap_idle_bytes", float64(m.HeapIdle))
		line("go_memstats_heap_inuse_bytes", float64(m.HeapInuse))
		line("go_memstats_heap_released_bytes", float64(m.HeapReleased))
		line("go_memstats_heap_objects", float64(m.HeapObjects))
		line("go_memstats_next_gc_bytes", float64(m.NextGC))
		line("go_memstats_sys_bytes", float64(m.Sys))
		line("go_memstats_stack_inuse_bytes", float64(m.StackInuse))
		line("go_memstats_alloc_bytes_total", float64(m.TotalAlloc))
		line("go_memstats_mallocs_total", float64(m.Mallocs))
		line("go_memstats_frees_total", float64(m.Frees))
		line("go_memstats_last_gc_time_seconds", float64(m.LastGC)/1e9)
		line("go_memstats_gc_cpu_fraction", m.GCCPUFraction)
		return
	}
	var samples []metrics.Sample
	cumulative := map[string]bool{}
	for _, d := range metrics.All() {
		samples = append(samples, metrics.Sample{Name: d.Name})
		cumulative[d.Name] = d.Cumulative
	}
	metrics.Read(samples)
	for _, s := range samples {
		name := "go" + strings.NewReplacer("/", "_", ":", "_", "-", "_").Replace(s.Name)
		if cumulative[s.Name] {
			name += "_total"
		}
		switch s.Value.Kind() {
		case metrics.KindUint64:
			line(name, float64(s.Value.Uint64()))
		case metrics.KindFloat64:
			line(name, s.Value.Float64())
		}
	}
}

func fault(w http.ResponseWriter, r *http.Request) {
	piece := make([]byte, 1<<20)
	switch strings.TrimPrefix(r.URL.Path, "/fault/") {
	case "endless":
		for _, err := w.Write(piece); err == nil; _, err = w.Write(piece) {
		}
	case "encoded":
		w.Header().Set("Content-Encoding", "gzip")
		bomb(w, piece)
	case "bomb":
		bomb(w, piece)
	case "slow":
		for _, err := w.Write(piece[:1]); err == nil; _, err = w.Write(piece[:1]) {
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	case "empty":
	case "secret":
		w.WriteHeader(401)
	case "cut":
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "\x1f\x8b")
	case "elsewhere":
		http.Redirect(w, r, "/debug/pprof/allocs", 302)
	default:
		http.NotFound(w, r)
	}
}

// bomb unpacks to a gigabyte.
func bomb(w io.Writer, piece []byte) {
	z := gzip.NewWriter(w)
	for i := 0; i < 1024; i++ {
		if _, err := z.Write(piece); err != nil {
			return
		}
	}
	z.Close()
}
