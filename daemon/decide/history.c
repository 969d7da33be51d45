/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/history.h"

#define NONGO_INTERVAL (2 * USEC_SEC)

/* Little seen: what is now plus this much, until the ring tells better. */
#define NONGO_START_SAMPLES 8
#define NONGO_START_BYTES   (2 * MIB)
#define NONGO_START_SHARE   64

static bool key_equal(const struct proc_key *a, const struct proc_key *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks;
}

struct proc_history *history_proc(struct history *h, const struct proc_key *key)
{
	for (uint32_t i = 0; i < h->n_procs; i++)
		if (key_equal(&h->procs[i].key, key))
			return &h->procs[i];
	return NULL;
}

static void drop_gone(struct history *h, const struct snapshot *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->n_procs; i++) {
		bool there = false;

		for (uint32_t k = 0; k < s->n_procs && !there; k++)
			there = key_equal(&h->procs[i].key, &s->procs[k].key);
		if (!there)
			continue;
		if (kept != i)
			h->procs[kept] = h->procs[i];
		kept++;
	}
	h->n_procs = kept;
}

static void cycle_add(struct cycle *c, const struct go_sample *s, int minor)
{
	int32_t e = heap_effective_gogc(s, minor);

	c->heap_alloc_peak = MAX(c->heap_alloc_peak, go_sample_heap_alloc(s));
	c->heap_inuse_peak = MAX(c->heap_inuse_peak, s->heap_inuse_bytes);
	c->heap_sys_peak = MAX(c->heap_sys_peak, go_sample_heap_sys(s));
	c->effective_gogc = MIN(c->effective_gogc, e);
	c->limit_sets_goal = heap_goal_is_limit(s, minor);
}

static const struct cycle cycle_start = { .effective_gogc = INT32_MAX };

/* One or more cycles have ended since the last look: the running one is closed and its peak kept. */
static void close_cycle(struct proc_history *p)
{
	memmove(&p->finished[1], &p->finished[0], (HISTORY_CYCLES - 1) * sizeof(p->finished[0]));
	p->finished[0] = p->running;
	p->n_finished = MIN(p->n_finished + 1, (uint32_t)HISTORY_CYCLES);
	p->running = cycle_start;
}

static void observe_proc(struct proc_history *p, const struct snapshot_proc *now)
{
	const struct go_sample *s = &now->sample;
	uint32_t ended = s->num_gc - p->num_gc;

	if (now->at <= p->seen)
		return;
	if (p->seen && ended > 0 && ended < UINT32_MAX / 2) {
		/* Not since the last look: looks come at any rate, cycles do not. */
		uint64_t elapsed_ns = (now->at - p->cycle_seen) * 1000;

		/* The last cycle's work stands for all that ended in between: an estimate, and only used as one. */
		p->gc_cpu_permille = (uint32_t)MIN(
			mul_div(s->mark_work_ns * MIN(ended, 1000u), 1000, MAX(elapsed_ns, 1u)),
			(uint64_t)UINT32_MAX);
		p->cycle_seen = now->at;
		p->cycles += ended;
		/* Enough was allocated to reach the goal: the heap was there, whether it was seen or not. */
		if (add_sat(p->heap_live, sub_sat(s->total_alloc_bytes, p->total_alloc)) >= p->goal)
			p->running.heap_alloc_peak = MAX(p->running.heap_alloc_peak, p->goal);
		close_cycle(p);
	}
	if (!p->seen)
		p->cycle_seen = now->at;
	cycle_add(&p->running, s, now->minor);
	p->total_alloc = s->total_alloc_bytes;
	p->heap_live = s->heap_live_bytes;
	p->goal = heap_goal(s, now->minor);
	p->num_gc = s->num_gc;
	p->seen = now->at;
}

static void observe_nongo(struct history *h, const struct snapshot *s)
{
	if (h->n_nongo && s->cgroup.at < h->nongo_at + NONGO_INTERVAL)
		return;
	h->nongo_at = s->cgroup.at;
	memmove(&h->nongo[1], &h->nongo[0], (HISTORY_NONGO - 1) * sizeof(h->nongo[0]));
	h->nongo[0] = snapshot_nongo(s);
	h->n_nongo = MIN(h->n_nongo + 1, (uint32_t)HISTORY_NONGO);
}

void history_observe(struct history *h, const struct snapshot *s)
{
	drop_gone(h, s);
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *now = &s->procs[i];
		struct proc_history *p = history_proc(h, &now->key);

		if (!p && h->n_procs < SNAPSHOT_PROCS_MAX) {
			p = &h->procs[h->n_procs++];
			*p = (struct proc_history){ .key = now->key, .running = cycle_start };
		}
		if (p && now->proved)
			observe_proc(p, now);
	}
	if (s->cgroup.at)
		observe_nongo(h, s);
}

/* The second highest of a full ring (about the 97th percentile), the highest of a short one. */
static uint64_t nongo_quantile(const struct history *h)
{
	uint64_t first = 0, second = 0;

	for (uint32_t i = 0; i < h->n_nongo; i++) {
		uint64_t v = h->nongo[i];

		if (v > first) {
			second = first;
			first = v;
		} else if (v > second) {
			second = v;
		}
	}
	return h->n_nongo == HISTORY_NONGO ? second : first;
}

uint64_t history_nongo(const struct history *h, const struct snapshot *s)
{
	uint64_t now = snapshot_nongo(s), n = MAX(nongo_quantile(h), now);

	if (h->n_nongo >= NONGO_START_SAMPLES || s->cgroup.room == BYTES_UNLIMITED)
		return n;
	return add_sat(n, MAX(NONGO_START_BYTES, s->cgroup.room / NONGO_START_SHARE));
}

void history_applied(struct history *h, const struct snapshot *s, const struct proc_key *key,
		     enum policy_lever lever, usec_t now)
{
	struct proc_history *p = history_proc(h, key);

	if (!p)
		return;
	p->lever[lever].changed = now;
	p->lever[lever].num_gc = p->num_gc;
	if (lever == LEVER_SOFT_LIMIT)
		h->room = s->cgroup.room;
	if (p->watch.active && p->watch.lever == (int32_t)lever)
		return; /* steps of one change are watched as one */
	p->watch = (struct lever_watch){
		.active = true,
		.lever = (int32_t)lever,
		.since = now,
		.num_gc = p->num_gc,
		.gc_cpu_permille = p->cycles ? p->gc_cpu_permille : UINT32_MAX,
		.mapped_bytes = snapshot_mapped(s),
		.usage_bytes = snapshot_usage(&s->cgroup),
		.cpu_throttled = s->cgroup.cpu_throttled,
		.cpu_periods = s->cgroup.cpu_periods,
		.psi_full_us = s->cgroup.psi_full_us,
	};
}
