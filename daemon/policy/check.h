/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/ini.h"
#include "policy/policy.h"

/*
 * What can be said only of a set that was read to its end: fills in the emergency trigger where a section has none,
 * puts the tiers into the order of matching, reports what does not fit together.
 */
void policy_check(struct policy_set *set, struct ini_report *report);
