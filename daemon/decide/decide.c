/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "decide/alert.h"
#include "decide/balance.h"
#include "decide/decide.h"
#include "decide/goroutines.h"
#include "decide/heapmath.h"
#include "decide/reclaim.h"
#include "decide/restart.h"
#include "decide/state.h"
#include "decide/watch.h"
#include "decide/wish.h"

#define STEP_SHARE	    20 /* a soft limit falls by a 20th of T a cycle: the scavenger works inline */
#define SMALL_SHARE_OF_PART 20
#define SMALL_SHARE_UP	    8 /* of a part that can wait: it did not set the goal */
#define SMALL_SHARE	    100
#define LOOSEN_FACTOR	    3 /* loosening waits so many intervals */
#define PAGE_BYTES	    4096
#define HIGH_LEASE	    (30 * USEC_SEC)

int64_t decide_lever_now(const struct snapshot *s, const struct snapshot_proc *p,
			 enum policy_lever lever)
{
	switch (lever) {
	case LEVER_SOFT_LIMIT:
		return p->sample.memory_limit_bytes;
	case LEVER_GOGC:
		return p->sample.gc_percent;
	case LEVER_MADVDONTNEED:
		return p->sample.madvdontneed;
	case LEVER_HEAP_PROFILE:
		return p->sample.mem_profile_rate;
	case LEVER_GC_PERIOD:
		return p->sample.gc_period_ns;
	default:
		return s->cgroup.high >= INT64_MAX ? VALUE_NONE : (int64_t)s->cgroup.high;
	}
}

/*
 * What ownership leaves of a wish. One exception to "never looser than the owner's": a soft limit that has become
 * a death spiral is relaxed as far as the memory is there, since no owner ever means that.
 */
static struct wish respect_owner(const struct decide_context *c, const struct lever_facts *facts,
				 enum policy_lever lever, struct wish w, bool tight)
{
	if (!w.any || !facts->owner_set || c->rules->ownership[lever] == OWNERSHIP_OVERRIDE)
		return w;
	if (c->rules->ownership[lever] == OWNERSHIP_YIELD)
		return (struct wish){ .reason = REASON_OWNER };
	if (lever == LEVER_GOGC && facts->owner < 0)
		return (struct wish){ .reason = REASON_OWNER };
	if (lever_is_tighter(lever, w.value, facts->owner) || (tight && lever == LEVER_SOFT_LIMIT))
		return w;
	return (struct wish){ .reason = REASON_OWNER };
}

static struct lever_decision hold(int64_t from, enum decide_reason reason)
{
	return (struct lever_decision){
		.verdict = VERDICT_HOLD, .reason = (int32_t)reason, .from = from, .to = from
	};
}

/* Of several processes each has a part by what all of them need, which is another one as soon as one of them grows. */
static uint64_t small_share(const struct decide_context *c, const struct snapshot_proc *p,
			    bool looser)
{
	if (c->s->n_procs <= 1)
		return SMALL_SHARE;
	return looser && !heap_goal_is_limit(&p->sample, p->minor) ? SMALL_SHARE_UP :
								     SMALL_SHARE_OF_PART;
}

static bool is_small(const struct decide_context *c, const struct snapshot_proc *p,
		     enum policy_lever lever, int64_t from, int64_t to)
{
	const uint64_t share = small_share(c, p, to > from);
	uint64_t gap = (uint64_t)(from > to ? from - to : to - from);

	if (lever != LEVER_SOFT_LIMIT || from == VALUE_NONE || to == VALUE_NONE)
		return gap == 0;
	return gap < MAX((uint64_t)from / share, MIB);
}

/* A soft limit below T is approached by a 20th of T a cycle, outside an emergency. */
static int64_t limit_step(const struct snapshot_proc *p, int64_t from, int64_t to)
{
	int64_t mapped = (int64_t)MIN(p->sample.mapped_ready_bytes, (uint64_t)INT64_MAX);

	if (to >= mapped || to >= from)
		return to;
	return MAX(to, MIN(from, mapped) - mapped / STEP_SHARE);
}

/*
 * The room has fallen below the limit, as by a resize in place: it holds nobody back any more. Down to T it costs no
 * collection to follow.
 */
static bool is_outside(const struct decide_context *c, const struct snapshot_proc *p,
		       enum policy_lever lever, const struct lever_decision *want)
{
	return lever == LEVER_SOFT_LIMIT && want->verdict == VERDICT_SET &&
	       want->from != VALUE_NONE && want->to < want->from &&
	       (uint64_t)want->from > MAX(c->d->allotted, p->sample.mapped_ready_bytes);
}

/* Pace: not too often, tightening in steps, loosening slowly - but at once where the room has changed, or need is. */
static struct lever_decision pace(const struct decide_context *c, const struct snapshot_proc *p,
				  const struct proc_history *ph, enum policy_lever lever,
				  struct lever_decision want)
{
	const bool emergency = c->h->latch[STATE_EMERGENCY].on;
	const bool urgent = emergency || c->d->state == STATE_TIGHT || c->d->state == STATE_HOT;
	const bool tighter = lever_is_tighter(lever, want.to, want.from);
	const bool more_room = lever == LEVER_SOFT_LIMIT && !tighter && c->h->allotted &&
			       c->d->allotted > c->h->allotted;
	const bool wakes = lever == LEVER_SOFT_LIMIT && !tighter && ph->idled;
	const bool pays = !tighter && (want.reason == REASON_TIGHT || want.reason == REASON_SWAP);
	/* Collects for the limit alone: each moment of waiting costs. */
	const bool costs = lever == LEVER_SOFT_LIMIT && heap_goal_is_limit(&p->sample, p->minor);
	const usec_t changed = ph->lever[lever].changed;
	usec_t wait = c->settings->interval;

	if (!urgent && is_outside(c, p, lever, &want)) {
		want.to = MAX(want.to, (int64_t)p->sample.mapped_ready_bytes);
		return want;
	}
	/* A spiral is ended at once; its live heap is followed down no faster than once an interval. */
	if (!tighter && !costs && want.reason != REASON_TIGHT)
		wait *= LOOSEN_FACTOR;
	if (lever == LEVER_SOFT_LIMIT && !urgent) {
		int64_t step = limit_step(p, want.from, want.to);

		if (step != want.to || (tighter && changed && want.from < VALUE_NONE)) {
			/* The next step of the same way waits for a cycle, not for the interval. */
			if (changed && ph->num_gc == ph->lever[lever].num_gc)
				return hold(want.from, REASON_STEP);
			wait = MIN(wait, USEC_SEC);
		}
		/* On the way back to an owner's tighter value it is still ours: what is restored has that value. */
		if (step != want.to && want.verdict == VERDICT_RESTORE)
			want.verdict = VERDICT_SET;
		want.to = step;
		/* Nor is it given back as long as that would leave the collector no room: it would be taken again. */
		if (want.reason == REASON_STATE_LEFT && tighter &&
		    (uint64_t)step < heap_limit_floor(&p->sample, p->minor))
			return hold(want.from, REASON_STEP);
	}
	if (changed && c->now - changed < wait && !more_room && !wakes &&
	    !(emergency && tighter && want.reason != REASON_TIGHT) && !pays &&
	    want.reason != REASON_OPERATOR && want.reason != REASON_HARM)
		return hold(want.from, REASON_INTERVAL);
	return want;
}

static struct lever_decision decide_lever(struct decide_context *c, const struct snapshot_proc *p,
					  struct proc_history *ph, enum policy_lever lever,
					  struct wish w, bool tight)
{
	const struct lever_facts *facts = &p->lever[lever];
	const int64_t now = decide_lever_now(c->s, p, lever);
	struct lever_decision want = { .verdict = VERDICT_SET, .from = now };

	if (facts->manual)
		return hold(now, REASON_MANUAL);
	if (lever != LEVER_GOGC && now < 0)
		return hold(now, REASON_NOT_PROVED);
	if (facts->pinned) {
		w = wish_set(facts->pin, REASON_OPERATOR);
	} else if (ph->lever[lever].rest_until > c->now) {
		w = (struct wish){ .reason = REASON_RESTING };
	} else {
		w = respect_owner(c, facts, lever, w, tight);
	}
	if (w.any) {
		want.to = w.value;
		want.reason = (int32_t)w.reason;
	} else if (facts->ours) {
		want.verdict = VERDICT_RESTORE;
		want.to = facts->owner;
		want.reason = w.reason == REASON_RESTING ? REASON_HARM :
			      w.reason == REASON_SWAP	 ? REASON_SWAP :
							   REASON_STATE_LEFT;
	} else {
		return hold(now, w.reason);
	}
	if (want.verdict == VERDICT_SET && is_small(c, p, lever, now, want.to))
		return hold(now, want.to == now ? (enum decide_reason)want.reason : REASON_SMALL);
	return pace(c, p, ph, lever, want);
}

static void decide_proc(struct decide_context *c, const struct snapshot_proc *p,
			struct proc_decision *pd)
{
	struct proc_history *ph = history_proc(c->h, &p->key);

	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		pd->lever[l] = hold(decide_lever_now(c->s, p, l), REASON_NOT_PROVED);
	pd->goroutines.reason = REASON_NOT_PROVED;
	if (!p->proved || !ph)
		return;
	pd->tight = ph->tight;
	pd->goroutines = decide_goroutines(c->rules, c->h, pd->tight);
	/* An emergency has its price; what it set is not taken back while it lasts. */
	if (!c->h->latch[STATE_EMERGENCY].on)
		watch_judge(c->s, c->now, p, ph);
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		pd->lever[l] = decide_lever(c, p, ph, l, wish_of(c, p, pd, l), pd->tight);
	if (pd->lever[LEVER_SOFT_LIMIT].verdict != VERDICT_HOLD)
		ph->idled = pd->lever[LEVER_SOFT_LIMIT].reason == REASON_IDLE;
}

/* True once every process has had its cycles after the last write, and the emergency is still there. */
static bool collecting_did_not_help(const struct decide_context *c)
{
	for (uint32_t i = 0; i < c->s->n_procs; i++) {
		const struct snapshot_proc *p = &c->s->procs[i];
		const struct proc_history *ph = history_proc(c->h, &p->key);
		/* With GOGC=off, which stays off, the soft limit is what makes it collect. */
		const enum policy_lever l =
			p->sample.gc_percent < 0 ? LEVER_SOFT_LIMIT : LEVER_GOGC;

		if (!ph || !p->proved || !ph->lever[l].changed ||
		    ph->num_gc - ph->lever[l].num_gc < 2)
			return false;
	}
	return c->h->n_procs > 0 && c->d->usage >= c->d->emergency_bytes;
}

/*
 * memory.high last: it stalls every thread, the collector's as well. Never where it would swap, never below what
 * the owner protects, always above what is there now; a lease that ends by itself.
 */
static struct lever_decision decide_high(struct decide_context *c)
{
	const struct snapshot_cgroup *g = &c->s->cgroup;
	const struct lever_facts *facts = &g->memory_high;
	const int64_t now = decide_lever_now(c->s, NULL, LEVER_MEMORY_HIGH);
	const bool stalls = c->h->high_changed && facts->ours &&
			    g->psi_full_us - c->h->high_psi_full_us > USEC_SEC &&
			    c->d->mapped >= c->h->high_mapped;
	uint64_t want = MAX(add_sat(g->current, c->d->margin),
			    add_sat(c->floors, c->d->nongo + c->d->margin));

	/* The kernel keeps whole pages: what is read back must be what was written. */
	want -= want % PAGE_BYTES;
	if (facts->manual)
		return hold(now, REASON_MANUAL);
	if (facts->ours && (!c->h->latch[STATE_EMERGENCY].on || stalls ||
			    c->now - c->h->high_changed > HIGH_LEASE)) {
		c->h->high_rest_until = c->now + HIGH_LEASE;
		return (struct lever_decision){ .verdict = VERDICT_RESTORE,
						.reason = stalls ? REASON_HARM : REASON_STATE_LEFT,
						.from = now,
						.to = facts->owner };
	}
	if (facts->ours)
		return hold(now, REASON_THROTTLE);
	if (!c->h->latch[STATE_EMERGENCY].on || !c->rules->state[STATE_EMERGENCY].memory_high ||
	    c->h->swapped.on ||
	    (g->can_swap && c->rules->state[STATE_EMERGENCY].memory_high != HIGH_SWAP) ||
	    c->now < c->h->high_rest_until || !collecting_did_not_help(c) || want >= c->d->room ||
	    want <= MAX(g->min, g->low))
		return hold(now, REASON_NONE);
	/* Not ours and not "max": the owner's word. */
	if (now != VALUE_NONE && c->rules->ownership[LEVER_MEMORY_HIGH] != OWNERSHIP_OVERRIDE &&
	    (c->rules->ownership[LEVER_MEMORY_HIGH] == OWNERSHIP_YIELD || want >= g->high))
		return hold(now, REASON_OWNER);
	c->h->high_psi_full_us = g->psi_full_us;
	c->h->high_mapped = c->d->mapped;
	return (struct lever_decision){ .verdict = VERDICT_SET,
					.reason = REASON_THROTTLE,
					.from = now,
					.to = limit_value(want) };
}

static void measure(struct decide_context *c)
{
	struct decision *d = c->d;
	const struct snapshot *s = c->s;

	d->limit = s->cgroup.limit;
	d->room = s->cgroup.room;
	d->allotted = snapshot_allotted(&s->cgroup);
	d->usage = snapshot_usage(&s->cgroup);
	d->mapped = snapshot_mapped(s);
	d->nongo = history_nongo(c->h, s);
	d->margin =
		d->room == BYTES_UNLIMITED ? MARGIN_MIN : MAX(d->room / MARGIN_SHARE, MARGIN_MIN);
	d->budget = d->allotted == BYTES_UNLIMITED ?
			    BYTES_UNLIMITED :
			    sub_sat(mul_div(d->allotted, SAFE_PERMILLE, 1000),
				    add_sat(d->nongo, d->margin));
	d->n_procs = s->n_procs;
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];
		struct proc_decision *pd = &d->procs[i];

		*pd = (struct proc_decision){ .key = p->key };
		if (!p->proved)
			continue;
		pd->floor_bytes = heap_limit_floor(&p->sample, p->minor);
		pd->goal_bytes = heap_goal(&p->sample, p->minor);
		pd->effective_gogc = heap_effective_gogc(&p->sample, p->minor);
		c->floors = add_sat(c->floors, pd->floor_bytes);
	}
}

static enum policy_state state_now(const struct history *h)
{
	static const enum policy_state order[] = { STATE_TIGHT, STATE_HOT, STATE_EMERGENCY,
						   STATE_PRESSED };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (h->latch[order[i]].on)
			return order[i];
	return STATE_CALM;
}

void decide(const struct decide_settings *settings, const struct policy_rules *rules,
	    const struct snapshot *s, struct history *h, usec_t now, struct decision *ret)
{
	struct decide_context c = {
		.settings = settings, .rules = rules, .s = s, .h = h, .now = now, .d = ret
	};

	decision_clear(ret, now);
	ret->previous = (int32_t)state_now(h);
	measure(&c);
	wish_gather(&c);
	state_update(rules, s, h, now, ret);
	balance_update(rules, s, h, (enum policy_state)ret->state, now);
	for (uint32_t i = 0; i < s->n_procs; i++)
		decide_proc(&c, &s->procs[i], &ret->procs[i]);
	ret->memory_high = decide_high(&c);
	reclaim_decide(rules, s, h, ret);
	alert_decide(s, h, c.floors, ret);
	restart_decide(rules, s, h, c.floors, ret);
}

void decision_clear(struct decision *d, usec_t now)
{
	memset(d, 0, offsetof(struct decision, procs));
	d->now = now;
}

bool decision_has_change(const struct decision *d)
{
	if (d->memory_high.verdict != VERDICT_HOLD)
		return true;
	for (uint32_t i = 0; i < d->n_procs; i++)
		for (int l = 0; l < LEVER_MEMORY_HIGH; l++)
			if (d->procs[i].lever[l].verdict != VERDICT_HOLD)
				return true;
	return false;
}
