/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/namespace_share.h"
#include "decide/snapshot.h"

#define NONE BYTES_UNLIMITED

/* Two, and what the first may have of @total in the end. MiB, permille. */
struct two_case {
	const char *name;
	uint64_t total;
	struct share_member first, second;
	uint64_t part;
};

static const struct two_case two[] = {
	{ "alike, each gets half",
	  400,
	  { .needs = 100, .cap = NONE, .cpu_permille = 100 },
	  { .needs = 100, .cap = NONE, .cpu_permille = 100 },
	  200 },
	{ "four times the CPU is twice the extra heap",
	  500,
	  { .needs = 100, .cap = NONE, .cpu_permille = 400 },
	  { .needs = 100, .cap = NONE, .cpu_permille = 100 },
	  300 },
	{ "four times the live data is twice the extra heap",
	  800,
	  { .needs = 400, .cap = NONE, .cpu_permille = 100 },
	  { .needs = 100, .cap = NONE, .cpu_permille = 100 },
	  600 },
	{ "who sleeps keeps what it needs and some more",
	  500,
	  { .needs = 100, .cap = NONE, .cpu_permille = 0 },
	  { .needs = 100, .cap = NONE, .cpu_permille = 1000 },
	  127 },
	{ "what its own limit keeps from one, the other gets",
	  500,
	  { .needs = 100, .cap = NONE, .cpu_permille = 100 },
	  { .needs = 100, .cap = 120, .cpu_permille = 900 },
	  380 },
	{ "never less than was requested",
	  300,
	  { .needs = 50, .requested = 200, .cap = NONE, .cpu_permille = 100 },
	  { .needs = 100, .cap = NONE, .cpu_permille = 900 },
	  200 },
	{ "needs that are more than there is are kept",
	  150,
	  { .needs = 100, .cap = NONE, .cpu_permille = 100 },
	  { .needs = 100, .cap = NONE, .cpu_permille = 900 },
	  100 },
	{ "both at their limits leave the rest",
	  1000,
	  { .needs = 100, .cap = 150, .cpu_permille = 100 },
	  { .needs = 100, .cap = 120, .cpu_permille = 900 },
	  150 },
};

static void scale(struct share_member *m)
{
	m->needs *= MIB;
	m->requested *= MIB;
	if (m->cap != NONE)
		m->cap *= MIB;
}

static void test_two(void **state)
{
	const struct two_case *c = *state;
	struct share_member m[] = { c->first, c->second };

	scale(&m[0]);
	scale(&m[1]);
	assert_in_range(namespace_share(c->total * MIB, m, ARRAY_SIZE(m), 0),
			c->part * MIB - MIB / 2, c->part * MIB + MIB / 2);
}

static uint64_t random_below(uint64_t *seed, uint64_t n)
{
	return suite_random(seed) % n;
}

static size_t random_members(uint64_t *seed, struct share_member m[8])
{
	const size_t n = 2 + random_below(seed, 7);

	for (size_t i = 0; i < n; i++)
		m[i] = (struct share_member){
			.needs = MIB + random_below(seed, 500 * MIB),
			.cap = NONE,
			.cpu_permille = 10 + (uint32_t)random_below(seed, 2000),
		};
	return n;
}

/* Marking a second: what is allocated of what may be, times what each collection marks. */
static double marking(const struct share_member *m, double part)
{
	return (double)m->needs * m->cpu_permille / (part - (double)m->needs);
}

/* All is handed out, and equal extra heap, or extra heap by size as one GOGC gives it, costs no less. */
static void test_best(void **state)
{
	struct share_member m[8];
	uint64_t seed = 3;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		const size_t n = random_members(&seed, m);
		const double extra = (double)(MIB + random_below(&seed, 2000 * MIB));
		double ours = 0, equal = 0, by_size = 0, needs = 0, sum = 0;

		for (size_t i = 0; i < n; i++)
			needs += (double)m[i].needs;
		for (size_t i = 0; i < n; i++) {
			const double part =
				(double)namespace_share((uint64_t)(needs + extra), m, n, i);

			sum += part;
			ours += marking(&m[i], part);
			equal += marking(&m[i], (double)m[i].needs + extra / (double)n);
			by_size += marking(&m[i], (double)m[i].needs * (1 + extra / needs));
		}
		assert_true(sum <= needs + extra && sum >= needs + extra - (double)MIB / 2);
		assert_true(ours <= equal * 1.001 && ours <= by_size * 1.001);
	}
}

/* Each uses what it was given, in any order, and needs and CPU time change: the sum never rises above the total. */
static void test_steps(void **state)
{
	struct share_member m[8];
	uint64_t seed = 5;

	(void)state;
	for (int round = 0; round < 500; round++) {
		const size_t n = random_members(&seed, m);
		uint64_t total = random_below(&seed, 1000 * MIB), before = 0;

		for (size_t i = 0; i < n; i++) {
			m[i].used = m[i].needs + random_below(&seed, m[i].needs);
			total += m[i].needs;
			before += m[i].used;
		}
		for (int step = 0; step < 200; step++) {
			const size_t i = random_below(&seed, n);
			const uint64_t want = namespace_share(total, m, n, i), given = m[i].given;
			uint64_t sum = 0;

			m[i].given = namespace_share_step(total, m, n, i, want);
			if (given)
				assert_in_range(m[i].given, given - given / 4, given + given / 4);
			m[i].used = m[i].needs + random_below(&seed, m[i].given - m[i].needs + 1);
			m[i].cpu_permille = (uint32_t)random_below(&seed, 2000);
			for (size_t k = 0; k < n; k++)
				sum += MAX(m[k].used, m[k].given);
			assert_true(sum <= MAX(total, before));
			before = sum;
		}
	}
}

/* While nothing changes it comes to rest where namespace_share says. */
static void test_settles(void **state)
{
	struct share_member m[] = {
		{ .needs = 100 * MIB, .cap = NONE, .cpu_permille = 900, .used = 190 * MIB },
		{ .needs = 200 * MIB, .cap = NONE, .cpu_permille = 50, .used = 390 * MIB },
	};

	(void)state;
	for (int step = 0; step < 30; step++)
		for (size_t i = 0; i < ARRAY_SIZE(m); i++) {
			m[i].given = namespace_share_step(
				500 * MIB, m, ARRAY_SIZE(m), i,
				namespace_share(500 * MIB, m, ARRAY_SIZE(m), i));
			m[i].used = MIN(m[i].used, m[i].given);
		}
	assert_true(m[0].given + m[1].given <= 500 * MIB);
	assert_in_range(m[0].given, 220 * MIB, 255 * MIB); /* 200 MiB extra, 3 to 1 */
	assert_in_range(m[1].given, 245 * MIB, 280 * MIB);
	/* A little more CPU time moves nothing. */
	m[1].cpu_permille = 60;
	for (size_t i = 0; i < ARRAY_SIZE(m); i++)
		assert_int_equal(
			namespace_share_step(500 * MIB, m, ARRAY_SIZE(m), i,
					     namespace_share(500 * MIB, m, ARRAY_SIZE(m), i)),
			m[i].given);
}

static void test_watch(void **state)
{
	struct share_watch w = { 0 };
	usec_t now = USEC_MIN;

	(void)state;
	assert_int_equal(share_watch_least(&w), 0);
	share_watch_note(&w, 300, 0, now);
	assert_int_equal(share_watch_least(&w), 300);
	/* A sawtooth from 100 to 200, at a quarter of a CPU. */
	for (int i = 0; i < 600; i++) {
		now += USEC_SEC;
		share_watch_note(&w, 100 + (uint64_t)i % 10 * 10, (uint64_t)(i + 1) * 250000, now);
	}
	assert_int_equal(share_watch_least(&w), 100);
	assert_in_range(share_watch_cpu_permille(&w), 248, 250);
	/* What it has come to need counts after both windows. */
	for (int i = 0; i < 241; i++) {
		now += USEC_SEC;
		share_watch_note(&w, 500, w.cpu_us, now);
	}
	assert_int_equal(share_watch_least(&w), 500);
	assert_in_range(share_watch_cpu_permille(&w), 0, 10);
	/* Counters that go backwards, and a clock that stands still, change nothing but the least. */
	share_watch_note(&w, 400, 0, now);
	share_watch_note(&w, 400, 0, now + 1);
	assert_int_equal(share_watch_least(&w), 400);
	assert_in_range(share_watch_cpu_permille(&w), 0, 10);
}

/* What a soft limit has of that, as decide_context has it. */
static uint64_t limit_of(uint64_t part, uint64_t nongo, uint64_t margin)
{
	return sub_sat(mul_div(part, SAFE_PERMILLE, 1000), add_sat(nongo, margin));
}

static void test_least(void **state)
{
	static const uint64_t live[] = { 2, 10, 50, 400, 4000 };
	const uint64_t nongo = 3 * MIB, margin = 8 * MIB;

	(void)state;
	/* Who has just collected uses what lives, and keeps its limit. */
	for (size_t i = 0; i < ARRAY_SIZE(live); i++) {
		const struct go_sample s = { .heap_marked_bytes = live[i] * MIB };
		const uint64_t floor = heap_limit_floor(&s, 24);
		const uint64_t part =
			namespace_share_least(floor, nongo, margin, live[i] * MIB + nongo);

		assert_true(limit_of(part, nongo, margin) > floor + floor / 20);
	}
	/* Who says that it has a thousand times as much is not believed. */
	assert_in_range(limit_of(namespace_share_least(50000 * MIB, nongo, margin, 50 * MIB), nongo,
				 margin),
			74 * MIB, 75 * MIB);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("no other division marks less", test_best),
		SUITE_TEST("the sum never rises above the total, whoever steps when", test_steps),
		SUITE_TEST("it comes to rest", test_settles),
		SUITE_TEST("the least of two windows, and CPU time", test_watch),
		SUITE_TEST("soft limits fit right after a collection, whatever is claimed",
			   test_least),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_two, two);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "namespace_share");
}
