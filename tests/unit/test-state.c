/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/plant.h"

#define LOOK (100 * USEC_MSEC)

/* 1000 MiB of room, one process with 200 MiB live that does nothing until a test says so. */
static void start(struct plant *p)
{
	plant_init(p, 1000 * MIB, 0);
	plant_add(p, 200 * MIB, 10 * MIB, 20 * MIB);
	plant_measure(p);
}

/* Sets usage by what is not Go's, and the heap's peak, in MiB. */
static void set(struct plant *p, uint64_t usage, uint64_t heap)
{
	struct go_sample *s = plant_sample(p, 0);

	s->total_alloc_bytes = s->total_free_bytes + heap * MIB;
	p->s.cgroup.anon = usage * MIB;
	p->s.cgroup.at = p->s.procs[0].at = ++p->now;
}

/* Which state is entered by which figures, of 1000 MiB. */
struct entry_case {
	const char *name;
	uint64_t usage, heap;
	bool limiter;
	enum policy_state state;
	enum decide_reason reason;
};

static const struct entry_case entries[] = {
	{ "nothing holds: calm", 500, 300, false, STATE_CALM, REASON_HEADROOM },
	{ "heap at its trigger is still calm", 800, 700, false, STATE_CALM, REASON_HEADROOM },
	{ "heap above its trigger is pressed", 800, 701, false, STATE_PRESSED, REASON_TRIGGER },
	{ "usage below 92 % is calm", 919, 300, false, STATE_CALM, REASON_HEADROOM },
	{ "usage at 92 % is an emergency", 920, 300, false, STATE_EMERGENCY, REASON_EMERGENCY },
	{ "emergency goes before pressed", 930, 800, false, STATE_EMERGENCY, REASON_EMERGENCY },
	{ "the runtime's limiter is hot", 500, 300, true, STATE_HOT, REASON_HOT },
	{ "hot goes before emergency", 930, 800, true, STATE_HOT, REASON_HOT },
};

static void test_entry(void **state)
{
	const struct entry_case *c = *state;
	struct plant p;

	start(&p);
	set(&p, c->usage, c->heap);
	plant_sample(&p, 0)->limiter_known = true;
	plant_sample(&p, 0)->limiter_enabled = c->limiter;
	plant_decide(&p);
	assert_int_equal(p.d.state, c->state);
	assert_int_equal(p.d.previous, STATE_CALM);
	assert_int_equal(p.d.reason, c->reason);
}

/* A state that was entered, then figures that hold for a time and for cycles: is it left? */
struct exit_case {
	const char *name;
	uint64_t usage_in, heap_in, usage, heap, live;
	usec_t seconds;
	uint32_t cycles;
	bool left;
};

static const struct exit_case exits[] = {
	{ "emergency stays above 85.1 %", 930, 300, 852, 300, 200, 3600, 9, false },
	{ "emergency is left below it", 930, 300, 850, 300, 200, 10, 0, true },
	{ "emergency is not left before its dwell", 930, 300, 850, 300, 200, 9, 9, false },
	{ "pressed stays while the owner's goal is above 63 %", 800, 701, 500, 300, 316, 3600, 9,
	  false },
	{ "pressed is left below it, after two cycles", 800, 701, 500, 300, 300, 10, 2, true },
	{ "pressed waits for its second cycle", 800, 701, 500, 300, 300, 60, 1, false },
	{ "an idle process leaves pressed by time alone", 800, 701, 500, 300, 300, 300, 0, true },
};

static void test_exit(void **state)
{
	const struct exit_case *c = *state;
	int32_t entered;
	struct plant p;

	start(&p);
	set(&p, c->usage_in, c->heap_in);
	entered = plant_decide(&p)->state;
	assert_int_not_equal(entered, STATE_CALM);
	p.proc[0].live = c->live * MIB;
	plant_collect(&p, 0);
	set(&p, c->usage, MAX(c->heap, c->live));
	plant_decide(&p);
	for (uint32_t i = 0; i < c->cycles; i++)
		plant_collect(&p, 0);
	p.now += c->seconds * USEC_SEC;
	set(&p, c->usage, MAX(c->heap, c->live));
	plant_decide(&p);
	assert_int_equal(p.d.state == entered, !c->left);
}

static void test_interrupted_exit(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	set(&p, 930, 300);
	plant_decide(&p);
	for (int i = 0; i < 20; i++) {
		set(&p, 800, 300);
		plant_decide(&p);
		p.now += 9 * USEC_SEC;
		set(&p, 800, 300);
		assert_int_equal(plant_decide(&p)->state, STATE_EMERGENCY);
		set(&p, 860, 300); /* not an emergency by itself, but above its way out */
		plant_decide(&p);
	}
}

/* How long an emergency that is over still lasts, in seconds. */
static usec_t dwell(struct plant *p)
{
	set(p, 930, 300);
	assert_int_equal(plant_decide(p)->state, STATE_EMERGENCY);
	for (usec_t s = 0; s < 1000; s++) {
		set(p, 500, 300);
		if (plant_decide(p)->state != STATE_EMERGENCY)
			return s;
		p->now += USEC_SEC;
	}
	return 1000;
}

static void test_dwell_doubles(void **state)
{
	static const usec_t expected[] = { 10, 20, 40, 80, 160, 300, 300 };
	struct plant p;

	(void)state;
	start(&p);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(dwell(&p), expected[i]);
	p.now += 11 * USEC_MIN;
	assert_int_equal(dwell(&p), expected[0]);
}

static void test_room_not_limit(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	set(&p, 600, 300);
	p.s.cgroup.room = 650 * MIB; /* a neighbour took the rest */
	assert_int_equal(plant_decide(&p)->state, STATE_EMERGENCY);
	assert_int_equal(p.d.emergency_bytes, 598 * MIB);
	assert_int_equal(p.d.trigger_bytes, 700 * MIB);
}

static void test_unlimited(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	plant_room(&p, BYTES_UNLIMITED);
	set(&p, 1 << 20, 1 << 19);
	assert_int_equal(plant_decide(&p)->state, STATE_CALM);
	assert_int_equal(p.d.emergency_bytes, 0);
	assert_int_equal(p.d.n_procs, 1);
	assert_int_equal(p.d.procs[0].lever[LEVER_SOFT_LIMIT].verdict, VERDICT_HOLD);
}

static void test_peaks_of_all(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	plant_add(&p, 100 * MIB, 0, 0);
	plant_sample(&p, 1)->total_alloc_bytes += 260 * MIB;
	set(&p, 500, 345);
	p.s.procs[1].at = p.now;
	assert_int_equal(plant_decide(&p)->state, STATE_PRESSED);
	assert_int_equal(p.d.trigger_value, 705 * MIB);
}

/* A soft limit of the owner's that leaves the collector next to nothing. */
static void squeeze(struct plant *p, uint64_t live, uint64_t limit)
{
	p->s.procs[0].lever[LEVER_SOFT_LIMIT].owner = (int64_t)(limit * MIB);
	p->s.procs[0].lever[LEVER_SOFT_LIMIT].owner_set = true;
	p->rules.ownership[LEVER_SOFT_LIMIT] = OWNERSHIP_YIELD;
	p->proc[0].live = live * MIB;
	plant_sample(p, 0)->memory_limit_bytes = (int64_t)(limit * MIB);
	plant_collect(p, 0);
	plant_measure(p);
}

static void look_cycles(struct plant *p, int n)
{
	for (int i = 0; i < n; i++) {
		p->now += USEC_SEC;
		plant_collect(p, 0);
		plant_measure(p);
		plant_decide(p);
	}
}

static void test_tight_after_cycles(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	squeeze(&p, 400, 430);
	look_cycles(&p, 3);
	assert_int_equal(p.d.state, STATE_CALM);
	look_cycles(&p, 1);
	assert_int_equal(p.d.state, STATE_TIGHT);
	assert_true(p.d.procs[0].tight);
	assert_true(p.d.procs[0].effective_gogc < 10);
}

static void test_tight_wants_all_cycles(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	squeeze(&p, 400, 430);
	for (int i = 0; i < 10; i++) {
		look_cycles(&p, 2);
		squeeze(&p, 300, 430);
		look_cycles(&p, 1);
		squeeze(&p, 400, 430);
	}
	assert_int_equal(p.d.state, STATE_CALM);
}

static void test_tight_by_gogc(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	plant_sample(&p, 0)->gc_percent =
		5; /* an owner's GOGC of 5 is no death spiral of the limit */
	look_cycles(&p, 10);
	assert_int_equal(p.d.procs[0].effective_gogc, 5);
	assert_int_equal(p.d.state, STATE_CALM);
}

static void test_tight_is_latched(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	squeeze(&p, 400, 430);
	look_cycles(&p, 5);
	/* What tight sets leaves 10 %: room enough not to be entered, and still it is not left. */
	plant_sample(&p, 0)->memory_limit_bytes =
		(int64_t)heap_limit_for(plant_sample(&p, 0), 24, 15);
	look_cycles(&p, 1000);
	assert_int_equal(p.d.state, STATE_TIGHT);
	/* The live heap falls, so that 20 % fit under the owner's own limit. */
	squeeze(&p, 330, 430);
	look_cycles(&p, 1);
	assert_int_equal(p.d.state, STATE_CALM);
}

static void test_tight_by_room(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	plant_room(&p, 480 * MIB);
	squeeze(&p, 400, 430);
	p.s.procs[0].lever[LEVER_SOFT_LIMIT].owner = INT64_MAX;
	look_cycles(&p, 5);
	assert_int_equal(p.d.state, STATE_TIGHT);
	plant_room(&p, 1000 * MIB);
	look_cycles(&p, 1);
	assert_int_not_equal(p.d.state, STATE_TIGHT);
}

static void test_limiter_not_known(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	plant_sample(&p, 0)->limiter_enabled = true;
	assert_int_equal(plant_decide(&p)->state, STATE_CALM);
}

/* A sawtooth of @live percent of the limit: 1,000 cycles, and nothing goes to and fro. */
struct sawtooth_case {
	const char *name;
	uint64_t live_percent, bytes_per_second;
	usec_t look;
	enum policy_state state;
};

static const struct sawtooth_case sawtooths[] = {
	{ "20 % live, slow: calm for 1,000 cycles", 20, 20 * MIB, LOOK, STATE_CALM },
	{ "20 % live, fast: calm for 1,000 cycles", 20, GIB, LOOK, STATE_CALM },
	{ "30 % live, slow looks: calm for 1,000 cycles", 30, 200 * MIB, 10 * USEC_SEC,
	  STATE_CALM },
	{ "36 % live: pressed for 1,000 cycles", 36, 200 * MIB, LOOK, STATE_PRESSED },
	{ "40 % live, slow: pressed for 1,000 cycles", 40, 20 * MIB, LOOK, STATE_PRESSED },
	{ "50 % live: pressed for 1,000 cycles", 50, 200 * MIB, LOOK, STATE_PRESSED },
	{ "60 % live, fast: pressed for 1,000 cycles", 60, GIB, LOOK, STATE_PRESSED },
	{ "70 % live: pressed for 1,000 cycles", 70, 200 * MIB, LOOK, STATE_PRESSED },
	{ "75 % live, slow: pressed for 1,000 cycles", 75, 20 * MIB, LOOK, STATE_PRESSED },
	{ "90 % live: an emergency for 1,000 cycles", 90, 200 * MIB, LOOK, STATE_EMERGENCY },
};

static void test_sawtooth(void **state)
{
	const struct sawtooth_case *c = *state;
	struct plant p;

	plant_init(&p, GIB, 20 * MIB);
	p.rules.state[STATE_EMERGENCY].memory_high =
		false; /* a lease comes and goes by its nature */
	plant_add(&p, mul_div(GIB, c->live_percent, 100), 10 * MIB, c->bytes_per_second);
	plant_cycles(&p, 1000, c->look);
	assert_int_equal(p.d.state, c->state);
	assert_in_range(p.state_changes, c->state != STATE_CALM, 2);
	assert_in_range(p.writes[LEVER_GOGC], c->state != STATE_CALM, 2);
	assert_in_range(p.writes[LEVER_SOFT_LIMIT], 0, 2);
}

/* The live heap wanders around the trigger by a tenth; states follow, but ever less eagerly. */
static void test_wandering(void **state)
{
	uint64_t seed = 4711;
	struct plant p;

	(void)state;
	plant_init(&p, GIB, 20 * MIB);
	plant_add(&p, mul_div(GIB, 33, 100), 10 * MIB, 100 * MIB);
	for (int i = 0; i < 1000; i++) {
		p.proc[0].live = mul_div(GIB, 290 + suite_random(&seed) % 80, 1000);
		plant_cycles(&p, 1, LOOK);
	}
	assert_in_range(p.state_changes, 1, 12);
	assert_in_range(p.writes[LEVER_GOGC], 1, 12);
	assert_in_range(p.writes[LEVER_SOFT_LIMIT], 0, 4);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a way out that is interrupted begins anew", test_interrupted_exit),
	SUITE_TEST("each return doubles the dwell, ten minutes away forget it", test_dwell_doubles),
	SUITE_TEST("an emergency is a share of the room, a trigger of the limit",
		   test_room_not_limit),
	SUITE_TEST("without a limit there is no state but calm", test_unlimited),
	SUITE_TEST("a trigger sums the peaks of all processes", test_peaks_of_all),
	SUITE_TEST("tight wants three cycles and the running one", test_tight_after_cycles),
	SUITE_TEST("one good cycle in between is not tight", test_tight_wants_all_cycles),
	SUITE_TEST("a low GOGC alone is not tight", test_tight_by_gogc),
	SUITE_TEST("tight is latched until the live heap falls", test_tight_is_latched),
	SUITE_TEST("tight is left when the room rises", test_tight_by_room),
	SUITE_TEST("a limiter that cannot be read is not hot", test_limiter_not_known),
	SUITE_TEST("a heap that wanders around the trigger is left ever less eagerly",
		   test_wandering),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_entry, entries);
	SUITE_TABLE(&s, test_exit, exits);
	SUITE_TABLE(&s, test_sawtooth, sawtooths);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "state");
}
