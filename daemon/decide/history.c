/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/history.h"

#define NONGO_INTERVAL (2 * USEC_SEC)
#define QUOTA_INTERVAL (10 * USEC_SEC)
#define IDLE_SHARE     16 /* of what a cycle marks, allocated in a minute */
#define IDLE_BYTES_MIN (256 * KIB)
#define NONGO_DECAY                                                                                \
	256 /* of what the learned share is above what is seen, this part goes with each sample */

/* Little seen: what is now plus this much, until the ring tells better. */
#define NONGO_START_SAMPLES 8
#define NONGO_START_BYTES   (2 * MIB)
#define NONGO_START_SHARE   64

/* Between these ages a process shows what it holds after its start. */
#define START_SETTLE (30 * USEC_SEC)
#define START_OVER   (2 * USEC_MIN)

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

void history_forget(struct history *h)
{
	memset(h, 0, offsetof(struct history, procs) + h->n_procs * sizeof(h->procs[0]));
}

uint64_t history_cycles(const struct history *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < h->n_procs; i++)
		n += h->procs[i].cycles;
	return n;
}

/* Another process is another need: where it goes is not where the one before went. */
static void forget_trends(struct history *h)
{
	h->go_trend = h->nongo_trend = (struct trend){ 0 };
	h->trend_cycles = 0;
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
	if (kept < h->n_procs)
		forget_trends(h);
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

/*
 * So little is allocated that the next collection by goal is more than a quarter of an hour away. Judged over a minute, but
 * one look is enough to see that it works again.
 */
static void observe_pace(struct proc_history *p, const struct go_sample *s, usec_t now)
{
	const uint64_t little = MAX(heap_mark_bytes(s) / IDLE_SHARE, IDLE_BYTES_MIN);
	const bool busy = sub_sat(s->total_alloc_bytes, p->paced_alloc) > little;

	if (p->paced_at && !busy && now - p->paced_at < USEC_MIN)
		return;
	if (!p->paced_at || busy)
		p->idle_since = 0;
	else if (!p->idle_since)
		p->idle_since = p->paced_at;
	p->paced_at = now;
	p->paced_alloc = s->total_alloc_bytes;
}

/*
 * What it holds when it has loaded what it needs, by the first sample after START_SETTLE. Where nothing was collected
 * yet all that was allocated stands for it; a process that is found later tells nothing of its start.
 */
static void observe_start(struct proc_history *p, const struct snapshot_proc *now)
{
	const usec_t age = sub_sat(now->at, now->started);

	if (p->live_at_start_bytes || !now->started || age < START_SETTLE || age > START_OVER)
		return;
	p->live_at_start_bytes = MAX(now->sample.num_gc ? heap_mark_bytes(&now->sample) :
							  go_sample_heap_alloc(&now->sample),
				     1u);
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
	observe_start(p, now);
	if (!p->seen)
		p->cycle_seen = now->at;
	observe_pace(p, s, now->at);
	cycle_add(&p->running, s, now->minor);
	p->total_alloc = s->total_alloc_bytes;
	p->heap_live = s->heap_live_bytes;
	p->goal = heap_goal(s, now->minor);
	p->num_gc = s->num_gc;
	p->seen = now->at;
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

/* A third of the way down is gone in about three and a half minutes, at a look each NONGO_INTERVAL. */
static void keep_nongo(struct history *h)
{
	const uint64_t seen = nongo_quantile(h);
	const uint64_t above = sub_sat(h->nongo_kept, seen);

	h->nongo_kept = seen + above - MIN(above, above / NONGO_DECAY + 1);
}

static void observe_nongo(struct history *h, const struct snapshot *s)
{
	if (h->n_nongo && s->cgroup.at < h->nongo_at + NONGO_INTERVAL)
		return;
	h->nongo_at = s->cgroup.at;
	memmove(&h->nongo[1], &h->nongo[0], (HISTORY_NONGO - 1) * sizeof(h->nongo[0]));
	h->nongo[0] = snapshot_nongo(s);
	h->n_nongo = MIN(h->n_nongo + 1, (uint32_t)HISTORY_NONGO);
	keep_nongo(h);
}

/* The live heap is known after a collection: without one the last figure is not a new one. */
static void observe_trends(struct history *h, const struct snapshot *s)
{
	const uint64_t cycles = history_cycles(h);

	trend_add(&h->nongo_trend, s->cgroup.at, snapshot_nongo(s));
	if (cycles == h->trend_cycles)
		return;
	if (trend_add(&h->go_trend, s->cgroup.at, snapshot_least(s)))
		h->trend_cycles = cycles;
}

static void observe_quota(struct history *h, const struct snapshot_cgroup *c)
{
	const uint64_t periods = sub_sat(c->cpu_periods, h->quota_periods);
	const uint64_t throttled = sub_sat(c->cpu_throttled, h->quota_throttled);

	if (h->quota_at && c->at < h->quota_at + QUOTA_INTERVAL)
		return;
	h->throttled_permille = h->quota_at && periods ?
					(uint32_t)mul_div(MIN(throttled, periods), 1000, periods) :
					0;
	h->quota_at = c->at;
	h->quota_periods = c->cpu_periods;
	h->quota_throttled = c->cpu_throttled;
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
			forget_trends(h);
		}
		if (p && now->proved)
			observe_proc(p, now);
	}
	if (s->cgroup.at) {
		observe_nongo(h, s);
		observe_quota(h, &s->cgroup);
		observe_trends(h, s);
	}
}

uint64_t history_nongo(const struct history *h, const struct snapshot *s)
{
	uint64_t now = snapshot_nongo(s), n = MAX(MAX(h->nongo_kept, nongo_quantile(h)), now);

	if (h->nongo_known || h->n_nongo >= NONGO_START_SAMPLES ||
	    s->cgroup.room == BYTES_UNLIMITED)
		return n;
	return add_sat(n, MAX(NONGO_START_BYTES, s->cgroup.room / NONGO_START_SHARE));
}

void history_recall_nongo(struct history *h, uint64_t bytes)
{
	h->nongo_kept = bytes;
	h->nongo_known = true;
}

uint64_t history_live_at_start(const struct history *h)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < h->n_procs; i++) {
		if (!h->procs[i].live_at_start_bytes)
			return 0;
		total = add_sat(total, h->procs[i].live_at_start_bytes);
	}
	return total;
}

uint64_t history_learned_nongo(const struct history *h)
{
	return h->n_nongo >= NONGO_START_SAMPLES ? h->nongo_kept : 0;
}

void history_applied(struct history *h, const struct snapshot *s, const struct proc_key *key,
		     enum policy_lever lever, int64_t from, int64_t to, usec_t now)
{
	const bool tighter = lever_is_tighter(lever, to, from);
	struct proc_history *p = history_proc(h, key);

	if (!p)
		return;
	p->lever[lever].changed = now;
	p->lever[lever].num_gc = p->num_gc;
	if (lever == LEVER_SOFT_LIMIT)
		h->allotted = snapshot_allotted(&s->cgroup);
	/* Steps of one change are watched as one. */
	if (p->lever[lever].watch.active && p->lever[lever].watch.tighter == tighter)
		return;
	p->lever[lever].watch = (struct lever_watch){
		.active = true,
		.tighter = tighter,
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
