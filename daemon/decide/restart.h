/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * tight = restart: whether the unit is to be restarted. It is tight or in an emergency, and its live data does not fit into
 * what soft limits may fill (@floors, the sum of its S_floor, is above the budget), or grows and by the forecast has filled
 * the room within RESTART_AHEAD; or it has been tight for RESTART_AFTER, and relaxing the soft limit has left its collector
 * no room. Only where that gives something back: it held less after its start, by RESTART_GAIN_PERMILLE of what it holds now
 * at least. The decision's state, alert, forecast and processes are filled.
 */
#define RESTART_DWELL	      (3 * USEC_SEC) /* what does not fit for so long is no burst */
#define RESTART_AHEAD	      USEC_MIN
#define RESTART_AFTER	      (45 * USEC_SEC)
#define RESTART_GAIN_PERMILLE 250

void restart_decide(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		    uint64_t floors, struct decision *d);

/* May a restart by @rules be the way out, as far as the last look knows? */
bool restart_awaited(const struct policy_rules *rules, const struct history *h);

/* How long a unit is left alone that has been restarted @times: doubles with each, up to a day. */
usec_t restart_wait(uint32_t times);

/* The count with one more restart at @now_wall: it begins anew where the last one is long past. */
uint32_t restart_count(uint32_t times, uint64_t last_wall, uint64_t now_wall);
