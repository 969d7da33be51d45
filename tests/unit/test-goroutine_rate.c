/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

#include "decide/goroutines.h"
#include "decide/replay.h"

/* Which rate a process gets, by the states that hold. */
static const struct row {
	const char *name;
	uint32_t rate[STATE_MAX_]; /* of the policy */
	bool on[STATE_MAX_];
	uint32_t want;
	enum decide_reason reason;
} rows[] = {
	{ "no state has one: no cap", { 0 }, { [STATE_EMERGENCY] = true }, 0, REASON_NONE },
	{ "one that does not hold has no say",
	  { [STATE_EMERGENCY] = 1000 },
	  { [STATE_PRESSED] = true },
	  0,
	  REASON_NONE },
	{ "the emergency's",
	  { [STATE_EMERGENCY] = 1000 },
	  { [STATE_EMERGENCY] = true },
	  1000,
	  REASON_EMERGENCY },
	{ "of two that hold the lower one",
	  { [STATE_EMERGENCY] = 1000, [STATE_PRESSED] = 500 },
	  { [STATE_EMERGENCY] = true, [STATE_PRESSED] = true },
	  500,
	  REASON_TRIGGER },
	{ "an emergency's while the process is tight, too",
	  { [STATE_EMERGENCY] = 1000 },
	  { [STATE_EMERGENCY] = true, [STATE_TIGHT] = true },
	  1000,
	  REASON_EMERGENCY },
	{ "tight has its own",
	  { [STATE_TIGHT] = 10, [STATE_HOT] = 20 },
	  { [STATE_TIGHT] = true, [STATE_HOT] = true },
	  10,
	  REASON_TIGHT },
	{ "hot has its own", { [STATE_HOT] = 20 }, { [STATE_HOT] = true }, 20, REASON_HOT },
	{ "calm's where nothing holds", { [STATE_CALM] = 7 }, { 0 }, 7, REASON_HEADROOM },
	{ "calm's where those that hold have none",
	  { [STATE_CALM] = 7 },
	  { [STATE_EMERGENCY] = true },
	  7,
	  REASON_HEADROOM },
	{ "the state's own is not calm's, though that is lower",
	  { [STATE_CALM] = 7, [STATE_PRESSED] = 70 },
	  { [STATE_PRESSED] = true },
	  70,
	  REASON_TRIGGER },
};

static void test_rate(void **state)
{
	const struct row *row = *state;
	struct policy_rules rules = { 0 };
	struct history h = { 0 };
	struct rate_decision d;

	for (int i = 0; i < STATE_MAX_; i++) {
		rules.state[i].goroutine_rate = row->rate[i];
		h.latch[i].on = row->on[i];
	}
	d = decide_goroutines(&rules, &h, row->on[STATE_TIGHT]);
	assert_int_equal(d.rate, row->want);
	assert_int_equal(d.reason, row->reason);
}

static void test_decided(void **state)
{
	struct decision before;
	struct plant p;

	(void)state;
	start(&p);
	p.rules.state[STATE_EMERGENCY].goroutine_rate = 1000;
	plant_decide(&p);
	assert_int_equal(p.d.procs[0].goroutines.rate, 0);
	before = p.d;
	emergency(&p);
	plant_decide(&p);
	assert_int_equal(p.d.state, STATE_EMERGENCY);
	assert_int_equal(p.d.procs[0].goroutines.rate, 1000);
	assert_int_equal(p.d.procs[0].goroutines.reason, REASON_EMERGENCY);
	/* A replay that comes to another rate is not the same. */
	before = p.d;
	assert_true(replay_same(&before, &p.d));
	before.procs[0].goroutines.rate = 2000;
	assert_false(replay_same(&before, &p.d));
}

static void test_not_proved(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	p.rules.state[STATE_CALM].goroutine_rate = 1000;
	p.s.procs[0].proved = false;
	plant_decide(&p);
	assert_int_equal(p.d.procs[0].goroutines.rate, 0);
	assert_int_equal(p.d.procs[0].goroutines.reason, REASON_NOT_PROVED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("an emergency's rate is decided with the rest, and replayed",
			   test_decided),
		SUITE_TEST("what is only observed is not limited", test_not_proved),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_rate, rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "goroutine_rate");
}
