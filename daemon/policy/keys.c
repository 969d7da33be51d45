/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "policy/keys.h"
#include "policy/value.h"

#define STATES_ALL	 ((1u << STATE_MAX_) - 1)
#define STATES_TRIGGERED (1u << STATE_PRESSED | 1u << STATE_EMERGENCY)

struct policy_key {
	enum policy_section section;
	const char *name;
	size_t offset; /* in struct policy_tier, policy_scope, policy_share or policy_action */
	int (*parse)(const char *value, void *field);
	const char *right;   /* what would be right, for the message */
	unsigned int states; /* POLICY_SECTION_STATE: a bit for each that takes it */
};

#define LEVER(lever)  offsetof(struct policy_tier, rules.ownership) + (lever) * sizeof(int32_t)
#define ACTION(field) offsetof(struct policy_action, field)

#define RIGHT_MODE	"observe, recommend or enforce"
#define RIGHT_OWNERSHIP "yield, tighten or override"
#define RIGHT_CGROUP	"a pattern such as kubepods.slice/**, at most 16 of them, 191 bytes each"

/* As Kubernetes' names are: lower-case letters, digits, '-' and '.'. */
#define RIGHT_NAMES	", of lower-case letters, digits, '-', '.', '*' and '?', at most 16 of them"
#define RIGHT_NAMESPACE "a pattern such as shop-*" RIGHT_NAMES
#define RIGHT_POD	"a pattern such as web-*" RIGHT_NAMES
#define RIGHT_CONTAINER "a pattern such as istio-proxy" RIGHT_NAMES
#define RIGHT_OWNER	"a pattern such as web" RIGHT_NAMES
#define RIGHT_LABEL                                                                                      \
	"a label's key and a pattern of its value such as app=cart or app.kubernetes.io/name=web-*, at " \
	"most 16 of them, 191 bytes each"
#define RIGHT_ANNOTATION                                                                           \
	"an annotation's key, which begins with gomemd.io/, and a pattern of its value such as "   \
	"gomemd.io/class=batch, at most 16 of them, 191 bytes each"
#define RIGHT_QOS "guaranteed, burstable or besteffort"

static const struct policy_key keys[] = {
	{ POLICY_SECTION_TIER, "limit", 0, policy_value_limit,
	  "240Mi..1100Mi (the lower end first), ..129Mi, 1900Mi.. or none", 0 },
	{ POLICY_SECTION_TIER, "cgroup", offsetof(struct policy_tier, place.cgroup),
	  policy_value_pattern, RIGHT_CGROUP, 0 },
	{ POLICY_SECTION_TIER, "namespace", offsetof(struct policy_tier, place.space),
	  policy_value_name, RIGHT_NAMESPACE, 0 },
	{ POLICY_SECTION_TIER, "pod", offsetof(struct policy_tier, place.pod), policy_value_name,
	  RIGHT_POD, 0 },
	{ POLICY_SECTION_TIER, "container", offsetof(struct policy_tier, place.container),
	  policy_value_name, RIGHT_CONTAINER, 0 },
	{ POLICY_SECTION_TIER, "label", offsetof(struct policy_tier, place.label),
	  policy_value_label, RIGHT_LABEL, 0 },
	{ POLICY_SECTION_TIER, "annotation", offsetof(struct policy_tier, place.annotation),
	  policy_value_annotation, RIGHT_ANNOTATION, 0 },
	{ POLICY_SECTION_TIER, "qos", offsetof(struct policy_tier, place.qos), policy_value_qos,
	  RIGHT_QOS, 0 },
	{ POLICY_SECTION_TIER, "owner", offsetof(struct policy_tier, owner), policy_value_name,
	  RIGHT_OWNER, 0 },
	{ POLICY_SECTION_TIER, "exe", offsetof(struct policy_tier, exe), policy_value_pattern,
	  "a pattern such as prometheus or /usr/bin/*, at most 16 of them, 191 bytes each", 0 },
	{ POLICY_SECTION_TIER, "module", offsetof(struct policy_tier, module), policy_value_pattern,
	  "a pattern such as example.org/**, at most 16 of them, 191 bytes each", 0 },
	{ POLICY_SECTION_TIER, "mode", offsetof(struct policy_tier, rules.mode), policy_value_mode,
	  RIGHT_MODE, 0 },
	{ POLICY_SECTION_TIER, "priority", offsetof(struct policy_tier, priority),
	  policy_value_priority, "a whole number from -1000000 to 1000000", 0 },
	{ POLICY_SECTION_TIER, "ownership", LEVER(0), policy_value_ownerships, RIGHT_OWNERSHIP, 0 },
	{ POLICY_SECTION_TIER, "ownership.soft_limit", LEVER(LEVER_SOFT_LIMIT),
	  policy_value_ownership, RIGHT_OWNERSHIP, 0 },
	{ POLICY_SECTION_TIER, "ownership.gogc", LEVER(LEVER_GOGC), policy_value_ownership,
	  RIGHT_OWNERSHIP, 0 },
	{ POLICY_SECTION_TIER, "ownership.madvdontneed", LEVER(LEVER_MADVDONTNEED),
	  policy_value_ownership, RIGHT_OWNERSHIP, 0 },
	{ POLICY_SECTION_TIER, "ownership.heap_profile", LEVER(LEVER_HEAP_PROFILE),
	  policy_value_ownership, RIGHT_OWNERSHIP, 0 },
	{ POLICY_SECTION_TIER, "ownership.gc_period", LEVER(LEVER_GC_PERIOD),
	  policy_value_ownership, RIGHT_OWNERSHIP, 0 },
	{ POLICY_SECTION_TIER, "ownership.memory_high", LEVER(LEVER_MEMORY_HIGH),
	  policy_value_ownership, RIGHT_OWNERSHIP, 0 },
	{ POLICY_SECTION_TIER, "heap_profile", offsetof(struct policy_tier, rules.heap_profile),
	  policy_value_off_on, "on or off", 0 },
	{ POLICY_SECTION_TIER, "heap_series", offsetof(struct policy_tier, rules.heap_series),
	  policy_value_series, "off, or a duration from 1s to 1d", 0 },
	{ POLICY_SECTION_TIER, "culprits", offsetof(struct policy_tier, rules.culprits),
	  policy_value_culprits, "alarm, off, or a duration from 10s to 1d", 0 },
	{ POLICY_SECTION_TIER, "reclaim", offsetof(struct policy_tier, rules.reclaim),
	  policy_value_reclaim, "no, file or all", 0 },
	{ POLICY_SECTION_TIER, "gc_period", offsetof(struct policy_tier, rules.gc_period),
	  policy_value_gc_period, "no, or a duration from 1s to 2min", 0 },
	{ POLICY_SECTION_TIER, "idle", offsetof(struct policy_tier, rules.idle), policy_value_idle,
	  "off, or a duration from 1min to 1d", 0 },
	{ POLICY_SECTION_TIER, "balance", offsetof(struct policy_tier, rules.balance),
	  policy_value_auto_no, "auto or no", 0 },
	{ POLICY_SECTION_TIER, "tight", offsetof(struct policy_tier, rules.tight_restart),
	  policy_value_tight, "relax or restart", 0 },
	{ POLICY_SECTION_TIER, "environment", offsetof(struct policy_tier, rules.environment),
	  policy_value_environment, "off, on (10min), or a duration from 1s to 1d", 0 },
	{ POLICY_SECTION_TIER, "endpoint", offsetof(struct policy_tier, rules.endpoint),
	  policy_value_endpoint,
	  "off, auto, http://ADDRESS:PORT/PATH or http://unix:/SOCKET:/PATH (https as well; no names)",
	  0 },
	{ POLICY_SECTION_SCOPE, "cgroup", offsetof(struct policy_scope, place.cgroup),
	  policy_value_pattern, RIGHT_CGROUP, 0 },
	{ POLICY_SECTION_SCOPE, "namespace", offsetof(struct policy_scope, place.space),
	  policy_value_name, RIGHT_NAMESPACE, 0 },
	{ POLICY_SECTION_SCOPE, "pod", offsetof(struct policy_scope, place.pod), policy_value_name,
	  RIGHT_POD, 0 },
	{ POLICY_SECTION_SCOPE, "container", offsetof(struct policy_scope, place.container),
	  policy_value_name, RIGHT_CONTAINER, 0 },
	{ POLICY_SECTION_SCOPE, "label", offsetof(struct policy_scope, place.label),
	  policy_value_label, RIGHT_LABEL, 0 },
	{ POLICY_SECTION_SCOPE, "annotation", offsetof(struct policy_scope, place.annotation),
	  policy_value_annotation, RIGHT_ANNOTATION, 0 },
	{ POLICY_SECTION_SCOPE, "qos", offsetof(struct policy_scope, place.qos), policy_value_qos,
	  RIGHT_QOS, 0 },
	{ POLICY_SECTION_SCOPE, "mode", offsetof(struct policy_scope, mode), policy_value_mode,
	  RIGHT_MODE, 0 },
	{ POLICY_SECTION_SHARE, "namespace", offsetof(struct policy_share, space),
	  policy_value_name, RIGHT_NAMESPACE, 0 },
	{ POLICY_SECTION_SHARE, "memory", offsetof(struct policy_share, memory_bytes),
	  policy_value_memory, "a size such as 4Gi, at least 1Mi", 0 },
	{ POLICY_SECTION_STATE, "when", ACTION(when), policy_value_when,
	  "heap_alloc > 70% limit, or heap_alloc > 64Mi (of heap_alloc, heap_inuse, heap_sys, "
	  "usage; limit only on the right)",
	  STATES_TRIGGERED },
	{ POLICY_SECTION_STATE, "gogc", ACTION(gogc), policy_value_gogc,
	  "a percentage from 1 to 10000 without the sign (gomemd never switches collection off)",
	  STATES_ALL },
	{ POLICY_SECTION_STATE, "madvdontneed", ACTION(madvdontneed), policy_value_switch,
	  "yes or no", STATES_ALL },
	{ POLICY_SECTION_STATE, "soft_limit", ACTION(soft_limit_off), policy_value_auto_off,
	  "auto or off", STATES_ALL },
	{ POLICY_SECTION_STATE, "memory_high", ACTION(memory_high), policy_value_high,
	  "auto, swap or no", STATES_ALL },
	{ POLICY_SECTION_STATE, "goroutine_rate", ACTION(goroutine_rate), policy_value_rate,
	  "a rate such as 1000/s, from 1/s to 100000000/s", STATES_ALL },
};

size_t policy_keys_max(void)
{
	return ARRAY_SIZE(keys);
}

const char *policy_key_name(size_t i)
{
	return keys[i].name;
}

static const struct policy_key *find_key(enum policy_section section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].section == section && !strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static void report_unknown(enum policy_section section, const struct ini_entry *entry,
			   struct ini_report *report)
{
	const char *names[ARRAY_SIZE(keys)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].section == section)
			names[n++] = keys[i].name;
	ini_report_unknown(report, entry, names, n);
}

static const char *what_is_wrong(const char *value, int error)
{
	if (!*value)
		return "is empty";
	if (error == -ERANGE)
		return "is out of range";
	return error == -ENOSPC ? "is one too many" : "is not understood";
}

void policy_key_set(enum policy_section section, enum policy_state state, void *base,
		    const struct ini_entry *entry, struct ini_report *report)
{
	const struct policy_key *key = find_key(section, entry->key);
	int r;

	if (!key) {
		report_unknown(section, entry, report);
		return;
	}
	if (section == POLICY_SECTION_STATE && !(key->states & 1u << state)) {
		ini_report_add(report, entry->file, entry->line, true,
			       "%s in [%s]: only pressed and emergency are entered by a trigger; "
			       "remove it",
			       entry->key, entry->section);
		return;
	}
	r = key->parse(entry->value, (char *)base + key->offset);
	if (r < 0)
		ini_report_add(report, entry->file, entry->line, true, "%s = %s %s; write %s",
			       entry->key, entry->value, what_is_wrong(entry->value, r),
			       key->right);
}
