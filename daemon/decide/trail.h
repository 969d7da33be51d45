/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * The last two minutes of a workload, kept so that they can be told after the kernel has killed it: what was seen of it
 * every two seconds and last, and what was decided. Bounded; a calm workload, looked at every ten seconds, has a dozen
 * points. Pure but for its memory.
 */
#define TRAIL_SPAN (2 * USEC_MIN)
#define TRAIL_GAP  (2 * USEC_SEC) /* at least, between two points that stay */

enum {
	TRAIL_POINTS_MAX = 64,
	TRAIL_STEPS_MAX = 32,
	TRAIL_OUTCOME_MAX = 24,
};
_Static_assert(TRAIL_POINTS_MAX > TRAIL_SPAN / TRAIL_GAP, "there is room for the whole span");

/* One look; bytes. */
struct trail_point {
	usec_t at;
	uint64_t limit, room, usage, swap;
	uint64_t live;	 /* what the runtimes hold without any garbage */
	uint64_t mapped; /* [T] what they hold ready */
	uint64_t nongo;	 /* as it was at this look */
	uint64_t peak;	 /* the most that was used since the point before */
	uint64_t psi_some_us;
	usec_t to_oom; /* FORECAST_NEVER */
	int64_t soft_limit;
	int32_t gogc; /* of the first process, as soft_limit */
	int32_t state, alert, forecast;
	uint32_t num_gc, n_procs;
};

enum trail_kind {
	TRAIL_STATE,  /* from one state to another: `from`, `to` are enum policy_state */
	TRAIL_ALERT,  /* somebody was called: `to` is an enum decide_alert */
	TRAIL_CHANGE, /* of a lever, or what would have been one */
	TRAIL_KIND_MAX_,
};

const char *trail_kind_name(int32_t kind);

struct trail_step {
	usec_t at;
	int32_t kind, pid, lever, reason;
	int64_t from, to;
	char outcome[TRAIL_OUTCOME_MAX]; /* of a change */
};

/* Zeroed is empty. Oldest first. */
struct trail {
	struct trail_point *points;
	struct trail_step *steps;
	size_t n_points, points_room, n_steps, steps_room;
	uint64_t steps_dropped; /* of the last two minutes, that had no room */
};

struct trail_point trail_point_of(const struct snapshot *s, const struct decision *d, usec_t now);

/* Points come in the order of time. Without memory for one it is left out. */
void trail_add_point(struct trail *t, const struct trail_point *p);
void trail_add_step(struct trail *t, const struct trail_step *step);
void trail_done(struct trail *t);

/* What a workload was killed of. */
struct trail_verdict {
	int32_t kind; /* enum forecast_kind: one of the four, or none where nothing was seen */
	bool sudden; /* a quarter of the room or more came after the last look: the kind is of what was there before */
	usec_t blind; /* from the last look to the kill */
	uint64_t room, used, live, garbage,
		nongo;			 /* at the last look; the last three are all of `used` */
	uint64_t unseen;		 /* of the room: what came after it */
	int64_t live_grown, nongo_grown; /* over `watched`, bytes */
	usec_t watched;
	usec_t foretold; /* from the first alert of growth, or what is not Go's, to the kill; 0: there was none */
};

struct trail_verdict trail_judge(const struct trail *t, usec_t killed);
