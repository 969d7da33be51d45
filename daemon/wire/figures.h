/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What a Go program says of its own runtime, wherever it says it. Whole numbers; durations in nanoseconds, instants in
 * nanoseconds of Unix time. It is the program's word: nothing here is proved.
 */
enum figure {
	FIGURE_HEAP_ALLOC_BYTES,
	FIGURE_HEAP_LIVE_BYTES, /* what the last collection marked */
	FIGURE_HEAP_SYS_BYTES,
	FIGURE_HEAP_IDLE_BYTES,
	FIGURE_HEAP_INUSE_BYTES,
	FIGURE_HEAP_RELEASED_BYTES,
	FIGURE_HEAP_OBJECTS,
	FIGURE_HEAP_GOAL_BYTES,
	FIGURE_SYS_BYTES,
	FIGURE_STACK_INUSE_BYTES,
	FIGURE_TOTAL_ALLOC_BYTES,
	FIGURE_MALLOCS,
	FIGURE_FREES,
	FIGURE_NUM_GC,
	FIGURE_NUM_FORCED_GC,
	FIGURE_LAST_GC_UNIX_NS,
	FIGURE_PAUSE_TOTAL_NS,
	FIGURE_GC_CPU_PPM, /* of all CPU time since its start */
	FIGURE_GOROUTINES,
	FIGURE_THREADS,
	FIGURE_GOMAXPROCS,
	FIGURE_GOGC_PERCENT,	   /* -1: off */
	FIGURE_MEMORY_LIMIT_BYTES, /* INT64_MAX: none */
	FIGURE_MAX_,
};

/* Plain data of fixed size: it crosses a socket. */
struct figures {
	uint64_t known; /* a bit for each figure */
	int64_t value[FIGURE_MAX_];
};

/* As it is called in JSON. */
const char *figure_name(enum figure figure);

/* Is it a number of bytes? */
bool figure_is_bytes(enum figure figure);

/* Notes a figure; one that cannot be (negative, larger than any machine) is not known afterwards. */
void figures_put(struct figures *f, enum figure figure, int64_t value);
void figures_drop(struct figures *f, enum figure figure);

static inline bool figures_has(const struct figures *f, enum figure figure)
{
	return f->known & (UINT64_C(1) << figure);
}
