/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Offsets in bytes of the runtime's structs, as data. gcControllerState: src/runtime/mgcpacer.go; mstats:
 * src/runtime/mstats.go; schedt, p: src/runtime/runtime2.go; gcCPULimiterState: src/runtime/mgclimit.go.
 */
struct go_controller_layout {
	uint16_t gc_percent, memory_limit, heap_minimum;
	uint16_t gc_percent_goal, sweep_min_trigger, triggered;
	uint16_t last_heap_goal; /* the fingerprint: gcControllerCommit loads it */
	uint16_t heap_live, stack_scan, globals_scan, heap_marked;
	uint16_t
		assist_time; /* then dedicated, fractional, idle mark time and mark start, 8 bytes each */
	uint16_t heap_inuse, heap_released, heap_free;
	uint16_t total_alloc, total_free, mapped_ready;
};

struct go_release_layout {
	uint16_t minor_from, minor_to;
	uint16_t
		last_gc_unix; /* in memstats; pause_total_ns, pause_ns[256] and pause_end[256] follow */
	uint16_t num_gc;      /* num_forced_gc, gc_cpu_fraction and last_gc_nanotime follow */
	uint16_t enablegc[3]; /* a GOEXPERIMENT moves it: one of these */
	uint16_t sched_lock, sched_ngsys;
	uint16_t sched_gfree[2]; /* counts of dead goroutines; 0: has no second */
	uint16_t
		sched_procresize; /* when GOMAXPROCS changed last; totaltime follows. 0: not proved for this release */
	uint16_t p_gfree; /* 0: not proved for this release */
	uint16_t
		p_goidcache; /* the next goroutine's number; the first beyond its batch follows. 0: not proved */
	uint16_t limiter_last_cycle;
};

/* NULL where no known release loads lastHeapGoal from there. */
const struct go_controller_layout *go_controller_layout_of(int last_heap_goal_offset);

/* NULL for a release that is not known. */
const struct go_release_layout *go_release_layout_of(int minor);
