/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "fixture/suite.h"
#include "sense/told_figures.h"

#define BIT(figure) (UINT64_C(1) << (figure))

/* Between the two looks 300 MiB were allocated and 200 MiB freed: what is allocated was from 300 to 800 MiB at any moment. */
static const struct go_sample before = {
	.total_alloc_bytes = 1000 * MIB,
	.total_free_bytes = 500 * MIB,
	.num_gc = 10,
	.gc_percent = 100,
	.memory_limit_bytes = INT64_C(1234567890123456789),
	.gomaxprocs = 2,
	.goroutines = 7,
};
static const struct go_sample after = {
	.total_alloc_bytes = 1300 * MIB,
	.total_free_bytes = 700 * MIB,
	.num_gc = 12,
	.gc_percent = 100,
	.memory_limit_bytes = INT64_C(1234567890123456789),
	.gomaxprocs = 2,
	.goroutines = 9,
};

static const struct row {
	const char *name;
	enum figure figure;
	int64_t value;
	bool contradicted;
} rows[] = {
	{ "what is allocated between the two is granted", FIGURE_HEAP_ALLOC_BYTES, 550 * MIB,
	  false },
	{ "all that was freed before anything was allocated is granted", FIGURE_HEAP_ALLOC_BYTES,
	  300 * MIB, false },
	{ "the reverse is granted, and what caches hold", FIGURE_HEAP_ALLOC_BYTES, 807 * MIB,
	  false },
	{ "more than there can have been is contradicted", FIGURE_HEAP_ALLOC_BYTES, 850 * MIB,
	  true },
	{ "less than there can have been is contradicted", FIGURE_HEAP_ALLOC_BYTES, 250 * MIB,
	  true },
	{ "nothing at all is contradicted", FIGURE_HEAP_ALLOC_BYTES, 0, true },
	{ "a sum that has not come so far is granted", FIGURE_TOTAL_ALLOC_BYTES, 1100 * MIB,
	  false },
	{ "a sum that is beyond is contradicted", FIGURE_TOTAL_ALLOC_BYTES, 2000 * MIB, true },
	{ "a sum that is behind is contradicted", FIGURE_TOTAL_ALLOC_BYTES, 100 * MIB, true },
	{ "a collection between the two is granted", FIGURE_NUM_GC, 11, false },
	{ "one that has not been is contradicted", FIGURE_NUM_GC, 13, true },
	{ "one that was long ago is contradicted", FIGURE_NUM_GC, 9, true },
	{ "another GOGC is contradicted", FIGURE_GOGC_PERCENT, 50, true },
	{ "its own GOGC is granted", FIGURE_GOGC_PERCENT, 100, false },
	{ "a limit without its last digits is granted", FIGURE_MEMORY_LIMIT_BYTES,
	  INT64_C(1234567890123456800), false },
	{ "another limit is contradicted", FIGURE_MEMORY_LIMIT_BYTES, 1234567890, true },
	{ "goroutines are not judged", FIGURE_GOROUTINES, 100000, false },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct figures told = { 0 };

	figures_put(&told, row->figure, row->value);
	assert_true(told_figures_contradicted(&before, &after, &told) ==
		    (row->contradicted ? BIT(row->figure) : 0));
}

static void test_changed_settings(void **state)
{
	struct go_sample later = after;
	struct figures told = { 0 };

	(void)state;
	later.gc_percent = 50;
	later.memory_limit_bytes = INT64_MAX;
	figures_put(&told, FIGURE_GOGC_PERCENT, 75);
	figures_put(&told, FIGURE_MEMORY_LIMIT_BYTES, 77);
	assert_true(told_figures_contradicted(&before, &later, &told) == 0);
}

static void test_own(void **state)
{
	struct figures own;

	(void)state;
	told_figures_of(&after, 24, &own);
	assert_true(own.value[FIGURE_HEAP_ALLOC_BYTES] == 600 * MIB);
	assert_true(own.value[FIGURE_GOROUTINES] == 9);
	assert_true(told_figures_contradicted(&before, &after, &own) == 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("settings that changed meanwhile are not judged", test_changed_settings),
		SUITE_TEST("memory does not contradict itself", test_own),
	};
	struct suite s = { .n = 0 };

	SUITE_TABLE(&s, test_row, rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "told_figures");
}
