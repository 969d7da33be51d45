/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/state.h"

#define DWELL_USEC	       (10 * USEC_SEC)
#define DWELL_MAX_USEC	       (5 * USEC_MIN)
#define DWELL_CYCLES	       2
#define FORGET_USEC	       (10 * USEC_MIN) /* away this long: a return is a first entry again */
#define TIGHT_CYCLES	       3
#define TIGHT_GOGC	       10 /* golang/go issue 58106: below this an effective GOGC is a death spiral */
#define TIGHT_OUT_GOGC	       20
#define TIGHT_CPU_SHARE	       4   /* collecting takes over a quarter of what the process may use */
#define THROTTLED_PERMILLE     100 /* of the periods of the CPU quota */
#define THROTTLED_OUT_SHARE    4
#define SWAPPED_OUT_PERMILLE   850 /* of the room */
#define OUT_PERMILLE	       900 /* of the figure that led in */
#define EMERGENCY_OUT_PERMILLE 925 /* 92 % in: about 85 % out */

/* Doubles with each return, so that a state that keeps coming back is left ever less eagerly. */
static usec_t dwell_of(const struct latch *l)
{
	usec_t dwell = DWELL_USEC;

	for (uint32_t i = 1; i < l->entries && dwell < DWELL_MAX_USEC; i++)
		dwell *= 2;
	return MIN(dwell, DWELL_MAX_USEC);
}

static void latch_enter(struct latch *l, usec_t now)
{
	bool again = l->left && now - l->left < FORGET_USEC;

	l->entries = again ? l->entries + 1 : 1;
	l->on = true;
	l->since = now;
	l->below_since = 0;
}

/* @idle: no cycle will come, since nothing is allocated; then time alone counts. */
static void latch_update(struct latch *l, bool in, bool out, uint64_t cycles, bool need_cycles,
			 usec_t now)
{
	if (!l->on) {
		if (in)
			latch_enter(l, now);
		return;
	}
	if (!out) {
		l->below_since = 0;
		return;
	}
	if (!l->below_since) {
		l->below_since = now;
		l->below_cycles = cycles;
	}
	if (now - l->below_since < dwell_of(l) ||
	    (need_cycles && cycles - l->below_cycles < DWELL_CYCLES &&
	     now - l->below_since < DWELL_MAX_USEC))
		return;
	l->on = false;
	l->left = now;
}

static uint64_t cycle_metric(const struct cycle *c, enum policy_metric metric)
{
	switch (metric) {
	case METRIC_HEAP_ALLOC:
		return c->heap_alloc_peak;
	case METRIC_HEAP_INUSE:
		return c->heap_inuse_peak;
	case METRIC_HEAP_SYS:
		return c->heap_sys_peak;
	default:
		return 0;
	}
}

/* A heap is a sawtooth: its metric is the peak over the last cycles and the running one, summed over processes. */
static uint64_t metric_peak(const struct history *h, const struct decision *d,
			    enum policy_metric metric)
{
	uint64_t total = 0;

	if (metric == METRIC_USAGE)
		return d->usage;
	if (metric == METRIC_LIMIT)
		return d->limit;
	for (uint32_t i = 0; i < h->n_procs; i++) {
		const struct proc_history *p = &h->procs[i];
		uint64_t peak = cycle_metric(&p->running, metric);

		for (uint32_t k = 0; k < p->n_finished; k++)
			peak = MAX(peak, cycle_metric(&p->finished[k], metric));
		total = add_sat(total, peak);
	}
	return total;
}

/* How much higher the heap of a process would stand at the end of a cycle under its owner's own GOGC. */
static uint64_t growth_unmanaged(const struct snapshot_proc *p)
{
	const uint64_t goal = heap_goal(&p->sample, p->minor);
	const uint64_t owner = heap_percent_goal(&p->sample, (int32_t)p->lever[LEVER_GOGC].owner);

	return owner == UINT64_MAX ? 0 : sub_sat(owner, goal);
}

/*
 * What the trigger's metric would be if nothing were applied: under the owner's own GOGC the next cycle goes to
 * that goal. Without this a state that works would end itself, and begin again.
 */
static uint64_t metric_unmanaged(const struct snapshot *s, const struct history *h,
				 const struct decision *d, enum policy_metric metric)
{
	/* The heap's own metric is its goal then; of the others the heap is only a part. */
	const bool is_heap = metric == METRIC_HEAP_ALLOC;
	uint64_t total = is_heap ? 0 : metric_peak(h, d, metric);

	if (metric == METRIC_LIMIT)
		return total;
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];

		if (!p->proved)
			continue;
		if (is_heap)
			total = add_sat(total, heap_goal(&p->sample, p->minor));
		total = add_sat(total, growth_unmanaged(p));
	}
	return total;
}

/* The figure that a trigger compares with. UINT64_MAX where its base is not limited. */
static uint64_t trigger_bytes(const struct policy_trigger *t, uint64_t base)
{
	if (!t->permille)
		return t->bytes;
	return base == BYTES_UNLIMITED ? BYTES_UNLIMITED : mul_div(base, t->permille, 1000);
}

static void update_pressed(const struct policy_rules *rules, const struct snapshot *s,
			   struct history *h, usec_t now, struct decision *d)
{
	const struct policy_action *action = &rules->state[STATE_PRESSED];
	const struct policy_trigger *t = &action->when;
	bool lowers_heap = action->gogc != POLICY_UNSET;
	uint64_t out;

	if (!t->set)
		return;
	d->trigger_bytes = trigger_bytes(t, metric_peak(h, d, t->base));
	d->trigger_value = metric_peak(h, d, t->metric);
	out = lowers_heap ? metric_unmanaged(s, h, d, t->metric) : d->trigger_value;
	latch_update(&h->latch[STATE_PRESSED], d->trigger_value > d->trigger_bytes,
		     out < mul_div(d->trigger_bytes, OUT_PERMILLE, 1000), history_cycles(h), true,
		     now);
}

static void update_emergency(const struct policy_rules *rules, struct history *h, usec_t now,
			     struct decision *d)
{
	const struct policy_trigger *t = &rules->state[STATE_EMERGENCY].when;
	uint64_t base, value;

	if (!t->set)
		return;
	/* What can be used is the room, which a neighbour may have made smaller than the limit. */
	base = t->base == METRIC_LIMIT ? d->room : metric_peak(h, d, t->base);
	d->emergency_bytes = trigger_bytes(t, base);
	value = metric_peak(h, d, t->metric);
	if (d->emergency_bytes == BYTES_UNLIMITED)
		d->emergency_bytes = 0;
	latch_update(&h->latch[STATE_EMERGENCY], d->emergency_bytes && value >= d->emergency_bytes,
		     value < mul_div(d->emergency_bytes, EMERGENCY_OUT_PERMILLE, 1000),
		     history_cycles(h), false, now);
}

bool state_is_squeezed(const struct proc_history *h)
{
	if (h->n_finished < TIGHT_CYCLES || !h->running.limit_sets_goal ||
	    h->running.effective_gogc >= TIGHT_GOGC)
		return false;
	for (uint32_t i = 0; i < TIGHT_CYCLES; i++)
		if (!h->finished[i].limit_sets_goal || h->finished[i].effective_gogc >= TIGHT_GOGC)
			return false;
	return true;
}

/*
 * Ends when the limit that would hold without it leaves the collector twice the room: because the live heap fell,
 * or because the room rose.
 */
static bool tight_ends(const struct snapshot_proc *p, const struct decision *d, uint64_t share)
{
	uint64_t owner = (uint64_t)p->lever[LEVER_SOFT_LIMIT].owner;

	if (p->lever[LEVER_SOFT_LIMIT].owner <= 0)
		owner = UINT64_MAX;
	return heap_limit_for(&p->sample, p->minor, TIGHT_OUT_GOGC) <=
	       MIN(owner, d->allotted == BYTES_UNLIMITED ? owner : share);
}

/* CPUs that the process may use, as permille of one: its P's, or the cgroup's quota where that is less. */
static uint64_t cpu_permille(const struct snapshot *s, const struct snapshot_proc *p)
{
	uint64_t procs = (uint64_t)MAX(p->sample.gomaxprocs, 1) * 1000;

	return MIN(procs, s->cgroup.cpu_quota_permille);
}

/*
 * A tight collector begins with the floor's room. Where even that costs too much CPU it gets more, step by step, each
 * after some cycles of the last; what fits is the decision's business.
 */
static void widen_tight(const struct snapshot *s, const struct snapshot_proc *p,
			struct proc_history *ph)
{
	static const uint32_t steps[] = { HEAP_FLOOR_PERCENT, 25, 50, 100 };

	if (ph->tight_percent && (ph->cycles - ph->tight_cycles < TIGHT_CYCLES ||
				  ph->gc_cpu_permille <= cpu_permille(s, p) / TIGHT_CPU_SHARE))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i] > ph->tight_percent) {
			ph->tight_percent = steps[i];
			ph->tight_cycles = ph->cycles;
			return;
		}
}

static bool update_tight(const struct snapshot *s, struct history *h, const struct decision *d)
{
	bool any = false;

	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];
		struct proc_history *ph = history_proc(h, &p->key);

		if (!ph || !p->proved)
			continue;
		if (!ph->tight)
			ph->tight = state_is_squeezed(ph);
		else
			ph->tight = !tight_ends(p, d, d->procs[i].share_bytes);
		if (ph->tight)
			widen_tight(s, p, ph);
		else
			ph->tight_percent = 0;
		any |= ph->tight;
	}
	return any;
}

/* As many P's as twice the quota stand still all at once, collector's and all: half as much throttling is as bad. */
static void update_throttled(const struct snapshot *s, struct history *h, usec_t now)
{
	uint32_t most = THROTTLED_PERMILLE;

	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved && (uint64_t)MAX(s->procs[i].sample.gomaxprocs, 1) * 500 >=
						  s->cgroup.cpu_quota_permille)
			most = THROTTLED_PERMILLE / 2;
	latch_update(&h->throttled, h->throttled_permille >= most,
		     h->throttled_permille < most / THROTTLED_OUT_SHARE, history_cycles(h), false,
		     now);
}

/* What its processes come to at the ends of their cycles with what their owners set; UINT64_MAX where nothing ends them. */
static uint64_t peaks_unmanaged(const struct snapshot *s)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];
		const int64_t limit = p->lever[LEVER_SOFT_LIMIT].owner;
		uint64_t peak;

		if (!p->proved)
			continue;
		peak = add_sat(heap_percent_goal(&p->sample, (int32_t)p->lever[LEVER_GOGC].owner),
			       heap_nonheap_bytes(&p->sample));
		total = add_sat(total, limit > 0 ? MIN(peak, (uint64_t)limit) : peak);
	}
	return total;
}

/*
 * A soft limit keeps garbage out of memory, and no live data. What of those does not fit is swapped out, where there is swap,
 * and read back by each collection: more of them cost more than the garbage that they free. That goes for as long as swap has
 * room for the garbage as well, by what lives and not by how full it happens to be.
 */
static void update_swapped(const struct snapshot *s, struct history *h, usec_t now,
			   struct decision *d)
{
	const struct snapshot_cgroup *c = &s->cgroup;
	const uint64_t nongo = snapshot_nongo(s), needs = add_sat(snapshot_least(s), nongo);
	const uint64_t swap = c->can_swap ? add_sat(c->swap_current, c->swap_left) : 0;
	const bool holds = d->room != BYTES_UNLIMITED && swap &&
			   add_sat(peaks_unmanaged(s), nongo) <= add_sat(d->room, swap);

	latch_update(&h->swapped, holds && c->swap_current && needs > d->room,
		     !holds || needs < mul_div(d->room, SWAPPED_OUT_PERMILLE, 1000),
		     history_cycles(h), false, now);
	d->swap_holds = holds;
	d->swapped = h->swapped.on;
}

static bool any_limited_by_runtime(const struct snapshot *s)
{
	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved && s->procs[i].sample.limiter_known &&
		    s->procs[i].sample.limiter_enabled)
			return true;
	return false;
}

void state_update(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		  usec_t now, struct decision *d)
{
	static const struct {
		enum policy_state state;
		enum decide_reason reason;
	} precedence[] = {
		{ STATE_TIGHT, REASON_TIGHT },
		{ STATE_HOT, REASON_HOT },
		{ STATE_EMERGENCY, REASON_EMERGENCY },
		{ STATE_PRESSED, REASON_TRIGGER },
	};
	bool tight = update_tight(s, h, d);
	bool hot = any_limited_by_runtime(s);

	/* A tight process has its latch of its own; the workload's only mirrors it. */
	if (tight && !h->latch[STATE_TIGHT].on)
		h->latch[STATE_TIGHT].since = now;
	h->latch[STATE_TIGHT].on = tight;
	update_pressed(rules, s, h, now, d);
	update_emergency(rules, h, now, d);
	update_throttled(s, h, now);
	update_swapped(s, h, now, d);
	latch_update(&h->latch[STATE_HOT], hot, !hot, history_cycles(h), false, now);
	d->state = STATE_CALM;
	d->reason = REASON_HEADROOM;
	for (size_t i = 0; i < ARRAY_SIZE(precedence); i++)
		if (h->latch[precedence[i].state].on) {
			d->state = (int32_t)precedence[i].state;
			d->reason = (int32_t)precedence[i].reason;
			return;
		}
}
