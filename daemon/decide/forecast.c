/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/forecast.h"

#define URGENT_HORIZON (30 * USEC_MIN)
#define URGENT_WATCHED (30 * USEC_SEC) /* a service that starts grows as well */

static const char *const kind_names[] = {
	[FORECAST_NONE] = "none",	    [FORECAST_GARBAGE] = "garbage",
	[FORECAST_GROWTH] = "growth",	    [FORECAST_NONGO] = "non-go",
	[FORECAST_TOO_LARGE] = "too-large",
};
_Static_assert(ARRAY_SIZE(kind_names) == FORECAST_KIND_MAX_, "a name for each kind");

const char *forecast_kind_name(int32_t kind)
{
	return kind >= 0 && kind < FORECAST_KIND_MAX_ ? kind_names[kind] : "unknown";
}

/* How long until @need, growing, is @most. */
static usec_t time_until(uint64_t need, uint64_t most, uint64_t per_min)
{
	if (need >= most)
		return 0;
	return per_min ? mul_div(most - need, USEC_MIN, per_min) : FORECAST_NEVER;
}

/* The growth that a trend has; what shrinks makes room that may be needed again. */
static uint64_t growth_of(const struct trend *t, int64_t *ret_slope, struct forecast *f)
{
	const struct trend_line *line = &t->line;

	*ret_slope = line->slope_per_min;
	if (line->slope_per_min <= 0)
		return 0;
	f->watched = MAX(f->watched, line->span);
	f->confidence_permille = f->confidence_permille ?
					 MIN(f->confidence_permille, line->confidence_permille) :
					 line->confidence_permille;
	return (uint64_t)line->slope_per_min;
}

/* What @of grows by a minute where @base, a part of it, grows by @per_min. */
static uint64_t in_step(uint64_t per_min, uint64_t of, uint64_t base)
{
	return base ? mul_div(per_min, MAX(of, base), base) : per_min;
}

/*
 * Without a soft limit a heap goes to its goal each cycle, which grows with what is live: it is the goal that reaches
 * the room first.
 */
static usec_t time_of_peaks(const struct forecast_inputs *in, uint64_t go, uint64_t nongo)
{
	const uint64_t need = add_sat(in->peaks, in->nongo);

	if (in->is_limited || in->peaks == UINT64_MAX)
		return FORECAST_NEVER;
	return time_until(need, in->room, add_sat(in_step(go, in->peaks, in->least), nongo));
}

void forecast_make(const struct history *h, const struct forecast_inputs *in, struct forecast *ret)
{
	const uint64_t need = add_sat(in->least, in->nongo);
	uint64_t go, nongo;

	*ret = (struct forecast){ .to_distress = FORECAST_NEVER, .to_oom = FORECAST_NEVER };
	go = growth_of(&h->go_trend, &ret->go_slope_per_min, ret);
	nongo = growth_of(&h->nongo_trend, &ret->nongo_slope_per_min, ret);
	if (in->room == BYTES_UNLIMITED)
		return;
	if (go || nongo) {
		ret->to_distress = time_until(in->floors, in->budget,
					      add_sat(in_step(go, in->floors, in->least), nongo));
		ret->to_oom = MIN(time_until(need, in->room, add_sat(go, nongo)),
				  time_of_peaks(in, go, nongo));
	}
	if (in->floors && add_sat(add_sat(in->floors, in->nongo), in->margin) > in->room)
		ret->kind = FORECAST_TOO_LARGE;
	else if (go || nongo)
		ret->kind = go >= nongo ? FORECAST_GROWTH : FORECAST_NONGO;
	else if (in->is_full)
		ret->kind = FORECAST_GARBAGE;
}

bool forecast_is_urgent(const struct forecast *f)
{
	return (f->kind == FORECAST_GROWTH || f->kind == FORECAST_NONGO) &&
	       f->watched >= URGENT_WATCHED && f->to_oom <= URGENT_HORIZON &&
	       f->to_oom <= f->watched;
}
