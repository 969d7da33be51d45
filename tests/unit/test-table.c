/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <time.h>

#include "base/table.h"
#include "base/util.h"

enum {
	KEYS = 300,
	ROUNDS = 200000,
	FEW = 1 << 11,
	TIMES = 64,
	RATIO_MAX = 16,
};

/* How keys are chosen: pids and inode numbers are runs, a tenant may choose worse. */
struct keys_case {
	const char *name;
	uint64_t first, step;
	size_t max;
};

static const struct keys_case keys[] = {
	{ "keys in a run", 1, 1, 1000 },
	{ "keys that differ in high bits only", 5, UINT64_C(1) << 52, 1000 },
	{ "keys a power of two apart", 0, 4096, 1000 },
	{ "keys a hash's inverse apart", 7, UINT64_C(0xf1de83e19937733d), 1000 },
	{ "fewer places than keys", 1, 1, 100 },
	{ "one place", 1, 1, 1 },
	{ "no place", 1, 1, 0 },
};

struct model {
	void *value[KEYS];
	size_t n;
	uint64_t dropped;
};

static char values[KEYS];

static void step(const struct keys_case *c, struct table *t, struct model *m, uint64_t random)
{
	const size_t i = random % KEYS;
	const uint64_t key = c->first + i * c->step;

	if (random >> 32 & 1) {
		int expected = m->value[i] ? -EEXIST : m->n == c->max ? -ENOSPC : 0;

		assert_int_equal(table_put(t, key, &values[i]), expected);
		m->dropped += expected == -ENOSPC;
		if (expected == 0) {
			m->value[i] = &values[i];
			m->n++;
		}
	} else {
		assert_ptr_equal(table_take(t, key), m->value[i]);
		m->n -= m->value[i] != NULL;
		m->value[i] = NULL;
	}
}

static void check_walk(const struct table *t, const struct model *m)
{
	bool seen[KEYS] = { false };
	size_t cursor = 0, n = 0;

	for (char *v = table_next(t, &cursor); v; v = table_next(t, &cursor), n++) {
		assert_false(seen[v - values]);
		seen[v - values] = true;
		assert_ptr_equal(m->value[v - values], v);
	}
	assert_int_equal(n, m->n);
}

static void test_model(void **state)
{
	const struct keys_case *c = *state;
	struct table t = { .max = c->max };
	struct model m = { .n = 0 };
	uint64_t seed = 1;

	for (int round = 0; round < ROUNDS; round++) {
		step(c, &t, &m, suite_random(&seed));
		assert_int_equal(t.n, m.n);
		if (round % 1000 == 0)
			check_walk(&t, &m);
	}
	for (size_t i = 0; i < KEYS; i++)
		assert_ptr_equal(table_get(&t, c->first + i * c->step), m.value[i]);
	assert_int_equal(t.dropped, m.dropped);
	assert_true(t.room <= 4 * KEYS);
	table_done(&t);
	assert_int_equal(t.n, 0);
	assert_int_equal(t.max, c->max);
	assert_null(table_get(&t, c->first));
}

static void test_churn(void **state)
{
	struct table t = { .max = 4 };

	(void)state;
	/* Pids that come and go leave marks: they must neither fill the table nor make it grow. */
	for (uint64_t i = 1; i < 100000; i++) {
		assert_int_equal(table_put(&t, i, values), 0);
		assert_ptr_equal(table_take(&t, i), values);
	}
	assert_true(t.room <= 16);
	table_done(&t);
}

static void test_take_while_walking(void **state)
{
	struct table t = { .max = KEYS };
	size_t cursor = 0, n = 0;

	(void)state;
	for (uint64_t i = 0; i < KEYS; i++)
		assert_int_equal(table_put(&t, i, &values[i]), 0);
	for (char *v = table_next(&t, &cursor); v; v = table_next(&t, &cursor), n++)
		assert_ptr_equal(table_take(&t, (uint64_t)(v - values)), v);
	assert_int_equal(n, KEYS);
	assert_int_equal(t.n, 0);
	table_done(&t);
}

/* CPU time for so many puts into each of so many tables. */
static uint64_t puts_ns(size_t tables, uint64_t puts)
{
	struct timespec from, to;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from), 0);
	for (size_t i = 0; i < tables; i++) {
		struct table t = { .max = puts };

		for (uint64_t k = 0; k < puts; k++)
			assert_true(table_put(&t, k, values) == 0);
		table_done(&t);
	}
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to), 0);
	return (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (uint64_t)to.tv_nsec -
	       (uint64_t)from.tv_nsec;
}

static void test_put_is_constant(void **state)
{
	const uint64_t in_many = puts_ns(TIMES, FEW);

	(void)state;
	/* The caches tell them apart, but what a put does must not. */
	assert_true(puts_ns(1, TIMES * FEW) <= RATIO_MAX * in_many);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("entries that come and go do not make it grow", test_churn),
	SUITE_TEST("a put costs a large table what it costs a small one", test_put_is_constant),
	SUITE_TEST("the entry just given out may be taken", test_take_while_walking),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_model, keys);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "table");
}
