/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/util.h"
#include "decide/trend.h"

enum {
	LINE_POINTS_MIN = 8,
	PAIRS_MAX = TREND_POINTS * (TREND_POINTS - 1) / 2,
	CONFIDENCE_MIN = 900, /* permille of pairs */
	NOISE_FACTOR = 4,     /* what grew is more than so many times the noise */
	SHARE_FACTOR = 50,    /* and more than this part of the figure: the rest is drift */
};

static void thin_out(struct trend *t)
{
	const uint32_t kept = t->n / 2;

	/* The newest stays, so that the next comes at its time. */
	for (uint32_t i = 0; i < kept; i++)
		t->points[i] = t->points[2 * i + 1];
	t->n = kept;
	t->interval *= 2;
}

static void drop_oldest(struct trend *t)
{
	t->n--;
	for (uint32_t i = 0; i < t->n; i++)
		t->points[i] = t->points[i + 1];
}

static int64_t bounded(uint64_t v, bool negative)
{
	const int64_t b = (int64_t)MIN(v, (uint64_t)INT64_MAX);

	return negative ? -b : b;
}

static int64_t slope_between(const struct trend_point *a, const struct trend_point *b)
{
	const bool falls = b->value < a->value;
	const uint64_t by = falls ? a->value - b->value : b->value - a->value;

	return bounded(mul_div(by, USEC_MIN, MAX(b->at - a->at, (usec_t)1)), falls);
}

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The slope through @n points, and how many pairs agree on its sign. */
static int64_t slope_of(const struct trend_point *p, uint32_t n, uint32_t *ret_permille)
{
	int64_t slopes[PAIRS_MAX] = { 0 }, slope;
	uint32_t pairs = 0, agree = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = i + 1; k < n; k++)
			slopes[pairs++] = slope_between(&p[i], &p[k]);
	qsort(slopes, pairs, sizeof(slopes[0]), by_value);
	slope = slopes[pairs / 2];
	for (uint32_t i = 0; i < pairs; i++)
		agree += slope > 0 ? slopes[i] > 0 : slopes[i] < 0;
	*ret_permille = slope ? agree * 1000 / pairs : 0;
	return slope;
}

/* What the line has at a point, through the middle one. */
static uint64_t distance(const struct trend_point *middle, const struct trend_point *p,
			 int64_t slope_per_min)
{
	const bool before = p->at < middle->at;
	const usec_t apart = before ? middle->at - p->at : p->at - middle->at;
	const uint64_t by = mul_div((uint64_t)llabs(slope_per_min), apart, USEC_MIN);
	const bool lower = (slope_per_min < 0) != before;
	const uint64_t line = lower ? sub_sat(middle->value, by) : add_sat(middle->value, by);

	return line > p->value ? line - p->value : p->value - line;
}

static uint64_t noise_of(const struct trend_point *p, uint32_t n, int64_t slope)
{
	int64_t distances[TREND_POINTS] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		distances[i] = bounded(distance(&p[n / 2], &p[i], slope), false);
	qsort(distances, n, sizeof(distances[0]), by_value);
	return (uint64_t)distances[n / 2];
}

/* Does the later half go on about as all of it does? */
static bool goes_on(const struct trend_point *p, uint32_t n, int64_t slope)
{
	uint32_t ignored;
	const int64_t later = slope_of(p + n / 2, n - n / 2, &ignored);

	return (later > 0) == (slope > 0) && llabs(later) >= llabs(slope) / 2 &&
	       llabs(later) / 2 <= llabs(slope);
}

static bool line_through(const struct trend_point *p, uint32_t n, struct trend_line *ret)
{
	uint64_t moved;

	*ret = (struct trend_line){ .span = p[n - 1].at - p[0].at };
	ret->slope_per_min = slope_of(p, n, &ret->confidence_permille);
	if (ret->confidence_permille < CONFIDENCE_MIN || !goes_on(p, n, ret->slope_per_min))
		return false;
	ret->noise = noise_of(p, n, ret->slope_per_min);
	moved = mul_div((uint64_t)llabs(ret->slope_per_min), ret->span, USEC_MIN);
	return moved / NOISE_FACTOR > ret->noise && moved > p[n - 1].value / SHARE_FACTOR;
}

static void find_line(struct trend *t)
{
	for (uint32_t n = t->n; n >= LINE_POINTS_MIN; n = n * 2 / 3)
		if (line_through(t->points + (t->n - n), n, &t->line))
			return;
	t->line = (struct trend_line){ 0 };
}

bool trend_add(struct trend *t, usec_t at, uint64_t value)
{
	if (t->n && at < t->points[t->n - 1].at)
		*t = (struct trend){ 0 };
	if (!t->interval)
		t->interval = TREND_INTERVAL_MIN;
	if (t->n && at - t->points[t->n - 1].at < t->interval)
		return false;
	if (t->n == TREND_POINTS && t->interval < TREND_INTERVAL_MAX)
		thin_out(t);
	else if (t->n == TREND_POINTS)
		drop_oldest(t);
	t->points[t->n++] = (struct trend_point){ .at = at, .value = value };
	find_line(t);
	return true;
}
