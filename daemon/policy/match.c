/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "policy/match.h"

static const char *const why_names[] = {
	[WHY_MATCHED] = "matched", [WHY_LIMIT] = "limit",   [WHY_CGROUP] = "cgroup",
	[WHY_EXE] = "exe",	   [WHY_MODULE] = "module", [WHY_GENEROUS] = "generous",
	[WHY_LATER] = "later",
};
_Static_assert(ARRAY_SIZE(why_names) == WHY_MAX_, "a why without a name");

const char *policy_why_name(enum policy_why why)
{
	return (size_t)why < WHY_MAX_ ? why_names[why] : "?";
}

static const char *without_slash(const char *path)
{
	return path + (*path == '/');
}

static bool match_cgroup(const struct policy_patterns *patterns, const char *cgroup)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (text_match_path(without_slash(patterns->pattern[i]), without_slash(cgroup)))
			return true;
	return false;
}

/* An unknown exe or module matches nothing, not even a star. */
static bool match_text(const struct policy_patterns *patterns, const char *text)
{
	for (size_t i = 0; *text && i < patterns->n; i++)
		if (text_match_path(patterns->pattern[i], text))
			return true;
	return false;
}

static bool match_exe(const struct policy_patterns *patterns, const char *exe)
{
	const char *slash = strrchr(exe, '/');

	return match_text(patterns, exe) || (slash && match_text(patterns, slash + 1));
}

static bool match_limit(const struct policy_tier *tier, uint64_t limit_bytes)
{
	if (limit_bytes == BYTES_UNLIMITED)
		return tier->unlimited;
	return !tier->unlimited && limit_bytes >= tier->limit_from && limit_bytes < tier->limit_to;
}

static bool names_program(const struct policy_tier *tier)
{
	return tier->exe.n || tier->module.n;
}

/* What the tier alone says, without regard to the others. */
static enum policy_why why_of(const struct policy_tier *tier, const struct policy_subject *subject)
{
	if (!match_limit(tier, subject->limit_bytes))
		return WHY_LIMIT;
	if (tier->cgroup.n && !match_cgroup(&tier->cgroup, subject->cgroup))
		return WHY_CGROUP;
	if (tier->exe.n && !match_exe(&tier->exe, subject->exe))
		return WHY_EXE;
	if (tier->module.n && !match_text(&tier->module, subject->module))
		return WHY_MODULE;
	return WHY_MATCHED;
}

/* The tier that limit and cgroup give, which no tenant chooses; NULL where there is none. */
static const struct policy_tier *tier_of_place(const struct policy_set *set,
					       const struct policy_subject *subject)
{
	for (size_t i = 0; i < set->n_tiers; i++)
		if (!names_program(&set->tiers[i]) &&
		    why_of(&set->tiers[i], subject) == WHY_MATCHED)
			return &set->tiers[i];
	return NULL;
}

/* Where @place triggers and @tier not, or later. Triggers over different things cannot be compared: no finding. */
static bool trigger_is_later(const struct policy_trigger *tier, const struct policy_trigger *place)
{
	if (!place->set || !tier->set)
		return place->set;
	if (tier->metric != place->metric || !tier->permille != !place->permille ||
	    (tier->permille && tier->base != place->base))
		return false;
	return tier->permille > place->permille || tier->bytes > place->bytes;
}

static bool action_is_generous(const struct policy_action *tier, const struct policy_action *place)
{
	/* Unset is the owner's own figure, which may be anything. */
	if (place->gogc != POLICY_UNSET && (tier->gogc == POLICY_UNSET || tier->gogc > place->gogc))
		return true;
	if (place->goroutine_rate &&
	    (!tier->goroutine_rate || tier->goroutine_rate > place->goroutine_rate))
		return true;
	return (tier->soft_limit_off && !place->soft_limit_off) ||
	       (place->memory_high && !tier->memory_high) ||
	       trigger_is_later(&tier->when, &place->when);
}

/* An unset mode is the daemon's, which may be any: it counts as the laxest here, as the strictest of the place. */
static bool mode_is_generous(int32_t tier, int32_t place)
{
	if (tier == place)
		return false;
	return (tier == MODE_UNSET ? MODE_OBSERVE : tier) <
	       (place == MODE_UNSET ? MODE_ENFORCE : place);
}

static bool is_generous(const struct policy_rules *tier, const struct policy_rules *place)
{
	if (mode_is_generous(tier->mode, place->mode))
		return true;
	for (size_t i = 0; i < LEVER_MAX_; i++)
		if (tier->ownership[i] < place->ownership[i])
			return true;
	for (size_t i = 0; i < STATE_MAX_; i++)
		if (action_is_generous(&tier->state[i], &place->state[i]))
			return true;
	return false;
}

int policy_match(const struct policy_set *set, const struct policy_subject *subject,
		 enum policy_why *why)
{
	const struct policy_tier *place = tier_of_place(set, subject);
	int found = -1;

	for (size_t i = 0; i < set->n_tiers; i++) {
		const struct policy_tier *tier = &set->tiers[i];
		enum policy_why w = why_of(tier, subject);

		if (w == WHY_MATCHED && found >= 0)
			w = WHY_LATER;
		else if (w == WHY_MATCHED && place && names_program(tier) &&
			 is_generous(&tier->rules, &place->rules))
			w = WHY_GENEROUS;
		else if (w == WHY_MATCHED)
			found = (int)i;
		if (why)
			why[i] = w;
	}
	return found;
}

enum policy_mode policy_mode_of(const struct policy_set *set, int tier, const char *cgroup,
				enum policy_mode fallback, const struct policy_scope **ret_scope)
{
	const struct policy_scope *scope = NULL;
	int32_t mode = MODE_UNSET;

	for (size_t i = 0; !scope && i < set->n_scopes; i++)
		if (match_cgroup(&set->scopes[i].cgroup, cgroup))
			scope = &set->scopes[i];
	if (ret_scope)
		*ret_scope = scope;
	if (scope)
		mode = scope->mode;
	else if (tier >= 0 && (size_t)tier < set->n_tiers)
		mode = set->tiers[tier].rules.mode;
	return mode == MODE_UNSET ? fallback : (enum policy_mode)mode;
}

static bool names_exactly(const struct policy_patterns *patterns, const char *cgroup)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (!strpbrk(patterns->pattern[i], "*?") &&
		    !strcmp(without_slash(patterns->pattern[i]), without_slash(cgroup)))
			return true;
	return false;
}

bool policy_names_exactly(const struct policy_set *set, const char *cgroup)
{
	for (size_t i = 0; i < set->n_tiers; i++)
		if (names_exactly(&set->tiers[i].cgroup, cgroup))
			return true;
	for (size_t i = 0; i < set->n_scopes; i++)
		if (names_exactly(&set->scopes[i].cgroup, cgroup))
			return true;
	return false;
}
