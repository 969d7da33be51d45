/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "act/lever.h"
#include "base/util.h"
#include "decide/heapmath.h"

#define GOGC_MAX 10000

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
};

const struct lever_ops *lever_ops(enum policy_lever lever)
{
	return (size_t)lever < ARRAY_SIZE(levers) ? &levers[lever] : NULL;
}

bool lever_owner_set(const struct lever_ops *ops, const struct process_info *info,
		     const struct go_sample *first)
{
	bool named;

	switch (ops->lever) {
	case LEVER_SOFT_LIMIT:
		named = info->gomemlimit.set;
		break;
	case LEVER_GOGC:
		named = info->gogc.set;
		break;
	default:
		named = info->godebug.set && strstr(info->godebug.value, "madvdontneed=");
		break;
	}
	return named || ops->value(first) != ops->runtime_default;
}
