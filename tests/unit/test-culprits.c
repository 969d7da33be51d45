/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/culprits.h"

/* --- one cause among what the rest of the program does --- */

struct kind_case {
	const char *name;
	struct history one, rest;
	size_t n;
	uint32_t alloc_permille, inuse_permille, gc_permille, growth_permille;
	enum culprit_impact by;
	bool suspect, first;
	int64_t lifetime_millicycles;
};

/* The cause is 1, the rest 2: where both have as much impact the one that holds more is first. */
static const struct kind_case kinds[] = {
	{ "what allocates most is that by allocation",
	  { 1, STEADY(10), RISING(900) },
	  { 2, STEADY(90), RISING(100) },
	  12,
	  900,
	  100,
	  910,
	  0,
	  IMPACT_ALLOCATED,
	  false,
	  false,
	  10 * 1000 / 450 },
	{ "what holds most is that by what is in use",
	  { 1, STEADY(900), RISING(100) },
	  { 2, STEADY(100), RISING(900) },
	  12,
	  100,
	  900,
	  910,
	  0,
	  IMPACT_IN_USE,
	  false,
	  true,
	  900 * 1000 / 50 },
	{ "what only grows is a suspect, by what it would add",
	  { 1, RISING(100), RISING(100) },
	  { 2, STEADY(800), RISING(9900) },
	  12,
	  10,
	  600,
	  604,
	  3000,
	  IMPACT_GROWTH,
	  true,
	  true,
	  24000 },
	{ "three rises are enough",
	  { 1, RISING(10), RISING(10) },
	  { 2, STEADY(960), RISING(990) },
	  4,
	  10,
	  40,
	  50,
	  300,
	  IMPACT_GROWTH,
	  true,
	  false,
	  40 * 1000 / 5 },
	{ "two are not",
	  { 1, RISING(10), RISING(10) },
	  { 2, STEADY(970), RISING(990) },
	  3,
	  10,
	  30,
	  40,
	  0,
	  IMPACT_IN_USE,
	  false,
	  false,
	  30 * 1000 / 5 },
	{ "one fall in eight rises is forgiven",
	  { 1, { 10, 20, 30, 25, 40, 50, 60, 70, 80, 90, 100, 110 }, RISING(10) },
	  { 2, STEADY(890), RISING(990) },
	  12,
	  10,
	  110,
	  119,
	  600,
	  IMPACT_GROWTH,
	  true,
	  false,
	  110 * 1000 / 5 },
	{ "one in seven is not",
	  { 1, { 10, 20, 30, 25, 40, 50, 60, 70, 80 }, RISING(10) },
	  { 2, STEADY(920), RISING(990) },
	  9,
	  10,
	  80,
	  90,
	  0,
	  IMPACT_IN_USE,
	  false,
	  false,
	  80 * 1000 / 5 },
	{ "a sawtooth is no suspect",
	  { 1, { 10, 40, 70, 10, 40, 70, 10, 40, 70, 10, 40, 100 }, RISING(100) },
	  { 2, STEADY(900), RISING(900) },
	  12,
	  100,
	  100,
	  190,
	  0,
	  IMPACT_IN_USE,
	  false,
	  false,
	  100 * 1000 / 50 },
	{ "a ring that is full is none",
	  { 1, STEADY(500), RISING(500) },
	  { 2, STEADY(500), RISING(500) },
	  12,
	  500,
	  500,
	  750,
	  0,
	  IMPACT_IN_USE,
	  false,
	  true,
	  500 * 1000 / 250 },
	{ "what keeps less than a quarter of what it allocates is none",
	  { 1, RISING(10), RISING(44) },
	  { 2, STEADY(880), RISING(956) },
	  12,
	  44,
	  120,
	  159,
	  0,
	  IMPACT_IN_USE,
	  false,
	  false,
	  120 * 1000 / 22 },
	{ "what shrinks is none",
	  { 1, { 120, 110, 100, 90, 80, 70, 60, 50, 40, 30, 20, 10 }, RISING(10) },
	  { 2, STEADY(990), RISING(990) },
	  12,
	  10,
	  10,
	  20,
	  0,
	  IMPACT_IN_USE,
	  false,
	  false,
	  10 * 1000 / 5 },
	{ "of one profile what was allocated counts from the start",
	  { 1, { 300 }, { 7000 } },
	  { 2, { 700 }, { 3000 } },
	  1,
	  700,
	  300,
	  790,
	  0,
	  IMPACT_ALLOCATED,
	  false,
	  false,
	  UNKNOWN },
	{ "from the second on, what was since the first",
	  { 1, { 300, 300 }, { 7000, 7001 } },
	  { 2, { 700, 700 }, { 3000, 3099 } },
	  2,
	  10,
	  300,
	  307,
	  0,
	  IMPACT_IN_USE,
	  false,
	  false,
	  600 * 1000 },
	{ "what allocates nothing any more has no lifetime",
	  { 1, STEADY(100), STEADY(5000) },
	  { 2, STEADY(900), RISING(100) },
	  12,
	  0,
	  100,
	  100,
	  0,
	  IMPACT_IN_USE,
	  false,
	  false,
	  UNKNOWN },
	{ "nothing at all has no impact",
	  { 1, STEADY(0), STEADY(0) },
	  { 2, STEADY(0), STEADY(0) },
	  12,
	  0,
	  0,
	  0,
	  0,
	  IMPACT_IN_USE,
	  false,
	  true,
	  UNKNOWN },
};

static void test_kind(void **state)
{
	const struct kind_case *c = *state;
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct history both[] = { c->one, c->rest };
	static struct culprit ranked[CULPRITS_MAX];
	const struct culprit *one;

	add_points(s, both, 2, c->n);
	assert_int_equal(culprits_rank(OF(s, NULL), ranked), 2);
	one = culprit_with(ranked, 2, c->one.alloc[c->n - 1] * KIB);
	assert_int_equal(one->kind, CULPRIT_HEAP);
	assert_int_equal(one->alloc_permille, c->alloc_permille);
	assert_int_equal(one->inuse_permille, c->inuse_permille);
	assert_int_equal(one->gc_permille, c->gc_permille);
	assert_int_equal(one->growth_permille, c->growth_permille);
	assert_int_equal(one->impact_permille, MAX(c->gc_permille, c->growth_permille));
	assert_string_equal(culprit_impact_name(one->impact_by), culprit_impact_name(c->by));
	assert_int_equal(one->suspect, c->suspect);
	assert_int_equal(one->lifetime_millicycles, c->lifetime_millicycles);
	assert_int_equal(one->since_start, c->n == 1);
	assert_int_equal(one == ranked, c->first);
}

/* Of a heap that is sampled, one in 512 KiB: what was allocated in three minutes, and how much of it stayed. */
struct chance_case {
	const char *name;
	uint64_t allocated_kib, kept_kib, sample_kib;
	bool suspect;
};

static const struct chance_case chances[] = {
	{ "eight samples that stayed may be chance", 4096, 4096, 512, false },
	{ "nine are a leak", 4608, 4608, 512, true },
	{ "four of sixteen more than were freed may be chance", 8192, 2048, 512, false },
	{ "half of fifty-four is none", 27648, 13824, 512, true },
	{ "half of fifty may be", 25600, 12800, 512, false },
	{ "where all is counted a little is enough", 12, 12, 0, true },
};

static void test_chance(void **state)
{
	const struct chance_case *c = *state;
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	static struct culprit ranked[CULPRITS_MAX];

	for (uint32_t i = 0; i < 4; i++) {
		const struct heap_figures figures = {
			.inuse_bytes = MIB + i * c->kept_kib * KIB / 3,
			.alloc_bytes = GIB + i * c->allocated_kib * KIB / 3,
			.alloc_objects = GIB / 64,
		};
		const struct profile_figures f = { .cause = 1, .figures = figures };

		assert_int_equal(heap_series_add(s,
						 &(struct heap_series_profile){
							 .num_gc = 7 + i,
							 .at = START + i * USEC_MIN,
							 .total = figures,
							 .sample_bytes = c->sample_kib * KIB,
							 .figures = &f,
							 .n = 1 }),
				 0);
	}
	assert_int_equal(culprits_rank(OF(s, NULL), ranked), 1);
	assert_int_equal(ranked[0].suspect, c->suspect);
}

static void test_rates(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct history h = { 1, STEADY(5), RISING(120) };
	struct culprit ranked[CULPRITS_MAX];

	(void)state;
	add_points(s, &h, 1, POINTS);
	assert_int_equal(culprits_rank(OF(s, NULL), ranked), 1);
	/* 120 KiB a minute, and two collections in it. */
	assert_int_equal(ranked[0].alloc_bytes_per_sec, 2 * KIB);
	assert_int_equal(ranked[0].allocs_per_sec, 2);
	assert_int_equal(ranked[0].alloc_bytes_per_cycle, 60 * KIB);
}

/* What it would add in the time that was watched ten times over, but in an hour at most. */
static void test_horizon(void **state)
{
	struct culprit ranked[CULPRITS_MAX];

	(void)state;
	for (size_t n = 4; n <= POINTS; n++) {
		_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
		const struct history h = { 1, RISING(10), RISING(10) };
		const uint64_t minutes = MIN((n - 1) * CULPRIT_HORIZON_FACTOR, (size_t)60);

		add_points(s, &h, 1, n);
		culprits_rank(OF(s, NULL), ranked);
		assert_int_equal(ranked[0].growth_permille, minutes * 10 * ALL / (10 * n));
	}
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("rates are by the second, and by collection", test_rates),
	SUITE_TEST("growth is judged ten times as far as was seen, and an hour at most",
		   test_horizon),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_kind, kinds);
	SUITE_TABLE(&s, test_chance, chances);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "culprits");
}
