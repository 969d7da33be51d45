/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

/*
 * When probes may sit that cost their program something at each hit, by what they have cost: over any ten seconds at most
 * DUTY_LIMIT_PERMILLE of the program's own CPU time, and DUTY_GRANT_NS, without which they could not begin. Where they
 * cost less than that they sit all the time. Else what is observed comes in slices, each with the CPU time that was missed
 * before it, so that what was heard in it can be scaled.
 */
enum {
	DUTY_LIMIT_PERMILLE = 30,
	DUTY_AIM_PERMILLE = 25, /* what is aimed at: probes go some time after they are to go */
	DUTY_GRANT_NS = 1000 * 1000,
	DUTY_SLOTS = 100,
	DUTY_SLOT_USEC = 100 * 1000, /* the window is so many slots of so long */
	DUTY_SLICE_USEC = 20 * 1000, /* worth the work of setting probes */
	DUTY_SLICE_NS =
		8 * 1000000, /* CPU time that can be scaled by: the kernel counts in ticks */
	DUTY_REPORT_NS = 1000000000, /* and after which a slice that goes on is told of */
};

struct duty_figures {
	uint64_t cpu_ns, cost_ns;
};

struct duty {
	bool on;
	usec_t slot_at, switched_at;
	unsigned int slot;
	struct duty_figures slots[DUTY_SLOTS], window,
		all; /* the sum of the slots, and since the start */
	uint64_t slice_cost_ns;
	uint64_t reserve_ns; /* what the next slice will cost, by the last one */
	uint64_t observed_ns, missed_ns;
};

/* The probes sit now. */
void duty_start(struct duty *d, usec_t now);

/*
 * What the program used and its probes cost since the last call. Returns whether they are to sit from now on; once that is
 * done, duty_switch says so.
 */
bool duty_step(struct duty *d, usec_t now, struct duty_figures since);
void duty_switch(struct duty *d, usec_t now, bool on);

/*
 * A slice has ended, or goes on for long: d->observed_ns of the program's CPU time, less what the probes cost, stand for
 * the d->missed_ns before as well. Both are counted anew once it is taken. The end of all is the caller's business.
 */
bool duty_has_slice(const struct duty *d);
void duty_slice_taken(struct duty *d);
