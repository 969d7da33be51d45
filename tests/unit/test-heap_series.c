/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/series.h"

#include <errno.h>
#include <string.h>

#define UNSEEN	 UINT64_MAX
#define NO_SLOPE 0

/* One site's bytes in use in MiB, a profile a minute and two collections. */
struct slope_case {
	const char *name;
	uint64_t mib[12];
	size_t n;
	int64_t slope_mib; /* a minute */
	uint32_t points, cycles, rises, falls;
};

static const struct slope_case slopes[] = {
	{ "one point has no slope", { 7 }, 1, NO_SLOPE, 1, 0, 0, 0 },
	{ "two points have one", { 7, 9 }, 2, 2, 2, 2, 1, 0 },
	{ "what stays is level", { 8, 8, 8, 8 }, 4, 0, 4, 6, 0, 0 },
	{ "what grows evenly has its slope", { 10, 13, 16, 19, 22 }, 5, 3, 5, 8, 4, 0 },
	{ "what shrinks has one below 0", { 22, 19, 16, 13, 10 }, 5, -3, 5, 8, 0, 4 },
	{ "one outlier does not bend it", { 10, 12, 14, 90, 18, 20, 22 }, 7, 2, 7, 12, 5, 1 },
	{ "a sawtooth is level", { 10, 30, 10, 30, 10, 30, 10 }, 7, 0, 7, 12, 3, 3 },
	{ "a late step is not growth",
	  { 10, 10, 10, 10, 10, 10, 10, 10, 10, 50, 50, 50 },
	  12,
	  0,
	  12,
	  22,
	  1,
	  0 },
	{ "what is not among the biggest is not 0",
	  { 10, UNSEEN, 14, UNSEEN, 18 },
	  5,
	  2,
	  3,
	  8,
	  2,
	  0 },
	{ "what comes late counts from there", { UNSEEN, UNSEEN, 4, 9, 14 }, 5, 5, 3, 4, 2, 0 },
	{ "what falls out keeps what it had", { 4, 9, 14, UNSEEN, UNSEEN }, 5, 5, 3, 4, 2, 0 },
};

static void test_slope(void **state)
{
	const struct slope_case *c = *state;
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct heap_growth g;

	for (size_t i = 0; i < c->n; i++) {
		const struct profile_figures f = {
			.cause = 5,
			.figures = { .inuse_bytes = c->mib[i] * MIB, .alloc_bytes = GIB },
		};

		assert_int_equal(series_add(s, (uint32_t)(3 + 2 * i), START + i * USEC_MIN, &f,
					    c->mib[i] != UNSEEN),
				 0);
	}
	g = of_site(s, GIB);
	assert_int_equal(g.slope_bytes_per_min, c->slope_mib * (int64_t)MIB);
	assert_int_equal(g.points, c->points);
	assert_int_equal(g.cycles, c->cycles);
	assert_int_equal(g.rises, c->rises);
	assert_int_equal(g.falls, c->falls);
	assert_int_equal(g.seen_last, c->mib[c->n - 1] != UNSEEN);
}

static struct profile_figures mib(uint64_t cause, uint64_t inuse, uint64_t alloc)
{
	return (struct profile_figures){ .cause = cause,
					 .figures = { .inuse_bytes = inuse * MIB,
						      .alloc_bytes = alloc * MIB } };
}

static struct heap_series_info info_of(const struct heap_series *s)
{
	struct heap_series_info info;

	heap_series_info(s, &info);
	return info;
}

static void test_order(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct heap_growth g[HEAP_SERIES_CAUSES];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		const struct profile_figures f[] = { mib(1, 500, 900 + 100 * i),
						     mib(2, 1 + i, 1 + i), mib(3, 40 - i, 40),
						     mib(4, 600, 600) };

		series_add(s, i, START + i * USEC_MIN, f, ARRAY_SIZE(f));
	}
	assert_int_equal(heap_series_growth(s, g), 4);
	assert_int_equal(g[0].slope_bytes_per_min, MIB);
	assert_int_equal(g[0].inuse_bytes, 4 * MIB);
	assert_int_equal(g[1].inuse_bytes, 600 * MIB); /* of those that are level the biggest */
	assert_int_equal(g[2].inuse_bytes, 500 * MIB);
	assert_int_equal(g[2].alloc_bytes_per_min, 100 * MIB);
	assert_int_equal(g[3].slope_bytes_per_min, -(int64_t)MIB);
}

static void test_same_cycle(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures f = mib(1, 1, 1);

	(void)state;
	assert_int_equal(series_add(s, 7, START, &f, 1), 0);
	assert_int_equal(series_add(s, 7, START + USEC_MIN, &f, 1), HEAP_SERIES_SAME);
	assert_int_equal(info_of(s).points, 1);
	assert_int_equal(series_add(s, 8, START + USEC_MIN, &f, 1), 0);
	assert_int_equal(info_of(s).cycles, 1);
	assert_int_equal(info_of(s).span, USEC_MIN);
}

static void test_wrap(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures f = mib(1, 1, 1);

	(void)state;
	assert_int_equal(series_add(s, UINT32_MAX - 1, START, &f, 1), 0);
	assert_int_equal(series_add(s, 3, START + USEC_MIN, &f, 1), 0);
	assert_int_equal(info_of(s).points, 2);
	assert_int_equal(info_of(s).cycles, 5);
	assert_int_equal(info_of(s).restarts, 0);
	assert_int_equal(of_site(s, MIB).cycles, 5);
}

static void test_restart(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures before = mib(1, 900, 5000), after = mib(2, 1, 1);

	(void)state;
	series_add(s, 500, START, &before, 1);
	series_add(s, 600, START + USEC_MIN, &before, 1);
	series_add(s, 2, START + 2 * USEC_MIN, &after, 1);
	assert_int_equal(info_of(s).points, 1);
	assert_int_equal(info_of(s).causes, 1);
	assert_int_equal(info_of(s).restarts, 1);
	assert_int_equal(of_site(s, MIB).points, 1);
}

static void test_count_goes_back(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures f[] = { mib(1, 100, 1000), mib(2, 5, 50) };
	const struct profile_figures less[] = { mib(1, 10, 20), mib(2, 5, 60) };

	(void)state;
	series_add(s, 1, START, f, 2);
	series_add(s, 2, START + USEC_MIN, f, 2);
	series_add(s, 3, START + 2 * USEC_MIN, less, 2);
	assert_int_equal(of_site(s, 20 * MIB).points, 1);
	assert_int_equal(of_site(s, 20 * MIB).slope_bytes_per_min, 0);
	assert_int_equal(of_site(s, 60 * MIB).points, 3);
}

static void test_caps(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct profile_figures f[2 * HEAP_SERIES_CAUSES];

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = mib(i + 1, i, 1000 + i);
	assert_int_equal(series_add(s, 1, START, f, ARRAY_SIZE(f)), 0);
	assert_int_equal(info_of(s).causes, HEAP_SERIES_CAUSES);
	assert_int_equal(info_of(s).left_out, HEAP_SERIES_CAUSES);
	for (uint32_t i = 0; i < 5 * HEAP_SERIES_POINTS; i++)
		series_add(s, 2 + i, START + (1 + i) * USEC_MIN, f, HEAP_SERIES_CAUSES);
	assert_int_equal(info_of(s).points, HEAP_SERIES_POINTS);
	assert_int_equal(info_of(s).cycles, HEAP_SERIES_POINTS - 1);
	assert_int_equal(of_site(s, 1000 * MIB).points, HEAP_SERIES_POINTS);
}

/* All but one of the places stay; a new site takes the place of the one that has gone, and of no other. */
static void test_room(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct profile_figures f[HEAP_SERIES_CAUSES];

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = mib(i + 1, 1, 1000 + i);
	series_add(s, 1, START, f, ARRAY_SIZE(f));
	/* The last one has gone, and the new one stands before all that are known. */
	memmove(&f[1], &f[0], sizeof(f) - sizeof(f[0]));
	f[0] = mib(777, 1, 5000);
	series_add(s, 2, START + USEC_MIN, f, ARRAY_SIZE(f));
	assert_int_equal(info_of(s).causes, HEAP_SERIES_CAUSES);
	assert_int_equal(info_of(s).left_out, 1);
	assert_int_equal(of_site(s, 5000 * MIB).points, 1);
	for (uint32_t i = 1; i < ARRAY_SIZE(f); i++)
		assert_int_equal(of_site(s, f[i].figures.alloc_bytes).points, 2);
}

static void test_site_goes(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures once = mib(1, 1, 1), other = mib(2, 1, 2);

	(void)state;
	series_add(s, 1, START, &once, 1);
	for (uint32_t i = 0; i < HEAP_SERIES_POINTS - 1; i++)
		series_add(s, 2 + i, START + (1 + i) * USEC_MIN, &other, 1);
	assert_int_equal(info_of(s).causes, 2);
	series_add(s, 100, START + 100 * USEC_MIN, &other, 1);
	assert_int_equal(info_of(s).causes, 1);
}

/* The oldest point goes with the one that brings the new site. */
static void test_room_of_gone(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct profile_figures f[HEAP_SERIES_CAUSES];
	struct heap_growth g[HEAP_SERIES_CAUSES];
	const size_t others = ARRAY_SIZE(f) - 1;
	uint32_t num_gc = 1;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = mib(i + 1, 1, 1000 + i);
	series_add(s, num_gc, START, f, ARRAY_SIZE(f));
	for (; num_gc < HEAP_SERIES_POINTS; num_gc++)
		series_add(s, num_gc + 1, START + num_gc * USEC_MIN, f, others);
	assert_int_equal(info_of(s).causes, HEAP_SERIES_CAUSES);
	f[0] = mib(777, 1, 5000);
	series_add(s, num_gc + 1, START + num_gc * USEC_MIN, f, others);
	/* The site that is not told of this time stays, for its other points. */
	assert_int_equal(heap_series_growth(s, g), HEAP_SERIES_CAUSES);
	assert_int_equal(of_site(s, 5000 * MIB).points, 1);
	assert_int_equal(of_site(s, 1000 * MIB).points, HEAP_SERIES_POINTS - 1);
	assert_int_equal(info_of(s).left_out, 0);
}

static void test_twice(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures f[] = { mib(1, 3, 3), mib(1, 9, 9) };

	(void)state;
	series_add(s, 1, START, f, 2);
	assert_int_equal(info_of(s).causes, 1);
	assert_int_equal(of_site(s, 3 * MIB).inuse_bytes, 3 * MIB);
}

static void test_largest(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures none = { .cause = 1 };
	const struct profile_figures all = {
		.cause = 1,
		.figures = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
	};
	struct heap_growth g;

	(void)state;
	series_add(s, 1, START, &none, 1);
	series_add(s, 2, START + 1, &all, 1);
	g = of_site(s, UINT64_MAX);
	assert_int_equal(g.slope_bytes_per_min, INT64_MAX);
	assert_int_equal(g.inuse_bytes, UINT64_MAX - 1);
	assert_int_equal(g.grown_bytes, INT64_MAX);
	assert_true(g.alloc_bytes_since == UINT64_MAX && g.alloc_bytes_per_min == UINT64_MAX);
	assert_int_equal(g.object_bytes, 1);
	assert_int_equal(g.points, 2);
	/* And back. */
	series_add(s, 3, START + 2,
		   &(struct profile_figures){ .cause = 1, .figures.alloc_bytes = UINT64_MAX }, 1);
	g = of_site(s, UINT64_MAX);
	assert_int_equal(g.points, 3);
	assert_int_equal(g.grown_bytes, 0);
	assert_int_equal(g.falls, 1);
}

/* What the whole program has is told by each profile, whatever causes it names. */
static void test_total(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct profile_figures f = mib(1, 1, 1);
	struct heap_series_profile p = {
		.num_gc = 4, .at = START, .total = { 70, 700, 90, 9000 }, .figures = &f, .n = 1
	};

	(void)state;
	assert_int_equal(heap_series_add(s, &p), 0);
	assert_int_equal(info_of(s).alloc_bytes, 0);
	assert_int_equal(info_of(s).span, 0);
	p.num_gc = 9;
	p.at += USEC_MIN;
	p.total = (struct heap_figures){ 60, 600, 100, 10500 };
	assert_int_equal(heap_series_add(s, &p), 0);
	assert_int_equal(info_of(s).total.inuse_objects, 60);
	assert_int_equal(info_of(s).total.inuse_bytes, 600);
	assert_int_equal(info_of(s).total.alloc_objects, 100);
	assert_int_equal(info_of(s).total.alloc_bytes, 10500);
	assert_int_equal(info_of(s).alloc_bytes, 1500);
	assert_int_equal(info_of(s).at, START + USEC_MIN);
	assert_int_equal(info_of(s).num_gc, 9);
	assert_int_equal(info_of(s).span, USEC_MIN);
}

static void test_since(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct heap_growth g;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		const struct profile_figures f = {
			.cause = 1,
			.figures = { 10 + i, 500 - 100 * i, 40 + 30 * i, 4000 + 3000 * i },
		};

		series_add(s, 1 + 4 * i, START + i * USEC_MIN, &f, 1);
	}
	g = of_site(s, 10000);
	assert_int_equal(g.alloc_bytes_since, 6000);
	assert_int_equal(g.all_bytes_since, 6000);
	assert_int_equal(g.alloc_bytes_per_min, 3000);
	assert_int_equal(g.grown_bytes, -200);
	assert_int_equal(g.inuse_objects, 12);
	assert_int_equal(g.object_bytes, 100);
	assert_int_equal(g.cycles, 8);
	assert_int_equal(g.span, 2 * USEC_MIN);
}

static void test_empty(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct heap_growth g[HEAP_SERIES_CAUSES];

	(void)state;
	assert_int_equal(heap_series_growth(s, g), 0);
	assert_int_equal(info_of(s).points, 0);
	assert_int_equal(info_of(s).cycles, 0);
	assert_int_equal(series_add(s, 0, START, NULL, 0), 0);
	assert_int_equal(heap_series_growth(s, g), 0);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("the one that grows most is first, then by size", test_order),
	SUITE_TEST("a cycle is taken once", test_same_cycle),
	SUITE_TEST("the number of a cycle may wrap", test_wrap),
	SUITE_TEST("a number that goes back begins anew", test_restart),
	SUITE_TEST("a site that has allocated less begins anew, alone", test_count_goes_back),
	SUITE_TEST("sites and points have caps, and what falls out is counted", test_caps),
	SUITE_TEST("a new site takes the place of one that has gone", test_room),
	SUITE_TEST("a new site takes the place of one whose points have gone, before others",
		   test_room_of_gone),
	SUITE_TEST("a site that has gone is forgotten with its last point", test_site_goes),
	SUITE_TEST("a site that is told twice counts once", test_twice),
	SUITE_TEST("the largest figures stay figures", test_largest),
	SUITE_TEST("totals are the program's, and what was allocated between them", test_total),
	SUITE_TEST("what was allocated and what grew count from the first", test_since),
	SUITE_TEST("an empty profile is a point without sites", test_empty),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_slope, slopes);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "heap_series");
}
