/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/heapmath.h"

enum {
	HEADROOM_PERCENT = 3,
	HEADROOM_PERCENT_SINCE = 21, /* golang/go issue 57069 */
	DEFAULT_HEAP_MINIMUM = 4 << 20,
	MIN_RUNWAY = 64 << 10,
};

#define HEADROOM_MIN_BYTES MIB

uint64_t heap_mark_bytes(const struct go_sample *s)
{
	return add_sat(s->heap_marked_bytes, add_sat(s->stack_scan_bytes, s->globals_scan_bytes));
}

uint64_t heap_nonheap_bytes(const struct go_sample *s)
{
	return sub_sat(s->mapped_ready_bytes, add_sat(s->heap_free_bytes, go_sample_heap_alloc(s)));
}

uint64_t heap_minimum(int32_t percent)
{
	/* Off is uint64(-1) there, and the product wraps: undo gives back just what was there. */
	if (percent < 0)
		return (UINT64_MAX - DEFAULT_HEAP_MINIMUM + 1) / 100;
	return mul_div(DEFAULT_HEAP_MINIMUM, (uint64_t)percent, 100);
}

uint64_t heap_percent_goal(const struct go_sample *s, int32_t percent)
{
	uint64_t goal;

	if (percent < 0)
		return UINT64_MAX;
	goal = add_sat(s->heap_marked_bytes, mul_div(heap_mark_bytes(s), (uint64_t)percent, 100));
	return MAX(goal, heap_minimum(percent));
}

static uint64_t limit_headroom(uint64_t goal, int minor)
{
	if (minor < HEADROOM_PERCENT_SINCE)
		return HEADROOM_MIN_BYTES;
	return MAX(goal / 100 * HEADROOM_PERCENT, HEADROOM_MIN_BYTES);
}

uint64_t heap_limit_goal(const struct go_sample *s, int minor, int64_t limit)
{
	uint64_t max = (uint64_t)limit, taken, goal, headroom;

	taken = add_sat(heap_nonheap_bytes(s), sub_sat(s->mapped_ready_bytes, max));
	if (taken >= max)
		return s->heap_marked_bytes;
	goal = max - taken;
	headroom = limit_headroom(goal, minor);
	if (goal < headroom || goal - headroom < headroom)
		goal = headroom;
	else
		goal -= headroom;
	return MAX(goal, s->heap_marked_bytes);
}

bool heap_goal_is_limit(const struct go_sample *s, int minor)
{
	return heap_limit_goal(s, minor, s->memory_limit_bytes) < s->gc_percent_goal_bytes;
}

uint64_t heap_goal(const struct go_sample *s, int minor)
{
	uint64_t goal = s->gc_percent_goal_bytes;

	if (heap_goal_is_limit(s, minor))
		return heap_limit_goal(s, minor, s->memory_limit_bytes);
	goal = MAX(goal, s->sweep_min_trigger_bytes);
	if (s->triggered_bytes != UINT64_MAX)
		goal = MAX(goal, add_sat(s->triggered_bytes, MIN_RUNWAY));
	return goal;
}

int32_t heap_effective_gogc(const struct go_sample *s, int minor)
{
	uint64_t marks = heap_mark_bytes(s);
	uint64_t extra = sub_sat(heap_goal(s, minor), s->heap_marked_bytes);

	if (marks == 0)
		return INT32_MAX;
	return (int32_t)MIN(mul_div(extra, 100, marks), (uint64_t)INT32_MAX);
}

uint64_t heap_limit_for(const struct go_sample *s, int minor, uint32_t percent)
{
	uint64_t want = add_sat(s->heap_marked_bytes, mul_div(heap_mark_bytes(s), percent, 100));
	uint64_t goal = add_sat(want, HEADROOM_MIN_BYTES);

	/* goal - goal / 100 x 3 >= want, with the integer division of the runtime: its rest is below 300 bytes. */
	if (minor >= HEADROOM_PERCENT_SINCE)
		goal = MAX(goal, add_sat(mul_div(want, 100, 100 - HEADROOM_PERCENT), 1));
	return add_sat(goal, heap_nonheap_bytes(s));
}
