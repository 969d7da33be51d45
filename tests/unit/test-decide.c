/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/plant.h"

/*
 * 1000 MiB of room, 20 MiB that are not Go's, one process with 200 MiB live, seen for a while; nothing is set yet.
 * The margin is a 64th of the room: the budget of the soft limits is 920 - 20 - 15.625 MiB.
 */
#define ROOM   (1000 * MIB)
#define BUDGET (900 * MIB - 1000 * MIB / 64)

static void start(struct plant *p)
{
	plant_init(p, ROOM, 20 * MIB);
	plant_add(p, 200 * MIB, 10 * MIB, 100 * MIB);
	plant_run(p, 3 * USEC_SEC);
	history_observe(&p->h, &p->s);
	plant_run(p, 3 * USEC_SEC);
}

static struct lever_facts *facts(struct plant *p, enum policy_lever lever)
{
	return &p->s.procs[0].lever[lever];
}

/* The owner's explicit word on a lever, in force. */
static void owner_says(struct plant *p, enum policy_lever lever, int64_t value)
{
	facts(p, lever)->owner = value;
	facts(p, lever)->owner_set = true;
	if (lever == LEVER_SOFT_LIMIT)
		plant_sample(p, 0)->memory_limit_bytes = value;
	else if (lever == LEVER_GOGC)
		plant_sample(p, 0)->gc_percent = (int32_t)value;
	else
		plant_sample(p, 0)->madvdontneed = (int32_t)value;
	plant_commit(plant_sample(p, 0));
}

/* gomemd has written this value a minute ago. */
static void ours(struct plant *p, enum policy_lever lever, int64_t value)
{
	struct lever_facts before = *facts(p, lever);

	owner_says(p, lever, value);
	*facts(p, lever) = before;
	facts(p, lever)->ours = true;
	p->h.procs[0].lever[lever].changed = p->now - USEC_MIN;
	p->h.procs[0].lever[lever].num_gc = 0;
}

static void pressed(struct plant *p)
{
	plant_sample(p, 0)->total_alloc_bytes = plant_sample(p, 0)->total_free_bytes + 750 * MIB;
}

static void emergency(struct plant *p)
{
	/* A heap that has grown to 890 MiB with 200 live: collecting gains a lot. */
	plant_sample(p, 0)->mapped_ready_bytes = 910 * MIB;
	plant_sample(p, 0)->heap_free_bytes = 100 * MIB;
	plant_sample(p, 0)->total_alloc_bytes = plant_sample(p, 0)->total_free_bytes + 800 * MIB;
	plant_measure(p);
}

/* 280 MiB: S_floor (237 MiB) fits, what a collector with 20 % wants (257 MiB) does not. */
static void tight(struct plant *p)
{
	plant_room(p, 280 * MIB);
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(215 * MIB));
	p->h.procs[0].tight = true;
}

static void hot(struct plant *p)
{
	plant_sample(p, 0)->limiter_known = plant_sample(p, 0)->limiter_enabled = true;
}

/* --- what each state sets --- */

static void setup_calm(struct plant *p)
{
	(void)p;
}

static void setup_pressed_limit(struct plant *p)
{
	pressed(p);
}

static void setup_soft_limit_off(struct plant *p)
{
	p->rules.state[STATE_CALM].soft_limit_off = true;
}

static void setup_soft_limit_off_ours(struct plant *p)
{
	p->rules.state[STATE_CALM].soft_limit_off = true;
	ours(p, LEVER_SOFT_LIMIT, (int64_t)BUDGET);
}

static void setup_unlimited(struct plant *p)
{
	plant_room(p, BYTES_UNLIMITED);
}

static void setup_no_budget(struct plant *p)
{
	plant_room(p, 240 * MIB); /* S_floor is some 237 MiB */
}

static void setup_not_proved(struct plant *p)
{
	p->s.procs[0].proved = false;
}

static void setup_calm_gogc(struct plant *p)
{
	p->rules.state[STATE_CALM].gogc = 80;
}

static void setup_madvdontneed(struct plant *p)
{
	p->rules.state[STATE_PRESSED].madvdontneed = 0;
	pressed(p);
}

static void setup_madvdontneed_owner(struct plant *p)
{
	owner_says(p, LEVER_MADVDONTNEED, 1);
	setup_madvdontneed(p);
}

static void setup_madvdontneed_unknown(struct plant *p)
{
	setup_madvdontneed(p);
	plant_sample(p, 0)->madvdontneed = -1;
}

static void setup_emergency_low_gogc(struct plant *p)
{
	p->rules.state[STATE_EMERGENCY].gogc = 3;
	emergency(p);
}

static void setup_emergency_tiny(struct plant *p)
{
	p->nongo = 915 * MIB; /* somebody else's memory: 200 MiB live cannot mend it */
	p->proc[0].live = 3 * MIB;
	plant_collect(p, 0);
	plant_sample(p, 0)->mapped_ready_bytes = 14 * MIB;
	plant_sample(p, 0)->heap_free_bytes = 0;
	plant_measure(p);
}

static void setup_tight_fits(struct plant *p)
{
	tight(p);
}

static void setup_tight_no_fit(struct plant *p)
{
	tight(p);
	plant_room(p, 235 * MIB);
}

static void setup_tight_unlimited(struct plant *p)
{
	owner_says(p, LEVER_SOFT_LIMIT, (int64_t)(215 * MIB));
	p->h.procs[0].tight = true;
	plant_room(p, BYTES_UNLIMITED);
}

static void setup_hot(struct plant *p)
{
	hot(p);
}

static void setup_hot_off(struct plant *p)
{
	owner_says(p, LEVER_GOGC, -1);
	hot(p);
}

static void setup_hot_full(struct plant *p)
{
	plant_room(p, 300 * MIB);
	hot(p);
}

static void setup_left(struct plant *p)
{
	ours(p, LEVER_GOGC, 30);
}

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
	p->h.room = ROOM;
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
	p->h.room = 800 * MIB;
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

static void setup_step_emergency(struct plant *p)
{
	setup_step_next(p);
	plant_rules(&p->rules);
	plant_measure(p);
}

#define S	    LEVER_SOFT_LIMIT
#define P	    LEVER_GOGC
#define MADV	    LEVER_MADVDONTNEED
#define AS_IS	    INT64_MIN /* held: the value that is */
#define FLOOR	    (INT64_MIN + 1)
#define BELOW_FLOOR (INT64_MIN + 2)

struct scene {
	const char *name;
	void (*setup)(struct plant *p);
	enum policy_lever lever;
	enum decide_verdict verdict;
	enum decide_reason reason;
	int64_t to;
};

static const struct scene scenes[] = {
	{ "calm sets 0.92 M - N - margin", setup_calm, S, VERDICT_SET, REASON_HEADROOM, BUDGET },
	{ "calm leaves GOGC", setup_calm, P, VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "calm leaves madvdontneed", setup_calm, MADV, VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "calm sets the tier's GOGC where it says one", setup_calm_gogc, P, VERDICT_SET,
	  REASON_HEADROOM, 80 },
	{ "pressed sets the same soft limit", setup_pressed_limit, S, VERDICT_SET, REASON_HEADROOM,
	  BUDGET },
	{ "pressed sets the tier's GOGC", setup_pressed_limit, P, VERDICT_SET, REASON_TRIGGER, 30 },
	{ "soft_limit = off sets none", setup_soft_limit_off, S, VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "soft_limit = off gives ours back", setup_soft_limit_off_ours, S, VERDICT_RESTORE,
	  REASON_STATE_LEFT, INT64_MAX },
	{ "without a limit there is no soft limit", setup_unlimited, S, VERDICT_HOLD,
	  REASON_NO_ROOM, AS_IS },
	{ "a budget below S_floor sets none", setup_no_budget, S, VERDICT_HOLD, REASON_NONE,
	  AS_IS },
	{ "a process that is not proved is held", setup_not_proved, S, VERDICT_HOLD,
	  REASON_NOT_PROVED, AS_IS },
	{ "pressed sets the tier's madvdontneed", setup_madvdontneed, MADV, VERDICT_SET,
	  REASON_TRIGGER, 0 },
	{ "tighten: the owner's madvdontneed=1 stays", setup_madvdontneed_owner, MADV, VERDICT_HOLD,
	  REASON_OWNER, AS_IS },
	{ "a madvdontneed that was not found is not written", setup_madvdontneed_unknown, MADV,
	  VERDICT_HOLD, REASON_NOT_PROVED, AS_IS },
	{ "emergency sets GOGC 10", emergency, P, VERDICT_SET, REASON_EMERGENCY, 10 },
	{ "emergency sets the soft limit at once", emergency, S, VERDICT_SET, REASON_EMERGENCY,
	  BUDGET },
	{ "emergency never goes below GOGC 10", setup_emergency_low_gogc, P, VERDICT_SET,
	  REASON_EMERGENCY, 10 },
	{ "emergency skips a process that would hardly gain", setup_emergency_tiny, P, VERDICT_HOLD,
	  REASON_NO_GAIN, AS_IS },
	{ "tight sets S_floor where it fits", setup_tight_fits, S, VERDICT_SET, REASON_TIGHT,
	  FLOOR },
	{ "tight sets GOGC 10", setup_tight_fits, P, VERDICT_SET, REASON_TIGHT, 10 },
	{ "tight that does not fit gets all there is", setup_tight_no_fit, S, VERDICT_SET,
	  REASON_DOES_NOT_FIT, BELOW_FLOOR },
	{ "tight without a limit gives the soft limit up", setup_tight_unlimited, S, VERDICT_SET,
	  REASON_TIGHT, INT64_MAX },
	{ "hot raises GOGC as far as M allows", setup_hot, P, VERDICT_SET, REASON_HOT, 333 },
	{ "hot leaves GOGC=off", setup_hot_off, P, VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "hot without room raises nothing", setup_hot_full, P, VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "a state that was left gives GOGC back", setup_left, P, VERDICT_RESTORE,
	  REASON_STATE_LEFT, 100 },

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
	{ "an emergency takes no steps", setup_step_emergency, S, VERDICT_SET, REASON_EMERGENCY,
	  460 * MIB - 20 * MIB - 500 * MIB / 64 },
};

static void test_scene(void **state)
{
	const struct scene *c = *state;
	const struct lever_decision *ld;
	struct plant p;
	int64_t now;

	start(&p);
	c->setup(&p);
	p.s.procs[0].at = p.s.cgroup.at = ++p.now;
	now = decide_lever_now(&p.s, &p.s.procs[0], c->lever);
	plant_decide(&p);
	ld = &p.d.procs[0].lever[c->lever];
	assert_string_equal(decide_reason_name(ld->reason), decide_reason_name((int32_t)c->reason));
	assert_string_equal(decide_verdict_name(ld->verdict),
			    decide_verdict_name((int32_t)c->verdict));
	assert_int_equal(ld->from, now);
	if (c->to == BELOW_FLOOR)
		assert_true(ld->to < (int64_t)p.d.procs[0].floor_bytes && ld->to > 0);
	else
		assert_int_equal(ld->to, c->to == AS_IS ? now :
					 c->to == FLOOR ? (int64_t)p.d.procs[0].floor_bytes :
							  c->to);
}

static void test_fit_alert(void **state)
{
	uint64_t fits;
	struct plant p;

	(void)state;
	start(&p);
	setup_tight_no_fit(&p);
	plant_decide(&p);
	assert_int_equal(p.d.alert, ALERT_DOES_NOT_FIT);
	assert_int_equal(p.d.reason, REASON_DOES_NOT_FIT);
	fits = p.d.recommended_limit;
	assert_in_range(fits, 300 * MIB, 400 * MIB);
	/* With that limit it does fit, and the state is left. */
	plant_room(&p, fits);
	p.now += USEC_SEC;
	plant_decide(&p);
	assert_true(p.d.alert != ALERT_DOES_NOT_FIT);
	assert_true(p.d.state != STATE_TIGHT);
	assert_true(p.d.budget >= heap_limit_for(plant_sample(&p, 0), 24, 20));
}

static void test_no_fit_no_alert(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	setup_tight_fits(&p);
	plant_decide(&p);
	assert_int_equal(p.d.state, STATE_TIGHT);
	assert_true(p.d.alert != ALERT_DOES_NOT_FIT);
	assert_int_equal(p.d.recommended_limit, 0);
}

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

/* --- several processes under one limit --- */

static void test_sum_of_limits(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint64_t sum = 0, margin;
		struct plant p;
		int n = (int)(1 + suite_random(&seed) % SNAPSHOT_PROCS_MAX);

		plant_init(&p, (64 + suite_random(&seed) % 4000) * MIB,
			   suite_random(&seed) % 40 * MIB);
		for (int i = 0; i < n; i++) {
			plant_add(&p, suite_random(&seed) % 200 * MIB + KIB,
				  suite_random(&seed) % 10 * MIB, 0);
			plant_sample(&p, (size_t)i)->mapped_ready_bytes +=
				suite_random(&seed) % 100 * MIB;
		}
		plant_measure(&p);
		history_observe(&p.h, &p.s);
		for (int i = 0; i < n; i++)
			p.h.procs[i].tight = suite_random(&seed) % 4 == 0;
		plant_decide(&p);
		for (int i = 0; i < n; i++)
			if (p.d.procs[i].lever[LEVER_SOFT_LIMIT].verdict == VERDICT_SET &&
			    p.d.procs[i].lever[LEVER_SOFT_LIMIT].to !=
				    (int64_t)p.d.procs[i].floor_bytes)
				sum += (uint64_t)p.d.procs[i].lever[LEVER_SOFT_LIMIT].to;
		margin = p.d.nongo + p.d.margin;
		/* Steps are on the way; what is above T costs nothing until it is reached. */
		if (p.d.mapped + margin <= p.s.cgroup.room)
			assert_true(sum + margin <= p.s.cgroup.room || sum <= (uint64_t)n);
	}
}

static void test_shares(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, ROOM, 20 * MIB);
	plant_add(&p, 100 * MIB, 10 * MIB, 0);
	plant_add(&p, 100 * MIB, 10 * MIB, 0);
	plant_add(&p, 300 * MIB, 10 * MIB, 0);
	plant_measure(&p);
	plant_decide(&p);
	assert_int_equal(p.d.procs[0].lever[LEVER_SOFT_LIMIT].to,
			 p.d.procs[1].lever[LEVER_SOFT_LIMIT].to);
	assert_true(p.d.procs[2].lever[LEVER_SOFT_LIMIT].to >
		    2 * p.d.procs[0].lever[LEVER_SOFT_LIMIT].to);
	for (int i = 0; i < 3; i++)
		assert_true(p.d.procs[i].lever[LEVER_SOFT_LIMIT].to >=
			    (int64_t)p.d.procs[i].floor_bytes);
}

static void test_one_forged(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, ROOM, 20 * MIB);
	plant_add(&p, 100 * MIB, 10 * MIB, 0);
	plant_add(&p, 100 * MIB, 10 * MIB, 0);
	plant_measure(&p);
	plant_sample(&p, 1)->heap_marked_bytes = UINT64_MAX / 2;
	plant_sample(&p, 1)->mapped_ready_bytes = UINT64_MAX;
	plant_decide(&p);
	for (int i = 0; i < 2; i++)
		for (int l = 0; l < LEVER_MEMORY_HIGH; l++)
			assert_true(p.d.procs[i].lever[l].to > 0 ||
				    p.d.procs[i].lever[l].verdict == VERDICT_HOLD);
	assert_true(p.d.procs[0].lever[LEVER_SOFT_LIMIT].verdict == VERDICT_HOLD);
}

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
	p->s.cgroup.memory_high = (struct lever_facts){ .owner_set = true };
	p->s.cgroup.high = 940 * MIB;
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

static void test_settles(void **state)
{
	struct plant p;
	uint64_t writes;

	(void)state;
	start(&p);
	for (int i = 0; i < 20; i++) {
		plant_govern(&p);
		plant_run(&p, USEC_SEC);
	}
	writes = p.writes[LEVER_SOFT_LIMIT];
	for (int i = 0; i < 1000; i++) {
		plant_govern(&p);
		plant_run(&p, USEC_SEC);
	}
	assert_int_equal(p.writes[LEVER_SOFT_LIMIT], writes);
	assert_false(decision_has_change(&p.d));
}

static void test_nothing(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, ROOM, 20 * MIB);
	plant_decide(&p);
	assert_int_equal(p.d.n_procs, 0);
	assert_int_equal(p.d.state, STATE_CALM);
	assert_false(decision_has_change(&p.d));
	p.s.cgroup.anon = 950 * MIB;
	plant_decide(&p);
	assert_int_equal(p.d.alert, ALERT_EMERGENCY);
	assert_false(decision_has_change(&p.d));
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(decide_verdict_name(VERDICT_RESTORE), "restore");
	assert_string_equal(decide_reason_name(REASON_DOES_NOT_FIT), "does-not-fit");
	assert_string_equal(decide_alert_name(ALERT_HOT), "hot");
	assert_string_equal(decide_verdict_name(-1), "unknown");
	assert_string_equal(decide_reason_name(REASON_MAX_), "unknown");
	assert_string_equal(decide_alert_name(INT32_MAX), "unknown");
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("what does not fit is alerted with a limit that would", test_fit_alert),
	SUITE_TEST("tight that fits is not alerted", test_no_fit_no_alert),
	SUITE_TEST("a soft limit comes down by 5 % of T at most, all the way", test_step_limits),
	SUITE_TEST("the soft limits and what is not Go's never exceed the room",
		   test_sum_of_limits),
	SUITE_TEST("equal processes get equal shares, larger ones more", test_shares),
	SUITE_TEST("a forged neighbour gets nothing set", test_one_forged),
	SUITE_TEST("a change that harms is rolled back and rests", test_harm_rests),
	SUITE_TEST("calm writes no more once it is settled", test_settles),
	SUITE_TEST("a workload without Go processes changes nothing", test_nothing),
	SUITE_TEST("verdicts, reasons and alerts have names", test_names),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_scene, scenes);
	SUITE_TABLE(&s, test_high, highs);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "decide");
}
