/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/util.h"
#include "decide/balance.h"
#include "decide/heapmath.h"

#define WINDOW		  (20 * USEC_SEC)
#define WINDOWS_MIN	  3
#define UNSTEADY_SHARE	  2	    /* of what it marked, ... */
#define UNSTEADY_MIN	  (4 * MIB) /* ... and no less than that */
#define CYCLES_MIN	  3
#define REST		  (10 * USEC_MIN)
#define REST_GREW	  (2 * USEC_MIN)
#define GAIN_IN_PERMILLE  850 /* of the marking that there would be without, at most */
#define GAIN_OUT_PERMILLE 900
#define WORSE_PERMILLE	  970 /* measured: as good as nothing saved */
#define WORSE_MAX	  3   /* windows in a row */
#define GOGC_MIN	  40
#define GOGC_MAX	  400
#define MARKS_MIN	  (4 * MIB) /* under it heapMinimum is the goal (src/runtime/mgcpacer.go) */
#define EXTRA_MIN	  (4 * MIB)
#define CYCLES_PER_SEC	  5
#define STEP_SHARE	  4  /* of the GOGC in force, each window */
#define SMALL_SHARE	  8  /* less than that of it is not worth a write */
#define SCALE_STEP	  20 /* permille, each window ... */
#define SCALE_OVER_SHARE  50 /* ... in which so much more is mapped than without, ... */
#define SCALE_UNDER_SHARE 25 /* ... or so much less */
#define SCALE_MIN	  600
#define SCALE_MAX	  1200
#define FILL_ROUNDS	  4

/* A process that takes part. */
struct member {
	const struct snapshot_proc *proc;
	struct proc_history *history;
	double weight; /* square root of what a cycle marks times what is allocated a second */
	uint64_t marks, owner_extra, extra;
	uint64_t extra_min, extra_max;
	bool clamped;
};

struct members {
	uint32_t n;
	struct member of[SNAPSHOT_PROCS_MAX];
	uint64_t marks, extra; /* sums: R, and over it under the owners' GOGC */
	double weight, rate;
	uint64_t mapped, wanted; /* [T], and what it would be without */
	uint64_t marked_rate;	 /* measured, bytes a second */
	uint64_t unmanaged_rate; /* the same under the owners' GOGC */
};

/* Live data that come and go would meet a goal that was made for less of them. What is allocated during a cycle is marked too. */
static uint64_t about(uint64_t marks)
{
	return MAX(marks / UNSTEADY_SHARE, UNSTEADY_MIN);
}

static bool is_steady(const struct proc_balance *b, uint64_t marks)
{
	return marks <= b->marks + about(b->marks) && marks + about(b->marks) >= b->marks;
}

/* What was allocated and how often was collected in the last window. */
static void close_window(const struct snapshot_proc *p, struct proc_balance *b)
{
	const struct go_sample *s = &p->sample;
	const usec_t elapsed = p->at - b->at;
	const uint64_t marks = heap_mark_bytes(s);

	if (b->at && elapsed > 0 && s->num_gc >= b->num_gc) {
		const uint64_t rate =
			mul_div(sub_sat(s->total_alloc_bytes, b->alloc_bytes), USEC_SEC, elapsed);

		b->steady = is_steady(b, marks) ? b->steady + 1 : 0;
		b->rate = b->windows ? b->rate / 4 * 3 + rate / 4 : rate;
		b->marks = b->windows ? b->marks / 4 * 3 + marks / 4 : marks;
		b->marked_rate =
			mul_div(mul_div(marks, s->num_gc - b->num_gc, 1), USEC_SEC, elapsed);
		b->windows++;
	}
	b->at = p->at;
	b->alloc_bytes = s->total_alloc_bytes;
	b->num_gc = s->num_gc;
}

/* The owner's own word, somebody else's and the operator's stand; and what collects by a soft limit has no goal to move. */
static bool takes_part(const struct policy_rules *rules, const struct snapshot_proc *p,
		       const struct proc_history *ph, usec_t now)
{
	const struct lever_facts *gogc = &p->lever[LEVER_GOGC];

	return ph->balance.steady >= WINDOWS_MIN && ph->cycles >= CYCLES_MIN &&
	       ph->balance.rate > 0 && ph->balance.marks >= MARKS_MIN && gogc->owner > 0 &&
	       p->sample.gc_percent > 0 &&
	       !(gogc->owner_set && rules->ownership[LEVER_GOGC] != OWNERSHIP_OVERRIDE) &&
	       !gogc->manual && !gogc->pinned && ph->lever[LEVER_GOGC].rest_until <= now &&
	       !heap_goal_is_limit(&p->sample, p->minor);
}

/* Before it was balanced it mapped so much, and would map in proportion to what it has to mark. */
static uint64_t mapped_without(const struct snapshot_proc *p, struct proc_balance *b,
			       uint64_t marks)
{
	if (!b->base_marks) {
		b->base_marks = marks;
		b->base_mapped = p->sample.mapped_ready_bytes;
	}
	return mul_div(b->base_mapped, marks, b->base_marks);
}

static void add(struct members *all, const struct snapshot_proc *p, struct proc_history *ph)
{
	const struct go_sample *s = &p->sample;
	struct member *m = &all->of[all->n++];
	const uint64_t rate = ph->balance.rate;

	m->proc = p;
	m->history = ph;
	m->marks = MAX(ph->balance.marks, 1u);
	m->owner_extra = sub_sat(heap_percent_goal(s, (int32_t)p->lever[LEVER_GOGC].owner),
				 s->heap_marked_bytes);
	m->weight = sqrt((double)m->marks * (double)rate);
	m->extra_min = MAX(MAX(mul_div(m->marks, GOGC_MIN, 100), EXTRA_MIN), rate / CYCLES_PER_SEC);
	m->extra_max = MAX(mul_div(m->marks, GOGC_MAX, 100), m->extra_min);
	all->marks = add_sat(all->marks, m->marks);
	all->mapped = add_sat(all->mapped, s->mapped_ready_bytes);
	all->wanted = add_sat(all->wanted, mapped_without(p, &ph->balance, m->marks));
	all->extra = add_sat(all->extra, m->owner_extra);
	all->weight += m->weight;
	all->rate += (double)rate;
	all->marked_rate = add_sat(all->marked_rate, ph->balance.marked_rate);
	all->unmanaged_rate = add_sat(all->unmanaged_rate,
				      mul_div(rate, m->marks, MAX(m->owner_extra, EXTRA_MIN)));
}

static void gather(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		   usec_t now, struct members *all)
{
	*all = (struct members){ 0 };
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];
		struct proc_history *ph = history_proc(h, &p->key);

		if (!ph || !p->proved)
			continue;
		close_window(p, &ph->balance);
		if (takes_part(rules, p, ph, now))
			add(all, p, ph);
	}
}

/* Marking at the best division as permille of that at equal GOGC. */
static uint32_t expected_permille(const struct members *all)
{
	return (uint32_t)(1000.0 * all->weight * all->weight / ((double)all->marks * all->rate));
}

/* Divides what is left among those that have not met a bound, until nobody new does. */
static void divide(struct members *all, uint64_t extra)
{
	for (int round = 0; round < FILL_ROUNDS; round++) {
		uint64_t left = extra;
		double weight = 0;
		bool again = false;

		for (uint32_t i = 0; i < all->n; i++) {
			if (all->of[i].clamped)
				left = sub_sat(left, all->of[i].extra);
			else
				weight += all->of[i].weight;
		}
		for (uint32_t i = 0; i < all->n; i++) {
			struct member *m = &all->of[i];

			if (m->clamped)
				continue;
			m->extra = (uint64_t)((double)left * m->weight / weight);
			m->clamped = m->extra < m->extra_min || m->extra > m->extra_max;
			m->extra = MIN(MAX(m->extra, m->extra_min), m->extra_max);
			again |= m->clamped;
		}
		if (!again)
			return;
	}
}

/* In steps, and not for a trifle. */
static int32_t step_to(int32_t now, int64_t to)
{
	const int64_t step = MAX(now / STEP_SHARE, 1);

	to = MIN(MAX(to, now - step), now + step);
	return to - now < now / SMALL_SHARE && now - to < now / SMALL_SHARE ? now : (int32_t)to;
}

static void plan(struct members *all)
{
	for (uint32_t i = 0; i < all->n; i++) {
		const struct member *m = &all->of[i];
		struct proc_balance *b = &m->history->balance;

		b->gogc = step_to(m->proc->sample.gc_percent,
				  (int64_t)mul_div(m->extra, 100, m->marks));
		b->peak_bytes =
			add_sat(add_sat(m->marks, m->extra), heap_nonheap_bytes(&m->proc->sample));
	}
}

/* What is planned and what becomes of it differ, by fragmentation and by what the scavenger leaves: closed on what is. */
static void close_loop(struct balance *b, const struct members *all)
{
	if (all->mapped > all->wanted + all->wanted / SCALE_OVER_SHARE)
		b->scale_permille = MAX(b->scale_permille - SCALE_STEP, SCALE_MIN);
	else if (all->mapped < all->wanted - all->wanted / SCALE_UNDER_SHARE)
		b->scale_permille = MIN(b->scale_permille + SCALE_STEP, SCALE_MAX);
}

static void stop(struct history *h)
{
	h->balance.on = false;
	for (uint32_t i = 0; i < h->n_procs; i++) {
		h->procs[i].balance.gogc = 0;
		h->procs[i].balance.base_marks = 0;
	}
}

static bool saves_nothing(struct balance *b, const struct members *all)
{
	b->worse = all->marked_rate > mul_div(all->unmanaged_rate, WORSE_PERMILLE, 1000) ?
			   b->worse + 1 :
			   0;
	return b->worse >= WORSE_MAX;
}

/* At every look: its goal was made for less, and is the higher for it. */
static bool any_grew(const struct snapshot *s, struct history *h)
{
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct proc_history *ph = history_proc(h, &s->procs[i].key);
		const uint64_t marks = heap_mark_bytes(&s->procs[i].sample);

		if (ph && s->procs[i].proved && ph->balance.gogc &&
		    marks > ph->balance.marks + about(ph->balance.marks))
			return true;
	}
	return false;
}

void balance_update(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		    enum policy_state state, usec_t now)
{
	struct balance *b = &h->balance;
	struct members all;
	uint32_t permille;

	if (s->n_procs < 2)
		return;
	if (b->on && any_grew(s, h)) {
		b->rest_until = now + REST_GREW;
		stop(h);
	}
	if (now < b->at + WINDOW)
		return;
	b->at = now;
	gather(rules, s, h, now, &all);
	permille = all.n < 2 ? 1000 : expected_permille(&all);
	if (!rules->balance || state != STATE_CALM || now < b->rest_until ||
	    permille > (b->on ? GAIN_OUT_PERMILLE : GAIN_IN_PERMILLE)) {
		stop(h);
		return;
	}
	if (!b->on) {
		b->on = true;
		b->scale_permille = 1000;
		b->worse = 0;
	} else if (saves_nothing(b, &all)) {
		b->rest_until = now + REST;
		stop(h);
		return;
	} else {
		close_loop(b, &all);
	}
	divide(&all, mul_div(all.extra, b->scale_permille, 1000));
	plan(&all);
}
