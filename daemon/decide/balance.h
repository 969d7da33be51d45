/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * Several Go processes under one limit. What they have over their live data is the same in all as their owners' GOGC gives
 * them, but divided in proportion to the square root of what a cycle marks times what is allocated, where a further byte
 * saves as much marking in each (gomemd(8), "Several processes"). The lever is GOGC: a soft limit counts stacks and
 * fragmentation as well.
 *
 * Takes the snapshot's figures over every twenty seconds, and plans: the GOGC of each process is in its history, 0 where
 * none is wished. Nothing is planned where less than 15 % of the marking would be saved, where a process collects rarely, and
 * for a while after a plan did not save what it promised. @state is the workload's.
 */
void balance_update(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		    enum policy_state state, usec_t now);
