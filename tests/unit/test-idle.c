/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/plant.h"

#define LIVE	  (100 * MIB)
#define FORCED_GC (2 * USEC_MIN) /* src/runtime/proc.go, forcegcperiod */

/* A service that has been busy and then does nothing but the runtime's own periodic collection. */
static void start(struct plant *p)
{
	plant_init(p, 1 * GIB, 20 * MIB);
	plant_add(p, LIVE, 10 * MIB, 50 * MIB);
	for (int i = 0; i < 60; i++) {
		plant_run(p, USEC_SEC);
		plant_govern(p);
	}
}

static void rest(struct plant *p, usec_t usec)
{
	p->proc[0].bytes_per_second = 0;
	for (usec_t t = 0; t < usec; t += 10 * USEC_SEC) {
		plant_run(p, 10 * USEC_SEC);
		if (t % FORCED_GC == 0)
			plant_collect(p, 0);
		plant_measure(p);
		plant_govern(p);
	}
}

static int64_t limit_of(struct plant *p)
{
	return plant_sample(p, 0)->memory_limit_bytes;
}

static void test_gives_back(void **state)
{
	uint64_t busy, writes;
	struct plant p;

	(void)state;
	start(&p);
	busy = plant_sample(&p, 0)->mapped_ready_bytes;
	rest(&p, 4 * USEC_MIN);
	assert_int_not_equal(p.d.procs[0].lever[LEVER_SOFT_LIMIT].reason, REASON_IDLE);
	rest(&p, 40 * USEC_MIN);
	assert_int_equal(p.d.procs[0].lever[LEVER_SOFT_LIMIT].reason, REASON_IDLE);
	assert_true(plant_sample(&p, 0)->mapped_ready_bytes < busy * 4 / 5);
	/* As much as a collection at half of GOGC=100 needs, and not less. */
	assert_true(heap_effective_gogc(plant_sample(&p, 0), 24) >= 45);
	/* And that is that: nothing more is written. */
	writes = p.writes[LEVER_SOFT_LIMIT];
	rest(&p, 30 * USEC_MIN);
	assert_int_equal(p.writes[LEVER_SOFT_LIMIT], writes);
}

static void test_wakes(void **state)
{
	struct plant p;
	int64_t busy;

	(void)state;
	start(&p);
	busy = limit_of(&p);
	rest(&p, 40 * USEC_MIN);
	assert_true(limit_of(&p) < busy / 2);
	p.proc[0].bytes_per_second = 20 * MIB;
	plant_run(&p, USEC_SEC);
	plant_govern(&p);
	/* With the first look, though loosening waits else. */
	assert_true(limit_of(&p) > busy * 9 / 10);
}

static void test_off(void **state)
{
	struct plant p;
	int64_t busy;

	(void)state;
	start(&p);
	busy = limit_of(&p);
	p.rules.idle = POLICY_NEVER;
	rest(&p, 40 * USEC_MIN);
	assert_int_equal(limit_of(&p), busy);
}

/* The period is the runtime's again as soon as it works. */
static void test_period(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	rest(&p, 10 * USEC_MIN);
	assert_int_equal(plant_sample(&p, 0)->gc_period_ns, GC_PERIOD_DEFAULT);
	p.rules.gc_period = 10 * USEC_SEC;
	rest(&p, USEC_MIN);
	assert_int_equal(plant_sample(&p, 0)->gc_period_ns, INT64_C(10000000000));
	p.proc[0].bytes_per_second = 20 * MIB;
	for (int i = 0; i < 20; i++) {
		plant_run(&p, USEC_SEC);
		plant_govern(&p);
	}
	assert_int_equal(plant_sample(&p, 0)->gc_period_ns, GC_PERIOD_DEFAULT);
	assert_false(p.s.procs[0].lever[LEVER_GC_PERIOD].ours);
}

/* Where it was not the runtime's own figure when it was first seen, something else may lie there. */
static void test_period_of_owner(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	p.rules.gc_period = 10 * USEC_SEC;
	p.rules.ownership[LEVER_GC_PERIOD] = OWNERSHIP_OVERRIDE;
	p.s.procs[0].lever[LEVER_GC_PERIOD].owner = 30000000;
	p.s.procs[0].lever[LEVER_GC_PERIOD].owner_set = true;
	plant_sample(&p, 0)->gc_period_ns = 30000000;
	rest(&p, 20 * USEC_MIN);
	assert_int_equal(p.writes[LEVER_GC_PERIOD], 0);
}

static void test_owner(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, 1 * GIB, 20 * MIB);
	plant_add(&p, LIVE, 10 * MIB, 50 * MIB);
	p.s.procs[0].lever[LEVER_SOFT_LIMIT].owner_set = true;
	p.s.procs[0].lever[LEVER_SOFT_LIMIT].owner = (int64_t)(140 * MIB);
	plant_set_lever(plant_sample(&p, 0), LEVER_SOFT_LIMIT, (int64_t)(140 * MIB));
	rest(&p, 40 * USEC_MIN);
	assert_int_equal(limit_of(&p), (int64_t)(140 * MIB));
}

/* Every second look the quota had run out: of the periods, so many thousandths. */
static void throttle(struct plant *p, uint64_t permille, int looks)
{
	for (int i = 0; i < looks; i++) {
		p->s.cgroup.cpu_quota_permille = 1000;
		p->s.cgroup.cpu_periods += 100;
		p->s.cgroup.cpu_throttled += permille / 10;
		plant_run(p, 10 * USEC_SEC);
		plant_govern(p);
	}
}

static void test_throttled(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, 1 * GIB, 20 * MIB);
	plant_add(&p, 420 * MIB, 10 * MIB, 50 * MIB);
	throttle(&p, 0, 6);
	assert_int_equal(plant_sample(&p, 0)->gc_percent, 30);
	/* The quota runs out: less collection, though the heap stays above its trigger. */
	throttle(&p, 300, 6);
	assert_true(p.h.latch[STATE_PRESSED].on);
	assert_int_equal(plant_sample(&p, 0)->gc_percent, 100);
	/* It no longer does. */
	throttle(&p, 0, 8);
	assert_int_equal(plant_sample(&p, 0)->gc_percent, 30);
	/* In an emergency memory comes first. */
	throttle(&p, 300, 6);
	p.nongo = 130 * MIB;
	throttle(&p, 300, 1);
	assert_true(p.h.latch[STATE_EMERGENCY].on);
	assert_int_equal(plant_sample(&p, 0)->gc_percent, 10);
}

/* As many P's as twice the quota: they stand still together, so that less of it is too much. */
static void test_throttled_procs(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, 1 * GIB, 20 * MIB);
	plant_add(&p, 420 * MIB, 10 * MIB, 50 * MIB);
	plant_sample(&p, 0)->gomaxprocs = 1;
	throttle(&p, 70, 6);
	assert_int_equal(plant_sample(&p, 0)->gc_percent, 30);
	plant_sample(&p, 0)->gomaxprocs = 8;
	throttle(&p, 70, 6);
	assert_int_equal(plant_sample(&p, 0)->gc_percent, 100);
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("who does nothing gives memory back, by and by", test_gives_back),
	SUITE_TEST("who wakes up has its limit at once", test_wakes),
	SUITE_TEST("idle = off leaves it", test_off),
	SUITE_TEST("who does nothing is collected sooner, where the policy says so", test_period),
	SUITE_TEST("a period that is not the runtime's is left", test_period_of_owner),
	SUITE_TEST("an owner's limit that is lower stays", test_owner),
	SUITE_TEST("collecting more is not paid for by throttling, but in an emergency",
		   test_throttled),
	SUITE_TEST("with more P's than the quota has CPUs less throttling is enough",
		   test_throttled_procs),
};

int main(void)
{
	static struct suite s;

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "idle");
}
