/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/util.h"
#include "decide/allotment.h"

#define NONE BYTES_UNLIMITED

/* Two beside what belongs to nobody, and what the first may have. MiB. */
struct two_case {
	const char *name;
	uint64_t limit, others;
	struct allotment_member first, second;
	uint64_t fair, allotted;
};

static const struct two_case two[] = {
	{ "alike, each gets half", 400, 0, { 100, 100, NONE, 0 }, { 100, 100, NONE, 0 }, 200, 200 },
	{ "what belongs to nobody is taken off",
	  400,
	  100,
	  { 100, 100, NONE, 0 },
	  { 100, 100, NONE, 0 },
	  150,
	  150 },
	{ "a small one may double before a large one grows",
	  1000,
	  0,
	  { 50, 50, NONE, 0 },
	  { 850, 850, NONE, 0 },
	  100,
	  100 },
	{ "a large one gets what a small one does not want",
	  1000,
	  0,
	  { 850, 850, NONE, 0 },
	  { 50, 50, NONE, 0 },
	  900,
	  900 },
	{ "beyond twice their use they get the same",
	  1000,
	  0,
	  { 50, 50, NONE, 0 },
	  { 250, 250, NONE, 0 },
	  300,
	  300 },
	{ "a limit of its own", 1000, 0, { 50, 50, 80, 0 }, { 50, 50, NONE, 0 }, 80, 80 },
	{ "what its own limit keeps from the other",
	  1000,
	  0,
	  { 50, 50, NONE, 0 },
	  { 50, 50, 80, 0 },
	  920,
	  920 },
	{ "no more than the other has left",
	  400,
	  0,
	  { 100, 100, NONE, 0 },
	  { 100, 100, NONE, 290 },
	  200,
	  110 },
	{ "what it has been promised it keeps",
	  400,
	  0,
	  { 100, 100, NONE, 150 },
	  { 100, 100, NONE, 290 },
	  200,
	  150 },
	{ "less at once, whatever others have",
	  300,
	  0,
	  { 100, 100, NONE, 290 },
	  { 100, 100, NONE, 90 },
	  150,
	  150 },
	{ "garbage is nobody's part",
	  400,
	  0,
	  { 250, 50, NONE, 0 },
	  { 100, 100, NONE, 0 },
	  150,
	  150 },
	{ "nor the other's, but that is to be gone first",
	  400,
	  0,
	  { 100, 100, NONE, 150 },
	  { 250, 50, NONE, 250 },
	  250,
	  150 },
	{ "more than there is, each keeps what it uses",
	  100,
	  0,
	  { 80, 80, NONE, 0 },
	  { 80, 80, NONE, 0 },
	  80,
	  20 },
	{ "a limit of nothing", 0, 0, { 0, 0, NONE, 0 }, { 0, 0, NONE, 0 }, 0, 0 },
};

static void scale(struct allotment_member *m)
{
	m->used *= MIB;
	m->needs *= MIB;
	m->promised *= MIB;
	if (m->cap != NONE)
		m->cap *= MIB;
}

static void test_two(void **state)
{
	const struct two_case *c = *state;
	struct allotment_member m[] = { c->first, c->second };
	struct allotment a;

	scale(&m[0]);
	scale(&m[1]);
	allotment_decide(c->limit * MIB, c->others * MIB, m, ARRAY_SIZE(m), 0, &a);
	assert_int_equal(a.fair / MIB, c->fair);
	assert_int_equal(a.allotted / MIB, c->allotted);
}

static uint64_t random_below(uint64_t *seed, uint64_t n)
{
	return suite_random(seed) % n;
}

/* Each does what it was told, in any order, grows and shrinks within it, while the limit stays: never more than that. */
static void test_sum(void **state)
{
	struct allotment_member m[8];
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		const size_t n = 2 + random_below(&seed, ARRAY_SIZE(m) - 1);
		uint64_t limit = 0;

		for (size_t i = 0; i < n; i++) {
			m[i] = (struct allotment_member){ .used = random_below(&seed, 1000),
							  .cap = NONE };
			m[i].needs = random_below(&seed, m[i].used + 1);
			limit += m[i].used;
		}
		limit += random_below(&seed, 2000);
		for (int step = 0; step < 100; step++) {
			const size_t i = random_below(&seed, n);
			struct allotment a;
			uint64_t sum = 0;

			allotment_decide(limit, 0, m, n, i, &a);
			assert_true(a.fair >= m[i].needs);
			m[i].promised = a.allotted;
			m[i].used = random_below(&seed, a.allotted + 1);
			m[i].needs = random_below(&seed, m[i].used + 1);
			for (size_t k = 0; k < n; k++)
				sum += MAX(m[k].used, m[k].promised);
			assert_true(sum <= limit);
		}
	}
}

/* Fair parts of one moment are the whole limit, where anyone wants it. */
static void test_whole(void **state)
{
	struct allotment_member m[5];
	uint64_t seed = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint64_t sum = 0, limit = 0;
		struct allotment a;

		for (size_t i = 0; i < ARRAY_SIZE(m); i++) {
			const uint64_t used = random_below(&seed, 1 << 20);

			m[i] = (struct allotment_member){ .used = used,
							  .needs = used,
							  .cap = NONE };
			limit += used;
		}
		limit += random_below(&seed, 1 << 22);
		for (size_t i = 0; i < ARRAY_SIZE(m); i++) {
			allotment_decide(limit, 0, m, ARRAY_SIZE(m), i, &a);
			sum += a.fair;
		}
		/* What cannot be divided by all of them is left in each round. */
		assert_true(sum <= limit && limit - sum < 2 * ARRAY_SIZE(m));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("the sum stays below the limit, whoever asks when", test_sum),
		SUITE_TEST("fair parts are all of it", test_whole),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_two, two);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "allotment");
}
