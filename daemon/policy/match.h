/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"

/* What is known of a workload when it is matched. exe and module are the tenant's own words. */
struct policy_subject {
	uint64_t limit_bytes; /* BYTES_UNLIMITED: none */
	const char *cgroup;   /* path from the root, with a leading slash */
	const char *exe;      /* of its largest Go process; "" where unknown */
	const char *module;
};

/*
 * Shell patterns: cgroup patterns match from the root with or without the leading slash (text_match_path of
 * base/text.h), exe the whole path or the base name, module the whole path.
 *
 * exe and module may select a stricter tier, never a more generous one: a tier that names them is passed over
 * where the tier that its limit and cgroup alone give has, in any state, a lower GOGC, a soft limit, a memory.high
 * lease, a lower goroutine rate or an earlier trigger that this one has not; or a stricter mode or ownership.
 */
enum policy_why {
	WHY_MATCHED,
	WHY_LIMIT, /* the limit is outside its interval */
	WHY_CGROUP,
	WHY_EXE,
	WHY_MODULE,
	WHY_GENEROUS, /* exe or module asked for more than the place gives */
	WHY_LATER,    /* would match, but an earlier one did */
	WHY_MAX_,
};

const char *policy_why_name(enum policy_why why);

/* Index of the tier, or -1 where none matches. @why, if not NULL, has room for set->n_tiers and tells for each. */
int policy_match(const struct policy_set *set, const struct policy_subject *subject,
		 enum policy_why *why);

/* The mode that holds: the first scope that matches, else the tier's, else @fallback. *ret_scope may be NULL. */
enum policy_mode policy_mode_of(const struct policy_set *set, int tier, const char *cgroup,
				enum policy_mode fallback, const struct policy_scope **ret_scope);

/* True where one of the scopes or tiers names exactly this cgroup, without a wildcard. */
bool policy_names_exactly(const struct policy_set *set, const char *cgroup);
