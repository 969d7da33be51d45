/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/histogram.h"
#include "base/util.h"

static void test_buckets(void **state)
{
	(void)state;
	assert_int_equal(histogram_bucket(0), 0);
	assert_int_equal(histogram_bucket(1023), 0);
	assert_int_equal(histogram_bucket(1024), 1);
	assert_int_equal(histogram_bucket(1535), 1);
	assert_int_equal(histogram_bucket(1536), 2);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_below_ns(HISTOGRAM_BUCKETS - 1), UINT64_MAX);
	for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		assert_int_equal(histogram_bucket(histogram_below_ns(i)), i + 1);
		assert_int_equal(histogram_bucket(histogram_below_ns(i) - 1), i);
	}
}

struct quantile_case {
	const char *name;
	unsigned int n;
	uint64_t first_ns, step_ns;
	unsigned int permille;
	uint64_t exact_ns; /* within a quarter */
};

static const struct quantile_case quantiles[] = {
	{ "of none every quantile is 0", 0, 0, 0, 500, 0 },
	{ "of one all are it", 1, 70000, 0, 500, 70000 },
	{ "half of a row of equals", 100, 70000, 0, 500, 70000 },
	{ "half of an even spread", 1000, 1000, 1000, 500, 500000 },
	{ "99 of 100 of an even spread", 1000, 1000, 1000, 990, 990000 },
	{ "the largest is exact", 1000, 1000, 1000, 1000, 1000000 },
	{ "durations beyond the last bucket", 10, 2000000000, 0, 990, 2000000000 },
	{ "durations below the first", 10, 100, 0, 990, 100 },
};

static void test_quantile(void **state)
{
	const struct quantile_case *c = *state;
	struct histogram_small small = { 0 };
	struct histogram h = { 0 };
	uint64_t got;

	for (unsigned int i = 0; i < c->n; i++)
		histogram_small_add(&small, c->first_ns + i * c->step_ns);
	histogram_add_small(&h, &small);
	assert_int_equal(histogram_n(&h), c->n);
	got = histogram_quantile_ns(&h, c->permille);
	assert_true(got <= h.max_ns);
	assert_in_range(got, c->exact_ns - c->exact_ns / 4, c->exact_ns + c->exact_ns / 4);
	if (c->permille == 1000)
		assert_int_equal(got, c->exact_ns);
}

static void test_full(void **state)
{
	struct histogram_small small = { .count = { [3] = UINT16_MAX } },
			       more = { .count = { [3] = 9 } };

	(void)state;
	histogram_small_add(&small, histogram_below_ns(2));
	histogram_small_merge(&small, &more);
	assert_int_equal(small.count[3], UINT16_MAX);
}

static void test_merge(void **state)
{
	struct histogram a = { .max_ns = 5, .count = { 1, 2 } },
			 b = { .max_ns = 7, .count = { 3 } };

	(void)state;
	histogram_merge(&a, &b);
	assert_true(a.count[0] == 4 && a.count[1] == 2 && a.max_ns == 7);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("a bucket ends where the next begins", test_buckets),
		SUITE_TEST("a full bucket stays full", test_full),
		SUITE_TEST("two histograms add up", test_merge),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_quantile, quantiles);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "histogram");
}
