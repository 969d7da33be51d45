// SPDX-License-Identifier: Apache-2.0

// load drives the services of the demonstration: it writes keys into an etcd and reads them back in bulk, and it is a
// target with many series for a Prometheus to scrape. Both until it is stopped.
package main

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	etcd := flag.String("etcd", "", "client URL of an etcd")
	keys := flag.Int("keys", 150, "keys that are written and read back")
	size := flag.Int("size", 32<<10, "bytes of a value")
	pause := flag.Duration("pause", 50*time.Millisecond, "between two reads of all keys")
	prometheus := flag.String("prometheus", "", "URL of a Prometheus to query")
	listen := flag.String("listen", "", "address to serve series on")
	series := flag.Int("series", 50000, "series on /metrics")
	flag.Parse()

	if *listen != "" {
		go serveSeries(*listen, *series)
	}
	if *prometheus != "" {
		go query(*prometheus)
	}
	if *etcd != "" {
		driveEtcd(*etcd, *keys, *size, *pause)
	}
	select {}
}

// serveSeries answers each scrape with series whose values change, so that nothing of it can be folded away.
func serveSeries(address string, n int) {
	http.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().UnixNano()
		fmt.Fprintln(w, "# TYPE demo_requests_total counter")
		for i := 0; i < n; i++ {
			fmt.Fprintf(w, "demo_requests_total{route=\"/api/v1/resource/%d\",method=\"GET\",zone=\"z%d\"} %d\n",
				i, i%7, now/1000000+int64(i))
		}
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, nil))
	os.Exit(1)
}

// post calls etcd's JSON gateway and drops the answer.
func post(url, body string) error {
	answer, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// query asks for sums over all series, as a dashboard does.
func query(url string) {
	for {
		answer, err := http.Get(url + "/api/v1/query?query=sum+by+(zone)+(rate(demo_requests_total[1m]))")
		if err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func driveEtcd(url string, keys, size int, pause time.Duration) {
	value := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("gomemd "), size/7))
	written := 0
	for {
		// An etcd that was killed comes back, and is filled again where it lost something.
		for ; written < keys; written++ {
			key := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("key/%06d", written)))
			if post(url+"/v3/kv/put", fmt.Sprintf(`{"key":%q,"value":%q}`, key, value)) != nil {
				time.Sleep(200 * time.Millisecond)
				break
			}
		}
		from := base64.StdEncoding.EncodeToString([]byte("key/"))
		to := base64.StdEncoding.EncodeToString([]byte("key0"))
		if post(url+"/v3/kv/range", fmt.Sprintf(`{"key":%q,"range_end":%q}`, from, to)) != nil {
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(pause)
	}
}
