/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/heapmath.h"
#include "sense/told_figures.h"

/*
 * Each P counts what it allocates in its own cache and adds it up with a new span of a class, so that memory lags behind
 * what ReadMemStats, which stops the world, has added up: a span of 8 KiB and more for each of 68 classes, twice.
 */
#define LAG_PER_P_BYTES (4 * MIB)

static int64_t cut(uint64_t v)
{
	return (int64_t)MIN(v, (uint64_t)INT64_MAX);
}

void told_figures_of(const struct go_sample *s, int minor, struct figures *ret)
{
	const uint64_t idle = add_sat(s->heap_free_bytes, s->heap_released_bytes);

	*ret = (struct figures){ 0 };
	figures_put(ret, FIGURE_HEAP_ALLOC_BYTES, cut(go_sample_heap_alloc(s)));
	figures_put(ret, FIGURE_HEAP_LIVE_BYTES, cut(s->heap_marked_bytes));
	figures_put(ret, FIGURE_HEAP_SYS_BYTES, cut(go_sample_heap_sys(s)));
	figures_put(ret, FIGURE_HEAP_IDLE_BYTES, cut(idle));
	figures_put(ret, FIGURE_HEAP_INUSE_BYTES, cut(s->heap_inuse_bytes));
	figures_put(ret, FIGURE_HEAP_RELEASED_BYTES, cut(s->heap_released_bytes));
	figures_put(ret, FIGURE_HEAP_GOAL_BYTES, cut(heap_goal(s, minor)));
	figures_put(ret, FIGURE_TOTAL_ALLOC_BYTES, cut(s->total_alloc_bytes));
	figures_put(ret, FIGURE_NUM_GC, s->num_gc);
	figures_put(ret, FIGURE_NUM_FORCED_GC, s->num_forced_gc);
	figures_put(ret, FIGURE_LAST_GC_UNIX_NS, cut(s->last_gc_unix_ns));
	figures_put(ret, FIGURE_PAUSE_TOTAL_NS, cut(s->pause_total_ns));
	if (s->goroutines >= 0)
		figures_put(ret, FIGURE_GOROUTINES, s->goroutines);
	if (s->gomaxprocs > 0)
		figures_put(ret, FIGURE_GOMAXPROCS, s->gomaxprocs);
	figures_put(ret, FIGURE_GOGC_PERCENT, s->gc_percent);
	figures_put(ret, FIGURE_MEMORY_LIMIT_BYTES, s->memory_limit_bytes);
}

struct range {
	uint64_t least, most;
};

static struct range widened(uint64_t least, uint64_t most, uint64_t slack)
{
	return (struct range){ sub_sat(least, slack), add_sat(most, slack) };
}

/* Between two moments: the first's allocations less the second's frees, and the reverse. */
static struct range heap_alloc(const struct go_sample *a, const struct go_sample *b, uint64_t slack)
{
	return widened(sub_sat(a->total_alloc_bytes, b->total_free_bytes),
		       sub_sat(b->total_alloc_bytes, a->total_free_bytes), slack);
}

static bool outside(const struct figures *told, enum figure figure, struct range r)
{
	const uint64_t v = (uint64_t)told->value[figure];

	return figures_has(told, figure) && (v < r.least || v > r.most);
}

/* A setting that has changed meanwhile may have had any value. */
static bool other_gogc(const struct figures *told, int32_t a, int32_t b)
{
	return figures_has(told, FIGURE_GOGC_PERCENT) && a == b &&
	       told->value[FIGURE_GOGC_PERCENT] != a;
}

/* Floating point has not all the digits of a limit. */
static bool other_limit(const struct figures *told, int64_t a, int64_t b)
{
	const uint64_t v = (uint64_t)a;

	return a == b && outside(told, FIGURE_MEMORY_LIMIT_BYTES, widened(v, v, v >> 50));
}

uint64_t told_figures_contradicted(const struct go_sample *before, const struct go_sample *after,
				   const struct figures *told)
{
	const uint64_t lag = LAG_PER_P_BYTES * (uint64_t)MAX(after->gomaxprocs, 1);
	const struct range allocated =
		widened(before->total_alloc_bytes, after->total_alloc_bytes, lag);
	const struct range cycles = { before->num_gc, after->num_gc };
	uint64_t bits = 0;

	bits |= (uint64_t)outside(told, FIGURE_HEAP_ALLOC_BYTES, heap_alloc(before, after, lag))
		<< FIGURE_HEAP_ALLOC_BYTES;
	bits |= (uint64_t)outside(told, FIGURE_TOTAL_ALLOC_BYTES, allocated)
		<< FIGURE_TOTAL_ALLOC_BYTES;
	bits |= (uint64_t)outside(told, FIGURE_NUM_GC, cycles) << FIGURE_NUM_GC;
	bits |= (uint64_t)other_gogc(told, before->gc_percent, after->gc_percent)
		<< FIGURE_GOGC_PERCENT;
	bits |= (uint64_t)other_limit(told, before->memory_limit_bytes, after->memory_limit_bytes)
		<< FIGURE_MEMORY_LIMIT_BYTES;
	return bits;
}

json_object *told_figures_json(const struct figures *f)
{
	json_object *o = json_object_new_object();

	for (enum figure i = 0; i < FIGURE_MAX_; i++)
		if (figures_has(f, i))
			json_object_object_add(o, figure_name(i),
					       json_object_new_int64(f->value[i]));
	return o;
}

json_object *told_names_json(uint64_t mask)
{
	json_object *list = json_object_new_array();

	for (enum figure i = 0; i < FIGURE_MAX_; i++)
		if (mask & (UINT64_C(1) << i))
			json_object_array_add(list, json_object_new_string(figure_name(i)));
	return list;
}
