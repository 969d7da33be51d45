/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/util.h"
#include "decide/heapmath.h"

/* A sample with these figures and nothing else: no cycle under way, GOGC 100, no soft limit. */
static struct go_sample sample_of(uint64_t marked, uint64_t roots, uint64_t alloc, uint64_t free,
				  uint64_t nonheap)
{
	struct go_sample s = {
		.gc_percent = 100,
		.memory_limit_bytes = INT64_MAX,
		.heap_minimum_bytes = 4 * MIB,
		.triggered_bytes = UINT64_MAX,
		.heap_marked_bytes = marked,
		.heap_live_bytes = alloc,
		.stack_scan_bytes = roots / 2,
		.globals_scan_bytes = roots - roots / 2,
		.total_alloc_bytes = 7 * GIB + alloc,
		.total_free_bytes = 7 * GIB,
		.heap_free_bytes = free,
		.mapped_ready_bytes = nonheap + free + alloc,
	};

	s.gc_percent_goal_bytes = heap_percent_goal(&s, s.gc_percent);
	return s;
}

/* memoryLimitHeapGoal by hand: 20 MiB are neither object nor free. 3 % is goal / 100 * 3 in whole bytes. */
struct limit_case {
	const char *name;
	int minor;
	uint64_t marked, alloc, free, limit, goal;
};

static const struct limit_case limits[] = {
	{ "1.19: the headroom is flat 1 MiB", 19, 40 * MIB, 80 * MIB, 0, 120 * MIB, 99 * MIB },
	{ "1.20: the headroom is flat 1 MiB", 20, 40 * MIB, 80 * MIB, 0, 120 * MIB, 99 * MIB },
	{ "1.21: the headroom is 3 %", 21, 40 * MIB, 80 * MIB, 0, 120 * MIB, 101711872 },
	{ "1.27: the headroom is 3 %", 27, 40 * MIB, 80 * MIB, 0, 120 * MIB, 101711872 },
	{ "1.24: below 33 MiB the headroom is 1 MiB", 24, 4 * MIB, 10 * MIB, 0, 50 * MIB,
	  29 * MIB },
	{ "free pages are not taken from the goal", 24, 40 * MIB, 60 * MIB, 20 * MIB, 120 * MIB,
	  101711872 },
	{ "what is mapped above the limit counts twice", 24, 40 * MIB, 80 * MIB, 0, 90 * MIB,
	  61027125 },
	{ "no room leaves the live heap", 24, 40 * MIB, 80 * MIB, 0, 60 * MIB, 40 * MIB },
	{ "a limit below what is not heap leaves the live heap", 24, 40 * MIB, 80 * MIB, 0,
	  10 * MIB, 40 * MIB },
	{ "the goal is never below the live heap", 24, 99 * MIB, 99 * MIB, 0, 121 * MIB, 99 * MIB },
	{ "a goal below twice the headroom is the headroom", 24, 64 * KIB, 128 * KIB, 0,
	  21 * MIB + 512 * KIB, MIB },
};

static void test_limit(void **state)
{
	const struct limit_case *c = *state;
	struct go_sample s = sample_of(c->marked, 0, c->alloc, c->free, 20 * MIB);

	assert_int_equal(heap_limit_goal(&s, c->minor, (int64_t)c->limit), c->goal);
}

/* commit() and setGCPercent(), src/runtime/mgcpacer.go. */
struct percent_case {
	const char *name;
	uint64_t marked, roots;
	int32_t percent;
	uint64_t goal;
};

static const struct percent_case percents[] = {
	{ "GOGC 100 doubles live heap and adds the roots", 100 * MIB, 10 * MIB, 100, 210 * MIB },
	{ "GOGC 30", 100 * MIB, 0, 30, 130 * MIB },
	{ "GOGC 10", 200 * MIB, 50 * MIB, 10, 225 * MIB },
	{ "GOGC off has no goal", 100 * MIB, 0, -1, UINT64_MAX },
	{ "a small heap has the minimum of 4 MiB", MIB, 0, 100, 4 * MIB },
	{ "the minimum scales with GOGC", KIB, 0, 50, 2 * MIB },
	{ "the minimum scales up with GOGC", MIB, 0, 1000, 40 * MIB },
	{ "GOGC 0 is the live heap", 5 * MIB, 0, 0, 5 * MIB },
	{ "forged figures do not wrap", UINT64_MAX - 5, UINT64_MAX / 2, 100, UINT64_MAX },
};

static void test_percent(void **state)
{
	const struct percent_case *c = *state;
	struct go_sample s = sample_of(c->marked, c->roots, c->marked, 0, 0);

	assert_int_equal(heap_percent_goal(&s, c->percent), c->goal);
}

struct minimum_case {
	const char *name;
	int32_t percent;
	uint64_t bytes;
};

static const struct minimum_case minimums[] = {
	{ "heapMinimum of GOGC 100 is 4 MiB", 100, 4 * MIB },
	{ "heapMinimum of GOGC 10 is 419430", 10, 419430 },
	{ "heapMinimum of GOGC 10000 is 400 MiB", 10000, 400 * MIB },
	/* defaultHeapMinimum * uint64(-1) / 100 wraps in setGCPercent; undo gives back just that. */
	{ "heapMinimum of GOGC off is what the runtime computes", -1,
	  UINT64_C(184467440737053573) },
};

static void test_minimum(void **state)
{
	const struct minimum_case *c = *state;

	assert_int_equal(heap_minimum(c->percent), c->bytes);
}

/*
 * The inverse over many shapes: the soft limit that heap_limit_for gives makes a goal of L + percent R, hardly more,
 * and a little less of it makes too little.
 */
struct inverse_case {
	const char *name;
	int minor;
	uint32_t percent;
};

static const struct inverse_case inverses[] = {
	{ "1.19: S_floor leaves 10 % and not 0.1 % more", 19, 10 },
	{ "1.20: S_floor leaves 10 % and not 0.1 % more", 20, 10 },
	{ "1.21: S_floor leaves 10 % and not 0.1 % more", 21, 10 },
	{ "1.22: S_floor leaves 10 % and not 0.1 % more", 22, 10 },
	{ "1.23: S_floor leaves 10 % and not 0.1 % more", 23, 10 },
	{ "1.24: S_floor leaves 10 % and not 0.1 % more", 24, 10 },
	{ "1.25: S_floor leaves 10 % and not 0.1 % more", 25, 10 },
	{ "1.26: S_floor leaves 10 % and not 0.1 % more", 26, 10 },
	{ "1.27: S_floor leaves 10 % and not 0.1 % more", 27, 10 },
	{ "1.20: the limit for 20 % leaves 20 %", 20, 20 },
	{ "1.24: the limit for 20 % leaves 20 %", 24, 20 },
	{ "1.24: the limit for 50 % leaves 50 %", 24, 50 },
};

static void check_inverse(const struct inverse_case *c, struct go_sample *s)
{
	const uint64_t roots = s->stack_scan_bytes + s->globals_scan_bytes;
	const uint64_t want =
		s->heap_marked_bytes + (s->heap_marked_bytes + roots) * c->percent / 100;
	const uint64_t limit = heap_limit_for(s, c->minor, c->percent);
	uint64_t goal;

	/* The runtime has come down to the limit: nothing is free, and what is allocated is the live heap. */
	assert_true(s->mapped_ready_bytes <= limit);
	goal = heap_limit_goal(s, c->minor, (int64_t)limit);
	assert_in_range(goal, want, MAX(want + want / 1000 + 400, MIB));
	if (want < 3 * MIB)
		return; /* the flat headroom's own steps */
	goal = heap_limit_goal(s, c->minor, (int64_t)(limit - want / 500 - KIB));
	assert_true(goal < want);
}

static void test_inverse(void **state)
{
	static const uint64_t lives[] = { 64 * KIB,	  900 * KIB, 3 * MIB,  10 * MIB,
					  29 * MIB,	  30 * MIB,  33 * MIB, 100 * MIB,
					  777 * MIB + 77, 3 * GIB,   41 * GIB };
	static const uint64_t roots[] = { 0, 64 * KIB + 3, 20 * MIB, 300 * MIB };
	static const uint64_t rests[] = { 0, 128 * KIB, 5 * MIB + 1, 139 * MIB };
	const struct inverse_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lives); i++)
		for (size_t k = 0; k < ARRAY_SIZE(roots); k++)
			for (size_t n = 0; n < ARRAY_SIZE(rests); n++) {
				struct go_sample s =
					sample_of(lives[i], roots[k], lives[i], 0, rests[n]);

				check_inverse(c, &s);
			}
}

struct goal_case {
	const char *name;
	int32_t percent;
	uint64_t limit, sweep, triggered, goal;
	bool by_limit;
	int32_t effective;
};

#define NONE UINT64_MAX

/* 100 MiB live, no roots, 10 MiB that are not heap, Go 1.20 (flat headroom). */
static const struct goal_case goals[] = {
	{ "without a limit GOGC sets the goal", 100, INT64_MAX, 0, NONE, 200 * MIB, false, 100 },
	{ "a far limit does not set the goal", 100, 400 * MIB, 0, NONE, 200 * MIB, false, 100 },
	{ "a near limit sets the goal", 100, 161 * MIB, 0, NONE, 150 * MIB, true, 50 },
	{ "GOGC off under a limit: the limit sets it", -1, 161 * MIB, 0, NONE, 150 * MIB, true,
	  50 },
	{ "a limit at the live heap leaves nothing", 100, 111 * MIB, 0, NONE, 100 * MIB, true, 0 },
	{ "sweeping holds the goal up", 100, INT64_MAX, 230 * MIB, NONE, 230 * MIB, false, 130 },
	{ "a running cycle holds the goal 64 KiB off", 100, INT64_MAX, 0, 220 * MIB,
	  220 * MIB + 64 * KIB, false, 120 },
	{ "neither holds the limit's goal up", 100, 161 * MIB, 230 * MIB, 220 * MIB, 150 * MIB,
	  true, 50 },
};

static void test_goal(void **state)
{
	const struct goal_case *c = *state;
	struct go_sample s = sample_of(100 * MIB, 0, 100 * MIB, 0, 10 * MIB);

	s.gc_percent = c->percent;
	s.gc_percent_goal_bytes = heap_percent_goal(&s, c->percent);
	s.memory_limit_bytes = (int64_t)c->limit;
	s.sweep_min_trigger_bytes = c->sweep;
	s.triggered_bytes = c->triggered;
	assert_int_equal(heap_goal(&s, 20), c->goal);
	assert_int_equal(heap_goal_is_limit(&s, 20), c->by_limit);
	assert_int_equal(heap_effective_gogc(&s, 20), c->effective);
}

static void test_nothing_marked(void **state)
{
	struct go_sample s = sample_of(0, 0, 0, 0, 0);

	(void)state;
	assert_int_equal(heap_effective_gogc(&s, 24), INT32_MAX);
	assert_int_equal(heap_nonheap_bytes(&s), 0);
}

static void test_torn(void **state)
{
	struct go_sample s = sample_of(100 * MIB, 0, 100 * MIB, 50 * MIB, 0);

	(void)state;
	/* The three figures are read at three moments: their difference can be negative for a while. */
	s.mapped_ready_bytes = 120 * MIB;
	assert_int_equal(heap_nonheap_bytes(&s), 0);
	s.total_free_bytes = s.total_alloc_bytes + 1;
	assert_int_equal(go_sample_heap_alloc(&s), 0);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a runtime that has marked nothing has no effective GOGC", test_nothing_marked),
	SUITE_TEST("figures of two moments do not wrap", test_torn),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_limit, limits);
	SUITE_TABLE(&s, test_percent, percents);
	SUITE_TABLE(&s, test_minimum, minimums);
	SUITE_TABLE(&s, test_inverse, inverses);
	SUITE_TABLE(&s, test_goal, goals);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "heapmath");
}
