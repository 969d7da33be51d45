/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/record.h"
#include "policy/match.h"

static const char *const why_names[] = {
	[WHY_MATCHED] = "matched",
	[WHY_LIMIT] = "limit",
	[WHY_CGROUP] = "cgroup",
	[WHY_NAMESPACE] = "namespace",
	[WHY_POD] = "pod",
	[WHY_CONTAINER] = "container",
	[WHY_QOS] = "qos",
	[WHY_LABEL] = "label",
	[WHY_ANNOTATION] = "annotation",
	[WHY_OWNER] = "owner",
	[WHY_EXE] = "exe",
	[WHY_MODULE] = "module",
	[WHY_GENEROUS] = "generous",
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

/* What is unknown matches nothing, not even a star. */
static bool match_text(const struct policy_patterns *patterns, const char *text)
{
	for (size_t i = 0; text && *text && i < patterns->n; i++)
		if (text_match_path(patterns->pattern[i], text))
			return true;
	return false;
}

static bool match_pairs(const struct policy_patterns *patterns, const char *pairs)
{
	char pair[KUBE_PAIR_BYTES];

	for (const char *p = pairs ? kube_pairs_next(pairs, pair) : NULL; p;
	     p = kube_pairs_next(p, pair))
		if (match_text(patterns, pair))
			return true;
	return false;
}

static bool match_exe(const struct policy_patterns *patterns, const char *exe)
{
	const char *slash = exe ? strrchr(exe, '/') : NULL;

	return match_text(patterns, exe) || (slash && match_text(patterns, slash + 1));
}

static bool match_limit(const struct policy_tier *tier, uint64_t limit_bytes)
{
	if (limit_bytes == BYTES_UNLIMITED)
		return tier->unlimited;
	return !tier->unlimited && limit_bytes >= tier->limit_from && limit_bytes < tier->limit_to;
}

bool policy_place_is_by_pair(const struct policy_place *place)
{
	return (place->label.n || place->annotation.n) && !place->space.n;
}

/* By words that somebody may choose who must not get rights by it. */
static bool is_by_word(const struct policy_tier *tier)
{
	return tier->exe.n || tier->module.n || tier->owner.n ||
	       ((tier->place.pod.n || tier->place.container.n) && !tier->place.space.n) ||
	       policy_place_is_by_pair(&tier->place);
}

static enum policy_why why_of_place(const struct policy_place *place,
				    const struct policy_subject *subject)
{
	if (place->cgroup.n && !match_cgroup(&place->cgroup, subject->cgroup))
		return WHY_CGROUP;
	if (place->space.n && !match_text(&place->space, subject->space))
		return WHY_NAMESPACE;
	if (place->pod.n && !match_text(&place->pod, subject->pod))
		return WHY_POD;
	if (place->container.n && !match_text(&place->container, subject->container))
		return WHY_CONTAINER;
	if (place->qos.n && !match_text(&place->qos, subject->qos))
		return WHY_QOS;
	if (place->label.n && !match_pairs(&place->label, subject->labels))
		return WHY_LABEL;
	if (place->annotation.n && !match_pairs(&place->annotation, subject->annotations))
		return WHY_ANNOTATION;
	return WHY_MATCHED;
}

/* What the tier alone says, without regard to the others. */
static enum policy_why why_of(const struct policy_tier *tier, const struct policy_subject *subject)
{
	const enum policy_why why = why_of_place(&tier->place, subject);

	if (!match_limit(tier, subject->limit_bytes))
		return WHY_LIMIT;
	if (why != WHY_MATCHED)
		return why;
	if (tier->owner.n && !match_text(&tier->owner, subject->owner))
		return WHY_OWNER;
	if (tier->exe.n && !match_exe(&tier->exe, subject->exe))
		return WHY_EXE;
	if (tier->module.n && !match_text(&tier->module, subject->module))
		return WHY_MODULE;
	return WHY_MATCHED;
}

/* The tier that limit and place give, which no tenant chooses; NULL where there is none. */
static const struct policy_tier *tier_of_place(const struct policy_set *set,
					       const struct policy_subject *subject)
{
	for (size_t i = 0; i < set->n_tiers; i++)
		if (!is_by_word(&set->tiers[i]) && why_of(&set->tiers[i], subject) == WHY_MATCHED)
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
	       place->memory_high > tier->memory_high ||
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
		else if (w == WHY_MATCHED && place && is_by_word(tier) &&
			 is_generous(&tier->rules, &place->rules))
			w = WHY_GENEROUS;
		else if (w == WHY_MATCHED)
			found = (int)i;
		if (why)
			why[i] = w;
	}
	return found;
}

static const char *const source_names[] = {
	[SOURCE_DAEMON] = "daemon",	  [SOURCE_TIER] = "tier", [SOURCE_SCOPE] = "scope",
	[SOURCE_NAMESPACE] = "namespace", [SOURCE_POD] = "pod",	  [SOURCE_RIGHTS] = "rights",
};
_Static_assert(ARRAY_SIZE(source_names) == SOURCE_MAX_, "a source without a name");

const char *policy_source_name(enum policy_mode_source source)
{
	return (size_t)source < SOURCE_MAX_ ? source_names[source] : "?";
}

/* A mode on its way to the one that holds. */
struct mode_found {
	int32_t mode;
	struct policy_mode_origin by;
};

static void lower(struct mode_found *m, int32_t mode, enum policy_mode_source source,
		  const struct policy_scope *scope)
{
	if (mode < m->mode)
		*m = (struct mode_found){ mode, { source, scope ? scope : m->by.scope } };
}

/* Of a word that somebody wrote into Kubernetes. */
static int32_t mode_of_word(const char *word)
{
	int32_t mode;

	return policy_mode_parse(word, &mode) == 0 ? mode : MODE_OBSERVE;
}

static bool is_told(const char *word)
{
	return word && *word;
}

/* The first scope that is of a place; *ret_n: its index, so that only those before it have a say. */
static const struct policy_scope *scope_of_place(const struct policy_set *set,
						 const struct policy_subject *subject,
						 size_t *ret_n)
{
	for (*ret_n = 0; *ret_n < set->n_scopes; (*ret_n)++) {
		const struct policy_scope *s = &set->scopes[*ret_n];

		if (!policy_place_is_by_pair(&s->place) &&
		    why_of_place(&s->place, subject) == WHY_MATCHED)
			return s;
	}
	return NULL;
}

static struct mode_found mode_of_policy(const struct policy_set *set, int tier,
					const struct policy_subject *subject,
					enum policy_mode fallback, size_t *ret_n)
{
	const struct policy_scope *scope = scope_of_place(set, subject, ret_n);

	if (scope && scope->mode != MODE_UNSET)
		return (struct mode_found){ scope->mode, { SOURCE_SCOPE, scope } };
	if (!scope && tier >= 0 && (size_t)tier < set->n_tiers &&
	    set->tiers[tier].rules.mode != MODE_UNSET)
		return (struct mode_found){ set->tiers[tier].rules.mode, { SOURCE_TIER, NULL } };
	if (is_told(subject->space_mode))
		return (struct mode_found){ mode_of_word(subject->space_mode),
					    { SOURCE_NAMESPACE, scope } };
	return (struct mode_found){ (int32_t)fallback, { SOURCE_DAEMON, scope } };
}

enum policy_mode policy_mode_of(const struct policy_set *set, int tier,
				const struct policy_subject *subject, enum policy_mode fallback,
				struct policy_mode_origin *ret)
{
	size_t n;
	struct mode_found m = mode_of_policy(set, tier, subject, fallback, &n);

	for (size_t i = 0; i < n; i++)
		if (policy_place_is_by_pair(&set->scopes[i].place) &&
		    set->scopes[i].mode != MODE_UNSET &&
		    why_of_place(&set->scopes[i].place, subject) == WHY_MATCHED)
			lower(&m, set->scopes[i].mode, SOURCE_SCOPE, &set->scopes[i]);
	if (is_told(subject->space_mode))
		lower(&m, mode_of_word(subject->space_mode), SOURCE_NAMESPACE, NULL);
	if (is_told(subject->pod_mode))
		lower(&m, mode_of_word(subject->pod_mode), SOURCE_POD, NULL);
	if (set->no_enforce)
		lower(&m, MODE_RECOMMEND, SOURCE_RIGHTS, NULL);
	if (ret)
		*ret = m.by;
	return (enum policy_mode)m.mode;
}

static bool has_exactly(const struct policy_patterns *patterns, const char *text)
{
	for (size_t i = 0; text && *text && i < patterns->n; i++)
		if (!strpbrk(patterns->pattern[i], "*?") &&
		    !strcmp(without_slash(patterns->pattern[i]), without_slash(text)))
			return true;
	return false;
}

const struct policy_share *policy_share_of(const struct policy_set *set, const char *space)
{
	for (size_t i = 0; i < set->n_shares; i++)
		if (match_text(&set->shares[i].space, space))
			return &set->shares[i];
	return NULL;
}

static bool names_exactly(const struct policy_place *place, const struct policy_subject *subject)
{
	if (why_of_place(place, subject) != WHY_MATCHED)
		return false;
	return has_exactly(&place->cgroup, subject->cgroup) ||
	       (has_exactly(&place->space, subject->space) &&
		has_exactly(&place->pod, subject->pod));
}

bool policy_names_exactly(const struct policy_set *set, const struct policy_subject *subject)
{
	for (size_t i = 0; i < set->n_tiers; i++)
		if (names_exactly(&set->tiers[i].place, subject))
			return true;
	for (size_t i = 0; i < set->n_scopes; i++)
		if (names_exactly(&set->scopes[i].place, subject))
			return true;
	return false;
}
