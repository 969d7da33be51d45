// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

type item struct {
	Article  string      `json:"article"`
	Name     string      `json:"name"`
	Unit     string      `json:"unit"`
	Amount   int         `json:"amount"`
	Price    float64     `json:"price"`
	Discount float64     `json:"discount"`
	Tax      float64     `json:"tax"`
	Weight   float64     `json:"weight"`
	Volume   float64     `json:"volume"`
	Supplier string      `json:"supplier"`
	Batch    string      `json:"batch"`
	Remarks  interface{} `json:"remarks"`
}

type event struct {
	ID    string  `json:"id"`
	Total float64 `json:"total"`
	Items []*item `json:"items"`
}

type consumer struct {
	current event
	items   int
}

// Wrong: every message is decoded whole, through reflection, into a new object for each item and an interface for what
// may be anything, and two members of it are looked at. A struct with those two, or generated code that reuses what it has.
func (c *consumer) consume(message []byte) error {
	c.current = event{}
	if err := json.Unmarshal(message, &c.current); err != nil { // want: 4c
		return err
	}
	if c.current.Total <= 0 {
		return fmt.Errorf("%s has no total", c.current.ID)
	}
	c.items += len(c.current.Items)
	count()
	return nil
}

func runJSON(ready func()) {
	c := new(consumer)
	list := strings.Repeat(`{"article":"a-1","amount":2,"price":10.5,"tax":0.19,"weight":1.5},`, 11)
	message := []byte(`{"id":"5f0c","total":71.5,"items":[` + list + `{"article":"b-2","remarks":["late",2]}]}`)
	ready()
	pace(3000, func(int) {
		if err := c.consume(message); err != nil {
			panic(err)
		}
	})
}
