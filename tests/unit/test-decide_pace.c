/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

/* --- ownership --- */

static void setup_yield(struct plant *p)
{
	p->rules.ownership[LEVER_SOFT_LIMIT] = OWNERSHIP_YIELD;
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(950 * MIB));
}

static void setup_yield_default(struct plant *p)
{
	p->rules.ownership[LEVER_SOFT_LIMIT] = OWNERSHIP_YIELD;
}

static void setup_tighten_looser(struct plant *p)
{
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(700 * MIB));
}

static void setup_tighten_tighter(struct plant *p)
{
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(950 * MIB));
}

static void setup_override(struct plant *p)
{
	p->rules.ownership[LEVER_SOFT_LIMIT] = OWNERSHIP_OVERRIDE;
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(700 * MIB));
}

static void setup_gogc_yield(struct plant *p)
{
	p->rules.ownership[LEVER_GOGC] = OWNERSHIP_YIELD;
	owner_says(p, LEVER_GOGC, 200);
	pressed(p);
}

static void setup_gogc_tighten(struct plant *p)
{
	owner_says(p, LEVER_GOGC, 200);
	pressed(p);
}

static void setup_gogc_tighten_lower(struct plant *p)
{
	owner_says(p, LEVER_GOGC, 20);
	pressed(p);
}

static void setup_gogc_override(struct plant *p)
{
	p->rules.ownership[LEVER_GOGC] = OWNERSHIP_OVERRIDE;
	owner_says(p, LEVER_GOGC, 20);
	pressed(p);
}

static void setup_gogc_off_pressed(struct plant *p)
{
	owner_says(p, LEVER_GOGC, -1);
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(950 * MIB));
	pressed(p);
}

static void setup_gogc_off_emergency(struct plant *p)
{
	owner_says(p, LEVER_GOGC, -1);
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(950 * MIB));
	emergency(p);
}

static void setup_gogc_off_tight(struct plant *p)
{
	owner_says(p, LEVER_GOGC, -1);
	tight(p);
}

static void setup_gogc_off_override(struct plant *p)
{
	p->rules.ownership[LEVER_GOGC] = OWNERSHIP_OVERRIDE;
	setup_gogc_off_pressed(p);
}

static void setup_tight_owner(struct plant *p)
{
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(215 * MIB));
	p->h.procs[0].tight = true;
}

static void setup_tight_owner_yield(struct plant *p)
{
	p->rules.ownership[LEVER_SOFT_LIMIT] = OWNERSHIP_YIELD;
	setup_tight_owner(p);
}

static void setup_hot_owner(struct plant *p)
{
	owner_says(p, LEVER_GOGC, 50);
	hot(p);
}

/* --- pins, MANUAL, rest, pace --- */

static void setup_pin(struct plant *p)
{
	p->rules.ownership[LEVER_GOGC] = OWNERSHIP_YIELD;
	owner_says(p, LEVER_GOGC, 50);
	facts(p, LEVER_GOGC)->pinned = true;
	facts(p, LEVER_GOGC)->pin = 300;
	p->h.procs[0].lever[LEVER_GOGC].changed = p->now - 1;
	p->h.procs[0].lever[LEVER_GOGC].rest_until = p->now + USEC_MIN;
}

static void setup_pin_held(struct plant *p)
{
	facts(p, LEVER_GOGC)->pinned = true;
	facts(p, LEVER_GOGC)->pin = 100;
	pressed(p);
}

static void setup_manual(struct plant *p)
{
	facts(p, LEVER_GOGC)->manual = true;
	facts(p, LEVER_GOGC)->ours = true;
	pressed(p);
}

static void setup_manual_pinned(struct plant *p)
{
	setup_pin(p);
	facts(p, LEVER_GOGC)->manual = true;
}

static void setup_rest_ours(struct plant *p)
{
	pressed(p);
	ours(p, LEVER_GOGC, 30);
	p->h.procs[0].lever[LEVER_GOGC].rest_until = p->now + USEC_SEC;
}

static void setup_rest(struct plant *p)
{
	pressed(p);
	p->h.procs[0].lever[LEVER_GOGC].rest_until = p->now + USEC_SEC;
}

static void setup_rest_over(struct plant *p)
{
	pressed(p);
	p->h.procs[0].lever[LEVER_GOGC].rest_until = p->now;
}

static void setup_interval(struct plant *p)
{
	pressed(p);
	ours(p, LEVER_GOGC, 50);
	p->h.procs[0].lever[LEVER_GOGC].changed = p->now - 4 * USEC_SEC;
}

static void setup_interval_over(struct plant *p)
{
	pressed(p);
	ours(p, LEVER_GOGC, 50);
	p->h.procs[0].lever[LEVER_GOGC].changed = p->now - 5 * USEC_SEC;
}

static void setup_interval_emergency(struct plant *p)
{
	emergency(p);
	ours(p, LEVER_GOGC, 50);
	p->h.procs[0].lever[LEVER_GOGC].changed = p->now - 1;
}

static void setup_loosen_early(struct plant *p)
{
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(700 * MIB));
	p->h.allotted = ROOM;
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].changed = p->now - 14 * USEC_SEC;
}

static void setup_loosen(struct plant *p)
{
	setup_loosen_early(p);
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].changed = p->now - 15 * USEC_SEC;
}

static void setup_loosen_room(struct plant *p)
{
	setup_loosen_early(p);
	p->h.allotted = 800 * MIB;
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].changed = p->now - 1;
}

static void setup_small(struct plant *p)
{
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(BUDGET + 8 * MIB));
}

static void setup_not_small(struct plant *p)
{
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(BUDGET + 9 * MIB));
}

/* T is 600 MiB, the limit wanted about 380: it falls by 30 MiB a cycle. */
static void setup_step(struct plant *p)
{
	plant_room(p, 451 * MIB);
	plant_sample(p, 0)->mapped_ready_bytes = 600 * MIB;
	p->s.cgroup.room = 500 * MIB;
	p->rules.state[STATE_EMERGENCY].when.set = false;
	p->rules.state[STATE_PRESSED].when.set = false;
}

static void setup_step_next(struct plant *p)
{
	setup_step(p);
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(570 * MIB));
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].changed = p->now - USEC_SEC;
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].num_gc = plant_sample(p, 0)->num_gc - 1;
}

static void setup_step_same_cycle(struct plant *p)
{
	setup_step_next(p);
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].changed = p->now - USEC_MIN;
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].num_gc = plant_sample(p, 0)->num_gc;
}

static void setup_step_same_second(struct plant *p)
{
	setup_step_next(p);
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].changed = p->now - USEC_SEC + 2;
}

/* In this very cycle @limit was set, in what may have been another room. */
static void just_set(struct plant *p, uint64_t limit)
{
	ours(p, LEVER_SOFT_LIMIT, (int64_t)limit);
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].changed = p->now - 1;
	p->h.procs[0].lever[LEVER_SOFT_LIMIT].num_gc = plant_sample(p, 0)->num_gc;
}

static void setup_outside(struct plant *p)
{
	just_set(p, ROOM + MIB);
}

static void setup_inside(struct plant *p)
{
	just_set(p, ROOM - MIB);
}

static void setup_outside_far(struct plant *p)
{
	setup_step(p);
	just_set(p, 700 * MIB);
}

static void setup_step_emergency(struct plant *p)
{
	setup_step_next(p);
	plant_rules(&p->rules);
	plant_measure(p);
}

/* Of what is given back the way is long as well: its owner's limit is @owner. */
static void give_back(struct plant *p, uint64_t owner)
{
	setup_step_next(p);
	facts(p, LEVER_SOFT_LIMIT)->owner = (int64_t)owner;
	p->rules.state[STATE_CALM].soft_limit_off = true;
}

static void setup_back_step(struct plant *p)
{
	give_back(p, 400 * MIB);
}

static void setup_back_last(struct plant *p)
{
	give_back(p, 550 * MIB);
}

static void setup_back_floor(struct plant *p)
{
	give_back(p, 400 * MIB);
	plant_sample(p, 0)->heap_marked_bytes = 520 * MIB;
}

static const struct scene scenes[] = {
	{ "yield: the owner's soft limit stands", setup_yield, S, VERDICT_HOLD, REASON_OWNER,
	  AS_IS },
	{ "yield: what nobody set is set", setup_yield_default, S, VERDICT_SET, REASON_HEADROOM,
	  BUDGET },
	{ "tighten: never looser than the owner's soft limit", setup_tighten_looser, S,
	  VERDICT_HOLD, REASON_OWNER, AS_IS },
	{ "tighten: tighter than the owner's soft limit", setup_tighten_tighter, S, VERDICT_SET,
	  REASON_HEADROOM, BUDGET },
	{ "override: looser than the owner's soft limit", setup_override, S, VERDICT_SET,
	  REASON_HEADROOM, BUDGET },
	{ "yield: the owner's GOGC stands", setup_gogc_yield, P, VERDICT_HOLD, REASON_OWNER,
	  AS_IS },
	{ "tighten: below the owner's GOGC", setup_gogc_tighten, P, VERDICT_SET, REASON_TRIGGER,
	  30 },
	{ "tighten: never above the owner's GOGC", setup_gogc_tighten_lower, P, VERDICT_HOLD,
	  REASON_OWNER, AS_IS },
	{ "override: above the owner's GOGC", setup_gogc_override, P, VERDICT_SET, REASON_TRIGGER,
	  30 },
	{ "tighten: GOGC=off stays off when pressed", setup_gogc_off_pressed, P, VERDICT_HOLD,
	  REASON_OWNER, AS_IS },
	{ "tighten: GOGC=off stays off in an emergency", setup_gogc_off_emergency, P, VERDICT_HOLD,
	  REASON_OWNER, AS_IS },
	{ "tighten: GOGC=off stays off when tight", setup_gogc_off_tight, P, VERDICT_HOLD,
	  REASON_OWNER, AS_IS },
	{ "tighten: with GOGC=off the soft limit is lowered", setup_gogc_off_emergency, S,
	  VERDICT_SET, REASON_EMERGENCY, BUDGET },
	{ "override: GOGC=off is made finite", setup_gogc_off_override, P, VERDICT_SET,
	  REASON_TRIGGER, 30 },
	{ "tighten: an owner's death spiral is relaxed", setup_tight_owner, S, VERDICT_SET,
	  REASON_TIGHT, FLOOR },
	{ "yield: not even an owner's death spiral is relaxed", setup_tight_owner_yield, S,
	  VERDICT_HOLD, REASON_OWNER, AS_IS },
	{ "tighten: hot does not raise the owner's GOGC", setup_hot_owner, P, VERDICT_HOLD,
	  REASON_OWNER, AS_IS },

	{ "a pin holds against state, owner, rest and interval", setup_pin, P, VERDICT_SET,
	  REASON_OPERATOR, 300 },
	{ "a pin that is in force is held", setup_pin_held, P, VERDICT_HOLD, REASON_OPERATOR, 100 },
	{ "MANUAL is not written", setup_manual, P, VERDICT_HOLD, REASON_MANUAL, AS_IS },
	{ "MANUAL is not written for a pin either", setup_manual_pinned, P, VERDICT_HOLD,
	  REASON_MANUAL, AS_IS },
	{ "harm rolls ours back at once", setup_rest_ours, P, VERDICT_RESTORE, REASON_HARM, 100 },
	{ "a lever that rests is not written", setup_rest, P, VERDICT_HOLD, REASON_RESTING, AS_IS },
	{ "a rest ends", setup_rest_over, P, VERDICT_SET, REASON_TRIGGER, 30 },
	{ "one change per interval", setup_interval, P, VERDICT_HOLD, REASON_INTERVAL, AS_IS },
	{ "after the interval the next", setup_interval_over, P, VERDICT_SET, REASON_TRIGGER, 30 },
	{ "an emergency does not wait for the interval", setup_interval_emergency, P, VERDICT_SET,
	  REASON_EMERGENCY, 10 },
	{ "loosening waits three intervals", setup_loosen_early, S, VERDICT_HOLD, REASON_INTERVAL,
	  AS_IS },
	{ "loosening comes then", setup_loosen, S, VERDICT_SET, REASON_HEADROOM, BUDGET },
	{ "loosening is at once where the room grew", setup_loosen_room, S, VERDICT_SET,
	  REASON_HEADROOM, BUDGET },
	{ "less than 1 % is not worth a write", setup_small, S, VERDICT_HOLD, REASON_SMALL, AS_IS },
	{ "more than 1 % is", setup_not_small, S, VERDICT_SET, REASON_HEADROOM, BUDGET },
	{ "the first step is 5 % below T", setup_step, S, VERDICT_SET, REASON_HEADROOM, 570 * MIB },
	{ "the next step is 5 % of T below it", setup_step_next, S, VERDICT_SET, REASON_HEADROOM,
	  540 * MIB },
	{ "a step waits for the next cycle", setup_step_same_cycle, S, VERDICT_HOLD, REASON_STEP,
	  AS_IS },
	{ "and for a second", setup_step_same_second, S, VERDICT_HOLD, REASON_INTERVAL, AS_IS },
	{ "a limit that the room has fallen below follows at once", setup_outside, S, VERDICT_SET,
	  REASON_HEADROOM, BUDGET },
	{ "one within the room waits for a cycle", setup_inside, S, VERDICT_HOLD, REASON_STEP,
	  AS_IS },
	{ "it follows down to T at once", setup_outside_far, S, VERDICT_SET, REASON_HEADROOM,
	  600 * MIB },
	{ "on the way back to an owner's limit it is still ours", setup_back_step, S, VERDICT_SET,
	  REASON_STATE_LEFT, 540 * MIB },
	{ "the last step restores", setup_back_last, S, VERDICT_RESTORE, REASON_STATE_LEFT,
	  550 * MIB },
	{ "it is not given back where that leaves the collector no room", setup_back_floor, S,
	  VERDICT_HOLD, REASON_STEP, AS_IS },
	{ "an emergency takes no steps", setup_step_emergency, S, VERDICT_SET, REASON_EMERGENCY,
	  460 * MIB - 20 * MIB - 500 * MIB / 64 },
};

static void test_step_limits(void **state)
{
	uint64_t lowest = UINT64_MAX;
	struct plant p;

	(void)state;
	start(&p);
	p.rules.state[STATE_EMERGENCY].when.set = false;
	p.rules.state[STATE_PRESSED].when.set = false;
	plant_room(&p, 460 * MIB);
	for (int i = 0; i < 300; i++) {
		uint64_t before = (uint64_t)plant_sample(&p, 0)->memory_limit_bytes;
		uint64_t mapped = plant_sample(&p, 0)->mapped_ready_bytes, after;
		uint32_t cycle = plant_sample(&p, 0)->num_gc;

		plant_govern(&p);
		after = (uint64_t)plant_sample(&p, 0)->memory_limit_bytes;
		if (after < before)
			assert_true(after + mapped / 20 + 1 >= MIN(before, mapped));
		lowest = MIN(lowest, after);
		plant_run(&p, USEC_SEC / 2);
		assert_true(plant_sample(&p, 0)->num_gc >= cycle);
	}
	assert_int_equal(lowest, p.d.budget);
	assert_int_equal(p.state_changes, 0);
}

/* Pages that the scavenger does not give back, whatever the heap does. */
static void keep_mapped(struct plant *p, uint64_t bytes)
{
	struct go_sample *s = plant_sample(p, 0);

	s->mapped_ready_bytes = bytes;
	s->heap_free_bytes = sub_sat(bytes, p->proc[0].rest + go_sample_heap_alloc(s));
	plant_measure(p);
}

static void test_harm_rests(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	/* Marking is slow, so that GOGC 30 costs a CPU more, and no page comes back for it. */
	p.proc[0].live = 400 * MIB;
	p.proc[0].mark_bytes_per_second = 200 * MIB;
	p.rules.state[STATE_PRESSED].when.set = false;
	for (int i = 0; i < 600 && p.d.procs[0].lever[LEVER_GOGC].reason != REASON_HARM; i++) {
		/* What it cost before is known by then. */
		p.rules.state[STATE_PRESSED].when.set = i > 200;
		plant_run(&p, USEC_SEC / 10);
		keep_mapped(&p, 880 * MIB);
		plant_govern(&p);
	}
	assert_int_equal(p.d.procs[0].lever[LEVER_GOGC].reason, REASON_HARM);
	assert_int_equal(p.writes[LEVER_GOGC], 2);
	assert_int_equal(plant_sample(&p, 0)->gc_percent, 100);
	p.now += 9 * USEC_MIN;
	plant_run(&p, USEC_SEC);
	plant_decide(&p);
	assert_int_equal(p.d.procs[0].lever[LEVER_GOGC].reason, REASON_RESTING);
	p.now += 2 * USEC_MIN;
	plant_run(&p, USEC_SEC);
	plant_decide(&p);
	assert_int_equal(p.d.procs[0].lever[LEVER_GOGC].to, 30);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a soft limit comes down by 5 % of T at most, all the way", test_step_limits),
	SUITE_TEST("a change that harms is rolled back and rests", test_harm_rests),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_scene, scenes);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "decide_pace");
}
