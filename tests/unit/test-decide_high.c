/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

/* --- memory.high --- */

/* An emergency in which GOGC 10 has been in force for three cycles, without help. */
static void start_throttle(struct plant *p)
{
	start(p);
	emergency(p);
	ours(p, LEVER_GOGC, 10);
	ours(p, LEVER_SOFT_LIMIT, (int64_t)BUDGET);
	p->h.procs[0].lever[LEVER_GOGC].num_gc = plant_sample(p, 0)->num_gc - 2;
	p->s.cgroup.current = 930 * MIB;
	p->s.cgroup.at = p->s.procs[0].at = ++p->now;
}

static void high_at_once(struct plant *p)
{
	p->h.procs[0].lever[LEVER_GOGC].num_gc = plant_sample(p, 0)->num_gc - 1;
}

static void high_never_collected(struct plant *p)
{
	p->h.procs[0].lever[LEVER_GOGC].changed = 0;
}

static void high_swap(struct plant *p)
{
	p->s.cgroup.can_swap = true;
}

static void high_protected(struct plant *p)
{
	p->s.cgroup.low = 960 * MIB;
}

static void high_minimum(struct plant *p)
{
	p->s.cgroup.min = 960 * MIB;
}

static void high_no_room(struct plant *p)
{
	p->s.cgroup.current = 990 * MIB;
}

static void high_policy(struct plant *p)
{
	p->rules.state[STATE_EMERGENCY].memory_high = false;
}

static void high_resting(struct plant *p)
{
	p->h.high_rest_until = p->now + USEC_SEC;
}

static void high_manual(struct plant *p)
{
	p->s.cgroup.memory_high.manual = true;
}

static void high_owner(struct plant *p)
{
	p->s.cgroup.high = 940 * MIB;
}

static void high_owner_higher(struct plant *p)
{
	p->s.cgroup.high = 980 * MIB;
}

static void high_yield(struct plant *p)
{
	high_owner_higher(p);
	p->rules.ownership[LEVER_MEMORY_HIGH] = OWNERSHIP_YIELD;
}

static void high_set(struct plant *p)
{
	(void)p;
}

static void high_ours(struct plant *p)
{
	p->s.cgroup.high = 946 * MIB;
	p->s.cgroup.memory_high.ours = true;
	p->h.high_changed = p->now - 10 * USEC_SEC;
	p->h.high_mapped = 910 * MIB;
}

static void high_lease_over(struct plant *p)
{
	high_ours(p);
	p->h.high_changed = p->now - 31 * USEC_SEC;
}

static void high_stalls(struct plant *p)
{
	high_ours(p);
	p->s.cgroup.psi_full_us = 1100000;
}

static void high_stalls_but_helps(struct plant *p)
{
	high_stalls(p);
	p->h.high_mapped = 950 * MIB;
}

static void high_after_restart(struct plant *p)
{
	high_ours(p);
	p->h.high_changed = 0; /* adopted from an undo record: the lease is not known to run */
}

static void high_over(struct plant *p)
{
	high_ours(p);
	p->h.latch[STATE_EMERGENCY].on = false;
	p->s.cgroup.anon = 300 * MIB;
}

struct high_case {
	const char *name;
	void (*setup)(struct plant *p);
	enum decide_verdict verdict;
	enum decide_reason reason;
};

static const struct high_case highs[] = {
	{ "memory.high comes when collecting did not help", high_set, VERDICT_SET,
	  REASON_THROTTLE },
	{ "memory.high waits for two cycles", high_at_once, VERDICT_HOLD, REASON_NONE },
	{ "memory.high waits for garbage to be collected first", high_never_collected, VERDICT_HOLD,
	  REASON_NONE },
	{ "memory.high never where anon can be swapped", high_swap, VERDICT_HOLD, REASON_NONE },
	{ "memory.high never below memory.low", high_protected, VERDICT_HOLD, REASON_NONE },
	{ "memory.high never below memory.min", high_minimum, VERDICT_HOLD, REASON_NONE },
	{ "memory.high never where it is no smaller than the room", high_no_room, VERDICT_HOLD,
	  REASON_NONE },
	{ "memory.high only where the policy says so", high_policy, VERDICT_HOLD, REASON_NONE },
	{ "memory.high rests after a lease", high_resting, VERDICT_HOLD, REASON_NONE },
	{ "a MANUAL memory.high is not written", high_manual, VERDICT_HOLD, REASON_MANUAL },
	{ "an owner's lower memory.high stands", high_owner, VERDICT_HOLD, REASON_OWNER },
	{ "an owner's higher memory.high is lowered", high_owner_higher, VERDICT_SET,
	  REASON_THROTTLE },
	{ "yield: an owner's higher memory.high stands", high_yield, VERDICT_HOLD, REASON_OWNER },
	{ "a lease is held", high_ours, VERDICT_HOLD, REASON_THROTTLE },
	{ "a lease ends", high_lease_over, VERDICT_RESTORE, REASON_STATE_LEFT },
	{ "a stall without gain ends it", high_stalls, VERDICT_RESTORE, REASON_HARM },
	{ "a stall with gain does not", high_stalls_but_helps, VERDICT_HOLD, REASON_THROTTLE },
	{ "a lease of an earlier run ends", high_after_restart, VERDICT_RESTORE,
	  REASON_STATE_LEFT },
	{ "the emergency's end ends it", high_over, VERDICT_RESTORE, REASON_STATE_LEFT },
};

static void test_high(void **state)
{
	const struct high_case *c = *state;
	const struct lever_decision *ld;
	struct plant p;

	start_throttle(&p);
	c->setup(&p);
	plant_decide(&p);
	ld = &p.d.memory_high;
	assert_string_equal(decide_reason_name(ld->reason), decide_reason_name((int32_t)c->reason));
	assert_int_equal(ld->verdict, c->verdict);
	if (c->verdict == VERDICT_SET) {
		assert_int_equal(ld->to, p.s.cgroup.current + p.d.margin);
		assert_true((uint64_t)ld->to < p.s.cgroup.room);
	} else if (c->verdict == VERDICT_RESTORE) {
		assert_int_equal(ld->to, VALUE_NONE);
		assert_true(p.h.high_rest_until > p.now);
	}
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_high, highs);
	return suite_run(&s, "decide_high");
}
