/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "sense/activity.h"

#define MARK_EVERY (10 * USEC_SEC)
#define OVER_LEAST USEC_SEC

/* An estimate has the last collection stand for each that ended since. */
uint64_t activity_gc_cpu_ns(const struct activity *a, const struct activity_look *look)
{
	const uint32_t ended = look->sample->num_gc - a->last.num_gc;

	if (look->pulse->gc_cpu_ns >= 0)
		return (uint64_t)look->pulse->gc_cpu_ns;
	if (!a->n || !a->estimate || ended > INT32_MAX)
		return a->last.gc_cpu_ns;
	return add_sat(a->last.gc_cpu_ns, mul_div(look->sample->mark_work_ns, ended, 1));
}

static struct activity_mark mark_of(const struct activity *a, const struct activity_look *look)
{
	return (struct activity_mark){
		.at = look->at,
		.total_alloc_bytes = look->sample->total_alloc_bytes,
		.gc_cpu_ns = activity_gc_cpu_ns(a, look),
		.cpu_ns = look->cpu_ns,
		.created = look->pulse->goroutines_created,
		.num_gc = look->sample->num_gc,
	};
}

static void set_mark(struct activity *a)
{
	a->newest = a->n ? (a->newest + 1) % ACTIVITY_MARKS : 0;
	a->n = MIN(a->n + 1, (uint32_t)ACTIVITY_MARKS);
	a->mark[a->newest] = a->last;
}

void activity_feed(struct activity *a, const struct activity_look *look)
{
	struct activity_mark *newest = &a->mark[a->newest];
	const bool told = look->pulse->gc_cpu_ns >= 0;

	if (a->n && look->at <= a->last.at)
		return;
	/* An estimate and the runtime's own figure are not of one scale: with the first of those all begins anew. */
	if (!a->n || (a->estimate && told))
		*a = (struct activity){ .estimate = !told, .goroutines = -1, .created = -1 };
	if (look->sample->goroutines >= 0)
		a->goroutines = look->sample->goroutines;
	if (look->pulse->goroutines_created >= 0)
		a->created = look->pulse->goroutines_created;
	if (a->n) {
		histogram_small_merge(&newest->pause, &look->pulse->pause);
		newest->missed += look->pulse->pauses_missed;
	}
	a->last = mark_of(a, look);
	if (!a->n || a->last.at - newest->at >= MARK_EVERY)
		set_mark(a);
}

/* The newest mark that is as old as that, or the oldest; *ret_back: how many before the newest it is. */
static const struct activity_mark *mark_before(const struct activity *a, usec_t window,
					       uint32_t *ret_back)
{
	const struct activity_mark *m = NULL;

	for (uint32_t back = 0; back < a->n; back++) {
		m = &a->mark[(a->newest + ACTIVITY_MARKS - back) % ACTIVITY_MARKS];
		*ret_back = back;
		if (m->at + window <= a->last.at)
			break;
	}
	return m;
}

/* So many in @over, as so many in @per. */
static uint64_t rate(uint64_t n, usec_t per, usec_t over)
{
	return mul_div(n, per, over);
}

struct activity_figures activity_over(const struct activity *a, usec_t window)
{
	struct activity_figures f = { .created_per_second_milli = -1 };
	uint32_t back = 0;
	const struct activity_mark *from = mark_before(a, window, &back), *to = &a->last;
	const usec_t over = from ? to->at - from->at : 0;

	if (over < OVER_LEAST)
		return f;
	f.over_usec = over;
	f.gc_cycles = to->num_gc - from->num_gc;
	f.gc_per_minute_milli = rate(f.gc_cycles, 1000 * USEC_MIN, over);
	f.gc_cpu_ns_per_second = rate(sub_sat(to->gc_cpu_ns, from->gc_cpu_ns), USEC_SEC, over);
	f.gc_cpu_estimate = a->estimate;
	f.cpu_ns_per_second = rate(sub_sat(to->cpu_ns, from->cpu_ns), USEC_SEC, over);
	f.alloc_bytes_per_second =
		rate(sub_sat(to->total_alloc_bytes, from->total_alloc_bytes), USEC_SEC, over);
	if (to->created >= from->created && from->created >= 0)
		f.created_per_second_milli = (int64_t)MIN(
			rate((uint64_t)(to->created - from->created), 1000 * USEC_SEC, over),
			(uint64_t)INT64_MAX);
	for (uint32_t i = 0; i <= back; i++) {
		const struct activity_mark *m =
			&a->mark[(a->newest + ACTIVITY_MARKS - i) % ACTIVITY_MARKS];

		histogram_add_small(&f.pause, &m->pause);
		f.pauses_missed += m->missed;
	}
	return f;
}

/* Rates of what a tenant's memory claims: the largest number stands for all above it. */
static int64_t add_rates(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

void activity_add(struct activity_figures *sum, const struct activity_figures *of)
{
	if (!of->over_usec)
		return;
	if (!sum->over_usec || sum->created_per_second_milli < 0)
		sum->created_per_second_milli = of->created_per_second_milli;
	else if (of->created_per_second_milli >= 0)
		sum->created_per_second_milli =
			add_rates(sum->created_per_second_milli, of->created_per_second_milli);
	sum->over_usec = MAX(sum->over_usec, of->over_usec);
	sum->gc_cycles += of->gc_cycles;
	sum->gc_per_minute_milli += of->gc_per_minute_milli;
	sum->gc_cpu_ns_per_second = add_sat(sum->gc_cpu_ns_per_second, of->gc_cpu_ns_per_second);
	sum->gc_cpu_estimate |= of->gc_cpu_estimate;
	sum->cpu_ns_per_second += of->cpu_ns_per_second;
	sum->alloc_bytes_per_second =
		add_sat(sum->alloc_bytes_per_second, of->alloc_bytes_per_second);
	sum->pauses_missed += of->pauses_missed;
	histogram_merge(&sum->pause, &of->pause);
}

uint32_t activity_gc_share_permille(const struct activity_figures *f)
{
	if (!f->cpu_ns_per_second)
		return 0;
	return (uint32_t)MIN(mul_div(f->gc_cpu_ns_per_second, 1000, f->cpu_ns_per_second),
			     UINT64_C(1000));
}
