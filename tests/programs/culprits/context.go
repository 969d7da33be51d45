// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"
)

type endpoint func(ctx context.Context, r *request) error

type request struct {
	path       string
	attributes []string
}

type layerKey int

// Wrong: each layer puts one more context around the last, and its value into an interface. Every request pays for every
// layer, and each look-up walks through all of them. One typed value for all layers would do.
func withAttribute(layer int, next endpoint) endpoint {
	return func(ctx context.Context, r *request) error {
		value := r.attributes[layer]
		return next(context.WithValue(ctx, layerKey(layer), value), r) // want: 4a
	}
}

func answer(ctx context.Context, r *request) error {
	if ctx.Value(layerKey(0)) != r.attributes[0] {
		panic("the first layer's value has changed")
	}
	count()
	return ctx.Err()
}

func runContext(depth int, ready func()) {
	r := &request{path: "/orders"}
	handle := endpoint(answer)
	for layer := depth - 1; layer >= 0; layer-- {
		handle = withAttribute(layer, handle)
	}
	for layer := 0; layer < depth; layer++ {
		r.attributes = append(r.attributes, "attribute-"+strconv.Itoa(layer))
	}
	ctx := context.Background()
	ready()
	pace(50000, func(int) {
		if err := handle(ctx, r); err != nil {
			panic(err)
		}
	})
}
