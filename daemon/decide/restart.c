/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/restart.h"
#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/state.h"

#define WAIT_FIRST   (10 * USEC_MIN)
#define WAIT_MAX     (24 * 60 * USEC_MIN)
#define FORGET_WAITS 4 /* a unit that went well for so many waits begins anew */

static uint64_t live_now(const struct snapshot *s)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved)
			total = add_sat(total, heap_mark_bytes(&s->procs[i].sample));
	return total;
}

/* A soft limit that an operator has pinned was not relaxed: nothing has been tried yet. */
static bool is_squeezed(const struct snapshot *s, struct history *h)
{
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct proc_history *p = history_proc(h, &s->procs[i].key);

		if (p && p->tight && state_is_squeezed(p) &&
		    !s->procs[i].lever[LEVER_SOFT_LIMIT].pinned)
			return true;
	}
	return false;
}

static bool is_full_soon(const struct decision *d)
{
	return d->forecast.kind == FORECAST_GROWTH && forecast_is_urgent(&d->forecast) &&
	       d->forecast.to_oom <= RESTART_AHEAD;
}

/* Why it is to be restarted, or REASON_NONE as long as there may be another way out. */
static enum decide_reason why(const struct snapshot *s, struct history *h, const struct decision *d)
{
	const struct latch *tight = &h->latch[STATE_TIGHT];

	if (h->no_fit_since && d->now - h->no_fit_since >= RESTART_DWELL)
		return REASON_DOES_NOT_FIT;
	if (is_full_soon(d))
		return tight->on ? REASON_TIGHT : REASON_EMERGENCY;
	if (tight->on && d->now - tight->since >= RESTART_AFTER && is_squeezed(s, h))
		return REASON_TIGHT;
	return REASON_NONE;
}

static enum restart_verdict judge(const struct snapshot *s, const struct restart_decision *r,
				  usec_t now)
{
	if (!s->unit.is_service)
		return RESTART_NO_SERVICE;
	if (now < s->unit.restart_from)
		return RESTART_TOO_SOON;
	if (!r->live_at_start_bytes)
		return RESTART_START_UNKNOWN;
	if (sub_sat(r->live_bytes, r->live_at_start_bytes) <
	    mul_div(r->live_bytes, RESTART_GAIN_PERMILLE, 1000))
		return RESTART_NO_GAIN;
	return RESTART_DUE;
}

bool restart_awaited(const struct policy_rules *rules, const struct history *h)
{
	return rules->tight_restart && !h->restart_refused;
}

void restart_decide(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		    uint64_t floors, struct decision *d)
{
	const bool distress = h->latch[STATE_TIGHT].on || h->latch[STATE_EMERGENCY].on;
	const uint64_t seen = history_live_at_start(h);
	struct restart_decision *r = &d->restart;
	enum decide_reason reason;

	h->restart_refused = false;
	/* The last percents beyond the budget are not waited for: a burst takes them. */
	if (!distress || (d->alert != ALERT_DOES_NOT_FIT && floors <= d->budget))
		h->no_fit_since = 0;
	else if (!h->no_fit_since)
		h->no_fit_since = d->now;
	if (!rules->tight_restart)
		return;
	r->live_bytes = live_now(s);
	r->live_at_start_bytes = seen ? seen : s->unit.live_at_start_bytes;
	r->from = s->unit.restart_from;
	if (!distress)
		return;
	reason = why(s, h, d);
	r->reason = (int32_t)reason;
	r->verdict =
		reason == REASON_NONE ? (int32_t)RESTART_WAITING : (int32_t)judge(s, r, d->now);
	h->restart_refused = r->verdict != RESTART_WAITING && r->verdict != RESTART_DUE;
}

usec_t restart_wait(uint32_t times)
{
	usec_t wait = WAIT_FIRST;

	if (times == 0)
		return 0;
	for (uint32_t i = 1; i < times && wait < WAIT_MAX; i++)
		wait *= 2;
	return MIN(wait, WAIT_MAX);
}

uint32_t restart_count(uint32_t times, uint64_t last_wall, uint64_t now_wall)
{
	const bool long_past =
		now_wall > last_wall && now_wall - last_wall > FORGET_WAITS * restart_wait(times);

	return long_past || times == UINT32_MAX ? 1 : times + 1;
}
