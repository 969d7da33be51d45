/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "host/duty.h"

void duty_start(struct duty *d, usec_t now)
{
	*d = (struct duty){ .on = true, .slot_at = now, .switched_at = now };
}

/* Slots that are over make room for new ones, of which what fell into a long silence is 0. */
static void turn_slots(struct duty *d, usec_t now)
{
	for (int i = 0; i <= DUTY_SLOTS && sub_sat(now, d->slot_at) >= DUTY_SLOT_USEC; i++) {
		struct duty_figures *oldest;

		d->slot_at += DUTY_SLOT_USEC;
		d->slot = (d->slot + 1) % DUTY_SLOTS;
		oldest = &d->slots[d->slot];
		d->window.cpu_ns -= oldest->cpu_ns;
		d->window.cost_ns -= oldest->cost_ns;
		*oldest = (struct duty_figures){ 0 };
	}
	if (sub_sat(now, d->slot_at) >= DUTY_SLOT_USEC)
		d->slot_at = now;
}

static void add(struct duty_figures *sum, const struct duty_figures *f)
{
	sum->cpu_ns += f->cpu_ns;
	sum->cost_ns += f->cost_ns;
}

static uint64_t permille_of(const struct duty *d, uint64_t permille)
{
	return d->window.cpu_ns / 1000 * permille + DUTY_GRANT_NS;
}

bool duty_step(struct duty *d, usec_t now, struct duty_figures since)
{
	uint64_t aim;

	turn_slots(d, now);
	add(&d->slots[d->slot], &since);
	add(&d->window, &since);
	add(&d->all, &since);
	d->slice_cost_ns += since.cost_ns;
	/* What its probes cost is none of the program's own work, and observed time would be worth less by it. */
	*(d->on ? &d->observed_ns : &d->missed_ns) += sub_sat(since.cpu_ns, since.cost_ns);
	aim = permille_of(d, DUTY_AIM_PERMILLE);
	/* A reserve that is never free would be the end: the program's pace may have been another one then. */
	if (!d->on)
		return d->window.cost_ns + MIN(d->reserve_ns, aim / 2) <= aim;
	/* One that has begun is to be of use, as far as the limit goes. */
	if (sub_sat(now, d->switched_at) < DUTY_SLICE_USEC)
		return d->window.cost_ns <= permille_of(d, DUTY_LIMIT_PERMILLE);
	return d->window.cost_ns <= aim;
}

void duty_switch(struct duty *d, usec_t now, bool on)
{
	const usec_t took = MAX(sub_sat(now, d->switched_at), (usec_t)1);

	if (on == d->on)
		return;
	/* A short one, and as much again for the time until the probes are gone. */
	if (!on)
		d->reserve_ns = d->slice_cost_ns / took * DUTY_SLICE_USEC * 2;
	d->slice_cost_ns = 0;
	d->switched_at = now;
	d->on = on;
}

bool duty_has_slice(const struct duty *d)
{
	if (d->on)
		return d->observed_ns >= DUTY_REPORT_NS;
	return d->observed_ns >= (d->missed_ns ? DUTY_SLICE_NS : 1);
}

void duty_slice_taken(struct duty *d)
{
	d->observed_ns = d->missed_ns = 0;
}
