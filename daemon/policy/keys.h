/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/ini.h"
#include "policy/policy.h"

enum policy_section {
	POLICY_SECTION_NONE, /* refused: its keys are passed over, the error is told */
	POLICY_SECTION_TIER,
	POLICY_SECTION_SCOPE,
	POLICY_SECTION_STATE,
	POLICY_SECTION_SHARE,
	POLICY_SECTION_MAX_,
};

/*
 * Sets the key of @entry in @base: a struct policy_tier, policy_scope, policy_share, or the policy_action of @state, as @section
 * says. A bad value is an error in the report and changes nothing, an unknown key a warning.
 */
void policy_key_set(enum policy_section section, enum policy_state state, void *base,
		    const struct ini_entry *entry, struct ini_report *report);

/* One row per key, for the check that gomemd-policy(5) names every one. */
size_t policy_keys_max(void);
const char *policy_key_name(size_t i);
