/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/util.h"

enum {
	N_MAX = 2000,
};

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct sort_case {
	const char *name;
	size_t n;
	uint64_t modulus; /* of the random values; 1: all equal */
	bool falling, rising;
};

static const struct sort_case sorts[] = {
	{ "nothing", 0, 9, false, false },
	{ "one", 1, 9, false, false },
	{ "two the wrong way round", 2, 9, true, false },
	{ "many", N_MAX, UINT64_MAX, false, false },
	{ "many of few values", N_MAX, 3, false, false },
	{ "all equal", N_MAX, 1, false, false },
	{ "sorted already", N_MAX, 9, false, true },
	{ "sorted the other way", N_MAX, 9, true, false },
};

static void test_sort(void **state)
{
	static uint64_t v[N_MAX], want[N_MAX];
	const struct sort_case *c = *state;
	uint64_t seed = 7;

	for (size_t i = 0; i < c->n; i++)
		v[i] = c->rising ? i : c->falling ? c->n - i : suite_random(&seed) % c->modulus;
	memcpy(want, v, sizeof(v));
	qsort(want, c->n, sizeof(*want), compare);
	sort_u64(v, c->n);
	assert_memory_equal(v, want, MAX(c->n, (size_t)1) * sizeof(*v));
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_sort, sorts);
	return suite_run(&s, "sort");
}
