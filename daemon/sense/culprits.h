/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sense/heap_series.h"

/*
 * Which causes make a program's heap what it is, by one number. Pure.
 *
 * Two things make collecting dear: how often it has to be done, which follows the bytes that are allocated, and how much
 * is marked each time, which follows the bytes in use. Of a cause with the shares a and l of these, collecting would cost
 * 1 - (1 - a)(1 - l) less without it. What only ever grows has another price: it ends with the memory. It counts by what
 * it would add, in the time that was watched ten times over and an hour at most, as a share of what is in use now. The
 * larger of the two is the impact.
 */
enum {
	CULPRITS_MAX = 2 * HEAP_SERIES_CAUSES,
	CULPRIT_RISES_MIN = 3, /* a suspect has so many, and a fall for eight of them at most */
	CULPRIT_HORIZON_FACTOR = 10,
};

#define CULPRIT_HORIZON_MAX (60 * USEC_MIN)

enum culprit_kind {
	CULPRIT_HEAP,
	CULPRIT_GOROUTINES, /* the go statement of goroutines; bytes are of their stacks, objects are they */
	CULPRIT_KIND_MAX_,
};

/* "heap", "goroutines" */
const char *culprit_kind_name(enum culprit_kind kind);

enum culprit_impact {
	IMPACT_ALLOCATED,
	IMPACT_IN_USE,
	IMPACT_GROWTH,
	IMPACT_MAX_,
};

/* What most of an impact is: "allocated", "in-use", "growth" */
const char *culprit_impact_name(enum culprit_impact by);

/* Shares are in thousandths of all; UINT32_MAX is more than that can tell. */
struct culprit {
	enum culprit_kind kind;
	struct heap_growth growth;
	uint64_t alloc_bytes_per_sec, allocs_per_sec, alloc_bytes_per_cycle;
	uint32_t alloc_permille, inuse_permille; /* of the program's */
	uint32_t gc_permille;			 /* what collecting would cost less: an estimate */
	uint32_t growth_permille;		 /* of a suspect; else 0 */
	uint32_t impact_permille;
	enum culprit_impact impact_by;
	/* How many collections an object lives through, on the average; -1: unknown. By Little's law, in thousandths. */
	int64_t lifetime_millicycles;
	bool suspect;	  /* grows, and hardly ever gives back */
	bool since_start; /* there is one profile alone: alloc_permille is of all since the program began, and rates are unknown */
};

/* The series of a process, either of which may be NULL, and what its runtime says is live: objects and stacks. */
struct culprit_sources {
	const struct heap_series *heap, *goroutines;
	uint64_t live_bytes; /* 0: unknown, as much as the series have */
};

/*
 * The causes of a heap and the go statements of goroutines, that which has most impact first. Returns how many.
 */
size_t culprits_rank(const struct culprit_sources *of, struct culprit ret[CULPRITS_MAX]);

/* What its class means. */
const char *culprit_about(const struct culprit *c);

/* What can be done about it: of a suspect what holds it, else by its class. */
const char *culprit_advice(const struct culprit *c);
