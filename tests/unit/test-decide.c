/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

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

/* Its margin is the least: 1 MiB, which is left of 0.92 of the part beside 20 MiB that are not Go's. */
static void setup_unlimited_share(struct plant *p)
{
	setup_unlimited(p);
	p->s.cgroup.allotted = 500 * MIB;
}

static void setup_no_budget(struct plant *p)
{
	plant_room(p, 240 * MIB); /* S_floor is some 237 MiB */
}

static void setup_no_budget_restart(struct plant *p)
{
	setup_no_budget(p);
	p->rules.tight_restart = true;
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(300 * MIB));
}

static void setup_awaits_restart(struct plant *p)
{
	setup_no_budget_restart(p);
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(200 * MIB));
	plant_sample(p, 0)->mapped_ready_bytes = 220 * MIB;
	plant_measure(p);
}

static void setup_awaits_restart_idle(struct plant *p)
{
	setup_awaits_restart(p);
	ours(p, LEVER_SOFT_LIMIT, (int64_t)(40 * MIB));
}

static void setup_restart_refused(struct plant *p)
{
	setup_awaits_restart(p);
	p->h.restart_refused = true;
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

/* Of the 333 that it would be now, about enough is there. */
static void setup_hot_about(struct plant *p)
{
	hot(p);
	ours(p, LEVER_GOGC, 300);
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

/* No sampling, as the linker leaves it, and a tier that wants it. */
static void setup_profile(struct plant *p)
{
	p->rules.heap_profile = true;
	plant_sample(p, 0)->mem_profile_rate = 0;
	facts(p, PROFILE)->owner = 0;
}

static void setup_profile_not_asked(struct plant *p)
{
	setup_profile(p);
	p->rules.heap_profile = false;
}

static void setup_profile_own_rate(struct plant *p)
{
	setup_profile(p);
	owner_says(p, PROFILE, 4096);
}

static void setup_profile_owner_off(struct plant *p)
{
	setup_profile(p);
	owner_says(p, PROFILE, 0);
}

static void setup_profile_override(struct plant *p)
{
	setup_profile_owner_off(p);
	p->rules.ownership[PROFILE] = OWNERSHIP_OVERRIDE;
}

static void setup_profile_unknown(struct plant *p)
{
	setup_profile(p);
	plant_sample(p, 0)->mem_profile_rate = -1;
}

static void setup_profile_ours(struct plant *p)
{
	setup_profile(p);
	ours(p, PROFILE, PROFILE_RATE_DEFAULT);
}

static void setup_profile_left(struct plant *p)
{
	setup_profile_ours(p);
	p->rules.heap_profile = false;
}

static void setup_profile_manual(struct plant *p)
{
	setup_profile(p);
	facts(p, PROFILE)->manual = true;
}

static void setup_profile_unlimited(struct plant *p)
{
	setup_profile(p);
	plant_room(p, BYTES_UNLIMITED);
}

/* Stalled all the time since it was switched on, and no memory gained. */
static void setup_profile_stalls(struct plant *p)
{
	setup_profile_ours(p);
	p->h.procs[0].lever[PROFILE].watch =
		(struct lever_watch){ .active = true, .since = p->now - USEC_MIN };
	p->s.cgroup.psi_full_us = USEC_MIN;
}

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
	{ "without a limit a part of a namespace's share is one", setup_unlimited_share, S,
	  VERDICT_SET, REASON_HEADROOM, 439 * MIB },
	{ "a budget below S_floor sets none", setup_no_budget, S, VERDICT_HOLD, REASON_NONE,
	  AS_IS },
	{ "nor where a restart is the way out, but for what fits", setup_no_budget_restart, S,
	  VERDICT_SET, REASON_DOES_NOT_FIT, BELOW_FLOOR },
	{ "one that is to be restarted keeps the limit that it has", setup_awaits_restart, S,
	  VERDICT_HOLD, REASON_DOES_NOT_FIT, AS_IS },
	{ "one that was idle has its share first", setup_awaits_restart_idle, S, VERDICT_SET,
	  REASON_DOES_NOT_FIT, BELOW_FLOOR },
	{ "where it is not, it gets what fits", setup_restart_refused, S, VERDICT_SET,
	  REASON_DOES_NOT_FIT, BELOW_FLOOR },
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
	{ "hot leaves what is about right", setup_hot_about, P, VERDICT_HOLD, REASON_HOT, AS_IS },
	{ "hot leaves GOGC=off", setup_hot_off, P, VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "hot without room raises nothing", setup_hot_full, P, VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "a profile that is asked for is switched on", setup_profile, PROFILE, VERDICT_SET,
	  REASON_PROFILE, PROFILE_RATE_DEFAULT },
	{ "a profile that is not asked for stays off", setup_profile_not_asked, PROFILE,
	  VERDICT_HOLD, REASON_NONE, AS_IS },
	{ "a program's own rate of samples stays", setup_profile_own_rate, PROFILE, VERDICT_HOLD,
	  REASON_PROFILE, AS_IS },
	{ "tighten: the owner's memprofilerate=0 stays", setup_profile_owner_off, PROFILE,
	  VERDICT_HOLD, REASON_OWNER, AS_IS },
	{ "override: not even that stays", setup_profile_override, PROFILE, VERDICT_SET,
	  REASON_PROFILE, PROFILE_RATE_DEFAULT },
	{ "a rate that was not found is not written", setup_profile_unknown, PROFILE, VERDICT_HOLD,
	  REASON_NOT_PROVED, AS_IS },
	{ "a profile of ours is kept", setup_profile_ours, PROFILE, VERDICT_HOLD, REASON_PROFILE,
	  AS_IS },
	{ "a profile of ours is switched off with the policy", setup_profile_left, PROFILE,
	  VERDICT_RESTORE, REASON_STATE_LEFT, 0 },
	{ "a profile that somebody else switches is his", setup_profile_manual, PROFILE,
	  VERDICT_HOLD, REASON_MANUAL, AS_IS },
	{ "a profile needs no limit", setup_profile_unlimited, PROFILE, VERDICT_SET, REASON_PROFILE,
	  PROFILE_RATE_DEFAULT },
	{ "a profile is not to blame for stalls", setup_profile_stalls, PROFILE, VERDICT_HOLD,
	  REASON_PROFILE, AS_IS },
	{ "a state that was left gives GOGC back", setup_left, P, VERDICT_RESTORE,
	  REASON_STATE_LEFT, 100 },
};

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
	SUITE_TEST("the soft limits and what is not Go's never exceed the room",
		   test_sum_of_limits),
	SUITE_TEST("equal processes get equal shares, larger ones more", test_shares),
	SUITE_TEST("a forged neighbour gets nothing set", test_one_forged),
	SUITE_TEST("calm writes no more once it is settled", test_settles),
	SUITE_TEST("a workload without Go processes changes nothing", test_nothing),
	SUITE_TEST("verdicts, reasons and alerts have names", test_names),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_scene, scenes);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "decide");
}
