/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "gobin/runtime.h"

/* What is to be heard of one process. Addresses are of its own memory. */
struct probe_target {
	int32_t pid;
	uint32_t kinds; /* bit an enum go_site_kind */
	int32_t minor;
	struct go_sites sites;
	uint64_t heap_live, heap_marked, heap_goal, total_alloc; /* in gcController */
	uint64_t num_gc;					 /* memstats.numgc, numforcedgc */
};

enum {
	PROBES_CYCLES = 1 << SITE_GC_START | 1 << SITE_PAUSE_GC | 1 << SITE_PAUSE_GC_LAST |
			1 << SITE_PAUSE_OTHER | 1 << SITE_STOPPING_GC | 1 << SITE_STOPPING_OTHER |
			1 << SITE_STOP_WORLD | 1 << SITE_START_WORLD,
	PROBES_ALLOCATIONS = 1 << SITE_MPROF_MALLOC,
	/* In turns, and of one process at a time: they sit where the program allocates (span_watch.h). */
	PROBES_SPANS = 1 << SITE_REFILL | 1 << SITE_ALLOC_LARGE,
};

/* Fills the addresses from what was located; the layouts are gobin's. */
void probe_target_of(pid_t pid, const struct go_runtime *rt, uint32_t kinds,
		     struct probe_target *ret);
