/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

static const char *const mode_names[] = {
	[MODE_OBSERVE] = "observe",
	[MODE_RECOMMEND] = "recommend",
	[MODE_ENFORCE] = "enforce",
};
_Static_assert(ARRAY_SIZE(mode_names) == MODE_MAX_, "a mode without a name");

static const char *const lever_names[] = {
	[LEVER_SOFT_LIMIT] = "soft_limit",     [LEVER_GOGC] = "gogc",
	[LEVER_MADVDONTNEED] = "madvdontneed", [LEVER_HEAP_PROFILE] = "heap_profile",
	[LEVER_GC_PERIOD] = "gc_period",       [LEVER_MEMORY_HIGH] = "memory_high",
};
_Static_assert(ARRAY_SIZE(lever_names) == LEVER_MAX_, "a lever without a name");

static const char *const ownership_names[] = {
	[OWNERSHIP_YIELD] = "yield",
	[OWNERSHIP_TIGHTEN] = "tighten",
	[OWNERSHIP_OVERRIDE] = "override",
};
_Static_assert(ARRAY_SIZE(ownership_names) == OWNERSHIP_MAX_, "an ownership without a name");

static const char *const state_names[] = {
	[STATE_CALM] = "calm",	 [STATE_PRESSED] = "pressed", [STATE_EMERGENCY] = "emergency",
	[STATE_TIGHT] = "tight", [STATE_HOT] = "hot",
};
_Static_assert(ARRAY_SIZE(state_names) == STATE_MAX_, "a state without a name");

static const char *const metric_names[] = {
	[METRIC_HEAP_ALLOC] = "heap_alloc", [METRIC_HEAP_INUSE] = "heap_inuse",
	[METRIC_HEAP_SYS] = "heap_sys",	    [METRIC_USAGE] = "usage",
	[METRIC_LIMIT] = "limit",
};
_Static_assert(ARRAY_SIZE(metric_names) == METRIC_MAX_, "a metric without a name");

static const char *name_of(const char *const *names, size_t n, size_t i)
{
	return i < n ? names[i] : "?";
}

/* Index of @name, or -EINVAL. */
static int index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -EINVAL;
}

const char *policy_mode_name(int32_t mode)
{
	return mode == MODE_UNSET ? "unset" : name_of(mode_names, MODE_MAX_, (uint32_t)mode);
}

const char *policy_state_name(enum policy_state state)
{
	return name_of(state_names, STATE_MAX_, state);
}

const char *policy_lever_name(enum policy_lever lever)
{
	return name_of(lever_names, LEVER_MAX_, lever);
}

const char *policy_ownership_name(enum policy_ownership ownership)
{
	return name_of(ownership_names, OWNERSHIP_MAX_, ownership);
}

const char *policy_metric_name(enum policy_metric metric)
{
	return name_of(metric_names, METRIC_MAX_, metric);
}

int policy_mode_parse(const char *name, int32_t *ret)
{
	int i = index_of(mode_names, MODE_MAX_, name);

	if (i < 0)
		return i;
	*ret = i;
	return 0;
}

int policy_state_parse(const char *name, enum policy_state *ret)
{
	int i = index_of(state_names, STATE_MAX_, name);

	if (i < 0)
		return i;
	*ret = (enum policy_state)i;
	return 0;
}

int policy_ownership_parse(const char *name, int32_t *ret)
{
	int i = index_of(ownership_names, OWNERSHIP_MAX_, name);

	if (i < 0)
		return i;
	*ret = i;
	return 0;
}

int policy_metric_parse(const char *name, enum policy_metric *ret)
{
	int i = index_of(metric_names, METRIC_MAX_, name);

	if (i < 0)
		return i;
	*ret = (enum policy_metric)i;
	return 0;
}

const char *policy_trigger_text(char buf[POLICY_TRIGGER_TEXT_MAX], const struct policy_trigger *t)
{
	static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti" };
	const char *metric = policy_metric_name(t->metric);
	uint64_t bytes = t->bytes;
	size_t unit = 0;

	if (!t->set) {
		snprintf(buf, POLICY_TRIGGER_TEXT_MAX, "-");
	} else if (t->permille) {
		char tenth[3] = { t->permille % 10 ? '.' : '\0', (char)('0' + t->permille % 10) };

		snprintf(buf, POLICY_TRIGGER_TEXT_MAX, "%s > %u%s%% %s", metric, t->permille / 10,
			 tenth, policy_metric_name(t->base));
	} else {
		/* The largest unit that divides it: the text can go back into a file. */
		for (; bytes && bytes % KIB == 0 && unit + 1 < ARRAY_SIZE(units); unit++)
			bytes /= KIB;
		snprintf(buf, POLICY_TRIGGER_TEXT_MAX, "%s > %" PRIu64 "%s", metric, bytes,
			 units[unit]);
	}
	return buf;
}
