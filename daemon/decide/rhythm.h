/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/* When to look at a workload again: the nearer its emergency may be, the sooner. */
struct rhythm {
	usec_t min, max;
	uint64_t growth; /* of usage, bytes a second: the fastest of late */
};

/* Takes over what usage has done since the look before; @elapsed 0: there was none. */
void rhythm_observe(struct rhythm *r, uint64_t before, uint64_t usage, usec_t elapsed);

/* Until the next look: a part of the time in which that growth would reach the emergency; soon while something is done. */
usec_t rhythm_delay(const struct rhythm *r, uint64_t room, uint64_t usage,
		    const struct decision *d);
