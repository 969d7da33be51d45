/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "act/environment.h"
#include "act/lever.h"
#include "base/text.h"
#include "base/util.h"
#include "decide/environment.h"
#include "decide/heapmath.h"
#include "decide/snapshot.h"

#define GOGC_MAX      10000
#define GC_PERIOD_MIN INT64_C(1000000000)

static uint32_t plan_soft_limit(const struct go_sample *s, int64_t value, struct inspect_store *ret)
{
	(void)s;
	ret[0] = (struct inspect_store){ .field = FIELD_MEMORY_LIMIT, .value = value };
	return 1;
}

static int64_t value_soft_limit(const struct go_sample *s)
{
	return s->memory_limit_bytes;
}

static bool holds_soft_limit(const struct go_sample *s, int64_t value)
{
	return s->memory_limit_bytes == value;
}

static bool valid_soft_limit(int64_t value)
{
	return value > 0;
}

/*
 * gcPercent alone bites one cycle late. With heapMinimum and gcPercentHeapGoal, as setGCPercent and commit compute
 * them (src/runtime/mgcpacer.go), the next allocation sees the new goal. The goal last: until then the old one holds.
 */
static uint32_t plan_gogc(const struct go_sample *s, int64_t value, struct inspect_store *ret)
{
	const int32_t percent = (int32_t)value;

	ret[0] = (struct inspect_store){ .field = FIELD_GC_PERCENT, .value = percent };
	ret[1] = (struct inspect_store){ .field = FIELD_HEAP_MINIMUM,
					 .value = (int64_t)heap_minimum(percent) };
	ret[2] = (struct inspect_store){ .field = FIELD_GC_PERCENT_GOAL,
					 .value = (int64_t)heap_percent_goal(s, percent) };
	return 3;
}

static int64_t value_gogc(const struct go_sample *s)
{
	return s->gc_percent;
}

static bool holds_gogc(const struct go_sample *s, int64_t value)
{
	return s->gc_percent == value && s->heap_minimum_bytes == heap_minimum((int32_t)value);
}

static bool valid_gogc(int64_t value)
{
	return value == -1 || (value > 0 && value <= GOGC_MAX);
}

static uint32_t plan_madvdontneed(const struct go_sample *s, int64_t value,
				  struct inspect_store *ret)
{
	(void)s;
	ret[0] = (struct inspect_store){ .field = FIELD_MADVDONTNEED, .value = value };
	return 1;
}

static int64_t value_madvdontneed(const struct go_sample *s)
{
	return s->madvdontneed;
}

static bool holds_madvdontneed(const struct go_sample *s, int64_t value)
{
	return s->madvdontneed == value;
}

static bool valid_madvdontneed(int64_t value)
{
	return value == 0 || value == 1;
}

static uint32_t plan_heap_profile(const struct go_sample *s, int64_t value,
				  struct inspect_store *ret)
{
	(void)s;
	ret[0] = (struct inspect_store){ .field = FIELD_PROFILE_RATE, .value = value };
	return 1;
}

static int64_t value_heap_profile(const struct go_sample *s)
{
	return s->mem_profile_rate;
}

static bool holds_heap_profile(const struct go_sample *s, int64_t value)
{
	return s->mem_profile_rate == value;
}

/* The runtime draws the distance to the next sample with 32 bits. */
static bool valid_heap_profile(int64_t value)
{
	return value >= 0 && value <= INT32_MAX;
}

static uint32_t plan_gc_period(const struct go_sample *s, int64_t value, struct inspect_store *ret)
{
	(void)s;
	ret[0] = (struct inspect_store){ .field = FIELD_GC_PERIOD, .value = value };
	return 1;
}

static int64_t value_gc_period(const struct go_sample *s)
{
	return s->gc_period_ns;
}

static bool holds_gc_period(const struct go_sample *s, int64_t value)
{
	return s->gc_period_ns == value;
}

static bool valid_gc_period(int64_t value)
{
	return value >= GC_PERIOD_MIN && value <= GC_PERIOD_DEFAULT;
}

static const struct lever_ops levers[] = {
	[LEVER_SOFT_LIMIT] = { .lever = LEVER_SOFT_LIMIT,
			       .runtime_default = INT64_MAX,
			       .variable = "GOMEMLIMIT",
			       .plan = plan_soft_limit,
			       .holds = holds_soft_limit,
			       .value = value_soft_limit,
			       .valid = valid_soft_limit },
	[LEVER_GOGC] = { .lever = LEVER_GOGC,
			 .runtime_default = 100,
			 .variable = "GOGC",
			 .plan = plan_gogc,
			 .needs_marked = true,
			 .holds = holds_gogc,
			 .value = value_gogc,
			 .valid = valid_gogc },
	[LEVER_MADVDONTNEED] = { .lever = LEVER_MADVDONTNEED,
				 .runtime_default = 1, /* since Go 1.16 */
				 .variable = "GODEBUG",
				 .plan = plan_madvdontneed,
				 .holds = holds_madvdontneed,
				 .value = value_madvdontneed,
				 .valid = valid_madvdontneed },
	[LEVER_HEAP_PROFILE] = { .lever = LEVER_HEAP_PROFILE,
				 .runtime_default = PROFILE_RATE_DEFAULT,
				 .variable = "GODEBUG",
				 .plan = plan_heap_profile,
				 .holds = holds_heap_profile,
				 .value = value_heap_profile,
				 .valid = valid_heap_profile },
	[LEVER_GC_PERIOD] = { .lever = LEVER_GC_PERIOD,
			      .runtime_default = GC_PERIOD_DEFAULT,
			      .variable = "",
			      .plan = plan_gc_period,
			      .holds = holds_gc_period,
			      .value = value_gc_period,
			      .valid = valid_gc_period },
};

const struct lever_ops *lever_ops(enum policy_lever lever)
{
	return (size_t)lever < ARRAY_SIZE(levers) ? &levers[lever] : NULL;
}

static const struct process_variable *variable_of(const struct lever_ops *ops,
						  const struct process_info *info)
{
	switch (ops->lever) {
	case LEVER_SOFT_LIMIT:
		return &info->gomemlimit;
	case LEVER_GOGC:
		return &info->gogc;
	default:
		return &info->godebug;
	}
}

/* Is "NAME=VALUE" one of the words? */
static bool has_word(const char *words, const char *name, const char *value)
{
	const size_t n = strlen(name), len = n + 1 + strlen(value);

	for (const char *w = words; *w; w += strspn(w, " ")) {
		const size_t size = strcspn(w, " ");

		if (size == len && !strncmp(w, name, n) && w[n] == '=' &&
		    !strncmp(w + n + 1, value, len - n - 1))
			return true;
		w += size;
	}
	return false;
}

bool lever_environment(const struct lever_ops *ops, const struct process_info *info, int64_t *ret)
{
	const struct process_variable *v = variable_of(ops, info);
	const char *number = v->value;

	if (!v->set || !info->gomemd.set || ops->lever >= ENVIRONMENT_LEVERS ||
	    !has_word(info->gomemd.value, ops->variable, v->value))
		return false;
	if (ops->lever == LEVER_MADVDONTNEED) {
		if (strncmp(number, ENVIRONMENT_MADVDONTNEED, strlen(ENVIRONMENT_MADVDONTNEED)) !=
		    0)
			return false;
		number += strlen(ENVIRONMENT_MADVDONTNEED);
	}
	return text_parse_i64(number, ret) == 0 && ops->valid(*ret);
}

bool lever_variable_is_owners(const struct lever_ops *ops, const struct process_info *info)
{
	int64_t ours;

	return variable_of(ops, info)->set && !lever_environment(ops, info, &ours);
}

bool lever_owner_set(const struct lever_ops *ops, const struct process_info *info,
		     const struct go_sample *first)
{
	const struct process_variable *v = variable_of(ops, info);
	int64_t ours;
	bool named = v->set;

	if (lever_environment(ops, info, &ours))
		return ops->value(first) != ours && ops->value(first) != ops->runtime_default;
	/* 0 is what the linker leaves behind where nothing reads a profile: by itself nobody's word. */
	if (ops->lever == LEVER_HEAP_PROFILE && ops->value(first) == 0)
		return v->set && strstr(v->value, "memprofilerate=0");
	if (ops->lever == LEVER_HEAP_PROFILE)
		named = false;
	else if (ops->lever == LEVER_GC_PERIOD)
		named = false;
	else if (ops->lever == LEVER_MADVDONTNEED)
		named = v->set && strstr(v->value, ENVIRONMENT_MADVDONTNEED);
	return named || ops->value(first) != ops->runtime_default;
}
