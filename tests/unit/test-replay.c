/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "decide/replay.h"
#include "fixture/plant.h"

/* A record as the daemon makes it: history from before the snapshot, and the decision that came of both. */
static void record(struct plant *p, struct replay_record *ret)
{
	*ret = (struct replay_record){
		.settings = p->settings, .rules = p->rules, .snapshot = p->s, .history = p->h
	};
	plant_govern(p);
	ret->now = p->d.now;
	ret->decision = p->d;
}

static void start(struct plant *p, uint64_t live)
{
	plant_init(p, 1000 * MIB, 20 * MIB);
	plant_add(p, live, 10 * MIB, 100 * MIB);
	plant_measure(p);
}

static void test_same(void **state)
{
	struct replay_record *r = calloc(1, sizeof(*r));
	struct decision again;
	uint64_t changes = 0;
	struct plant p;

	(void)state;
	start(&p, 400 * MIB);
	for (int i = 0; i < 3000; i++) {
		p.proc[0].live = (uint64_t)(200 + i % 700) * MIB;
		plant_run(&p, USEC_SEC / 5);
		record(&p, r);
		replay_decide(r, &again);
		assert_memory_equal(&again, &r->decision, sizeof(again));
		assert_true(replay_same(&again, &r->decision));
		changes += decision_has_change(&again);
	}
	assert_true(changes > 10);
	assert_true(p.state_changes > 2);
	free(r);
}

/* One input is changed in the record of a calm decision. */
struct input_case {
	const char *name, *input;
	int64_t value;
	bool known, same;
};

static const struct input_case inputs[] = {
	{ "the same room is the same decision", "cgroup.room", 1000 * MIB, true, true },
	{ "another room is another limit", "cgroup.room", 900 * MIB, true, false },
	{ "another usage is another state", "cgroup.anon", 950 * MIB, true, false },
	{ "more shmem is another state", "cgroup.shmem", 600 * MIB, true, false },
	{ "more kernel memory is another state", "cgroup.kernel", 600 * MIB, true, false },
	{ "a higher limit alone is the same decision", "cgroup.limit", 1100 * MIB, true, true },
	{ "a lower limit is pressed", "cgroup.limit", 250 * MIB, true, false },
	{ "the cache alone is the same decision", "cgroup.current", 990 * MIB, true, true },
	{ "a heap that has grown is pressed", "proc0.total_alloc", 900 * MIB, true, false },
	{ "live data that do not fit set no limit", "proc0.heap_marked", 900 * MIB, true, false },
	{ "a soft limit in force needs no write", "proc0.memory_limit", 884 * MIB, true, false },
	{ "an unknown input is refused", "proc0.colour", 1, false, true },
	{ "a part of a name is refused", "cgroup", 1, false, true },
	{ "nothing is refused", "", 1, false, true },
};

static void test_input(void **state)
{
	const struct input_case *c = *state;
	struct replay_record *r = calloc(1, sizeof(*r));
	struct decision again;
	struct plant p;

	start(&p, 200 * MIB);
	record(&p, r);
	assert_true(decision_has_change(&r->decision));
	assert_int_equal(replay_set_input(r, c->input, c->value), c->known);
	replay_decide(r, &again);
	assert_int_equal(replay_same(&again, &r->decision), c->same);
	free(r);
}

static void test_names(void **state)
{
	struct replay_record *r = calloc(1, sizeof(*r));
	size_t n = 0;

	(void)state;
	for (; replay_input_name(n); n++)
		assert_true(replay_set_input(r, replay_input_name(n), (int64_t)n));
	assert_true(n >= 10);
	assert_int_equal(r->snapshot.cgroup.room, 1);
	assert_null(replay_input_name(n));
	assert_null(replay_input_name(SIZE_MAX));
	free(r);
}

static void test_differences(void **state)
{
	struct decision a = { .n_procs = 1 }, b;

	(void)state;
	b = a;
	assert_true(replay_same(&a, &b));
	b.procs[0].lever[LEVER_GOGC].reason = REASON_SMALL; /* why nothing is done may differ */
	assert_true(replay_same(&a, &b));
	b.procs[0].lever[LEVER_GOGC].to = 1;
	assert_false(replay_same(&a, &b));
	b = a;
	b.alert = ALERT_HOT;
	assert_false(replay_same(&a, &b));
	b = a;
	b.memory_high.verdict = VERDICT_SET;
	assert_false(replay_same(&a, &b));
	b = a;
	b.n_procs = 0;
	assert_false(replay_same(&a, &b));
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a record alone leads to the same decision, byte by byte", test_same),
	SUITE_TEST("every input has a name that can be set", test_names),
	SUITE_TEST("decisions differ in what is done, not in why nothing is", test_differences),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_input, inputs);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "replay");
}
