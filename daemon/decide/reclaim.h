/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * How much of a workload that does next to nothing the kernel is to be asked to reclaim now (memory.reclaim): fills
 * reclaim_bytes, 0 for nothing, and reclaim_file. A little at a time; as soon as what was taken is missed (pages come back, or threads wait), or nothing more
 * comes, it rests, twice as long each time. Only where the policy says so; pages that can be swapped only where it says
 * that too, since a collection touches all of the live heap. Takes it that what it asks for is done.
 */
void reclaim_decide(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		    struct decision *d);
