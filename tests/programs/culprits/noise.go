// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// What is in order: twenty places that allocate some 64 KiB a second each, of different sizes and kinds. Seven of them
// hold what they have made until it is replaced in its turn, 1 MiB each.
const (
	noiseBytes = 64 * kib
	ringBytes  = 1 * mib
	idle       = 32
)

type point struct{ x, y, z int }

type node struct {
	next *node
	data [30]uint64
}

type ring struct {
	slots []interface{}
	at    int
}

func (r *ring) hold(v interface{}) {
	r.slots[r.at] = v
	r.at = (r.at + 1) % len(r.slots)
}

type noise struct {
	bytes int // of a call, about
	make  func(i int)
	ring  *ring
}

var (
	sink    interface{}
	text    string
	data    []byte
	numbers []int
	words   []string
	counts  map[string]int
	queue   chan int
	next    func() int
	places  []*point
	one     *node

	heldBytes, heldNodes, heldMaps, heldStrings, heldClosures, heldPoints, heldLists ring
)

func makeBytes(int)    { data = make([]byte, 512) }
func makeNumbers(int)  { numbers = make([]int, 100) }
func makeQueue(int)    { queue = make(chan int, 20) }
func makeNode(i int)   { one = &node{data: [30]uint64{uint64(i)}} }
func boxNumber(i int)  { sink = float64(i) + 0.5 }
func boxPoint(i int)   { sink = point{i, i, i} }
func format(i int)     { text = fmt.Sprintf("visitor %d of %s", i, "the shop") }
func join(i int)       { text = strings.Repeat("ab", i%8+8) + text[:len(text)%32] }
func copyString(i int) { data = []byte(strings.ToUpper("somebody's name, and its length")) }

func growWords(int) {
	var w []string
	for i := 0; i < 20; i++ {
		w = append(w, "word")
	}
	words = w
}

func countWords(int) {
	counts = map[string]int{}
	for _, w := range [...]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "k"} {
		counts[w]++
	}
}

func makeClosure(i int) {
	var seen [8]int
	next = func() int { seen[i%8]++; return seen[i%8] }
}

func makePlaces(i int) {
	places = places[:0]
	for n := 0; n < 8; n++ {
		places = append(places, &point{n, i, 0})
	}
}

func holdBytes(int)   { heldBytes.hold(make([]byte, 1024)) }
func holdNode(int)    { heldNodes.hold(new(node)) }
func holdMap(i int)   { heldMaps.hold(map[int]int{i: 1, i + 1: 2}) }
func holdString(int)  { heldStrings.hold(strings.Repeat("name ", 50)) }
func holdPoint(i int) { heldPoints.hold(point{i, i, i}) }
func holdList(i int)  { heldLists.hold([]*point{{x: i}, {y: i}, {z: i}}) }

func holdClosure(i int) {
	var state [16]int
	heldClosures.hold(func() int { state[i%16]++; return state[0] })
}

var allNoise = []noise{
	{bytes: 512, make: makeBytes}, {bytes: 896, make: makeNumbers}, {bytes: 256, make: makeQueue},
	{bytes: 256, make: makeNode}, {bytes: 8, make: boxNumber}, {bytes: 24, make: boxPoint},
	{bytes: 48, make: format}, {bytes: 64, make: join}, {bytes: 64, make: copyString},
	{bytes: 1008, make: growWords}, {bytes: 900, make: countWords}, {bytes: 80, make: makeClosure},
	{bytes: 192, make: makePlaces},
	{1048, holdBytes, &heldBytes}, {256, holdNode, &heldNodes}, {272, holdMap, &heldMaps},
	{272, holdString, &heldStrings}, {24, holdPoint, &heldPoints}, {120, holdList, &heldLists},
	{152, holdClosure, &heldClosures},
}

func startNoise() {
	for _, n := range allNoise {
		if n.ring == nil {
			continue
		}
		n.ring.slots = make([]interface{}, ringBytes/(n.bytes+16))
		for i := range n.ring.slots {
			n.make(i)
		}
	}
	orders := make(chan int)
	for i := 0; i < idle; i++ {
		go work(orders)
	}
	left := make([]int, len(allNoise))
	go pace(100, func(i int) {
		for k, n := range allNoise {
			for left[k] += noiseBytes / 100; left[k] >= n.bytes; left[k] -= n.bytes {
				n.make(i)
			}
		}
		orders <- i
	})
}

// work is one of a fixed number that wait for something to do.
func work(orders chan int) {
	for o := range orders {
		if o < 0 {
			return
		}
	}
}
