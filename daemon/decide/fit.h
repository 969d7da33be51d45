/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/plant.h"

/*
 * A plant that does what was seen of a workload: what lived, how fast was allocated and what was not Go's come from the
 * looks, how fast it marks from what its collections took; the levers begin with the owner's values and are then the
 * simulation's. What lives is known after a cycle, with what was allocated while it was marked; between two it is on a
 * line. What the program would have done otherwise (requests that took longer, say) is not in it.
 */
enum {
	FIT_POINTS = 2048, /* of each process; at the cap every second goes */
};

struct fit_process {
	struct proc_key key;
	uint32_t num_gc;
	uint64_t total_alloc, marks, mark_ns;
	usec_t seen, interval;
	struct plant_point points[FIT_POINTS];
};

/* Zeroed before the first look. */
struct fit {
	bool begun;
	usec_t began, ended;
	usec_t interval;   /* between two points of what is around */
	uint32_t left_out; /* processes beyond PLANT_PROCS_MAX */
	struct plant_setup setup;
	struct fit_process procs[PLANT_PROCS_MAX];
	struct plant_around around[FIT_POINTS];
};

/* Takes a look over; one that is not later than the last is passed over. */
void fit_add(struct fit *f, const struct snapshot *s);

/* The plant, and for how long it was seen. Its points are the fit's. False where there is no process to model. */
bool fit_setup(struct fit *f, struct plant_setup *ret, usec_t *ret_duration);
