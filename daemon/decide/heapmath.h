/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/runtime.h"

/*
 * The pacer's arithmetic, from Go's src/runtime/mgcpacer.go: heapGoalInternal, memoryLimitHeapGoal, commit; the
 * headroom below the soft limit is flat 1 MiB in 1.19 and 1.20, and 3 %, at least 1 MiB, from 1.21.
 */

/* [R] What a cycle must mark: live heap, stacks, globals. */
uint64_t heap_mark_bytes(const struct go_sample *s);

/* What the runtime maps that is neither object nor free page: stacks, spans' rests, its own tables. */
uint64_t heap_nonheap_bytes(const struct go_sample *s);

/* The goal that GOGC @percent alone gives; -1 (off) gives UINT64_MAX. heapMinimum scales with it. */
uint64_t heap_percent_goal(const struct go_sample *s, int32_t percent);

/* The goal that soft limit @limit alone gives now, with the overage that there is. */
uint64_t heap_limit_goal(const struct go_sample *s, int minor, int64_t limit);

/* The goal in force. */
uint64_t heap_goal(const struct go_sample *s, int minor);

/* True where the soft limit, not GOGC, sets the goal in force. */
bool heap_goal_is_limit(const struct go_sample *s, int minor);

/* [e] 100 (goal - L) / R; INT32_MAX where nothing is marked yet. */
int32_t heap_effective_gogc(const struct go_sample *s, int minor);

/*
 * The smallest soft limit whose goal is L + percent/100 x R once the runtime has come down to it: the inverse of
 * heap_limit_goal. With 10 it is [S_floor].
 */
uint64_t heap_limit_for(const struct go_sample *s, int minor, uint32_t percent);

#define HEAP_FLOOR_PERCENT 10

static inline uint64_t heap_limit_floor(const struct go_sample *s, int minor)
{
	return heap_limit_for(s, minor, HEAP_FLOOR_PERCENT);
}

/* heapMinimum for GOGC @percent, as readGOGC and setGCPercent compute it. */
uint64_t heap_minimum(int32_t percent);
