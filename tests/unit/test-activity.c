/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/util.h"
#include "sense/activity.h"

/* A program by what it does in a second, looked at every @every. */
struct program {
	uint64_t cycles_per_minute, gc_cpu_ms, cpu_ms, alloc_mib, created;
	uint64_t pause_us;
	int64_t goroutines;
	bool silent; /* its runtime does not tell what collecting costs: each cycle marks for 2 ms */
};

struct simulation {
	struct program program;
	struct activity activity;
	usec_t now;
	uint64_t num_gc;
	uint32_t fed_num_gc;
};

/* Goes on to @at, and looks. */
static void look_at(struct simulation *sim, usec_t at)
{
	const struct program *p = &sim->program;
	struct go_sample s = { .goroutines = p->goroutines, .mark_work_ns = 2000000 };
	struct go_pulse pulse = { .goroutines_created = (int64_t)(p->created * at / USEC_SEC) };
	const struct activity_look look = {
		.at = at, .sample = &s, .pulse = &pulse, .cpu_ns = p->cpu_ms * at
	};

	s.num_gc = (uint32_t)(p->cycles_per_minute * at / USEC_MIN);
	s.total_alloc_bytes = p->alloc_mib * MIB * (at / USEC_MSEC) / 1000;
	pulse.gc_cpu_ns = p->silent ? -1 : (int64_t)(p->gc_cpu_ms * at);
	for (uint32_t n = sim->fed_num_gc; sim->activity.n && n < s.num_gc; n++) {
		if (pulse.pauses == PULSE_PAUSES_MAX)
			pulse.pauses_missed++;
		else
			histogram_small_add(&pulse.pause, p->pause_us * 1000 * (n % 2 + 1));
		pulse.pauses += pulse.pauses < PULSE_PAUSES_MAX;
	}
	sim->fed_num_gc = s.num_gc;
	activity_feed(&sim->activity, &look);
}

static void run(struct simulation *sim, usec_t until, usec_t every)
{
	for (; sim->now <= until; sim->now += every)
		look_at(sim, sim->now);
}

struct run_case {
	const char *name;
	struct program program;
	usec_t until, every, window;
	usec_t over_least, over_most;
};

#define BUSY                                                                                       \
	{                                                                                          \
		600, 150, 900, 64, 20, 100, 12, false                                              \
	}
#define QUIET                                                                                      \
	{                                                                                          \
		1, 1, 5, 1, 0, 50, 3, false                                                        \
	}

static const struct run_case runs[] = {
	{ "ten seconds of a busy program", BUSY, 120 * USEC_SEC, USEC_SEC, ACTIVITY_SHORT,
	  10 * USEC_SEC, 20 * USEC_SEC },
	{ "a minute of a busy program", BUSY, 300 * USEC_SEC, USEC_SEC, ACTIVITY_LONG, USEC_MIN,
	  70 * USEC_SEC },
	{ "a minute, looked at twenty times a second", BUSY, 200 * USEC_SEC, USEC_SEC / 20,
	  ACTIVITY_LONG, USEC_MIN, 71 * USEC_SEC },
	{ "a minute, looked at every ten seconds", BUSY, 300 * USEC_SEC, 10 * USEC_SEC,
	  ACTIVITY_LONG, USEC_MIN, 70 * USEC_SEC },
	{ "looks far apart are their own time", BUSY, 300 * USEC_SEC, 25 * USEC_SEC, ACTIVITY_SHORT,
	  25 * USEC_SEC, 25 * USEC_SEC },
	{ "a young program is told of since it was found", BUSY, 4 * USEC_SEC, USEC_SEC,
	  ACTIVITY_LONG, 4 * USEC_SEC, 4 * USEC_SEC },
	{ "one collection a minute", QUIET, 600 * USEC_SEC, USEC_SEC, ACTIVITY_LONG, USEC_MIN,
	  70 * USEC_SEC },
};

static void near(uint64_t got, uint64_t want, uint64_t slack)
{
	assert_in_range(got, sub_sat(want, slack), want + slack);
}

static void test_run(void **state)
{
	const struct run_case *c = *state;
	const struct program *p = &c->program;
	struct simulation sim = { .program = *p };
	struct activity_figures f;

	run(&sim, c->until, c->every);
	f = activity_over(&sim.activity, c->window);
	assert_in_range(f.over_usec, c->over_least, c->over_most);
	/* One more or less than a window's share is where it begins. */
	near(f.gc_per_minute_milli, p->cycles_per_minute * 1000, 1000 * USEC_MIN / f.over_usec);
	near(f.gc_cpu_ns_per_second, p->gc_cpu_ms * 1000000, 1000);
	near(f.cpu_ns_per_second, p->cpu_ms * 1000000, 1000);
	near(f.alloc_bytes_per_second, p->alloc_mib * MIB, 4096);
	near((uint64_t)f.created_per_second_milli, p->created * 1000, 1000);
	assert_false(f.gc_cpu_estimate);
	assert_int_equal(sim.activity.goroutines, p->goroutines);
	assert_int_equal(f.pauses_missed + histogram_n(&f.pause), f.gc_cycles);
	assert_int_equal(activity_gc_share_permille(&f), p->gc_cpu_ms * 1000 / p->cpu_ms);
	if (f.gc_cycles > 1)
		assert_int_equal(f.pause.max_ns, p->pause_us * 2000);
}

static void test_too_soon(void **state)
{
	struct simulation sim = { .program = BUSY };

	(void)state;
	assert_int_equal(activity_over(&sim.activity, ACTIVITY_SHORT).over_usec, 0);
	look_at(&sim, USEC_SEC);
	assert_int_equal(activity_over(&sim.activity, ACTIVITY_SHORT).over_usec, 0);
	look_at(&sim, USEC_SEC + 900 * USEC_MSEC);
	assert_int_equal(activity_over(&sim.activity, ACTIVITY_SHORT).over_usec, 0);
	assert_int_equal(activity_over(&sim.activity, ACTIVITY_SHORT).created_per_second_milli, -1);
	look_at(&sim, 2 * USEC_SEC);
	assert_int_equal(activity_over(&sim.activity, ACTIVITY_SHORT).over_usec, USEC_SEC);
}

static void test_estimate(void **state)
{
	struct simulation sim = { .program = BUSY };
	struct activity_figures f;

	(void)state;
	sim.program.silent = true;
	run(&sim, 120 * USEC_SEC, USEC_SEC);
	f = activity_over(&sim.activity, ACTIVITY_LONG);
	assert_true(f.gc_cpu_estimate);
	near(f.gc_cpu_ns_per_second, 10 * 2000000, 2000000);
	/* Its runtime tells from now on: what was estimated is no part of it. */
	sim.program.silent = false;
	look_at(&sim, 121 * USEC_SEC);
	look_at(&sim, 125 * USEC_SEC);
	f = activity_over(&sim.activity, ACTIVITY_LONG);
	assert_false(f.gc_cpu_estimate);
	assert_int_equal(f.over_usec, 4 * USEC_SEC);
	near(f.gc_cpu_ns_per_second, 150000000, 1000);
}

static void test_momentarily_unknown(void **state)
{
	struct simulation sim = { .program = BUSY };
	struct activity_figures f;

	(void)state;
	run(&sim, 30 * USEC_SEC, USEC_SEC);
	sim.program.silent = true;
	look_at(&sim, 31 * USEC_SEC);
	sim.program.silent = false;
	look_at(&sim, 32 * USEC_SEC);
	f = activity_over(&sim.activity, ACTIVITY_LONG);
	assert_false(f.gc_cpu_estimate);
	assert_int_equal(f.over_usec, 32 * USEC_SEC);
	near(f.gc_cpu_ns_per_second, 150000000, 1000);
}

static void test_back_in_time(void **state)
{
	struct simulation sim = { .program = BUSY };

	(void)state;
	run(&sim, 30 * USEC_SEC, USEC_SEC);
	look_at(&sim, 12 * USEC_SEC);
	assert_int_equal(sim.activity.last.at, 30 * USEC_SEC);
}

/* Figures that fall: another's memory, or forged. Nothing of it may be huge. */
static void test_falling(void **state)
{
	struct simulation sim = { .program = BUSY };
	struct activity_figures f;

	(void)state;
	look_at(&sim, 50 * USEC_SEC);
	sim.program = (struct program){ .cycles_per_minute = 600 };
	look_at(&sim, 60 * USEC_SEC);
	f = activity_over(&sim.activity, ACTIVITY_SHORT);
	assert_true(!f.alloc_bytes_per_second && !f.gc_cpu_ns_per_second && !f.cpu_ns_per_second);
	assert_int_equal(f.created_per_second_milli, -1);
	assert_int_equal(activity_gc_share_permille(&f), 0);
}

static void test_goroutines_not_asked(void **state)
{
	struct simulation sim = { .program = BUSY };

	(void)state;
	look_at(&sim, USEC_SEC);
	sim.program.goroutines = -1;
	look_at(&sim, 2 * USEC_SEC);
	assert_int_equal(sim.activity.goroutines, 12);
}

static void test_add(void **state)
{
	struct simulation busy = { .program = BUSY }, quiet = { .program = QUIET };
	const struct activity_figures none = { .created_per_second_milli = -1 };
	struct activity_figures sum = { 0 }, f;

	(void)state;
	run(&busy, 120 * USEC_SEC, USEC_SEC);
	run(&quiet, 30 * USEC_SEC, USEC_SEC);
	f = activity_over(&busy.activity, ACTIVITY_LONG);
	activity_add(&sum, &none);
	assert_int_equal(sum.over_usec, 0);
	activity_add(&sum, &f);
	assert_memory_equal(&sum.pause, &f.pause, sizeof(f.pause));
	assert_int_equal(sum.created_per_second_milli, f.created_per_second_milli);
	f = activity_over(&quiet.activity, ACTIVITY_LONG);
	activity_add(&sum, &f);
	near(sum.cpu_ns_per_second, 905 * UINT64_C(1000000), 2000);
	near((uint64_t)sum.created_per_second_milli, 20000, 1000);
	assert_in_range(sum.over_usec, USEC_MIN, 70 * USEC_SEC);
	f.created_per_second_milli = -1;
	activity_add(&sum, &f);
	near((uint64_t)sum.created_per_second_milli, 20000, 1000);
}

static void test_add_largest(void **state)
{
	const struct activity_figures of = { .over_usec = USEC_MIN,
					     .created_per_second_milli = INT64_MAX,
					     .gc_cpu_ns_per_second = UINT64_MAX,
					     .alloc_bytes_per_second = UINT64_MAX };
	struct activity_figures sum = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		activity_add(&sum, &of);
	assert_true(sum.created_per_second_milli == INT64_MAX);
	assert_true(sum.gc_cpu_ns_per_second == UINT64_MAX);
	assert_true(sum.alloc_bytes_per_second == UINT64_MAX);
}

/* Hundred processes of a host are to cost a hundred kilobytes or so. */
_Static_assert(sizeof(struct activity) <= 1400, "little is kept of each process");

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("less than a second tells nothing", test_too_soon),
		SUITE_TEST("marking alone is an estimate", test_estimate),
		SUITE_TEST("a figure that is unknown for a moment is no gap",
			   test_momentarily_unknown),
		SUITE_TEST("a look of before is left out", test_back_in_time),
		SUITE_TEST("counters that fall are nothing", test_falling),
		SUITE_TEST("goroutines are as when they were last asked for",
			   test_goroutines_not_asked),
		SUITE_TEST("processes add up", test_add),
		SUITE_TEST("the largest figures of two processes stay the largest",
			   test_add_largest),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_run, runs);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "activity");
}
