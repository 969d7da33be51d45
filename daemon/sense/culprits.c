/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/util.h"
#include "sense/culprits.h"

#define ALL 1000 /* thousandths */

enum {
	RISES_PER_FALL = 8,
	CHANCE_SQUARED = 9, /* of three standard deviations */
	/* What a suspect has kept at least of what it allocated meanwhile: what is held for a while grows and falls. */
	KEPT_PERMILLE_MIN = 250,
};

static const char *const kind_names[] = {
	[CULPRIT_HEAP] = "heap",
	[CULPRIT_GOROUTINES] = "goroutines",
};
_Static_assert(ARRAY_SIZE(kind_names) == CULPRIT_KIND_MAX_, "a name for each kind");

const char *culprit_kind_name(enum culprit_kind kind)
{
	return kind < CULPRIT_KIND_MAX_ ? kind_names[kind] : "?";
}

static const char *const impact_names[] = {
	[IMPACT_ALLOCATED] = "allocated",
	[IMPACT_IN_USE] = "in-use",
	[IMPACT_GROWTH] = "growth",
};
_Static_assert(ARRAY_SIZE(impact_names) == IMPACT_MAX_, "a name for each");

const char *culprit_impact_name(enum culprit_impact by)
{
	return by < IMPACT_MAX_ ? impact_names[by] : "?";
}

const char *culprit_advice(const struct culprit *c)
{
	const struct heap_cause *cause = c->growth.cause;

	if (c->kind == CULPRIT_GOROUTINES && c->suspect)
		return "they only become more: give each a way out that is always taken (a context that is cancelled, a channel that "
		       "is closed or has room for the result), and see what they wait for with gomemctl goroutines";
	if (c->suspect)
		return "what it allocates is kept: find what still refers to it (a map or slice that only grows, a cache without a "
		       "bound, a slice of a larger array, a goroutine that waits) and bound it, or drop it when it is done with";
	if (cause && cause->told_by == TOLD_BY_RUNTIME && cause->class == CLASS_UNEXPLAINED)
		return "the compiler's report tells why it is on the heap: gomemctl escape build files it";
	return escape_class_advice(cause ? (enum escape_class)cause->class : CLASS_UNEXPLAINED);
}

const char *culprit_about(const struct culprit *c)
{
	const struct heap_cause *cause = c->growth.cause;

	if (cause && cause->told_by == TOLD_BY_RUNTIME && cause->class == CLASS_UNEXPLAINED)
		return "without the compiler's report it is not known why";
	return escape_class_about(cause ? (enum escape_class)cause->class : CLASS_UNEXPLAINED);
}

static uint32_t permille(uint64_t part, uint64_t all)
{
	return all ? (uint32_t)MIN(mul_div(part, ALL, all), (uint64_t)UINT32_MAX) : 0;
}

/* What the whole program has: shares are of that. */
struct whole {
	uint64_t alloc_bytes, inuse_bytes;
	usec_t horizon;
	/* Of each kind: there is one profile alone, and what was allocated counts from the program's start. */
	bool is_first[CULPRIT_KIND_MAX_];
};

/*
 * Is the growth more than samples could make by chance? Of so many objects that were sampled when they were made and when
 * they were freed, the difference is off by the square root of both together; three times that is no chance.
 */
static bool is_significant(const struct heap_growth *g)
{
	const double sample = (double)MAX(MAX(g->sample_bytes, g->object_bytes), UINT64_C(1));
	const double kept = (double)g->grown_bytes / sample;
	const double made = (double)g->alloc_bytes_since / sample;

	return !g->sample_bytes || kept * kept >= CHANCE_SQUARED * (2 * made - kept);
}

static bool is_suspect(const struct heap_growth *g, enum culprit_kind kind)
{
	if (!g->seen_last || g->slope_bytes_per_min <= 0 || g->grown_bytes <= 0 ||
	    g->rises < CULPRIT_RISES_MIN || g->falls * RISES_PER_FALL > g->rises)
		return false;
	return kind == CULPRIT_GOROUTINES ||
	       (is_significant(g) &&
		permille((uint64_t)g->grown_bytes, g->alloc_bytes_since) >= KEPT_PERMILLE_MIN);
}

static void weigh(const struct whole *w, struct culprit *c)
{
	const struct heap_growth *g = &c->growth;
	const uint32_t a = MIN(c->alloc_permille, (uint32_t)ALL);
	const uint32_t l = MIN(c->inuse_permille, (uint32_t)ALL);

	c->gc_permille = c->kind == CULPRIT_HEAP ? ALL - (ALL - a) * (ALL - l) / ALL : 0;
	if (c->suspect)
		c->growth_permille =
			permille(mul_div((uint64_t)g->slope_bytes_per_min, w->horizon, USEC_MIN),
				 w->inuse_bytes);
	c->impact_permille = MAX(c->gc_permille, c->growth_permille);
	if (c->growth_permille > c->gc_permille)
		c->impact_by = IMPACT_GROWTH;
	else
		c->impact_by = a > l ? IMPACT_ALLOCATED : IMPACT_IN_USE;
}

static struct culprit culprit_of(const struct heap_growth *g, enum culprit_kind kind,
				 const struct whole *w)
{
	struct culprit c = { .kind = kind,
			     .growth = *g,
			     .lifetime_millicycles = -1,
			     .since_start = w->is_first[kind] };
	/* What fell out of the biggest has less in use than those that are among them: nothing that counts. */
	const uint64_t inuse = g->seen_last ? g->inuse_bytes : 0;

	c.suspect = is_suspect(g, kind);
	if (kind == CULPRIT_HEAP) {
		/* Of the time in which it was seen itself. */
		c.alloc_permille = c.since_start ?
					   permille(g->alloc_bytes, w->alloc_bytes) :
					   permille(g->alloc_bytes_since, g->all_bytes_since);
		c.inuse_permille = permille(inuse, w->inuse_bytes);
		c.alloc_bytes_per_sec = g->alloc_bytes_per_min / 60;
		c.allocs_per_sec = g->object_bytes ? c.alloc_bytes_per_sec / g->object_bytes : 0;
		c.alloc_bytes_per_cycle = g->cycles ? g->alloc_bytes_since / g->cycles : 0;
	}
	if (c.alloc_bytes_per_cycle && g->seen_last)
		c.lifetime_millicycles = (int64_t)MIN(mul_div(inuse, 1000, c.alloc_bytes_per_cycle),
						      (uint64_t)INT64_MAX);
	weigh(w, &c);
	return c;
}

static int by_impact(const void *one, const void *other)
{
	const struct culprit *a = one, *b = other;

	if (a->impact_permille != b->impact_permille)
		return a->impact_permille < b->impact_permille ? 1 : -1;
	return (a->growth.inuse_bytes < b->growth.inuse_bytes) -
	       (a->growth.inuse_bytes > b->growth.inuse_bytes);
}

size_t culprits_rank(const struct culprit_sources *of, struct culprit ret[CULPRITS_MAX])
{
	const struct heap_series *const all[] = {
		[CULPRIT_HEAP] = of->heap, [CULPRIT_GOROUTINES] = of->goroutines
	};
	struct heap_growth growth[HEAP_SERIES_CAUSES];
	struct whole w = { 0 };
	usec_t span = 0;
	size_t n = 0;

	for (enum culprit_kind k = 0; k < CULPRIT_KIND_MAX_; k++) {
		struct heap_series_info info = { 0 };

		if (all[k])
			heap_series_info(all[k], &info);
		w.inuse_bytes = add_sat(w.inuse_bytes, info.total.inuse_bytes);
		w.is_first[k] = info.points == 1;
		w.alloc_bytes = add_sat(w.alloc_bytes,
					w.is_first[k] ? info.total.alloc_bytes : info.alloc_bytes);
		span = MAX(span, info.span);
	}
	w.inuse_bytes = MAX(w.inuse_bytes, of->live_bytes);
	w.horizon = MIN(mul_div(span, CULPRIT_HORIZON_FACTOR, 1), (uint64_t)CULPRIT_HORIZON_MAX);
	for (enum culprit_kind k = 0; k < CULPRIT_KIND_MAX_; k++) {
		const size_t of_kind = all[k] ? heap_series_growth(all[k], growth) : 0;

		for (size_t i = 0; i < of_kind; i++)
			ret[n++] = culprit_of(&growth[i], k, &w);
	}
	if (n)
		qsort(ret, n, sizeof(ret[0]), by_impact);
	return n;
}
