/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/scene.h"

#include "act/environment.h"
#include "act/lever.h"
#include "decide/environment.h"

/* Calm, with a soft limit and a GOGC that gomemd has set; at a second look a minute after the first. */
struct verdict_case {
	const char *name;
	void (*setup)(struct plant *p);
	void (*meanwhile)(struct plant *p);
	enum environment_verdict verdict;
	const char *text; /* where it is settled */
};

#define LIMIT "GOMEMLIMIT=928000000"

static void setup(struct plant *p)
{
	start(p);
	p->rules.environment = USEC_MIN;
	p->rules.state[STATE_CALM].gogc = 80;
	p->s.unit.is_service = true;
	ours(p, LEVER_SOFT_LIMIT, 928000000);
	ours(p, LEVER_GOGC, 80);
	p->h.nongo_kept = 20 * MIB;
}

static void nothing(struct plant *p)
{
	(void)p;
}

static void not_asked(struct plant *p)
{
	p->rules.environment = 0;
}

static void a_scope(struct plant *p)
{
	p->s.unit.is_service = false;
}

static void two(struct plant *p)
{
	plant_add(p, MIB, MIB, 1);
}

static void observed(struct plant *p)
{
	p->s.procs[0].proved = false;
}

static void in_emergency(struct plant *p)
{
	p->h.latch[STATE_EMERGENCY].on = true;
}

static void little_seen(struct plant *p)
{
	p->h.n_nongo = 0;
}

static void recalled(struct plant *p)
{
	p->h.n_nongo = 0;
	p->h.nongo_known = true;
}

static void owned_limit(struct plant *p)
{
	owner_says(p, LEVER_SOFT_LIMIT, 500000000);
	facts(p, LEVER_SOFT_LIMIT)->ours = false;
}

static void pinned(struct plant *p)
{
	facts(p, LEVER_GOGC)->pinned = true;
	facts(p, LEVER_GOGC)->pin = 80;
}

static void manual(struct plant *p)
{
	facts(p, LEVER_GOGC)->manual = true;
	facts(p, LEVER_GOGC)->ours = false;
}

static void eager(struct plant *p)
{
	p->rules.state[STATE_CALM].madvdontneed = 0;
	ours(p, LEVER_MADVDONTNEED, 0);
}

static void moved_a_little(struct plant *p)
{
	ours(p, LEVER_SOFT_LIMIT, 929000000);
}

static void moved_far(struct plant *p)
{
	ours(p, LEVER_GOGC, 81);
	p->rules.state[STATE_CALM].gogc = 81;
}

/* Nothing is written: what would be. */
static void recommended(struct plant *p)
{
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++) {
		facts(p, l)->ours = false;
		p->h.procs[0].lever[l].changed = 0;
	}
	plant_set_lever(plant_sample(p, 0), LEVER_SOFT_LIMIT, VALUE_NONE);
	plant_set_lever(plant_sample(p, 0), LEVER_GOGC, 100);
	plant_commit(plant_sample(p, 0));
	p->rules.state[STATE_CALM].soft_limit_off = true;
}

static const struct verdict_case verdicts[] = {
	{ "what was the same for long is settled", nothing, nothing, ENVIRONMENT_SETTLED,
	  LIMIT " GOGC=80" },
	{ "nothing is where the tier does not ask", not_asked, nothing, ENVIRONMENT_OFF, NULL },
	{ "a scope has no next start", a_scope, nothing, ENVIRONMENT_NO_SERVICE, NULL },
	{ "two processes would have one environment", two, nothing, ENVIRONMENT_PROCESSES, NULL },
	{ "one that is only observed has none", observed, nothing, ENVIRONMENT_PROCESSES, NULL },
	{ "an emergency settles nothing", in_emergency, nothing, ENVIRONMENT_UNSETTLED, NULL },
	{ "nor does a start's caution", little_seen, nothing, ENVIRONMENT_UNSETTLED, NULL },
	{ "what an earlier run learned is believed", recalled, nothing, ENVIRONMENT_SETTLED,
	  LIMIT " GOGC=80" },
	{ "the owner's lever is not in it", owned_limit, nothing, ENVIRONMENT_SETTLED, "GOGC=80" },
	{ "nor is what an operator pinned", pinned, nothing, ENVIRONMENT_SETTLED, LIMIT },
	{ "nor what somebody else writes", manual, nothing, ENVIRONMENT_SETTLED, LIMIT },
	{ "madvdontneed goes by GODEBUG", eager, nothing, ENVIRONMENT_SETTLED,
	  LIMIT " GOGC=80 GODEBUG=madvdontneed=0" },
	{ "a little more is the same", nothing, moved_a_little, ENVIRONMENT_SETTLED,
	  "GOMEMLIMIT=929000000 GOGC=80" },
	{ "what has become something else begins anew", nothing, moved_far, ENVIRONMENT_UNSETTLED,
	  NULL },
	{ "recommended is what would be written", recommended, nothing, ENVIRONMENT_SETTLED,
	  "GOGC=80" },
};

static enum environment_verdict look(struct plant *p, struct environment_watch *w,
				     struct environment *ret)
{
	p->s.procs[0].at = p->s.cgroup.at = ++p->now;
	decide(&p->settings, &p->rules, &p->s, &p->h, p->now, &p->d);
	return environment_decide(&p->rules, &p->s, &p->h, &p->d, w, ret);
}

static void test_verdict(void **state)
{
	const struct verdict_case *c = *state;
	struct environment_watch w = { 0 };
	struct environment e = { 0 };
	char text[ENVIRONMENT_TEXT_MAX];
	static struct plant p;

	setup(&p);
	c->setup(&p);
	assert_int_not_equal(look(&p, &w, &e), ENVIRONMENT_SETTLED);
	p.now += USEC_MIN;
	c->meanwhile(&p);
	assert_string_equal(environment_verdict_name(look(&p, &w, &e)),
			    environment_verdict_name(c->verdict));
	assert_string_equal(environment_text(text, &e), c->text ? c->text : "");
}

static void test_dropin(void **state)
{
	const struct environment e = { .set = { true, true, true }, .value = { 123456, -1, 0 } };
	char buf[ENVIRONMENT_DROPIN_MAX];
	const size_t len = environment_dropin(buf, &e);

	(void)state;
	assert_int_equal(len, strlen(buf));
	assert_non_null(strstr(buf, "\n[Service]\n"
				    "Environment=\"GOMEMLIMIT=123456\"\n"
				    "Environment=\"GOGC=off\"\n"
				    "Environment=\"GODEBUG=madvdontneed=0\"\n"
				    "Environment=\"GOMEMD_ENVIRONMENT=GOMEMLIMIT=123456 GOGC=off "
				    "GODEBUG=madvdontneed=0\"\n"));
}

/* The longest that there can be goes into what is read of a process. */
static void test_longest(void **state)
{
	const struct environment e = { .set = { true, true, true },
				       .value = { INT64_MAX - 1, 10000, 1 } };
	char buf[ENVIRONMENT_DROPIN_MAX], text[ENVIRONMENT_TEXT_MAX];

	(void)state;
	assert_true(strlen(environment_text(text, &e)) < sizeof(text) - 1);
	assert_true(environment_dropin(buf, &e) < sizeof(buf));
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a drop-in has each variable, and says whose they are", test_dropin),
	SUITE_TEST("the longest environment is not cut", test_longest),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_verdict, verdicts);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "environment");
}
