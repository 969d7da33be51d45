/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/histogram.h"
#include "gobin/runtime.h"

/*
 * What a runtime counts of its own work, beside the figures of its heap: the pause of each of its last 256 collections
 * (mstats.pause_ns, which is MemStats.PauseNs), the CPU time that collecting took (mstats.gc_cpu_fraction, of
 * sched.totaltime), and the goroutines that it has made (sched.goidgen). No probe is needed for any of them.
 * Source: Go src/runtime/{mgc,mstats,proc,runtime2}.go of 1.19 to 1.27.
 */
enum {
	PULSE_PAUSES_MAX = 256,
};

/* Which collections are asked for: those after number `num_gc`, and of them those that ended at `unix_ns` or later. */
struct go_pulse_since {
	uint32_t num_gc;
	uint64_t unix_ns; /* 0: whenever */
};

struct go_pulse {
	int64_t gc_cpu_ns; /* from the start to the end of the last collection, idle marking left out; -1: unknown */
	int64_t goroutines_created; /* since the start, the runtime's own with them; -1: unknown */
	uint32_t pauses; /* collections whose pauses, each the sum of its own, are in `pause` */
	uint64_t
		pauses_ns; /* their sum; pause_total_ns is counted a moment before num_gc is, so a look can fall between */
	uint32_t pauses_missed; /* asked for, but the runtime has forgotten them */
	uint64_t
		oldest_unix_ns; /* when the first of those that were counted ended; only where `unix_ns` was given */
	struct histogram_small pause;
};

#define GO_PULSE_UNKNOWN ((struct go_pulse){ .gc_cpu_ns = -1, .goroutines_created = -1 })

/* @s is a sample of the same moment. Returns 0 or -errno; what cannot be told is unknown. */
int go_pulse_read(const struct memory *m, const struct go_runtime *rt, const struct go_sample *s,
		  const struct go_pulse_since *since, struct go_pulse *ret);
