/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "bpf/event.h"

/*
 * What an allocation stands for that was heard where the runtime takes a new span, and not at each object. Sizes are those
 * of src/runtime/sizeclasses.go (from 1.25 on src/internal/runtime/gc/sizeclasses.go), the same from 1.19 to 1.27.
 */
enum {
	SPAN_PAGE_BYTES = 8192,
	SPAN_CLASSES = 68, /* sizes; the first is that of large objects */
};

/* Bytes of an object in spans of @span_class (of each size there are two: with pointers, without); 0: none is so small. */
uint64_t span_object_bytes(uint64_t span_class);

/* Bytes of as many of them as fit into one span. */
uint64_t span_bytes(uint64_t span_class);

/* Bytes of the object that was allocated, or at most so many; 0 where the event is none that can be. */
uint64_t span_event_object_bytes(const struct event_alloc *a);

/*
 * Bytes that the event stands for. A refill: what the span that has run out gave since the cache had it, each of them an
 * object that might have been the one that found it empty; where there was none, since the collector has taken it at some
 * point between its first object and its last, half of a span; where that is not known, all of one. A large object: its
 * pages. Each as often as its weight says. This is what MemStats.TotalAlloc counts.
 */
uint64_t span_event_bytes(const struct event_alloc *a);
