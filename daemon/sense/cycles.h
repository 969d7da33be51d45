/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bpf/event.h"
#include "wire/timeline.h"

/*
 * Puts the collector's cycles together from what the probes of one process tell. A cycle begins with its first pause
 * and ends with the one after which MemStats.NumGC has risen; one whose beginning was not heard is left out.
 */
struct cycles {
	bool open; /* a cycle is under way */
	bool seen; /* `last_num_gc` is known */
	uint32_t last_num_gc, last_forced;
	uint64_t last_total_alloc;
	uint64_t stopped_ns;  /* 1.19, 1.20: when the world was stopped; 0: it runs */
	uint64_t stopping_ns; /* of the stop that is under way */
	struct {
		bool any;
		uint64_t value;
	} start; /* the last gcStart since the last cycle */
	struct timeline_entry cycle;
};

/*
 * Takes an event of this process; true where an entry (a cycle, or another stop-the-world) is complete in *ret. Pure:
 * events of a hostile process make nonsense of its own entries alone.
 */
bool cycles_feed(struct cycles *c, const struct event *e, struct timeline_entry *ret);
