/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sense/activity.h"

/*
 * What the runtimes of a workload have done since gomemd watches them: sums that only ever rise, whichever process comes and
 * goes, for whoever looks at them at times of his own. What a process had done before it was found is in none of them.
 */
struct totals {
	uint64_t gc_cycles, gc_cpu_ns, alloc_bytes, goroutines_created;
	uint64_t pause_ns; /* of those that are in `pause` */
	uint64_t
		pauses_missed; /* collections whose pauses the runtime had forgotten by the next look */
	uint64_t pause[HISTOGRAM_BUCKETS];
	/* The last look that saw pauses: one of them, for who wants to go on from the figure. */
	struct {
		uint64_t longest_ns, wall_usec;
		uint32_t num_gc; /* the last collection then */
		int32_t pid;	 /* 0: none yet */
	} last;
};

/* Adds what @look shows beside the looks before, which @a knows: to be called before activity_feed. */
void totals_add(struct totals *t, const struct activity *a, const struct activity_look *look,
		int32_t pid, uint64_t wall_usec);
