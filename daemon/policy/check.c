/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "policy/check.h"
#include "policy/match.h"

/* usage > 92% limit: the requirement's figure, where an emergency section does not say its own. */
enum { EMERGENCY_PERMILLE = 920 };

/* The sections of a tier that no file has. */
static void report_orphans(const struct policy_rules *rules, struct ini_report *report)
{
	for (size_t i = 0; i < STATE_MAX_; i++) {
		const struct policy_action *action = &rules->state[i];

		if (action->line)
			ini_report_add(report, action->file, action->line, true,
				       "[%s.%s]: there is no tier '%s'; write [tier %s] or mend "
				       "the name",
				       rules->tier, policy_state_name((enum policy_state)i),
				       rules->tier, rules->tier);
	}
}

static bool trigger_is_of_limit(const struct policy_trigger *t)
{
	return t->set && t->permille && t->base == METRIC_LIMIT;
}

static void check_tier(struct policy_tier *tier, struct ini_report *report)
{
	struct policy_rules *rules = &tier->rules;
	struct policy_action *pressed = &rules->state[STATE_PRESSED];
	struct policy_action *emergency = &rules->state[STATE_EMERGENCY];

	if (!rules->line) {
		report_orphans(rules, report);
		return;
	}
	if (pressed->line && !pressed->when.set)
		ini_report_add(report, pressed->file, pressed->line, true,
			       "[%s.pressed] has no trigger; write when = heap_alloc > 70%% limit, "
			       "say",
			       rules->tier);
	if (emergency->line && !emergency->when.set)
		emergency->when = (struct policy_trigger){
			.set = true,
			.metric = METRIC_USAGE,
			.permille = EMERGENCY_PERMILLE,
			.base = METRIC_LIMIT,
		};
	for (size_t i = 0; tier->unlimited && i < STATE_MAX_; i++)
		if (trigger_is_of_limit(&rules->state[i].when))
			ini_report_add(report, rules->state[i].file, rules->state[i].line, false,
				       "[%s.%s] never begins: its trigger is a share of the limit, "
				       "and the tier is for workloads without one",
				       rules->tier, policy_state_name((enum policy_state)i));
}

static void check_scope(const struct policy_scope *scope, struct ini_report *report)
{
	const struct policy_place *place = &scope->place;

	if (!place->cgroup.n && !place->space.n && !place->qos.n && !place->pod.n &&
	    !place->container.n && !place->label.n && !place->annotation.n)
		ini_report_add(
			report, scope->file, scope->line, true,
			"[scope %s] names no cgroup and no namespace; write cgroup = PATTERN "
			"or namespace = PATTERN",
			scope->name);
	else if ((place->pod.n || place->container.n) && !place->space.n)
		ini_report_add(
			report, scope->file, scope->line, true,
			"[scope %s] names a pod or container of any namespace, which whoever "
			"creates pods may choose; write namespace = PATTERN as well",
			scope->name);
	else if (policy_place_is_by_pair(place) && scope->mode == MODE_ENFORCE)
		ini_report_add(
			report, scope->file, scope->line, true,
			"[scope %s] names a label or annotation of any namespace, which whoever "
			"creates pods may choose, and which can lower a mode alone; write "
			"namespace = PATTERN as well",
			scope->name);
	if (scope->mode == MODE_UNSET)
		ini_report_add(report, scope->file, scope->line, true,
			       "[scope %s] has no mode; write mode = observe, recommend or enforce",
			       scope->name);
}

static void check_share(const struct policy_share *share, struct ini_report *report)
{
	if (!share->space.n)
		ini_report_add(report, share->file, share->line, true,
			       "[namespace-share %s] names no namespace; write namespace = PATTERN",
			       share->name);
	if (!share->memory_bytes)
		ini_report_add(report, share->file, share->line, true,
			       "[namespace-share %s] has no memory; write memory = SIZE, what the "
			       "Go workloads of a namespace are to use together",
			       share->name);
}

/* The highest priority first; equal ones stay in the order they were read. */
static void sort_tiers(struct policy_set *set)
{
	for (size_t i = 1; i < set->n_tiers; i++) {
		struct policy_tier tier = set->tiers[i];
		size_t at = i;

		while (at > 0 && set->tiers[at - 1].priority < tier.priority)
			at--;
		if (at == i)
			continue;
		memmove(&set->tiers[at + 1], &set->tiers[at], (i - at) * sizeof(tier));
		set->tiers[at] = tier;
	}
}

static bool matches_by_limit_alone(const struct policy_tier *tier)
{
	const struct policy_place *place = &tier->place;

	return tier->rules.line && !place->cgroup.n && !place->space.n && !place->pod.n &&
	       !place->container.n && !place->qos.n && !place->label.n && !place->annotation.n &&
	       !tier->owner.n && !tier->exe.n && !tier->module.n;
}

static bool limits_overlap(const struct policy_tier *a, const struct policy_tier *b)
{
	if (a->unlimited || b->unlimited)
		return a->unlimited && b->unlimited;
	return a->limit_from < b->limit_to && b->limit_from < a->limit_to;
}

static void check_overlap(const struct policy_tier *first, const struct policy_tier *second,
			  struct ini_report *report)
{
	uint64_t from = MAX(first->limit_from, second->limit_from);
	uint64_t to = MIN(first->limit_to, second->limit_to);
	char from_text[TEXT_BYTES_MAX], to_text[TEXT_BYTES_MAX];

	if (first->priority != second->priority || !matches_by_limit_alone(first) ||
	    !matches_by_limit_alone(second) || !limits_overlap(first, second))
		return;
	if (first->unlimited)
		ini_report_add(report, second->rules.file, second->rules.line, false,
			       "tier %s is never reached: tier %s (%s:%u) has limit = none as "
			       "well; give one of them a priority",
			       second->rules.tier, first->rules.tier, first->rules.file,
			       first->rules.line);
	else
		ini_report_add(report, second->rules.file, second->rules.line, false,
			       "tier %s overlaps tier %s (%s:%u), which matches first, in "
			       "%s..%s; give one of them a priority",
			       second->rules.tier, first->rules.tier, first->rules.file,
			       first->rules.line, from ? text_bytes(from_text, from) : "",
			       to == BYTES_UNLIMITED ? "" : text_bytes(to_text, to));
}

void policy_check(struct policy_set *set, struct ini_report *report)
{
	for (size_t i = 0; i < set->n_tiers; i++)
		check_tier(&set->tiers[i], report);
	for (size_t i = 0; i < set->n_scopes; i++)
		check_scope(&set->scopes[i], report);
	for (size_t i = 0; i < set->n_shares; i++)
		check_share(&set->shares[i], report);
	sort_tiers(set);
	for (size_t i = 0; i < set->n_tiers; i++)
		for (size_t j = i + 1; j < set->n_tiers; j++)
			check_overlap(&set->tiers[i], &set->tiers[j], report);
}
