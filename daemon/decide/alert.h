/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/util.h"
#include "decide/decide.h"

#define MARGIN_SHARE 64 /* this part of the room, and MARGIN_MIN at least, stays free beside them */
#define MARGIN_MIN   MIB

/*
 * Whether a workload needs a person, and the limit that would mend it: the last part of a decision, when its levers are
 * known. @floors: the sum of [S_floor].
 */
void alert_decide(const struct snapshot *s, struct history *h, uint64_t floors, struct decision *d);
