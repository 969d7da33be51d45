/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/alert.h"
#include "decide/heapmath.h"

#define FIT_GOGC     50 /* a limit that "would fit" leaves the collector this much */
#define GROWTH_DWELL (5 * USEC_MIN)
#define DAY_MINUTES  (24 * 60)
#define LARGER_MAX                                                                                 \
	4 /* times the room: what needs more for a day is a leak that a limit only puts off */

/* What the runtimes will have ready when their cycles end; UINT64_MAX where one has no goal. */
static uint64_t peaks_of(const struct snapshot *s)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];

		if (p->proved)
			total = add_sat(total, add_sat(heap_goal(&p->sample, p->minor),
						       heap_nonheap_bytes(&p->sample)));
	}
	return total;
}

static bool is_limited(const struct snapshot *s)
{
	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved && s->procs[i].sample.memory_limit_bytes == INT64_MAX)
			return false;
	return s->n_procs > 0;
}

static void look_ahead(const struct snapshot *s, const struct history *h, uint64_t floors,
		       struct decision *d)
{
	const struct forecast_inputs in = {
		.room = d->room,
		.nongo = d->nongo,
		.margin = d->margin,
		.budget = d->budget,
		.least = snapshot_least(s),
		.floors = floors,
		.peaks = peaks_of(s),
		.is_limited = is_limited(s),
		.is_full = d->emergency_bytes && d->usage >= d->emergency_bytes,
	};

	forecast_make(h, &in, &d->forecast);
}

/* An emergency that no collection can end, or a soft limit that leaves a collector no room: the memory is not there. */
static bool does_not_fit(const struct history *h, const struct decision *d, uint64_t floors)
{
	for (uint32_t i = 0; i < d->n_procs; i++)
		if (d->procs[i].tight &&
		    d->procs[i].lever[LEVER_SOFT_LIMIT].reason == REASON_DOES_NOT_FIT)
			return true;
	return h->latch[STATE_EMERGENCY].on &&
	       floors > sub_sat(d->room, add_sat(d->nongo, d->margin));
}

/* What is near for one look stays said for a while: a forecast trembles. */
static int32_t growth_alert(struct history *h, const struct decision *d)
{
	if (forecast_is_urgent(&d->forecast)) {
		h->growth_alert = d->forecast.kind == FORECAST_GROWTH ? ALERT_GROWTH : ALERT_NONGO;
		h->growth_alert_until = d->now + GROWTH_DWELL;
	}
	return d->now < h->growth_alert_until ? h->growth_alert : (int32_t)ALERT_NONE;
}

/* memory.max with which the live data would fit and the collector had FIT_GOGC percent to work in. */
static uint64_t limit_that_fits(const struct snapshot *s, uint64_t nongo, uint64_t growth)
{
	uint64_t total = add_sat(nongo, growth);

	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved)
			total = add_sat(total, heap_limit_for(&s->procs[i].sample,
							      s->procs[i].minor, FIT_GOGC));
	total = mul_div(total, 1000, SAFE_PERMILLE);
	return add_sat(total, MAX(total / MARGIN_SHARE, MARGIN_MIN));
}

/* Of another day like this. */
static uint64_t growth_of_day(const struct forecast *f)
{
	return mul_div(add_sat((uint64_t)MAX(f->go_slope_per_min, INT64_C(0)),
			       (uint64_t)MAX(f->nongo_slope_per_min, INT64_C(0))),
		       DAY_MINUTES, 1);
}

void alert_decide(const struct snapshot *s, struct history *h, uint64_t floors, struct decision *d)
{
	int32_t growth;

	look_ahead(s, h, floors, d);
	growth = growth_alert(h, d);
	if (does_not_fit(h, d, floors))
		d->alert = ALERT_DOES_NOT_FIT;
	else if (d->state == STATE_EMERGENCY)
		d->alert = ALERT_EMERGENCY;
	else if (d->state == STATE_HOT)
		d->alert = ALERT_HOT;
	else
		d->alert = growth;
	if (d->alert == ALERT_DOES_NOT_FIT) {
		d->reason = REASON_DOES_NOT_FIT;
		d->recommended_limit = limit_that_fits(s, d->nongo, 0);
	} else if (growth != ALERT_NONE && growth_of_day(&d->forecast) / LARGER_MAX <= d->room) {
		d->recommended_limit = limit_that_fits(s, d->nongo, growth_of_day(&d->forecast));
	}
}
