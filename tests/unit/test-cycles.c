/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/util.h"
#include "sense/cycles.h"

/* What the probes of one process tell, in order, and what comes of it. */
struct heard {
	enum event_kind kind;
	uint64_t at_ns, value;
	uint32_t num_gc;
};

struct cycle_case {
	const char *name;
	struct heard heard[16];
	struct {
		enum timeline_kind kind;
		uint32_t num_gc, pauses;
		uint64_t pause_ns, at_ns, duration_ns;
		enum timeline_trigger trigger;
		bool estimate;
	} wanted[4];
};

#define GC(n, pauses, ns, at, took, trigger)                                                       \
	{                                                                                          \
		TIMELINE_GC, n, pauses, ns, at, took, trigger, false                               \
	}

static const struct cycle_case cases[] = {
	{ "a cycle is its two pauses, and counts when NumGC has risen (1.22)",
	  { { EVENT_GC_START, 1000, 0, 4 },
	    { EVENT_PAUSE_GC, 1100, 50, 4 },
	    { EVENT_PAUSE_GC, 3000, 70, 5 } },
	  { GC(5, 2, 120, 1050, 1950, TRIGGER_HEAP) } },
	{ "the next one begins where the first was heard to its end",
	  { { EVENT_GC_START, 1000, 0, 4 },
	    { EVENT_PAUSE_GC, 1100, 50, 4 },
	    { EVENT_PAUSE_GC, 3000, 70, 5 },
	    { EVENT_GC_START, 5000, 2, 5 },
	    { EVENT_PAUSE_GC, 5100, 10, 5 },
	    { EVENT_PAUSE_GC, 6000, 20, 6 } },
	  { GC(5, 2, 120, 1050, 1950, TRIGGER_HEAP), GC(6, 2, 30, 5090, 910, TRIGGER_FORCED) } },
	{ "a mark that had to go on adds a third pause",
	  { { EVENT_GC_START, 1000, 1, 4 },
	    { EVENT_PAUSE_GC, 1100, 50, 4 },
	    { EVENT_PAUSE_GC, 2000, 5, 4 },
	    { EVENT_PAUSE_GC, 3000, 70, 5 } },
	  { GC(5, 3, 125, 1050, 1950, TRIGGER_TIME) } },
	{ "to 1.21 the last pause is told as such, before NumGC rises",
	  { { EVENT_GC_START, 1000, 0, 4 },
	    { EVENT_PAUSE_GC, 1100, 50, 4 },
	    { EVENT_PAUSE_GC_LAST, 3000, 70, 4 },
	    { EVENT_GC_START, 5000, 0, 5 },
	    { EVENT_PAUSE_GC, 5100, 10, 5 },
	    { EVENT_PAUSE_GC_LAST, 6000, 20, 5 } },
	  { GC(5, 2, 120, 1050, 1950, TRIGGER_HEAP), GC(6, 2, 30, 5090, 910, TRIGGER_HEAP) } },
	{ "a cycle whose beginning was not heard is left out",
	  { { EVENT_PAUSE_GC, 1100, 50, 5 },
	    { EVENT_GC_START, 5000, 0, 5 },
	    { EVENT_PAUSE_GC, 5100, 10, 5 },
	    { EVENT_PAUSE_GC, 6000, 20, 6 } },
	  { GC(6, 2, 30, 5090, 910, TRIGGER_HEAP) } },
	{ "gcStart that finds nothing to do makes no cycle",
	  { { EVENT_GC_START, 1000, 0, 4 }, { EVENT_GC_START, 1001, 0, 4 } },
	  { { 0 } } },
	{ "another stop of the world is a pause of its own",
	  { { EVENT_STOPPING_OTHER, 1000, 3, 4 }, { EVENT_PAUSE_OTHER, 1100, 50, 4 } },
	  { { TIMELINE_PAUSE, 0, 0, 0, 1050, 50, 0, false } } },
	{ "with 1.19 a pause is from stop to start, and an estimate",
	  { { EVENT_GC_START, 1000, 0, 4 },
	    { EVENT_STOP_WORLD, 1100, 0, 4 },
	    { EVENT_START_WORLD, 1150, 0, 4 },
	    { EVENT_STOP_WORLD, 3000, 0, 4 },
	    { EVENT_START_WORLD, 3070, 0, 5 } },
	  { { TIMELINE_GC, 5, 2, 120, 1100, 1970, TRIGGER_HEAP, true } } },
	{ "with 1.19 a stop outside of a cycle is a pause of its own",
	  { { EVENT_STOP_WORLD, 1100, 0, 4 }, { EVENT_START_WORLD, 1150, 0, 4 } },
	  { { TIMELINE_PAUSE, 0, 0, 0, 1100, 50, 0, false } } },
	{ "a trigger that no Go knows is unknown",
	  { { EVENT_GC_START, 1000, 77, 4 },
	    { EVENT_PAUSE_GC, 1100, 50, 4 },
	    { EVENT_PAUSE_GC, 3000, 70, 5 } },
	  { GC(5, 2, 120, 1050, 1950, TRIGGER_UNKNOWN) } },
	{ "a pause longer than the clock has run begins at its zero",
	  { { EVENT_PAUSE_OTHER, 100, UINT64_MAX, 4 } },
	  { { TIMELINE_PAUSE, 0, 0, 0, 0, UINT64_MAX, 0, false } } },
};

static void test_case(void **state)
{
	const struct cycle_case *c = *state;
	struct cycles cycles = { 0 };
	struct timeline_entry e;
	size_t got = 0;

	for (size_t i = 0; i < ARRAY_SIZE(c->heard) && c->heard[i].at_ns; i++) {
		const struct event event = { .kind = c->heard[i].kind,
					     .pid = 77,
					     .at_ns = c->heard[i].at_ns,
					     .value = c->heard[i].value,
					     .num_gc = c->heard[i].num_gc };

		if (!cycles_feed(&cycles, &event, &e))
			continue;
		assert_true(got < ARRAY_SIZE(c->wanted));
		assert_int_equal(e.kind, c->wanted[got].kind);
		assert_int_equal(e.pid, 77);
		assert_int_equal(e.at_ns, c->wanted[got].at_ns);
		assert_int_equal(e.duration_ns, c->wanted[got].duration_ns);
		if (e.kind == TIMELINE_GC) {
			assert_int_equal(e.gc.num_gc, c->wanted[got].num_gc);
			assert_int_equal(e.gc.pauses, c->wanted[got].pauses);
			assert_int_equal(e.gc.pause_ns, c->wanted[got].pause_ns);
			assert_int_equal(e.gc.trigger, c->wanted[got].trigger);
			assert_int_equal(e.gc.estimate, c->wanted[got].estimate);
		}
		got++;
	}
	assert_true(got == ARRAY_SIZE(c->wanted) || c->wanted[got].at_ns == 0);
	assert_true(got == 0 || c->wanted[got - 1].kind == e.kind);
}

/* Events are a hostile process's: whatever comes, nothing but its own entries is nonsense. */
static void test_nonsense(void **state)
{
	struct cycles cycles = { 0 };
	struct timeline_entry e;
	uint64_t seed = 42;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct event event = { .kind = (uint32_t)(suite_random(&seed) % EVENT_KIND_MAX_),
				       .at_ns = suite_random(&seed),
				       .value = suite_random(&seed),
				       .num_gc = (uint32_t)(suite_random(&seed) % 4),
				       .total_alloc = suite_random(&seed) };

		if (cycles_feed(&cycles, &event, &e))
			assert_true(e.kind == TIMELINE_GC || e.kind == TIMELINE_PAUSE);
	}
}

static void test_timeline_keeps_the_last(void **state)
{
	struct timeline t = { 0 };

	(void)state;
	assert_null(timeline_get(&t, 0));
	for (uint64_t i = 0; i < TIMELINE_MAX + 10; i++)
		timeline_add(&t,
			     &(const struct timeline_entry){ .kind = TIMELINE_EXIT, .at_ns = i });
	assert_int_equal(t.dropped, 10);
	for (uint32_t i = 0; i < TIMELINE_MAX; i++)
		assert_int_equal(timeline_get(&t, i)->at_ns, i + 10);
	assert_null(timeline_get(&t, TIMELINE_MAX));
	timeline_done(&t);
	assert_null(timeline_get(&t, 0));
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		SUITE_TEST("nonsense does no harm", test_nonsense),
		SUITE_TEST("a time line keeps its last entries and counts the others",
			   test_timeline_keeps_the_last),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_case, cases);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "cycles");
}
