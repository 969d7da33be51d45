/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/util.h"
#include "sense/heap_series.h"

#define NOT_SEEN                                                                                   \
	UINT64_MAX /* the cause was not among the biggest then: nothing is known, least of all 0 */

enum {
	PAIRS_MAX = HEAP_SERIES_POINTS * (HEAP_SERIES_POINTS - 1) / 2,
};

struct site {
	uint64_t key;
	struct heap_cause *name; /* NULL until it is known; its texts are behind it */
	uint64_t site,
		named_site; /* where most of it is allocated, by the last profile and when it was named */
	int64_t slope; /* of the points that there are */
	uint64_t inuse[HEAP_SERIES_POINTS], alloc[HEAP_SERIES_POINTS];
	uint64_t inuse_objects, alloc_objects; /* of the last that has it */
};

struct point {
	uint32_t num_gc;
	usec_t at;
	struct heap_figures total;
};

struct heap_series {
	uint32_t n_points, n_sites;
	struct point
		points[HEAP_SERIES_POINTS]; /* the oldest first; those of the sites are the same */
	struct site *sites;		    /* in no order */
	size_t room;
	uint64_t sample_bytes; /* of the last profile */
	uint64_t left_out;
	uint32_t restarts;
};

struct heap_series *heap_series_new(void)
{
	return calloc(1, sizeof(struct heap_series));
}

static void drop_site(struct heap_series *s, uint32_t i)
{
	free(s->sites[i].name);
	s->sites[i] = s->sites[--s->n_sites];
}

static void forget(struct heap_series *s)
{
	while (s->n_sites > 0)
		drop_site(s, s->n_sites - 1);
	s->n_points = 0;
}

struct heap_series *heap_series_free(struct heap_series *s)
{
	if (!s)
		return NULL;
	forget(s);
	free(s->sites);
	free(s);
	return NULL;
}

/* The first and the last point that has a site; n_points where none has. */
static uint32_t first_seen(const struct heap_series *s, const struct site *site)
{
	uint32_t i = 0;

	while (i < s->n_points && site->inuse[i] == NOT_SEEN)
		i++;
	return i;
}

static uint32_t last_seen(const struct heap_series *s, const struct site *site)
{
	uint32_t i = s->n_points;

	while (i > 0 && site->inuse[i - 1] == NOT_SEEN)
		i--;
	return i > 0 ? i - 1 : s->n_points;
}

/* A new last point; at the cap the oldest goes, and with it what only it had seen. */
static void push_point(struct heap_series *s, const struct heap_series_profile *p)
{
	if (s->n_points == HEAP_SERIES_POINTS) {
		const size_t kept = (size_t)--s->n_points;

		memmove(&s->points[0], &s->points[1], kept * sizeof(s->points[0]));
		for (uint32_t i = 0; i < s->n_sites; i++) {
			struct site *site = &s->sites[i];

			memmove(&site->inuse[0], &site->inuse[1], kept * sizeof(site->inuse[0]));
			memmove(&site->alloc[0], &site->alloc[1], kept * sizeof(site->alloc[0]));
		}
	}
	s->points[s->n_points++] =
		(struct point){ .num_gc = p->num_gc, .at = p->at, .total = p->total };
	for (uint32_t i = 0; i < s->n_sites; i++)
		s->sites[i].inuse[s->n_points - 1] = NOT_SEEN;
}

static int64_t difference(uint64_t a, uint64_t b)
{
	const int64_t bounded = (int64_t)MIN(a > b ? a - b : b - a, (uint64_t)INT64_MAX);

	return a > b ? -bounded : bounded;
}

/* Bytes a minute from @a to @b in @elapsed. */
static int64_t slope(uint64_t a, uint64_t b, usec_t elapsed)
{
	const uint64_t rate = mul_div(a > b ? a - b : b - a, USEC_MIN, elapsed);

	return a > b ? difference(rate, 0) : difference(0, rate);
}

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * The median over all pairs (Theil and Sen): the figures are estimates made from samples, and what a heap holds when it
 * is collected jumps; a line through the ends, or least squares, would follow one outlier.
 */
static int64_t median_slope(const struct heap_series *s, const struct site *site)
{
	int64_t slopes[PAIRS_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < s->n_points; i++)
		for (uint32_t k = i + 1; k < s->n_points; k++)
			if (site->inuse[i] != NOT_SEEN && site->inuse[k] != NOT_SEEN)
				slopes[n++] = slope(site->inuse[i], site->inuse[k],
						    s->points[k].at - s->points[i].at);
	if (n == 0)
		return 0;
	qsort(slopes, n, sizeof(slopes[0]), by_value);
	/* Of an even number the lower one: growth is not to be cried out for nothing. */
	return slopes[(n - 1) / 2];
}

static struct site *find(const struct heap_series *s, uint64_t key)
{
	for (uint32_t i = 0; i < s->n_sites; i++)
		if (s->sites[i].key == key)
			return (struct site *)(uintptr_t)&s->sites[i];
	return NULL;
}

/*
 * Makes room where there is none: the site that has not been seen for longest goes, before all others one whose points have
 * gone, which nothing is lost with. False where all are of now.
 */
static bool evict(struct heap_series *s)
{
	uint32_t oldest = HEAP_SERIES_POINTS, victim = 0;

	for (uint32_t i = 0; i < s->n_sites; i++) {
		const uint32_t seen = last_seen(s, &s->sites[i]);

		if (seen == s->n_points) {
			drop_site(s, i);
			return true;
		}
		if (seen < oldest) {
			oldest = seen;
			victim = i;
		}
	}
	if (oldest + 1 >= s->n_points)
		return false;
	s->left_out++;
	drop_site(s, victim);
	return true;
}

static struct site *add_site(struct heap_series *s, uint64_t key)
{
	struct site *site;

	if (s->n_sites == HEAP_SERIES_CAUSES && !evict(s))
		return NULL;
	if (array_make_room(&s->sites, &s->room, s->n_sites, HEAP_SERIES_CAUSES,
			    sizeof(*s->sites)) < 0)
		return NULL;
	site = &s->sites[s->n_sites++];
	*site = (struct site){ .key = key };
	for (uint32_t i = 0; i < HEAP_SERIES_POINTS; i++)
		site->inuse[i] = NOT_SEEN;
	return site;
}

/* What a site has allocated can only rise: less is another count, and what was before is not of it. */
static void check_count(struct heap_series *s, struct site *site, uint64_t alloc_bytes)
{
	const uint32_t last = last_seen(s, site);

	if (last < s->n_points && alloc_bytes < site->alloc[last])
		for (uint32_t i = 0; i < s->n_points; i++)
			site->inuse[i] = NOT_SEEN;
}

static void take(struct heap_series *s, const struct profile_figures *f)
{
	const uint32_t now = s->n_points - 1;
	struct site *site = find(s, f->cause);

	/* Told twice: the first one stands. */
	if (site && site->inuse[now] != NOT_SEEN)
		return;
	if (!site)
		site = add_site(s, f->cause);
	if (!site) {
		s->left_out++;
		return;
	}
	check_count(s, site, f->figures.alloc_bytes);
	site->inuse[now] = MIN(f->figures.inuse_bytes, NOT_SEEN - 1);
	site->alloc[now] = f->figures.alloc_bytes;
	site->site = f->site;
	site->inuse_objects = f->figures.inuse_objects;
	site->alloc_objects = f->figures.alloc_objects;
}

int heap_series_add(struct heap_series *s, const struct heap_series_profile *p)
{
	const size_t n = MIN(p->n, (size_t)HEAP_SERIES_CAUSES);
	const struct point *last = s->n_points ? &s->points[s->n_points - 1] : NULL;

	if (last && p->num_gc == last->num_gc)
		return HEAP_SERIES_SAME;
	/* The number wraps, so it has gone back where it is nearer that way. Nor does time. */
	if (last && ((int32_t)(p->num_gc - last->num_gc) < 0 || p->at <= last->at)) {
		forget(s);
		s->restarts++;
	}
	s->sample_bytes = p->sample_bytes;
	s->left_out += p->n - n;
	push_point(s, p);
	/* Known ones first, or a new one would take the place of one that is yet to come. */
	for (size_t i = 0; i < n; i++)
		if (find(s, p->figures[i].cause))
			take(s, &p->figures[i]);
	for (size_t i = 0; i < n; i++)
		take(s, &p->figures[i]);
	for (uint32_t i = s->n_sites; i-- > 0;)
		if (last_seen(s, &s->sites[i]) == s->n_points)
			drop_site(s, i);
		else
			s->sites[i].slope = median_slope(s, &s->sites[i]);
	return 0;
}

bool heap_series_wants_name(const struct heap_series *s, uint64_t cause)
{
	const struct site *found = find(s, cause);

	return found && (!found->name || found->named_site != found->site);
}

void heap_series_forget_names(struct heap_series *s)
{
	for (uint32_t i = 0; i < s->n_sites; i++) {
		free(s->sites[i].name);
		s->sites[i].name = NULL;
	}
}

/* A number that is no class tells as little as none. */
static uint32_t known_class(uint32_t class)
{
	return class < CLASS_MAX_ ? class : CLASS_UNEXPLAINED;
}

/* One block, with all its texts behind it. NULL without memory. */
static struct heap_cause *new_name(const struct cause_row *row)
{
	const struct cause *c = &row->cause;
	const struct escape_told *at = &row->told.at, *site = &row->told.site;
	struct heap_cause name = {
		.line = c->at.call.line,
		.in_module = c->in_module,
		.site_line = c->site.call.line,
		.alloc_class = c->class < ALLOC_CLASS_MAX_ ? c->class : ALLOC_OTHER,
		.class = known_class(at->class),
		.site_class = known_class(site->class),
		.told_by = MIN(at->by, (uint32_t)TOLD_BY_MAX_ - 1),
		.site_told_by = MIN(site->by, (uint32_t)TOLD_BY_MAX_ - 1),
		.step_line = at->step_line,
		.site_permille = MIN(c->site_permille, 1000u),
	};
	const struct {
		const char *from, **to;
		size_t max;
	} texts[] = {
		{ c->at.call.function, &name.function, sizeof(c->at.call.function) },
		{ c->at.call.file, &name.file, sizeof(c->at.call.file) },
		{ c->site.call.function, &name.site_function, sizeof(c->site.call.function) },
		{ c->site.call.file, &name.site_file, sizeof(c->site.call.file) },
		{ c->type, &name.type, sizeof(c->type) },
		{ at->expression, &name.expression, sizeof(at->expression) },
		{ at->reason, &name.reason, sizeof(at->reason) },
		{ site->expression, &name.site_expression, sizeof(site->expression) },
		{ site->reason, &name.site_reason, sizeof(site->reason) },
		{ at->step, &name.step, sizeof(at->step) },
		{ at->step_file, &name.step_file, sizeof(at->step_file) },
	};
	struct heap_cause *ret;
	size_t bytes = 0;
	char *to;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		bytes += strnlen(texts[i].from, texts[i].max - 1) + 1;
	ret = malloc(sizeof(*ret) + bytes);
	if (!ret)
		return NULL;
	to = (char *)(ret + 1);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const size_t len = strnlen(texts[i].from, texts[i].max - 1);

		memcpy(to, texts[i].from, len);
		to[len] = '\0';
		*texts[i].to = to;
		to += len + 1;
	}
	*ret = name;
	return ret;
}

/* The helper has read a tenant's memory: none of its texts need end. */
static bool is_cause(const struct cause_row *row, uint64_t cause)
{
	struct call_site at = row->cause.at.call;

	at.function[sizeof(at.function) - 1] = '\0';
	at.file[sizeof(at.file) - 1] = '\0';
	return MAX(call_site_key(&at), (uint64_t)1) == cause;
}

int heap_series_name(struct heap_series *s, uint64_t cause, const struct cause_row *row)
{
	struct site *found = find(s, cause);
	struct heap_cause *name;

	if (!found)
		return -ENOENT;
	if (!is_cause(row, cause))
		return -EBADMSG;
	name = new_name(row);
	if (!name)
		return -ENOMEM;
	free(found->name);
	found->name = name;
	found->named_site = found->site;
	return 0;
}

void heap_series_info(const struct heap_series *s, struct heap_series_info *ret)
{
	const struct point *first = &s->points[0];
	const struct point *last = s->n_points ? &s->points[s->n_points - 1] : first;

	*ret = (struct heap_series_info){ .points = s->n_points,
					  .cycles = last->num_gc - first->num_gc,
					  .num_gc = last->num_gc,
					  .at = last->at,
					  .span = last->at - first->at,
					  .total = last->total,
					  .alloc_bytes = sub_sat(last->total.alloc_bytes,
								 first->total.alloc_bytes),
					  .causes = s->n_sites,
					  .left_out = s->left_out,
					  .restarts = s->restarts };
}

static void count_steps(const struct heap_series *s, const struct site *site,
			struct heap_growth *ret)
{
	uint64_t before = NOT_SEEN;

	for (uint32_t i = 0; i < s->n_points; i++) {
		if (site->inuse[i] == NOT_SEEN)
			continue;
		ret->points++;
		ret->rises += before != NOT_SEEN && site->inuse[i] > before;
		ret->falls += before != NOT_SEEN && site->inuse[i] < before;
		before = site->inuse[i];
	}
}

static struct heap_growth growth_of(const struct heap_series *s, const struct site *site)
{
	const uint32_t first = first_seen(s, site), last = last_seen(s, site);
	struct heap_growth g = {
		.cause = site->name,
		.inuse_bytes = site->inuse[last],
		.inuse_objects = site->inuse_objects,
		.alloc_bytes = site->alloc[last],
		.object_bytes = site->alloc_objects ? site->alloc[last] / site->alloc_objects : 0,
		.sample_bytes = s->sample_bytes,
		.seen_last = last + 1 == s->n_points,
		.cycles = s->points[last].num_gc - s->points[first].num_gc,
		.span = s->points[last].at - s->points[first].at,
		.slope_bytes_per_min = site->slope,
		.grown_bytes = difference(site->inuse[first], site->inuse[last]),
		.alloc_bytes_since = sub_sat(site->alloc[last], site->alloc[first]),
		.all_bytes_since = sub_sat(s->points[last].total.alloc_bytes,
					   s->points[first].total.alloc_bytes),
	};

	count_steps(s, site, &g);
	if (last > first)
		g.alloc_bytes_per_min = mul_div(g.alloc_bytes_since, USEC_MIN, g.span);
	return g;
}

static int by_growth(const void *a, const void *b)
{
	const struct heap_growth *x = a, *y = b;

	if (x->slope_bytes_per_min != y->slope_bytes_per_min)
		return x->slope_bytes_per_min < y->slope_bytes_per_min ? 1 : -1;
	return (x->inuse_bytes < y->inuse_bytes) - (x->inuse_bytes > y->inuse_bytes);
}

size_t heap_series_growth(const struct heap_series *s, struct heap_growth ret[HEAP_SERIES_CAUSES])
{
	for (uint32_t i = 0; i < s->n_sites; i++)
		ret[i] = growth_of(s, &s->sites[i]);
	qsort(ret, s->n_sites, sizeof(ret[0]), by_growth);
	return s->n_sites;
}
