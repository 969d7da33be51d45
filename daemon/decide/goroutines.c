/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/goroutines.h"

static const enum decide_reason reasons[] = {
	[STATE_CALM] = REASON_HEADROOM,
	[STATE_PRESSED] = REASON_TRIGGER,
	[STATE_EMERGENCY] = REASON_EMERGENCY,
	[STATE_TIGHT] = REASON_TIGHT,
	[STATE_HOT] = REASON_HOT,
};
_Static_assert(ARRAY_SIZE(reasons) == STATE_MAX_, "a reason for each state");

static struct rate_decision rate_of(const struct policy_rules *rules, enum policy_state state)
{
	return (struct rate_decision){ .rate = rules->state[state].goroutine_rate,
				       .reason = (int32_t)reasons[state] };
}

struct rate_decision decide_goroutines(const struct policy_rules *rules, const struct history *h,
				       bool tight)
{
	struct rate_decision best = { .reason = REASON_NONE };

	for (enum policy_state s = STATE_PRESSED; s < STATE_MAX_; s++) {
		const struct rate_decision d = rate_of(rules, s);

		if (!(s == STATE_TIGHT ? tight : h->latch[s].on) || !d.rate)
			continue;
		if (!best.rate || d.rate < best.rate)
			best = d;
	}
	if (!best.rate && rules->state[STATE_CALM].goroutine_rate)
		return rate_of(rules, STATE_CALM);
	return best;
}
