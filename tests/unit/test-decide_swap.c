/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

/*
 * 200 MiB that live, and 20 that are not Go's: with S_floor (237 MiB) they do not fit into 240, and what does not is in swap,
 * with 200 MiB of garbage.
 */
static void spill(struct plant *p, uint64_t room, uint64_t left)
{
	struct snapshot_cgroup *c = &p->s.cgroup;

	plant_room(p, room);
	c->swap_current = c->anon - MIN(c->anon, room);
	c->anon -= c->swap_current;
	c->current = c->anon;
	c->can_swap = true;
	c->swap_left = left;
}

static void swap_takes_it(struct plant *p)
{
	spill(p, 240 * MIB, GIB);
}

static void swap_after_emergency(struct plant *p)
{
	swap_takes_it(p);
	ours(p, LEVER_GOGC, 10);
	p->h.procs[0].lever[LEVER_GOGC].changed = p->now - USEC_SEC;
	p->h.latch[STATE_EMERGENCY].on = true;
}

static void swap_after_pressed(struct plant *p)
{
	swap_after_emergency(p);
	ours(p, LEVER_GOGC, 30);
	p->h.latch[STATE_PRESSED].on = true;
}

static void swap_owner(struct plant *p)
{
	swap_takes_it(p);
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(400 * MIB));
}

static void swap_full(struct plant *p)
{
	spill(p, 240 * MIB, 0);
	p->s.cgroup.swap_current = MIB;
}

static void swap_none(struct plant *p)
{
	swap_takes_it(p);
	p->s.cgroup.can_swap = false;
	p->s.cgroup.swap_current = p->s.cgroup.swap_left = 0;
}

static void swap_fits(struct plant *p)
{
	spill(p, 280 * MIB, GIB);
}

static void swap_hardly_fits(struct plant *p)
{
	swap_fits(p);
	p->h.spills = true;
}

static void swap_fits_well(struct plant *p)
{
	spill(p, 320 * MIB, GIB);
	p->h.spills = true;
}

static const struct scene scenes[] = {
	{ "what an emergency asked of the collector ends at once", swap_after_emergency, P,
	  VERDICT_RESTORE, REASON_SWAP, 100 },
	{ "and what a tier did", swap_after_pressed, P, VERDICT_RESTORE, REASON_SWAP, 100 },
	{ "nor is it asked for", swap_takes_it, P, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "an owner's limit stays", swap_owner, S, VERDICT_HOLD, REASON_OWNER, AS_IS },
	{ "a swap that is full is none", swap_full, P, VERDICT_SET, REASON_EMERGENCY, 10 },
	{ "without swap live data that does not fit is an emergency", swap_none, P, VERDICT_SET,
	  REASON_EMERGENCY, 10 },
	{ "so is garbage, where live data fits", swap_fits, P, VERDICT_SET, REASON_EMERGENCY, 10 },
	{ "that just fits again may not at the next look", swap_hardly_fits, P, VERDICT_HOLD,
	  REASON_SWAP, AS_IS },
	{ "and then it does", swap_fits_well, P, VERDICT_SET, REASON_EMERGENCY, 10 },
};

/* Half of what swap has left is left to others. */
static void test_limit(void **state)
{
	const struct lever_decision *ld;
	struct plant p;

	(void)state;
	start(&p);
	swap_takes_it(&p);
	p.s.procs[0].at = p.s.cgroup.at = ++p.now;
	plant_decide(&p);
	ld = &p.d.procs[0].lever[LEVER_SOFT_LIMIT];
	assert_int_equal(p.d.swap_room, p.s.cgroup.swap_current + 512 * MIB);
	assert_int_equal(p.d.budget,
			 mul_div(240 * MIB + p.d.swap_room, 920, 1000) - 20 * MIB - 240 * MIB / 64);
	assert_true(ld->verdict == VERDICT_SET && ld->reason == REASON_SWAP);
	assert_int_equal(ld->to, p.d.budget);
	assert_int_equal(p.d.alert, ALERT_DOES_NOT_FIT);
}

/* What others take of swap moves the limit where it matters, and no sooner. */
static void test_rests(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	swap_takes_it(&p);
	plant_decide(&p);
	ours(&p, LEVER_SOFT_LIMIT, p.d.procs[0].lever[LEVER_SOFT_LIMIT].to);
	p.s.cgroup.swap_left -= 100 * MIB;
	plant_decide(&p);
	assert_int_equal(p.d.procs[0].lever[LEVER_SOFT_LIMIT].verdict, VERDICT_HOLD);
	p.s.cgroup.swap_left -= 200 * MIB;
	plant_decide(&p);
	assert_int_equal(p.d.procs[0].lever[LEVER_SOFT_LIMIT].verdict, VERDICT_SET);
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("a soft limit goes by memory and swap where memory alone does not do",
		   test_limit),
	SUITE_TEST("what is about right stays", test_rests),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_scene, scenes);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "decide_swap");
}
