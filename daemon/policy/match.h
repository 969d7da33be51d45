/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"

/*
 * What is known of a workload when it is matched; "" where it is not. exe and module are the tenant's own words, pod and
 * container those of whoever may create pods in its namespace, and the owner is a guess (kube/owner.h).
 */
struct policy_subject {
	uint64_t limit_bytes; /* BYTES_UNLIMITED: none */
	const char *cgroup;   /* path from the root, with a leading slash */
	const char *space, *pod, *container, *qos, *owner;
	/* By the API server; NULL, too, where nothing is known. Pairs as kube/record.h has them. */
	const char *labels, *annotations;
	const char *space_mode,
		*pod_mode; /* gomemd.io/mode of the namespace's labels, the pod's annotations */
	const char *exe;   /* of its largest Go process */
	const char *module;
};

/*
 * Shell patterns: cgroup patterns match from the root with or without the leading slash (text_match_path of
 * base/text.h), exe the whole path or the base name, all others the whole. What is not known matches no pattern.
 *
 * owner, exe and module, and pod, container, label and annotation without a namespace, may select a stricter tier, never a more generous
 * one: a tier that names them is passed over where the tier that the rest alone gives has, in any state, a lower GOGC, a
 * soft limit, a memory.high lease, a lower goroutine rate or an earlier trigger that this one has not; or a stricter
 * mode or ownership.
 */
enum policy_why {
	WHY_MATCHED,
	WHY_LIMIT, /* the limit is outside its interval */
	WHY_CGROUP,
	WHY_NAMESPACE,
	WHY_POD,
	WHY_CONTAINER,
	WHY_QOS,
	WHY_LABEL,
	WHY_ANNOTATION,
	WHY_OWNER,
	WHY_EXE,
	WHY_MODULE,
	WHY_GENEROUS, /* a word that gives no rights asked for more than the place gives */
	WHY_LATER,    /* would match, but an earlier one did */
	WHY_MAX_,
};

const char *policy_why_name(enum policy_why why);

/* Index of the tier, or -1 where none matches. @why, if not NULL, has room for set->n_tiers and tells for each. */
int policy_match(const struct policy_set *set, const struct policy_subject *subject,
		 enum policy_why *why);

/* Whose word a mode is. */
enum policy_mode_source {
	SOURCE_DAEMON, /* mode of gomemd.conf */
	SOURCE_TIER,
	SOURCE_SCOPE,
	SOURCE_NAMESPACE, /* its label */
	SOURCE_POD,	  /* its annotation */
	SOURCE_RIGHTS,	  /* the daemon has none to enforce */
	SOURCE_MAX_,
};

const char *policy_source_name(enum policy_mode_source source);

struct policy_mode_origin {
	enum policy_mode_source source;
	const struct policy_scope *scope; /* that holds; NULL: none */
};

/* Does it match by a label or an annotation in any namespace? What a pod's maker chose is then all that is asked for. */
bool policy_place_is_by_pair(const struct policy_place *place);

/*
 * The mode that holds: the first scope that matches, else the tier's, else the namespace's label, else @fallback. What comes
 * after can lower it alone: a scope before that which is by pair, the namespace's label, the pod's annotation. A label or
 * annotation that is no mode is observe: whoever wrote it wanted something else than is. *ret may be NULL.
 */
enum policy_mode policy_mode_of(const struct policy_set *set, int tier,
				const struct policy_subject *subject, enum policy_mode fallback,
				struct policy_mode_origin *ret);

/* The first share of namespace @space, or NULL; of "", which is none, there is none. */
const struct policy_share *policy_share_of(const struct policy_set *set, const char *space);

/*
 * True where one of the scopes or tiers that match names exactly this workload, without a wildcard: its cgroup, or
 * its namespace and its pod.
 */
bool policy_names_exactly(const struct policy_set *set, const struct policy_subject *subject);
