/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdio.h>

#include "act/lever.h"
#include "base/util.h"

/* 100 MiB live and 10 MiB of roots, as setGCPercent and commit of src/runtime/mgcpacer.go see them. */
static const struct go_sample sample = {
	.gc_percent = 100,
	.memory_limit_bytes = INT64_MAX,
	.heap_minimum_bytes = 4 * MIB,
	.heap_marked_bytes = 100 * MIB,
	.stack_scan_bytes = 6 * MIB,
	.globals_scan_bytes = 4 * MIB,
	.madvdontneed = 1,
	.mem_profile_rate = 512 * 1024,
};

struct plan_case {
	const char *name;
	enum policy_lever lever;
	int64_t value;
	bool valid;
	uint32_t n;
	struct {
		uint32_t field;
		uint64_t value;
	} stores[3];
};

static const struct plan_case plans[] = {
	{ "a soft limit is one store",
	  LEVER_SOFT_LIMIT,
	  512 * MIB,
	  true,
	  1,
	  { { FIELD_MEMORY_LIMIT, 512 * MIB } } },
	{ "no soft limit is the largest number",
	  LEVER_SOFT_LIMIT,
	  INT64_MAX,
	  true,
	  1,
	  { { FIELD_MEMORY_LIMIT, INT64_MAX } } },
	{ "a soft limit of 0 is refused", LEVER_SOFT_LIMIT, 0, false, 0, { { 0, 0 } } },
	{ "a negative soft limit is refused", LEVER_SOFT_LIMIT, -1, false, 0, { { 0, 0 } } },
	{ "GOGC is three stores, the goal last",
	  LEVER_GOGC,
	  30,
	  true,
	  3,
	  { { FIELD_GC_PERCENT, 30 },
	    { FIELD_HEAP_MINIMUM, 1258291 },
	    { FIELD_GC_PERCENT_GOAL, 133 * MIB } } },
	{ "GOGC=off has no goal",
	  LEVER_GOGC,
	  -1,
	  true,
	  3,
	  { { FIELD_GC_PERCENT, UINT64_MAX },
	    { FIELD_HEAP_MINIMUM, UINT64_C(184467440737053573) },
	    { FIELD_GC_PERCENT_GOAL, UINT64_MAX } } },
	{ "GOGC 10000 is the largest",
	  LEVER_GOGC,
	  10000,
	  true,
	  3,
	  { { FIELD_GC_PERCENT, 10000 },
	    { FIELD_HEAP_MINIMUM, 400 * MIB },
	    { FIELD_GC_PERCENT_GOAL, 11100 * MIB } } },
	{ "GOGC 0 is refused", LEVER_GOGC, 0, false, 0, { { 0, 0 } } },
	{ "GOGC below off is refused", LEVER_GOGC, -2, false, 0, { { 0, 0 } } },
	{ "GOGC beyond 10000 is refused", LEVER_GOGC, 10001, false, 0, { { 0, 0 } } },
	{ "GOGC beyond 32 bits is refused", LEVER_GOGC, INT64_C(1) << 33, false, 0, { { 0, 0 } } },
	{ "madvdontneed is one store",
	  LEVER_MADVDONTNEED,
	  0,
	  true,
	  1,
	  { { FIELD_MADVDONTNEED, 0 } } },
	{ "madvdontneed 2 is refused", LEVER_MADVDONTNEED, 2, false, 0, { { 0, 0 } } },
	{ "the rate of the heap profile is one store",
	  LEVER_HEAP_PROFILE,
	  512 * 1024,
	  true,
	  1,
	  { { FIELD_PROFILE_RATE, 512 * 1024 } } },
	{ "a rate below 0 is refused", LEVER_HEAP_PROFILE, -1, false, 0, { { 0, 0 } } },
	{ "a rate beyond 31 bits is refused",
	  LEVER_HEAP_PROFILE,
	  INT64_C(1) << 31,
	  false,
	  0,
	  { { 0, 0 } } },
};

static void test_plan(void **state)
{
	const struct plan_case *c = *state;
	const struct lever_ops *ops = lever_ops(c->lever);
	struct inspect_store stores[INSPECT_STORES] = { 0 };

	assert_int_equal(ops->lever, c->lever);
	assert_int_equal(ops->valid(c->value), c->valid);
	if (!c->valid)
		return;
	assert_int_equal(ops->plan(&sample, c->value, stores), c->n);
	for (uint32_t i = 0; i < c->n; i++) {
		assert_int_equal(stores[i].field, c->stores[i].field);
		assert_int_equal(stores[i].value, (int64_t)c->stores[i].value);
	}
}

/* What the stores make of the runtime's fields; each field is of its own width. */
static struct go_sample stored(const struct lever_ops *ops, int64_t value)
{
	struct inspect_store stores[INSPECT_STORES];
	struct go_sample s = sample;
	uint32_t n = ops->plan(&sample, value, stores);

	for (uint32_t i = 0; i < n; i++)
		switch (stores[i].field) {
		case FIELD_GC_PERCENT:
			s.gc_percent = (int32_t)stores[i].value;
			break;
		case FIELD_MEMORY_LIMIT:
			s.memory_limit_bytes = stores[i].value;
			break;
		case FIELD_HEAP_MINIMUM:
			s.heap_minimum_bytes = (uint64_t)stores[i].value;
			break;
		case FIELD_GC_PERCENT_GOAL:
			s.gc_percent_goal_bytes = (uint64_t)stores[i].value;
			break;
		case FIELD_PROFILE_RATE:
			s.mem_profile_rate = stores[i].value;
			break;
		case FIELD_GC_PERIOD:
			s.gc_period_ns = stores[i].value;
			break;
		default:
			s.madvdontneed = (int32_t)stores[i].value;
			break;
		}
	return s;
}

static void test_holds(void **state)
{
	static const int64_t values[][3] = {
		[LEVER_SOFT_LIMIT] = { 64 * MIB, 65 * MIB, INT64_MAX },
		[LEVER_GOGC] = { 10, 400, -1 },
		[LEVER_MADVDONTNEED] = { 0, 1, 0 },
		[LEVER_HEAP_PROFILE] = { 0, 512 * 1024, 1 },
		[LEVER_GC_PERIOD] = { 1000000000, 30000000000, 120000000000 },
	};

	(void)state;
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		for (size_t i = 0; i < 3; i++) {
			struct go_sample s = stored(lever_ops(l), values[l][i]);

			assert_true(lever_ops(l)->holds(&s, values[l][i]));
			assert_int_equal(lever_ops(l)->value(&s), values[l][i]);
			assert_int_equal(lever_ops(l)->holds(&sample, values[l][i]),
					 lever_ops(l)->value(&sample) == values[l][i]);
		}
}

static void test_half_held(void **state)
{
	struct go_sample s = stored(lever_ops(LEVER_GOGC), 30);

	(void)state;
	/* The percent alone is not GOGC: heapMinimum belongs to it. */
	s.heap_minimum_bytes = 4 * MIB;
	assert_false(lever_ops(LEVER_GOGC)->holds(&s, 30));
}

static void test_goal_is_believed(void **state)
{
	struct go_sample s = stored(lever_ops(LEVER_GOGC), 10);
	struct go_runtime rt = { .runtimes = 1 };

	(void)state;
	s.enablegc = true;
	s.mapped_ready_bytes = 200 * MIB;
	assert_true(go_runtime_judge(&rt, &s, 0));
	s = stored(lever_ops(LEVER_GOGC), -1);
	s.enablegc = true;
	s.mapped_ready_bytes = 200 * MIB;
	assert_true(go_runtime_judge(&rt, &s, 0));
}

/* When is a lever the owner's own? */
struct owner_case {
	const char *name;
	enum policy_lever lever;
	const char *gogc, *gomemlimit, *godebug;
	int64_t first;
	bool owner;
};

static const struct owner_case owners[] = {
	{ "no variable and the default are nobody's", LEVER_GOGC, NULL, NULL, NULL, 100, false },
	{ "GOGC in the environment is the owner's", LEVER_GOGC, "100", NULL, NULL, 100, true },
	{ "another first value is the owner's", LEVER_GOGC, NULL, NULL, NULL, 50, true },
	{ "GOGC=off by a call is the owner's", LEVER_GOGC, NULL, NULL, NULL, -1, true },
	{ "GOMEMLIMIT says nothing about GOGC", LEVER_GOGC, NULL, "1GiB", NULL, 100, false },
	{ "GOMEMLIMIT in the environment is the owner's", LEVER_SOFT_LIMIT, NULL, "off", NULL,
	  INT64_MAX, true },
	{ "a soft limit by a call is the owner's", LEVER_SOFT_LIMIT, NULL, NULL, NULL, 1 << 30,
	  true },
	{ "no soft limit is nobody's", LEVER_SOFT_LIMIT, "50", NULL, NULL, INT64_MAX, false },
	{ "GODEBUG with madvdontneed is the owner's", LEVER_MADVDONTNEED, NULL, NULL,
	  "gctrace=1,madvdontneed=1", 1, true },
	{ "another GODEBUG is not", LEVER_MADVDONTNEED, NULL, NULL, "gctrace=1", 1, false },
	{ "madvdontneed=0 by whatever is the owner's", LEVER_MADVDONTNEED, NULL, NULL, NULL, 0,
	  true },
	{ "a rate of 0 is the linker's", LEVER_HEAP_PROFILE, NULL, NULL, "gctrace=1", 0, false },
	{ "a rate of 0 by GODEBUG is the owner's", LEVER_HEAP_PROFILE, NULL, NULL,
	  "memprofilerate=0", 0, true },
	{ "a rate that the linker overruled is not the owner's 0", LEVER_HEAP_PROFILE, NULL, NULL,
	  "memprofilerate=4096", 0, false },
	{ "the default rate is nobody's", LEVER_HEAP_PROFILE, NULL, NULL, NULL, 512 * 1024, false },
	{ "another rate is the owner's", LEVER_HEAP_PROFILE, NULL, NULL, NULL, 4096, true },
};

static void set(struct process_variable *v, const char *value)
{
	v->set = value != NULL;
	snprintf(v->value, sizeof(v->value), "%s", value ? value : "");
}

static void test_owner(void **state)
{
	const struct owner_case *c = *state;
	struct go_sample first = stored(lever_ops(c->lever), c->first);
	struct process_info info = { 0 };

	set(&info.gogc, c->gogc);
	set(&info.gomemlimit, c->gomemlimit);
	set(&info.godebug, c->godebug);
	assert_int_equal(lever_owner_set(lever_ops(c->lever), &info, &first), c->owner);
}

/* What gomemd has put into the environment, as its mark says, is not the owner's. */
struct mark_case {
	const char *name;
	enum policy_lever lever;
	const char *mark, *variable;
	int64_t first;
	bool ours, owner;
};

static const struct mark_case marks[] = {
	{ "what the mark names is not the owner's", LEVER_SOFT_LIMIT, "GOMEMLIMIT=1000 GOGC=50",
	  "1000", 1000, true, false },
	{ "nor after it was given back", LEVER_SOFT_LIMIT, "GOMEMLIMIT=1000", "1000", INT64_MAX,
	  true, false },
	{ "a value by a call is", LEVER_SOFT_LIMIT, "GOMEMLIMIT=1000", "1000", 77, true, true },
	{ "another value than the mark's is", LEVER_GOGC, "GOGC=50", "5", 5, false, true },
	{ "a longer one is", LEVER_GOGC, "GOGC=5", "50", 50, false, true },
	{ "one that the mark leaves out is", LEVER_GOGC, "GOMEMLIMIT=1000", "50", 50, false, true },
	{ "without a mark it is", LEVER_GOGC, NULL, "50", 50, false, true },
	{ "a mark without a variable is nothing", LEVER_GOGC, "GOGC=50", NULL, 100, false, false },
	{ "GODEBUG as the mark has it is not the owner's", LEVER_MADVDONTNEED,
	  "GOGC=50 GODEBUG=madvdontneed=0", "madvdontneed=0", 0, true, false },
	{ "with more in it it is", LEVER_MADVDONTNEED, "GODEBUG=madvdontneed=0",
	  "madvdontneed=0,gctrace=1", 0, false, true },
	{ "what nobody would set is no value of ours", LEVER_GOGC, "GOGC=0", "0", 100, false,
	  true },
};

static void test_mark(void **state)
{
	const struct mark_case *c = *state;
	const struct lever_ops *ops = lever_ops(c->lever);
	struct go_sample first = stored(ops, c->first);
	struct process_info info = { 0 };
	int64_t value;

	set(&info.gomemd, c->mark);
	set(c->lever == LEVER_GOGC	 ? &info.gogc :
	    c->lever == LEVER_SOFT_LIMIT ? &info.gomemlimit :
					   &info.godebug,
	    c->variable);
	assert_int_equal(lever_environment(ops, &info, &value), c->ours);
	assert_int_equal(lever_variable_is_owners(ops, &info), c->variable && !c->ours);
	assert_int_equal(lever_owner_set(ops, &info, &first), c->owner);
}

static void test_none(void **state)
{
	(void)state;
	assert_null(lever_ops(LEVER_MEMORY_HIGH));
	assert_null(lever_ops(LEVER_MAX_));
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("what was stored is what holds", test_holds),
	SUITE_TEST("half a GOGC does not hold", test_half_held),
	SUITE_TEST("the goal that is stored passes the gates", test_goal_is_believed),
	SUITE_TEST("memory.high is no process's lever", test_none),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_plan, plans);
	SUITE_TABLE(&s, test_mark, marks);
	SUITE_TABLE(&s, test_owner, owners);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "lever");
}
