/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "sense/totals.h"

static void add_pauses(struct totals *t, const struct go_pulse *p)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		t->pause[i] += p->pause.count[i];
	t->pause_ns = add_sat(t->pause_ns, p->pauses_ns);
	t->pauses_missed += p->pauses_missed;
}

void totals_add(struct totals *t, const struct activity *a, const struct activity_look *look,
		int32_t pid, uint64_t wall_usec)
{
	const struct activity_mark *before = &a->last;
	const struct go_pulse *p = look->pulse;
	const int64_t created = p->goroutines_created;

	if (!a->n || look->at <= before->at)
		return;
	t->gc_cycles += (uint32_t)(look->sample->num_gc - before->num_gc);
	t->alloc_bytes = add_sat(t->alloc_bytes, sub_sat(look->sample->total_alloc_bytes,
							 before->total_alloc_bytes));
	/* An estimate and the runtime's own figure are not of one scale: nothing is taken from one to the other. */
	if (p->gc_cpu_ns < 0 || !a->estimate)
		t->gc_cpu_ns = add_sat(t->gc_cpu_ns,
				       sub_sat(activity_gc_cpu_ns(a, look), before->gc_cpu_ns));
	if (a->created >= 0 && created > a->created)
		t->goroutines_created += (uint64_t)(created - a->created);
	add_pauses(t, p);
	if (!p->pauses)
		return;
	t->last.longest_ns = p->pause.max_ns;
	t->last.wall_usec = wall_usec;
	t->last.num_gc = look->sample->num_gc;
	t->last.pid = pid;
}
