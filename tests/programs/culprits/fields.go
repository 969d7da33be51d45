// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"

	"example.com/logger"
)

type visit struct {
	id       int
	user     string
	path     string
	status   int
	bytes    int64
	duration float64
}

// Wrong: a map and an interface for each field, for every line that is logged, most of which nobody reads. Typed fields,
// or a look at the level first.
func logVisit(log *logger.Entry, v *visit) {
	log.WithFields(logger.Fields{"id": v.id, "user": v.user, "path": v.path, "status": v.status, "bytes": v.bytes, "took": v.duration}).Info("served") // want: 5a
	count()
}

func runFields(ready func()) {
	log := logger.New(io.Discard).WithFields(logger.Fields{"service": "shop", "zone": "b", "release": "7.4.1"})
	ready()
	pace(10000, func(i int) {
		logVisit(log, &visit{1000 + i, "somebody", "/orders/latest", 200, int64(i) * 100, float64(i) / 7})
	})
}
