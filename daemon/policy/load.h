/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/ini.h"
#include "policy/policy.h"

/*
 * Loads a policy set from @n files (later ones add tiers; a tier of a name that was already read is taken over
 * key by key, so that a drop-in changes one figure). Returns 0, -EINVAL where @report has errors (the set that
 * runs stays in force), or -errno. *ret is freed by policy_set_freep.
 */
int policy_load(char *const *files, int n, struct ini_report *report, struct policy_set **ret);

/* From {etc,run,usr/lib}/gomemd/policies.d/ *.ini below @root ("" for the host). */
int policy_load_host(const char *root, struct ini_report *report, struct policy_set **ret);

/* The i-th of these directories, without a root; NULL beyond. */
const char *policy_directory(size_t i);

/* The same for text in memory: tests, fuzzing. */
int policy_load_text(const char *file, const char *text, size_t len, struct ini_report *report,
		     struct policy_set **ret);

struct policy_set *policy_set_free(struct policy_set *set);

static inline void policy_set_freep(struct policy_set **set)
{
	policy_set_free(*set);
}
