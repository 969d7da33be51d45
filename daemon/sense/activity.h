/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "base/histogram.h"
#include "gobin/pulse.h"

/*
 * What a runtime has done of late, from the looks at it: how often it collected, what that cost, how long it stood still,
 * what it allocated and how many goroutines it made. Two windows: the last ten seconds and the last minute, each of them
 * up to the last look and longer by up to the time between two marks, which are set at looks ten seconds apart; of a
 * process that was found later, since then. Every figure tells over which time it is.
 * Pure, and of fixed size: about a kilobyte a process.
 */
#define ACTIVITY_SHORT (10 * USEC_SEC)
#define ACTIVITY_LONG  USEC_MIN

enum {
	ACTIVITY_MARKS = 8, /* at least 70 s */
};

/* One look at a process. */
struct activity_look {
	usec_t at;
	const struct go_sample *sample;
	const struct go_pulse *pulse; /* its pauses are those since the look before */
	uint64_t cpu_ns;	      /* that the process has used */
};

/* Where its counters stood, and the pauses from then to the next mark. */
struct activity_mark {
	usec_t at;
	uint64_t total_alloc_bytes, gc_cpu_ns, cpu_ns;
	int64_t created;
	uint32_t num_gc;
	uint32_t missed;
	struct histogram_small pause;
};

struct activity {
	uint32_t n, newest; /* a ring of marks */
	bool estimate; /* of the CPU time of collections: by the marking of the last one alone */
	int64_t goroutines;	   /* when they were last known; -1: never */
	int64_t created;	   /* the same of how many it had made */
	struct activity_mark last; /* the last look; its pauses are with the marks */
	struct activity_mark mark[ACTIVITY_MARKS];
};

/* Zeroed is empty. A look that is no later than the last is left out. */
void activity_feed(struct activity *a, const struct activity_look *look);

/*
 * The CPU time of all its collections, as of @look: the runtime's own figure; where it has never told one, the marking of each
 * that ended since the first look. One that it does not tell just now (it may be ending a collection) is what it was.
 */
uint64_t activity_gc_cpu_ns(const struct activity *a, const struct activity_look *look);

struct activity_figures {
	usec_t over_usec; /* 0: less than a second was seen, and nothing else here is told */
	uint64_t gc_cycles, gc_per_minute_milli;
	uint64_t gc_cpu_ns_per_second; /* of one CPU */
	uint64_t cpu_ns_per_second;    /* that the process used, collections with it */
	uint64_t alloc_bytes_per_second;
	int64_t created_per_second_milli; /* goroutines; -1: unknown */
	bool gc_cpu_estimate;
	uint64_t pauses_missed; /* collections whose pauses came and went between two looks */
	struct histogram pause; /* a count for each collection: the sum of its pauses */
};

/* Over the last @window, as above. */
struct activity_figures activity_over(const struct activity *a, usec_t window);

/* Adds those of a process to those of its workload, zeroed at first: rates add up, the longest time is told. */
void activity_add(struct activity_figures *sum, const struct activity_figures *of);

/* What part of the CPU time that was used went into collecting, in permille; at most all of it, 0 where none was used. */
uint32_t activity_gc_share_permille(const struct activity_figures *f);
