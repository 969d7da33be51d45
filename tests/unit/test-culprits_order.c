/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/culprits.h"

#include <string.h>

#include "sense/culprits_json.h"

/* --- two series --- */

static void test_goroutines(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *heap = heap_series_new();
	_cleanup_(heap_series_freep) struct heap_series *goroutines = heap_series_new();
	const struct history allocates = { 1, STEADY(700), RISING(1000) };
	const struct history made[] = { { 2, RISING(20), { 0 } }, { 3, STEADY(60), { 0 } } };
	struct culprit ranked[CULPRITS_MAX];

	(void)state;
	add_points(heap, &allocates, 1, POINTS);
	add_points(goroutines, made, 2, POINTS);
	assert_int_equal(culprits_rank(OF(heap, goroutines), ranked), 3);
	/* 20 KiB a minute for an hour, of 1000 KiB that are in use. */
	assert_int_equal(ranked[0].kind, CULPRIT_GOROUTINES);
	assert_true(ranked[0].suspect);
	assert_int_equal(ranked[0].impact_permille, 1200);
	assert_int_equal(ranked[0].impact_by, IMPACT_GROWTH);
	assert_non_null(strstr(culprit_advice(&ranked[0]), "gomemctl goroutines"));
	assert_int_equal(ranked[1].kind, CULPRIT_HEAP);
	assert_int_equal(ranked[1].alloc_permille, ALL);
	assert_int_equal(ranked[1].inuse_permille, 700);
	/* Those that stay as many are no culprit: stacks are not what collecting is about. */
	assert_false(ranked[2].suspect);
	assert_int_equal(ranked[2].impact_permille, 0);
	assert_int_equal(ranked[2].lifetime_millicycles, UNKNOWN);
}

static void test_goroutines_alone(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *goroutines = heap_series_new();
	const struct history made = { 2, RISING(20), { 0 } };
	struct culprit ranked[CULPRITS_MAX];

	(void)state;
	add_points(goroutines, &made, 1, POINTS);
	assert_int_equal(culprits_rank(OF(NULL, goroutines), ranked), 1);
	assert_int_equal(ranked[0].kind, CULPRIT_GOROUTINES);
	assert_true(ranked[0].suspect);
}

/* Each is counted from where it begins: the first list of goroutines makes no heap's series begin anew. */
static void test_late_goroutines(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *heap = heap_series_new();
	_cleanup_(heap_series_freep) struct heap_series *goroutines = heap_series_new();
	const struct history causes[] = { { 1, STEADY(10), { 9000, 9010, 9020, 9030 } },
					  { 2, STEADY(10), { 100, 190, 280, 370 } } };
	const struct history made = { 3, { 5 }, { 0 } };
	struct culprit ranked[CULPRITS_MAX];
	const struct culprit *c;

	(void)state;
	add_points(heap, causes, 2, 4);
	add_points(goroutines, &made, 1, 1);
	assert_int_equal(culprits_rank(OF(heap, goroutines), ranked), 3);
	c = culprit_with(ranked, 3, 9030 * KIB);
	assert_int_equal(c->alloc_permille, 100);
	assert_false(c->since_start);
	assert_int_equal(culprit_with(ranked, 3, 370 * KIB)->alloc_permille, 900);
	assert_true(culprit_with(ranked, 3, 0)->since_start);
}

/* --- orders, caps and figures that are none --- */

static void test_ties(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct history h[] = { { 1, STEADY(1000), RISING(100) },
				     { 2, STEADY(3000), RISING(300) },
				     { 3, STEADY(3001), RISING(300) } };
	struct culprit ranked[CULPRITS_MAX];

	(void)state;
	/* To the thousandth the last two have the same shares. */
	add_points(s, h, 3, POINTS);
	assert_int_equal(culprits_rank(OF(s, NULL), ranked), 3);
	assert_int_equal(ranked[0].growth.inuse_bytes, 3001 * KIB);
	assert_int_equal(ranked[1].growth.inuse_bytes, 3000 * KIB);
	assert_int_equal(ranked[0].impact_permille, ranked[1].impact_permille);
	assert_true(ranked[1].impact_permille > ranked[2].impact_permille);
}

static void test_gone(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct history h[] = { { 1, RISING(100), RISING(100) },
				     { 2, STEADY(400), RISING(1) } };
	struct heap_series_profile p = { .num_gc = 99, .at = START + 99 * USEC_MIN, .n = 1 };
	const struct profile_figures f = { .cause = 2, .figures = { 1, 400 * KIB, 1, 100 * KIB } };
	struct culprit ranked[CULPRITS_MAX];
	const struct culprit *c;

	(void)state;
	add_points(s, h, 2, POINTS);
	p.figures = &f;
	p.total = f.figures;
	assert_int_equal(heap_series_add(s, &p), 0);
	assert_int_equal(culprits_rank(OF(s, NULL), ranked), 2);
	c = culprit_with(ranked, 2, 1200 * KIB);
	/* It fell out of the biggest: it holds next to nothing now, however it grew before. */
	assert_false(c->suspect);
	assert_int_equal(c->inuse_permille, 0);
}

static struct cause_row row_of(size_t i)
{
	return (struct cause_row){ .cause.at.call = { (uint32_t)i + 1, "main.f", "main.go" } };
}

static uint64_t key_of(size_t i)
{
	const struct cause_row row = row_of(i);

	return cause_key(&row.cause);
}

static void fill(struct heap_series *s, uint32_t num_gc, uint64_t value)
{
	struct profile_figures f[HEAP_SERIES_CAUSES];
	struct heap_series_profile p = { .num_gc = num_gc,
					 .at = START + num_gc * USEC_MIN,
					 .total = { value, value, value, value },
					 .figures = f,
					 .n = HEAP_SERIES_CAUSES };

	for (size_t i = 0; i < HEAP_SERIES_CAUSES; i++)
		f[i] = (struct profile_figures){ .cause = key_of(i),
						 .figures = { value, value, value, value } };
	assert_int_equal(heap_series_add(s, &p), 0);
}

static void name_all(struct heap_series *s)
{
	for (size_t i = 0; i < HEAP_SERIES_CAUSES; i++) {
		const struct cause_row row = row_of(i);

		assert_int_equal(heap_series_name(s, key_of(i), &row), 0);
	}
}

static void test_caps(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *heap = heap_series_new();
	_cleanup_(heap_series_freep) struct heap_series *goroutines = heap_series_new();
	static struct culprit ranked[CULPRITS_MAX];
	json_object *told;

	(void)state;
	fill(heap, 1, MIB);
	fill(goroutines, 1, MIB);
	assert_int_equal(culprits_rank(OF(heap, goroutines), ranked), CULPRITS_MAX);
	/* Nothing is told of what has no name yet. */
	told = culprits_json(OF(heap, goroutines), SIZE_MAX);
	assert_int_equal(json_object_array_length(told), 0);
	json_object_put(told);
	name_all(heap);
	told = culprits_json(OF(heap, goroutines), 7);
	assert_int_equal(json_object_array_length(told), 7);
	json_object_put(told);
	told = culprits_json(OF(heap, goroutines), SIZE_MAX);
	assert_int_equal(json_object_array_length(told), HEAP_SERIES_CAUSES);
	json_object_put(told);
}

static void test_largest(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *heap = heap_series_new();
	_cleanup_(heap_series_freep) struct heap_series *goroutines = heap_series_new();
	static struct culprit ranked[CULPRITS_MAX];

	(void)state;
	for (uint32_t i = 1; i <= 5; i++) {
		fill(heap, i, i == 5 ? UINT64_MAX : i);
		fill(goroutines, i, i == 5 ? UINT64_MAX : i);
	}
	assert_int_equal(culprits_rank(OF(heap, goroutines), ranked), CULPRITS_MAX);
	for (size_t i = 0; i < CULPRITS_MAX; i++) {
		assert_in_range(ranked[i].gc_permille, 0, ALL);
		assert_true(ranked[i].suspect);
		assert_true(ranked[i].lifetime_millicycles >= UNKNOWN);
	}
	/* All of it is of causes that each have all: no share is more than that. */
	assert_int_equal(ranked[0].kind, CULPRIT_HEAP);
	assert_int_equal(ranked[0].gc_permille, ALL);
}

/* A program that has next to nothing, and a cause that would have everything in an hour. */
static void test_growth_beyond_all(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct culprit ranked[CULPRITS_MAX];

	(void)state;
	for (uint32_t i = 1; i <= 4; i++) {
		const struct profile_figures f = {
			.cause = 1,
			.figures = { i, i * (UINT64_MAX / 4), i, i * (UINT64_MAX / 4) },
		};
		const struct heap_series_profile p = { .num_gc = i,
						       .at = START + i,
						       .total = { 1, 1, 1, UINT64_MAX },
						       .figures = &f,
						       .n = 1 };

		assert_int_equal(heap_series_add(s, &p), 0);
	}
	assert_int_equal(culprits_rank(OF(s, NULL), ranked), 1);
	assert_int_equal(ranked[0].inuse_permille, UINT32_MAX);
	assert_int_equal(ranked[0].growth_permille, UINT32_MAX);
	assert_int_equal(ranked[0].gc_permille, ALL);
}

/* Where causes have allocated more than the program, the share is more than all, and what collecting would cost less is not. */
static void test_more_than_all(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct culprit ranked[CULPRITS_MAX];
	const struct profile_figures f = { .cause = 1, .figures = { 1, 500, 1, 7000 } };
	const struct heap_series_profile p = {
		.num_gc = 1, .at = START, .total = { 1, 1000, 1, 1000 }, .figures = &f, .n = 1
	};

	(void)state;
	assert_int_equal(heap_series_add(s, &p), 0);
	assert_int_equal(culprits_rank(OF(s, NULL), ranked), 1);
	assert_int_equal(ranked[0].alloc_permille, 7 * ALL);
	assert_int_equal(ranked[0].inuse_permille, ALL / 2);
	assert_int_equal(ranked[0].gc_permille, ALL);
}

static void test_empty(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct culprit ranked[CULPRITS_MAX];
	json_object *told;

	(void)state;
	assert_int_equal(culprits_rank(OF(NULL, NULL), ranked), 0);
	assert_int_equal(culprits_rank(OF(s, s), ranked), 0);
	assert_int_equal(heap_series_add(s, &(struct heap_series_profile){ .at = START }), 0);
	assert_int_equal(culprits_rank(OF(s, s), ranked), 0);
	told = culprits_json(OF(s, NULL), SIZE_MAX);
	assert_int_equal(json_object_array_length(told), 0);
	json_object_put(told);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("goroutines that only become more are a suspect, others are none",
			   test_goroutines),
		SUITE_TEST("goroutines are ranked without a heap as well", test_goroutines_alone),
		SUITE_TEST("what is known of goroutines alone is no start of the heap's",
			   test_late_goroutines),
		SUITE_TEST("of equal impact what holds more is first", test_ties),
		SUITE_TEST("what has gone holds nothing, and is no suspect", test_gone),
		SUITE_TEST("there are as many as both series can hold, or as are wanted",
			   test_caps),
		SUITE_TEST("of the largest figures shares are shares", test_largest),
		SUITE_TEST("what is beyond all there is, is the largest share",
			   test_growth_beyond_all),
		SUITE_TEST("more than all is no more than all of the collector's work",
			   test_more_than_all),
		SUITE_TEST("of nothing nothing is told", test_empty),
	};
	static struct suite s;

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "culprits_order");
}
