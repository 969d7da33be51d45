/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * What a process may create of goroutines: the lowest rate among the states that hold, by their goroutine_rate, and calm's
 * where none of them has one. @tight: whether the process is.
 */
struct rate_decision decide_goroutines(const struct policy_rules *rules, const struct history *h,
				       bool tight);
