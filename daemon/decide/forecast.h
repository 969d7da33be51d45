/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/history.h"

/*
 * When a workload will have no memory left, by where its least need is going: what its runtimes hold after a collection
 * and what is not theirs ([N]). Usage is not looked at: garbage is not growth.
 */
enum forecast_kind {
	FORECAST_NONE,	    /* nothing is in sight */
	FORECAST_GARBAGE,   /* the room is full of what a collection frees */
	FORECAST_GROWTH,    /* the live heap grows */
	FORECAST_NONGO,	    /* what is not Go's grows */
	FORECAST_TOO_LARGE, /* the live heap does not fit already */
	FORECAST_KIND_MAX_,
};

/* "none", "garbage", "growth", "non-go", "too-large" */
const char *forecast_kind_name(int32_t kind);

#define FORECAST_NEVER UINT64_MAX

struct forecast {
	int32_t kind; /* enum forecast_kind */
	uint32_t confidence_permille;
	/* In microseconds from now, or FORECAST_NEVER: until the collector has no room (e below 10), and until the kill. */
	usec_t to_distress, to_oom;
	int64_t go_slope_per_min, nongo_slope_per_min; /* bytes; 0: no trend */
	usec_t watched;				       /* for how long that has gone on */
};

/* What a forecast is made from beside the history; bytes. */
struct forecast_inputs {
	uint64_t room;	 /* [M] */
	uint64_t nongo;	 /* [N] */
	uint64_t margin; /* kept free */
	uint64_t budget; /* for the sum of the soft limits */
	uint64_t least;	 /* what the runtimes hold without any garbage */
	uint64_t
		floors; /* the sum of [S_floor]: the same with as much as a collector cannot do without */
	uint64_t
		peaks; /* what the runtimes will have ready at their goals in force; UINT64_MAX: no goal is in force */
	bool is_limited; /* a soft limit is in force: heaps do not reach the room by garbage */
	bool is_full;	 /* usage is where the tier's emergency begins */
};

void forecast_make(const struct history *h, const struct forecast_inputs *in, struct forecast *ret);

/* Is it near, and sure, enough to call somebody? Never further ahead than what was watched: a start grows, too. */
bool forecast_is_urgent(const struct forecast *f);
