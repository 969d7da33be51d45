// SPDX-License-Identifier: Apache-2.0

// Puts to an etcd and reads from it: a key each time, and every hundredth time what lies between two keys. Says how many
// requests of each kind were answered as they had to be; one that was not ends it. Built from etcd's own sources.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	keys      = 1000
	valueSize = 256
	oneIn     = 100 /* ranges over more than a key */
	several   = 10  /* keys of such a range */
	deadline  = 60 * time.Second
)

type counts struct {
	Puts   int `json:"puts"`
	Ranges int `json:"ranges"`
}

func key(i int) string {
	return fmt.Sprintf("key-%06d", i%keys)
}

func value(i int) string {
	return fmt.Sprintf("%0*d", valueSize, i)
}

func put(c *clientv3.Client, i int) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	_, err := c.Put(ctx, key(i), value(i))
	return err
}

// get wants the key that was put before.
func get(c *clientv3.Client, i int) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	options := []clientv3.OpOption{}
	if i%oneIn == 0 {
		options = append(options, clientv3.WithFromKey(), clientv3.WithLimit(several))
	}
	r, err := c.Get(ctx, key(i), options...)
	if err != nil {
		return err
	}
	if len(r.Kvs) == 0 || string(r.Kvs[0].Key) != key(i) || len(r.Kvs[0].Value) != valueSize {
		return fmt.Errorf("%s: %d keys instead of what was put", key(i), len(r.Kvs))
	}
	return nil
}

// work makes requests first, first + step, ...: of each a put, then a range.
func work(c *clientv3.Client, first, step, n int) (counts, error) {
	var done counts

	for i := first; i < n; i += step {
		if err := put(c, i); err != nil {
			return done, err
		}
		done.Puts++
		if err := get(c, i); err != nil {
			return done, err
		}
		done.Ranges++
	}
	return done, nil
}

func load(endpoint string, n, clients int) (counts, error) {
	var (
		all    counts
		failed error
		mu     sync.Mutex
		wg     sync.WaitGroup
	)

	for i := 0; i < clients; i++ {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: deadline})
		if err != nil {
			return all, err
		}
		defer c.Close()
		wg.Add(1)
		go func(first int) {
			defer wg.Done()
			done, err := work(c, first, clients, n)
			mu.Lock()
			defer mu.Unlock()
			all.Puts += done.Puts
			all.Ranges += done.Ranges
			if err != nil {
				failed = err
			}
		}(i)
	}
	wg.Wait()
	return all, failed
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, "etcd-load:", why)
	os.Exit(1)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		fail(text + " is no number")
	}
	return n
}

func main() {
	if len(os.Args) != 4 || !strings.Contains(os.Args[1], ":") {
		fail("usage: etcd-load HOST:PORT REQUESTS-OF-EACH-KIND CLIENTS")
	}
	done, err := load(os.Args[1], number(os.Args[2]), number(os.Args[3]))
	json.NewEncoder(os.Stdout).Encode(done)
	if err != nil {
		fail(err)
	}
}
