/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/plant.h"

#define CACHE (300 * MIB)

/* An idle service whose page cache nobody has touched for long. */
static void start(struct plant *p, int32_t reclaim)
{
	plant_init(p, 1 * GIB, 20 * MIB);
	p->rules.reclaim = reclaim;
	p->s.cgroup.file = CACHE;
	plant_add(p, 50 * MIB, 10 * MIB, 0);
}

/* @come_back: of each thousand bytes that are asked for. Returns how much was asked for. */
static uint64_t rest(struct plant *p, usec_t usec, uint64_t come_back)
{
	uint64_t asked = 0;

	for (usec_t t = 0; t < usec; t += 5 * USEC_SEC) {
		plant_run(p, 5 * USEC_SEC);
		plant_govern(p);
		asked += p->d.reclaim_bytes;
		p->s.cgroup.file = sub_sat(p->s.cgroup.file, p->d.reclaim_bytes);
		p->s.cgroup.refault_file += mul_div(p->d.reclaim_bytes, come_back, 1000 * 4096);
	}
	return asked;
}

static void test_cold(void **state)
{
	struct plant p;

	(void)state;
	start(&p, RECLAIM_FILE);
	assert_int_equal(rest(&p, 5 * USEC_MIN, 0), 0);
	rest(&p, 30 * USEC_MIN, 0);
	assert_int_equal(p.s.cgroup.file, 0);
	/* Nothing is left to be had, and it is not asked for all day. */
	assert_true(rest(&p, 60 * USEC_MIN, 0) < 10 * 2 * MIB);
}

static void test_missed(void **state)
{
	struct plant p;

	(void)state;
	start(&p, RECLAIM_FILE);
	rest(&p, 8 * USEC_MIN, 500);
	/* One time, and from then on twice as seldom each time. */
	assert_true(p.s.cgroup.file > CACHE * 9 / 10);
	assert_true(p.h.reclaim.rest_until > p.now);
	assert_int_equal(rest(&p, 5 * USEC_MIN, 500), 0);
}

static void test_waits(void **state)
{
	struct plant p;

	(void)state;
	start(&p, RECLAIM_FILE);
	rest(&p, 6 * USEC_MIN + 30 * USEC_SEC, 0);
	p.s.cgroup.psi_some_us += USEC_SEC;
	rest(&p, 10 * USEC_SEC, 0);
	assert_true(p.h.reclaim.rest_until > p.now);
}

static void test_not_wanted(void **state)
{
	struct plant p;

	(void)state;
	start(&p, RECLAIM_NO);
	assert_int_equal(rest(&p, 60 * USEC_MIN, 0), 0);
	start(&p, RECLAIM_ALL);
	p.proc[0].bytes_per_second = 50 * MIB;
	assert_int_equal(rest(&p, 60 * USEC_MIN, 0), 0);
}

static void test_protected(void **state)
{
	struct plant p;

	(void)state;
	start(&p, RECLAIM_FILE);
	p.s.cgroup.low = 1 * GIB;
	assert_int_equal(rest(&p, 60 * USEC_MIN, 0), 0);
}

static void test_swap(void **state)
{
	struct plant p;

	(void)state;
	start(&p, RECLAIM_FILE);
	p.s.cgroup.can_swap = true;
	for (int i = 0; i < 200 && !p.d.reclaim_bytes; i++)
		rest(&p, 5 * USEC_SEC, 0);
	assert_true(p.d.reclaim_file);
	start(&p, RECLAIM_ALL);
	p.s.cgroup.can_swap = true;
	for (int i = 0; i < 200 && !p.d.reclaim_bytes; i++)
		rest(&p, 5 * USEC_SEC, 0);
	assert_true(p.d.reclaim_bytes && !p.d.reclaim_file);
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("cold pages of who is idle, until there are none", test_cold),
	SUITE_TEST("what comes back is not asked for again soon", test_missed),
	SUITE_TEST("nobody waits for it", test_waits),
	SUITE_TEST("only where the policy says so, and of nobody who works", test_not_wanted),
	SUITE_TEST("what the owner protects stays", test_protected),
	SUITE_TEST("what can be swapped only where the policy says that too", test_swap),
};

int main(void)
{
	static struct suite s;

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "reclaim");
}
