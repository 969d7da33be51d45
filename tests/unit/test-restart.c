/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

#include "decide/restart.h"

/* 200 MiB live and tight, of a service that had 50 MiB after its start; at a second look, so long after the first. */
struct restart_case {
	const char *name;
	void (*setup)(struct plant *p);
	usec_t after;
	int32_t verdict, reason;
};

static void setup(struct plant *p)
{
	start(p);
	tight(p);
	p->rules.tight_restart = true;
	p->s.unit.is_service = true;
	p->h.procs[0].live_at_start_bytes = 50 * MIB;
}

static void does_not_fit(struct plant *p)
{
	plant_room(p, 235 * MIB);
}

static void fits(struct plant *p)
{
	plant_room(p, 300 * MIB);
}

static void squeezed(struct plant *p)
{
	struct proc_history *h = &p->h.procs[0];

	fits(p);
	h->n_finished = HISTORY_CYCLES;
	for (size_t i = 0; i < HISTORY_CYCLES; i++)
		h->finished[i] = (struct cycle){ .effective_gogc = 5, .limit_sets_goal = true };
	h->running = h->finished[0];
}

static void relaxed(struct plant *p)
{
	squeezed(p);
	p->h.procs[0].finished[1].effective_gogc = 12;
}

static void pinned(struct plant *p)
{
	squeezed(p);
	facts(p, LEVER_SOFT_LIMIT)->pinned = true;
	facts(p, LEVER_SOFT_LIMIT)->pin = plant_sample(p, 0)->memory_limit_bytes;
}

static void relax_only(struct plant *p)
{
	does_not_fit(p);
	p->rules.tight_restart = false;
}

static void a_scope(struct plant *p)
{
	does_not_fit(p);
	p->s.unit.is_service = false;
}

static void start_unknown(struct plant *p)
{
	does_not_fit(p);
	p->h.procs[0].live_at_start_bytes = 0;
}

static void start_learned(struct plant *p)
{
	start_unknown(p);
	p->s.unit.live_at_start_bytes = 60 * MIB;
}

static void no_gain(struct plant *p)
{
	does_not_fit(p);
	p->h.procs[0].live_at_start_bytes = 160 * MIB;
}

static void just_gains(struct plant *p)
{
	does_not_fit(p);
	p->h.procs[0].live_at_start_bytes = 149 * MIB;
}

static void too_soon(struct plant *p)
{
	does_not_fit(p);
	p->s.unit.restart_from = p->now + 10 * USEC_MIN;
}

static void waited(struct plant *p)
{
	does_not_fit(p);
	p->s.unit.restart_from = p->now;
}

#define FIT   REASON_DOES_NOT_FIT
#define NONE  REASON_NONE
#define TIGHT REASON_TIGHT

/* Without a soft limit it is never tight. */
static void in_emergency(struct plant *p)
{
	does_not_fit(p);
	p->h.procs[0].tight = false;
	plant_set_lever(plant_sample(p, 0), LEVER_SOFT_LIMIT, VALUE_NONE);
	p->s.procs[0].lever[LEVER_SOFT_LIMIT].ours = false;
	plant_sample(p, 0)->mapped_ready_bytes = 225 * MIB;
	plant_measure(p);
}

/* It would fit, with nothing left over. */
static void to_the_brim(struct plant *p)
{
	plant_room(p, 270 * MIB);
}

static const struct restart_case cases[] = {
	{ "what does not fit is restarted", does_not_fit, RESTART_DWELL, RESTART_DUE, FIT },
	{ "in an emergency as well", in_emergency, RESTART_DWELL, RESTART_DUE, FIT },
	{ "before the last of its room is gone", to_the_brim, RESTART_DWELL, RESTART_DUE, FIT },
	{ "but not for a burst", does_not_fit, RESTART_DWELL - USEC_SEC, RESTART_WAITING, NONE },
	{ "what fits, and has room, is not", fits, 10 * USEC_MIN, RESTART_WAITING, NONE },
	{ "without a way out it is after a while", squeezed, RESTART_AFTER, RESTART_DUE, TIGHT },
	{ "not before", squeezed, RESTART_AFTER - USEC_SEC, RESTART_WAITING, NONE },
	{ "nor where relaxing has helped", relaxed, RESTART_AFTER, RESTART_WAITING, NONE },
	{ "nor where an operator wants it so", pinned, RESTART_AFTER, RESTART_WAITING, NONE },
	{ "tight = relax restarts nothing", relax_only, USEC_MIN, RESTART_NONE, NONE },
	{ "nor is a scope restarted", a_scope, USEC_MIN, RESTART_NO_SERVICE, FIT },
	{ "nor one whose start nobody saw", start_unknown, USEC_MIN, RESTART_START_UNKNOWN, FIT },
	{ "an earlier run's start will do", start_learned, USEC_MIN, RESTART_DUE, FIT },
	{ "one that was as large is not", no_gain, USEC_MIN, RESTART_NO_GAIN, FIT },
	{ "a quarter less is enough", just_gains, USEC_MIN, RESTART_DUE, FIT },
	{ "not twice in a row", too_soon, USEC_MIN, RESTART_TOO_SOON, FIT },
	{ "when it has waited it is", waited, USEC_MIN, RESTART_DUE, FIT },
};

static void test_restart(void **state)
{
	const struct restart_case *c = *state;
	static struct plant p;

	setup(&p);
	c->setup(&p);
	p.s.procs[0].at = p.s.cgroup.at = ++p.now;
	plant_decide(&p);
	assert_int_equal(p.d.restart.verdict == RESTART_DUE, false);
	p.now += c->after;
	p.s.cgroup.at = p.now;
	plant_decide(&p);
	assert_string_equal(decide_restart_name(p.d.restart.verdict),
			    decide_restart_name(c->verdict));
	assert_string_equal(decide_reason_name(p.d.restart.reason), decide_reason_name(c->reason));
}

/* Grows by 60 MiB a minute: by the forecast it has filled the room in less than one. */
static void test_forecast(void **state)
{
	static struct plant p;
	unsigned int looks = 0;

	(void)state;
	plant_init(&p, 300 * MIB, 20 * MIB);
	plant_add(&p, 100 * MIB, 10 * MIB, 100 * MIB);
	p.rules.tight_restart = true;
	p.s.unit.is_service = true;
	p.s.procs[0].started = p.now - 2 * USEC_SEC;
	for (; looks < 1000 && p.d.restart.verdict != RESTART_DUE; looks++) {
		plant_run(&p, USEC_SEC);
		p.proc[0].live += MIB;
		plant_govern(&p);
	}
	assert_int_equal(p.d.restart.verdict, RESTART_DUE);
	assert_in_range(p.d.restart.live_at_start_bytes, 100 * MIB, 130 * MIB);
	/* Before the kernel would have: the room is full of live data then. */
	assert_true(p.proc[0].live < 270 * MIB);
}

static void test_over(void **state)
{
	static struct plant p;

	(void)state;
	setup(&p);
	does_not_fit(&p);
	plant_decide(&p);
	p.now += USEC_MIN;
	plant_decide(&p);
	assert_int_equal(p.d.restart.verdict, RESTART_DUE);
	plant_room(&p, 2000 * MIB);
	plant_decide(&p);
	assert_int_not_equal(p.d.restart.verdict, RESTART_DUE);
	p.now += USEC_MIN;
	plant_decide(&p);
	assert_int_equal(p.d.restart.verdict, RESTART_NONE);
	assert_int_equal(p.h.no_fit_since, 0);
}

static void test_start(void **state)
{
	static struct plant p;

	(void)state;
	plant_init(&p, ROOM, 20 * MIB);
	plant_add(&p, 100 * MIB, 10 * MIB, 100 * MIB);
	p.s.procs[0].started = p.now;
	plant_run(&p, 25 * USEC_SEC);
	plant_decide(&p);
	assert_int_equal(history_live_at_start(&p.h), 0);
	plant_run(&p, 6 * USEC_SEC);
	plant_decide(&p);
	assert_int_equal(history_live_at_start(&p.h), 100 * MIB);
	p.proc[0].live = 200 * MIB;
	plant_run(&p, 6 * USEC_SEC);
	plant_decide(&p);
	assert_int_equal(history_live_at_start(&p.h), 100 * MIB);
	/* One that was found later tells nothing, and then the workload neither. */
	plant_add(&p, 100 * MIB, 10 * MIB, MIB);
	p.s.procs[1].started = p.now - 3 * USEC_MIN;
	plant_run(&p, USEC_SEC);
	plant_decide(&p);
	assert_int_equal(history_live_at_start(&p.h), 0);
}

static void test_wait(void **state)
{
	const uint64_t wall = 1000 * 24 * 60 * USEC_MIN;

	(void)state;
	assert_int_equal(restart_wait(0), 0);
	assert_int_equal(restart_wait(1), 10 * USEC_MIN);
	assert_int_equal(restart_wait(2), 20 * USEC_MIN);
	assert_int_equal(restart_wait(UINT32_MAX), 24 * 60 * USEC_MIN);
	assert_int_equal(restart_count(0, 0, wall), 1);
	assert_int_equal(restart_count(1, wall - 30 * USEC_MIN, wall), 2);
	assert_int_equal(restart_count(1, wall - 41 * USEC_MIN, wall), 1);
	assert_int_equal(restart_count(5, wall + 1, wall), 6);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("what grows is restarted before it is killed", test_forecast),
	SUITE_TEST("with the tightness the reason ends", test_over),
	SUITE_TEST("what it held after its start is seen once", test_start),
	SUITE_TEST("the wait doubles, and is forgotten", test_wait),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_restart, cases);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "restart");
}
