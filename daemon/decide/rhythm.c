/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/rhythm.h"

#define LOOKS_AHEAD	4 /* this often before the fastest growth seen would reach the emergency */
#define ACTIVE_LOOK_MAX USEC_SEC

void rhythm_observe(struct rhythm *r, uint64_t before, uint64_t usage, usec_t elapsed)
{
	const uint64_t growth = elapsed ? mul_div(sub_sat(usage, before), USEC_SEC, elapsed) : 0;

	r->growth = MAX(growth, r->growth / 8 * 7);
}

usec_t rhythm_delay(const struct rhythm *r, uint64_t room, uint64_t usage, const struct decision *d)
{
	usec_t delay = r->max;

	if (room != BYTES_UNLIMITED && r->growth > 0)
		delay = mul_div(sub_sat(mul_div(room, SAFE_PERMILLE, 1000), usage),
				USEC_SEC / LOOKS_AHEAD, r->growth);
	if (d->state != STATE_CALM || decision_has_change(d))
		delay = MIN(delay, ACTIVE_LOOK_MAX);
	return MIN(MAX(delay, r->min), r->max);
}
