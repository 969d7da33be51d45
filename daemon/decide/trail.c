/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "decide/trail.h"

#define GROWN_SHARE  8 /* of the room: growth that counts */
#define UNSEEN_SHARE 4

static const char *const kind_names[] = {
	[TRAIL_STATE] = "state",
	[TRAIL_ALERT] = "alert",
	[TRAIL_CHANGE] = "change",
};
_Static_assert(ARRAY_SIZE(kind_names) == TRAIL_KIND_MAX_, "a name for each kind");

const char *trail_kind_name(int32_t kind)
{
	return kind >= 0 && kind < TRAIL_KIND_MAX_ ? kind_names[kind] : "?";
}

struct trail_point trail_point_of(const struct snapshot *s, const struct decision *d, usec_t now)
{
	const struct go_sample *first = s->n_procs ? &s->procs[0].sample : NULL;
	struct trail_point p = {
		.at = now,
		.limit = s->cgroup.limit,
		.room = s->cgroup.room,
		.usage = snapshot_usage(&s->cgroup),
		.swap = s->cgroup.swap_current,
		.live = snapshot_least(s),
		.mapped = snapshot_mapped(s),
		.nongo = snapshot_nongo(s),
		.psi_some_us = s->cgroup.psi_some_us,
		.to_oom = d->n_procs ? d->forecast.to_oom : FORECAST_NEVER,
		.soft_limit = first ? first->memory_limit_bytes : INT64_MAX,
		.gogc = first ? first->gc_percent : 0,
		.state = d->state,
		.alert = d->alert,
		.forecast = d->forecast.kind,
		.n_procs = s->n_procs,
	};

	p.peak = p.usage;
	for (uint32_t i = 0; i < s->n_procs; i++)
		p.num_gc += s->procs[i].sample.num_gc;
	return p;
}

/* How many of the times at @at, @n of them @size apart, are out of the span. */
static size_t expired(const void *at, size_t n, size_t size, usec_t now)
{
	size_t i = 0;

	while (i < n && sub_sat(now, *(const usec_t *)((const char *)at + i * size)) > TRAIL_SPAN)
		i++;
	return i;
}

static void drop_points(struct trail *t, size_t n)
{
	t->n_points -= n;
	if (n)
		memmove(t->points, t->points + n, t->n_points * sizeof(*t->points));
}

static void drop_steps(struct trail *t, size_t n)
{
	t->n_steps -= n;
	if (n)
		memmove(t->steps, t->steps + n, t->n_steps * sizeof(*t->steps));
}

/* The newest point is always the last look; it stays once it is a gap behind the one before. */
void trail_add_point(struct trail *t, const struct trail_point *p)
{
	struct trail_point *last;
	uint64_t peak = p->peak;

	drop_points(t, expired(t->points, t->n_points, sizeof(*t->points), p->at));
	last = t->n_points ? &t->points[t->n_points - 1] : NULL;
	if (t->n_points > 1 && sub_sat(last->at, last[-1].at) < TRAIL_GAP) {
		peak = MAX(peak, last->peak);
		*last = *p;
		last->peak = peak;
		return;
	}
	if (t->n_points == TRAIL_POINTS_MAX)
		drop_points(t, 1);
	if (array_make_room(&t->points, &t->points_room, t->n_points, TRAIL_POINTS_MAX,
			    sizeof(*t->points)) == 0)
		t->points[t->n_points++] = *p;
}

void trail_add_step(struct trail *t, const struct trail_step *step)
{
	const size_t old = expired(t->steps, t->n_steps, sizeof(*t->steps), step->at);

	drop_steps(t, old);
	if (t->n_steps == 0)
		t->steps_dropped = 0;
	if (t->n_steps == TRAIL_STEPS_MAX) {
		drop_steps(t, 1);
		t->steps_dropped++;
	}
	if (array_make_room(&t->steps, &t->steps_room, t->n_steps, TRAIL_STEPS_MAX,
			    sizeof(*t->steps)) == 0)
		t->steps[t->n_steps++] = *step;
}

void trail_done(struct trail *t)
{
	free(t->points);
	free(t->steps);
	*t = (struct trail){ 0 };
}

static usec_t foretold(const struct trail *t, usec_t killed)
{
	for (size_t i = 0; i < t->n_points; i++)
		if (t->points[i].alert == ALERT_GROWTH || t->points[i].alert == ALERT_NONGO)
			return sub_sat(killed, t->points[i].at);
	return 0;
}

/*
 * A forecast has watched for longer than the trail does; where it had none, what grew in the last two minutes is told,
 * and where nothing did, whether what had to be there could be there at all. Else a collection would have done.
 */
static int32_t kind_of(const struct trail_verdict *v, const struct trail_point *last)
{
	const int64_t much = (int64_t)MIN(v->room / GROWN_SHARE, (uint64_t)INT64_MAX);

	if (last->forecast == FORECAST_GROWTH || last->forecast == FORECAST_NONGO)
		return last->forecast;
	if (v->nongo_grown > much && v->nongo_grown > v->live_grown)
		return FORECAST_NONGO;
	if (v->live_grown > much)
		return FORECAST_GROWTH;
	if (v->nongo > v->room / 2 && v->nongo > v->live)
		return FORECAST_NONGO;
	if (add_sat(v->live, v->nongo) > v->room / 4 * 3)
		return FORECAST_TOO_LARGE;
	return FORECAST_GARBAGE;
}

struct trail_verdict trail_judge(const struct trail *t, usec_t killed)
{
	const struct trail_point *first = t->points;
	const struct trail_point *last = t->n_points ? &t->points[t->n_points - 1] : NULL;
	struct trail_verdict v = { .kind = FORECAST_NONE };
	uint64_t held;

	if (!last)
		return v;
	/* A first look may be of a program that has just begun, or of none. */
	while (first < last && !first->live)
		first++;
	held = MIN(last->mapped, last->usage);
	v.room = MIN(last->room, last->limit);
	v.used = last->usage;
	v.live = MIN(last->live, held);
	v.garbage = held - v.live;
	v.nongo = last->usage - held;
	v.unseen = v.room == BYTES_UNLIMITED ? 0 : sub_sat(v.room, MAX(last->usage, last->peak));
	v.blind = sub_sat(killed, last->at);
	v.watched = last->at - first->at;
	v.live_grown = (int64_t)last->live - (int64_t)first->live;
	v.nongo_grown = (int64_t)last->nongo - (int64_t)first->nongo;
	v.foretold = foretold(t, killed);
	v.sudden = v.unseen > v.room / UNSEEN_SHARE;
	v.kind = kind_of(&v, last);
	return v;
}
