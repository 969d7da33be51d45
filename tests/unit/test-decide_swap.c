/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"
#include "report/alert_text.h"

/*
 * 230 MiB that cannot be collected, 20 of them not Go's, and about as much garbage: of all that @room is in memory and the
 * rest in swap, which has @left more.
 */
static void swap_out(struct plant *p, uint64_t room, uint64_t left)
{
	struct snapshot_cgroup *c = &p->s.cgroup;

	plant_room(p, room);
	plant_measure(p);
	c->swap_current = c->anon - MIN(c->anon, room);
	c->anon -= c->swap_current;
	c->current = c->anon;
	c->can_swap = true;
	c->swap_left = left;
}

static void swap_takes_it(struct plant *p)
{
	swap_out(p, 220 * MIB, GIB);
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

static void swap_after_limit(struct plant *p)
{
	swap_takes_it(p);
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(200 * MIB));
	p->h.procs[0].tight = true;
}

static void swap_tight(struct plant *p)
{
	swap_takes_it(p);
	p->h.procs[0].tight = true;
}

static void swap_hot(struct plant *p)
{
	swap_takes_it(p);
	hot(p);
}

static void swap_calm_policy(struct plant *p)
{
	swap_takes_it(p);
	p->rules.state[STATE_CALM].gogc = 50;
}

static void swap_pinned(struct plant *p)
{
	swap_takes_it(p);
	facts(p, LEVER_GOGC)->pinned = true;
	facts(p, LEVER_GOGC)->pin = 40;
}

static void swap_owner(struct plant *p)
{
	swap_takes_it(p);
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(400 * MIB));
}

static void swap_owner_lowered(struct plant *p)
{
	swap_owner(p);
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(200 * MIB));
}

static void swap_owner_spiral(struct plant *p)
{
	swap_takes_it(p);
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(150 * MIB));
	p->h.procs[0].tight = true;
}

/* After a collection: there is no room in it for the garbage of the next. */
static void swap_full(struct plant *p)
{
	struct go_sample *s = plant_sample(p, 0);

	plant_collect(p, 0);
	s->mapped_ready_bytes -= s->heap_free_bytes;
	s->heap_free_bytes = 0;
	swap_out(p, 220 * MIB, 0);
}

static void swap_endless(struct plant *p)
{
	swap_takes_it(p);
	p->s.cgroup.swap_left = BYTES_UNLIMITED;
}

static void swap_goal_endless(struct plant *p)
{
	swap_takes_it(p);
	owner_says(p, LEVER_GOGC, -1);
}

static void swap_forbidden(struct plant *p)
{
	swap_takes_it(p);
	p->s.cgroup.can_swap = false;
}

static void swap_unused(struct plant *p)
{
	swap_takes_it(p);
	p->s.cgroup.anon += p->s.cgroup.swap_current;
	p->s.cgroup.swap_current = 0;
}

static void swap_fits(struct plant *p)
{
	swap_out(p, 240 * MIB, GIB);
}

/* It has been so for a minute. */
static void swapped(struct plant *p)
{
	p->h.swapped = (struct latch){ .on = true, .entries = 1, .since = p->now - USEC_MIN };
}

static void swap_hardly_fits(struct plant *p)
{
	swap_fits(p);
	swapped(p);
}

static void swap_fits_now(struct plant *p)
{
	swap_out(p, 300 * MIB, GIB);
	swapped(p);
}

static void swap_fits_well(struct plant *p)
{
	swap_fits_now(p);
	p->h.swapped.below_since = p->now - 11 * USEC_SEC;
}

static const struct scene scenes[] = {
	{ "what an emergency asked of the collector ends at once", swap_after_emergency, P,
	  VERDICT_RESTORE, REASON_SWAP, 100 },
	{ "and what a tier did", swap_after_pressed, P, VERDICT_RESTORE, REASON_SWAP, 100 },
	{ "and a soft limit of ours", swap_after_limit, S, VERDICT_RESTORE, REASON_SWAP,
	  VALUE_NONE },
	{ "nor is any asked for", swap_takes_it, S, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "nor more collecting", swap_takes_it, P, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "where it is tight", swap_tight, P, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "nor less where it is hot", swap_hot, P, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "what a policy has in calm holds", swap_calm_policy, P, VERDICT_SET, REASON_HEADROOM,
	  50 },
	{ "and an operator's word", swap_pinned, P, VERDICT_SET, REASON_OPERATOR, 40 },
	{ "an owner's limit stays", swap_owner, S, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "and is given back", swap_owner_lowered, S, VERDICT_RESTORE, REASON_SWAP, 400 * MIB },
	{ "but one that is a spiral is relaxed as far as memory goes", swap_owner_spiral, S,
	  VERDICT_SET, REASON_DOES_NOT_FIT, 200 * MIB - 220 * MIB / 64 },
	{ "swap without a limit is swap", swap_endless, P, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "a swap that is full is none", swap_full, P, VERDICT_SET, REASON_TRIGGER, 30 },
	{ "nor is any enough for a heap without a goal", swap_goal_endless, S, VERDICT_HOLD,
	  REASON_NONE, AS_IS },
	{ "what may not swap does not", swap_forbidden, P, VERDICT_SET, REASON_EMERGENCY, 10 },
	{ "nor does what has not", swap_unused, P, VERDICT_SET, REASON_EMERGENCY, 10 },
	{ "garbage is an emergency where live data fits", swap_fits, P, VERDICT_SET,
	  REASON_EMERGENCY, 10 },
	{ "live data that just fits again may not at the next look", swap_hardly_fits, P,
	  VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "nor after a moment", swap_fits_now, P, VERDICT_HOLD, REASON_SWAP, AS_IS },
	{ "and then it does", swap_fits_well, P, VERDICT_SET, REASON_EMERGENCY, 10 },
};

/* Collecting was not tried, so that nothing shows that it does not help. */
static void test_high(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	swap_after_emergency(&p);
	swap_out(&p, 270 * MIB, GIB);
	swapped(&p);
	p.rules.state[STATE_EMERGENCY].memory_high = HIGH_SWAP;
	p.h.procs[0].lever[LEVER_GOGC].num_gc = plant_sample(&p, 0)->num_gc - 2;
	p.s.cgroup.current = 200 * MIB;
	p.s.procs[0].at = p.s.cgroup.at = ++p.now;
	plant_decide(&p);
	assert_int_equal(p.d.memory_high.verdict, VERDICT_HOLD);
	assert_true(p.d.swapped);
	p.h.swapped.on = false;
	plant_decide(&p);
	assert_int_equal(p.d.memory_high.verdict, VERDICT_SET);
}

/* What sleeps is not read back more often. */
static void test_period(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	p.rules.idle = 10 * USEC_SEC;
	p.rules.gc_period = 10 * USEC_SEC;
	p.proc[0].bytes_per_second = 0;
	for (int i = 0; i < 100; i++) {
		plant_run(&p, USEC_SEC);
		plant_decide(&p);
	}
	assert_int_equal(p.d.procs[0].lever[LEVER_GC_PERIOD].verdict, VERDICT_SET);
	swap_takes_it(&p);
	p.s.cgroup.swap_current += 120 * MIB;
	p.s.cgroup.anon -= 120 * MIB;
	plant_decide(&p);
	assert_true(p.d.swapped);
	assert_int_equal(p.d.procs[0].lever[LEVER_GC_PERIOD].verdict, VERDICT_HOLD);
}

static void test_says_so(void **state)
{
	char text[ALERT_TEXT_MAX];
	struct plant p;

	(void)state;
	start(&p);
	swap_takes_it(&p);
	plant_decide(&p);
	assert_true(p.d.swapped && p.d.swap_holds);
	assert_int_equal(p.d.alert, ALERT_DOES_NOT_FIT);
	assert_non_null(strstr(alert_text(text, "w", &p.d), "swapped"));
	swap_full(&p);
	plant_decide(&p);
	assert_false(p.d.swap_holds);
	assert_non_null(strstr(alert_text(text, "w", &p.d), "killed"));
}

/* A batch job's live data comes and goes. */
static void test_rests(void **state)
{
	unsigned int changes = 0;
	struct plant p;

	(void)state;
	start(&p);
	for (int i = 0; i < 120; i++) {
		const bool before = p.d.swapped;

		p.now += USEC_SEC;
		swap_out(&p, i % 2 ? 300 * MIB : 220 * MIB, GIB);
		plant_decide(&p);
		changes += p.d.swapped != before;
	}
	assert_int_equal(changes, 1);
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("memory.high waits until collecting was tried", test_high),
	SUITE_TEST("nor is what sleeps collected sooner", test_period),
	SUITE_TEST("that it does not fit is said, and what follows", test_says_so),
	SUITE_TEST("it does not come and go with every look", test_rests),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_scene, scenes);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "decide_swap");
}
