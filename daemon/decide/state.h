/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * Which states hold: enters and leaves the latches of @h, each by its own figures, and fills the decision's state,
 * reason and trigger figures. The decision's usage, room, nongo, margin, budget and procs are filled already.
 */
void state_update(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		  usec_t now, struct decision *d);

/* Has the soft limit left this collector hardly any room in each of its last cycles, and does it still? */
bool state_is_squeezed(const struct proc_history *h);
