/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/restart.h"
#include "decide/wish.h"

#define GAIN_SHARE	   50 /* an emergency is worth its price from 2 % of M on */
#define EMERGENCY_GOGC_MIN 10
#define TIGHT_ABOUT_SHARE  20
#define WIDEN_SHARE	   16 /* of a part: more room than before is given where this is left as well */
#define OWNER_PERCENT	   25
#define IDLE_PERCENT	   50
#define IDLE_GAIN_SHARE	   20
#define IDLE_LIMIT_MIN	   (8 * MIB) /* what a runtime without any objects maps */
#define HOT_GOGC_MAX	   400
#define HOT_ABOUT_SHARE	   5

/* What a process has had at most in its last cycles, or will have where it is balanced: a heap is a sawtooth. */
static uint64_t need_of(const struct decide_context *c, const struct snapshot_proc *p,
			uint64_t floor)
{
	const struct proc_history *ph = history_proc(c->h, &p->key);
	uint64_t peak = 0;

	if (!ph)
		return MAX(floor, p->sample.mapped_ready_bytes);
	peak = MAX(ph->running.heap_alloc_peak, ph->running.heap_inuse_peak);
	for (uint32_t i = 0; i < ph->n_finished; i++)
		peak = MAX(peak,
			   MAX(ph->finished[i].heap_alloc_peak, ph->finished[i].heap_inuse_peak));
	peak = add_sat(peak, heap_nonheap_bytes(&p->sample));
	return MAX(MAX(floor, peak), ph->balance.gogc ? ph->balance.peak_bytes : 0);
}

/*
 * Part of @total for one process. Where there is enough for what all have needed so far, everyone may grow, the small before
 * the large; else its floor, and of what is left a part by its need.
 */
static uint64_t share_of(const struct decide_context *c, const struct snapshot_proc *p,
			 uint64_t floor, uint64_t total)
{
	const size_t i = (size_t)(p - c->s->procs);
	struct allotment a;

	if (c->floors >= total)
		return mul_div(total, floor, MAX(c->floors, 1u));
	if (c->needs >= total)
		return floor + mul_div(total - c->floors, sub_sat(c->members[i].used, floor),
				       MAX(sub_sat(c->needs, c->floors), 1u));
	allotment_decide(total, 0, c->members, c->s->n_procs, i, &a);
	return a.fair;
}

void wish_gather(struct decide_context *c)
{
	for (uint32_t i = 0; i < c->s->n_procs; i++) {
		const struct snapshot_proc *p = &c->s->procs[i];

		if (!p->proved)
			continue;
		c->members[i].used = need_of(c, p, c->d->procs[i].floor_bytes);
		c->members[i].needs = c->members[i].used;
		c->members[i].cap = BYTES_UNLIMITED;
		c->needs = add_sat(c->needs, c->members[i].used);
	}
	for (uint32_t i = 0; i < c->s->n_procs; i++)
		if (c->s->procs[i].proved)
			c->d->procs[i].share_bytes = share_of(
				c, &c->s->procs[i], c->d->procs[i].floor_bytes, c->d->budget);
}

/* Is @a within a @share'th part of @b? */
static bool is_about(int64_t a, int64_t b, int64_t share)
{
	return a - b <= b / share && b - a <= b / share;
}

/* How much room a tight collector gets: what it asks for, as far as the budget has it; never below the floor's. */
static uint32_t tight_percent(const struct decide_context *c, const struct snapshot_proc *p,
			      const struct proc_decision *pd)
{
	const struct proc_history *ph = history_proc(c->h, &p->key);
	uint64_t share = pd->share_bytes;
	const int64_t given = p->lever[LEVER_GOGC].ours ? p->sample.gc_percent : 0;
	uint32_t percent = ph->tight_percent;

	/* The live heap is never the same twice: what just fits would not fit at the next look, and again at the one after. */
	while (percent > HEAP_FLOOR_PERCENT &&
	       heap_limit_for(&p->sample, p->minor, percent) >
		       share - (percent > given ? share / WIDEN_SHARE : 0))
		percent /= 2;
	return MAX(percent, (uint32_t)HEAP_FLOOR_PERCENT);
}

/* It follows the live heap, up at once, down only where that is worth a write: it is never the same twice. */
static struct wish wish_tight(const struct decide_context *c, const struct snapshot_proc *p,
			      const struct proc_decision *pd)
{
	const int64_t now = p->sample.memory_limit_bytes;
	const int64_t want =
		limit_value(heap_limit_for(&p->sample, p->minor, tight_percent(c, p, pd)));
	const bool keep = p->lever[LEVER_SOFT_LIMIT].ours && want < now &&
			  is_about(want, now, TIGHT_ABOUT_SHARE);

	return wish_set(keep ? now : want, REASON_TIGHT);
}

static bool is_idle(const struct decide_context *c, const struct proc_history *ph)
{
	return !c->h->latch[STATE_EMERGENCY].on && !ph->tight && c->rules->idle != POLICY_NEVER &&
	       ph->idle_since && c->now - ph->idle_since >= c->rules->idle;
}

/*
 * Of a process that does next to nothing, garbage and free pages need not wait for the goal of busier days: the scavenger
 * comes down to the limit by itself, and the next collection, which comes every two minutes (src/runtime/proc.go,
 * forcegcperiod), to its goal. It keeps half of what GOGC=100 would, so that waking up costs a collection and no more.
 */
static struct wish wish_idle(const struct decide_context *c, const struct snapshot_proc *p,
			     uint64_t share)
{
	const struct proc_history *ph = history_proc(c->h, &p->key);
	const uint64_t idle =
		MAX(heap_limit_for(&p->sample, p->minor, IDLE_PERCENT), IDLE_LIMIT_MIN);

	if (!is_idle(c, ph) || idle >= share || p->sample.gc_percent < 0)
		return (struct wish){ 0 };
	/* Nothing to gain; but what was given back is not asked for again before it is needed. */
	if (!ph->idled && p->sample.mapped_ready_bytes <= idle + idle / IDLE_GAIN_SHARE)
		return (struct wish){ 0 };
	return wish_set(limit_value(idle), REASON_IDLE);
}

/* What it needs, as far as that fits; @most at most. */
static struct wish wish_what_fits(const struct proc_decision *pd, uint64_t hard, int64_t most)
{
	return wish_set(MIN(most, limit_value(MIN(pd->floor_bytes, hard))),
			pd->floor_bytes <= hard ? REASON_HEADROOM : REASON_DOES_NOT_FIT);
}

/*
 * Where a restart is the way out, the limit that it has holds it until then: without, its next goal could be past the end;
 * raised, the last of its room would be gone before. That costs CPU for seconds, and makes it tight if nothing else does.
 */
static struct wish wish_until_restart(const struct snapshot_proc *p, const struct proc_decision *pd,
				      uint64_t hard)
{
	return wish_what_fits(pd, hard,
			      MAX(p->sample.memory_limit_bytes, limit_value(pd->share_bytes)));
}

/*
 * An owner whose limit fits beside all else has seen to it that garbage kills nobody: it is lowered for what may come, but
 * not so far that collecting becomes dear for nothing. 0 where nobody has.
 */
static uint64_t least_for_owner(const struct decide_context *c, const struct snapshot_proc *p,
				uint64_t hard)
{
	const struct lever_facts *f = &p->lever[LEVER_SOFT_LIMIT];

	if (!f->owner_set || f->owner <= 0 || (uint64_t)f->owner > hard ||
	    c->rules->ownership[LEVER_SOFT_LIMIT] == OWNERSHIP_OVERRIDE)
		return 0;
	return MIN(heap_limit_for(&p->sample, p->minor, OWNER_PERCENT), hard);
}

/* A limit of the owner's own that is far too small, while memory has more. */
static bool is_spiral_of_owner(const struct snapshot_proc *p, const struct proc_decision *pd,
			       uint64_t hard)
{
	const struct lever_facts *f = &p->lever[LEVER_SOFT_LIMIT];

	return pd->tight && f->owner_set && f->owner > 0 && (uint64_t)f->owner < hard;
}

/* The soft limit of a process in the state that holds. */
static struct wish wish_soft_limit(const struct decide_context *c, const struct snapshot_proc *p,
				   const struct proc_decision *pd)
{
	const struct policy_action *action = &c->rules->state[c->d->state];
	uint64_t hard, share, least;
	struct wish idle;

	if (action->soft_limit_off)
		return (struct wish){ 0 };
	if (c->d->allotted == BYTES_UNLIMITED)
		return pd->tight ? wish_set(VALUE_NONE, REASON_TIGHT) :
				   (struct wish){ .reason = REASON_NO_ROOM };
	hard = share_of(c, p, pd->floor_bytes,
			sub_sat(c->d->allotted, add_sat(c->d->nongo, c->d->margin)));
	share = pd->share_bytes;
	if (c->d->swapped && !is_spiral_of_owner(p, pd, hard))
		return (struct wish){ .reason = REASON_SWAP };
	if (share < pd->floor_bytes && p->lever[LEVER_SOFT_LIMIT].ours &&
	    restart_awaited(c->rules, c->h))
		return wish_until_restart(p, pd, hard);
	if (pd->tight) {
		if (pd->floor_bytes <= hard)
			return wish_tight(c, p, pd);
		return wish_set(limit_value(hard), REASON_DOES_NOT_FIT);
	}
	idle = wish_idle(c, p, share);
	if (idle.any)
		return idle;
	least = least_for_owner(c, p, hard);
	if (share >= pd->floor_bytes)
		return wish_set(limit_value(MAX(share, least)), c->h->latch[STATE_EMERGENCY].on ?
									REASON_EMERGENCY :
									REASON_HEADROOM);
	/* Below the floor a limit only burns CPU; in an emergency the floor itself is still worth having. */
	if (c->h->latch[STATE_EMERGENCY].on && pd->floor_bytes <= hard)
		return wish_set(limit_value(MAX(pd->floor_bytes, least)), REASON_EMERGENCY);
	if (c->rules->tight_restart && p->lever[LEVER_SOFT_LIMIT].ours)
		return wish_what_fits(pd, hard, INT64_MAX);
	return (struct wish){ 0 };
}

/* Is it this process that collects too much, or has it got more for it already? Others of its workload need nothing. */
static bool is_hot(const struct snapshot_proc *p)
{
	return p->sample.limiter_enabled ||
	       (p->lever[LEVER_GOGC].ours && p->sample.gc_percent > p->lever[LEVER_GOGC].owner);
}

/* GOGC that would fill the budget, for a collector that runs too often. */
static struct wish wish_hot(const struct decide_context *c, const struct snapshot_proc *p,
			    const struct proc_decision *pd)
{
	uint64_t marks = heap_mark_bytes(&p->sample), room, percent;

	if (c->d->allotted == BYTES_UNLIMITED || marks == 0 || p->sample.gc_percent < 0)
		return (struct wish){ 0 };
	room = sub_sat(pd->share_bytes, pd->floor_bytes);
	percent =
		MIN(add_sat(mul_div(room, 100, marks), HEAP_FLOOR_PERCENT), (uint64_t)HOT_GOGC_MAX);
	/* It follows the live heap, which is never the same twice: what is about right stays. */
	if (p->lever[LEVER_GOGC].ours &&
	    is_about((int64_t)percent, p->sample.gc_percent, HOT_ABOUT_SHARE))
		percent = (uint64_t)p->sample.gc_percent;
	/* What was taken is given back first; only a collector that is hot under its owner's own value gets more. */
	if (p->sample.gc_percent < p->lever[LEVER_GOGC].owner)
		percent = MIN(percent, (uint64_t)p->lever[LEVER_GOGC].owner);
	else if ((int64_t)percent <= p->lever[LEVER_GOGC].owner || !is_hot(p))
		return (struct wish){ 0 };
	return wish_set((int64_t)percent, REASON_HOT);
}

static bool worth_an_emergency(const struct decide_context *c, const struct snapshot_proc *p,
			       const struct proc_decision *pd)
{
	return sub_sat(p->sample.mapped_ready_bytes, pd->floor_bytes) >= c->d->room / GAIN_SHARE;
}

static struct wish wish_gogc(const struct decide_context *c, const struct snapshot_proc *p,
			     const struct proc_decision *pd)
{
	const struct policy_action *emergency = &c->rules->state[STATE_EMERGENCY];
	const struct policy_action *pressed = &c->rules->state[STATE_PRESSED];
	const struct policy_action *calm = &c->rules->state[STATE_CALM];
	const struct proc_balance *balanced = &history_proc(c->h, &p->key)->balance;
	int32_t ours = p->lever[LEVER_GOGC].ours ? p->sample.gc_percent : INT32_MAX;

	if (c->d->swapped && calm->gogc == POLICY_UNSET)
		return (struct wish){ .reason = REASON_SWAP };
	if (c->d->swapped)
		return wish_set(calm->gogc, REASON_HEADROOM);
	if (pd->tight)
		return wish_set(c->d->room == BYTES_UNLIMITED ? HEAP_FLOOR_PERCENT :
								tight_percent(c, p, pd),
				REASON_TIGHT);
	if (c->h->latch[STATE_HOT].on)
		return wish_hot(c, p, pd);
	if (c->h->latch[STATE_EMERGENCY].on && emergency->gogc != POLICY_UNSET &&
	    (worth_an_emergency(c, p, pd) || ours == emergency->gogc))
		return wish_set(MAX(emergency->gogc, EMERGENCY_GOGC_MIN), REASON_EMERGENCY);
	if (c->h->latch[STATE_PRESSED].on && pressed->gogc != POLICY_UNSET && c->h->throttled.on)
		return (struct wish){ .reason = REASON_CPU_QUOTA };
	if (c->h->latch[STATE_PRESSED].on && pressed->gogc != POLICY_UNSET)
		return wish_set(pressed->gogc, REASON_TRIGGER);
	if (c->h->latch[STATE_EMERGENCY].on)
		return (struct wish){ .reason = REASON_NO_GAIN };
	if (calm->gogc != POLICY_UNSET)
		return wish_set(calm->gogc, REASON_HEADROOM);
	if (balanced->gogc)
		return wish_set(balanced->gogc, REASON_BALANCE);
	return (struct wish){ 0 };
}

static struct wish wish_madvdontneed(const struct decide_context *c)
{
	static const enum policy_state order[] = { STATE_EMERGENCY, STATE_PRESSED };
	static const enum decide_reason reasons[] = { REASON_EMERGENCY, REASON_TRIGGER };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (c->h->latch[order[i]].on &&
		    c->rules->state[order[i]].madvdontneed != POLICY_UNSET)
			return wish_set(c->rules->state[order[i]].madvdontneed, reasons[i]);
	if (c->rules->state[STATE_CALM].madvdontneed != POLICY_UNSET)
		return wish_set(c->rules->state[STATE_CALM].madvdontneed, REASON_HEADROOM);
	return (struct wish){ 0 };
}

/* Where the program samples by itself, at whatever rate, there is nothing to wish for. */
static struct wish wish_heap_profile(const struct decide_context *c, const struct snapshot_proc *p)
{
	const int64_t rate = p->sample.mem_profile_rate;

	if (!c->rules->heap_profile)
		return (struct wish){ 0 };
	return wish_set(rate > 0 ? rate : PROFILE_RATE_DEFAULT, REASON_PROFILE);
}

/* Of an idle process garbage is collected sooner. What is not the runtime's own figure is nobody's to touch. */
static struct wish wish_gc_period(const struct decide_context *c, const struct snapshot_proc *p)
{
	const int64_t wanted = (int64_t)(c->rules->gc_period * 1000);

	if (!wanted || c->d->swapped || !is_idle(c, history_proc(c->h, &p->key)) ||
	    p->lever[LEVER_GC_PERIOD].owner != GC_PERIOD_DEFAULT)
		return (struct wish){ 0 };
	return wish_set(wanted, REASON_IDLE);
}

struct wish wish_of(const struct decide_context *c, const struct snapshot_proc *p,
		    const struct proc_decision *pd, enum policy_lever lever)
{
	switch (lever) {
	case LEVER_SOFT_LIMIT:
		return wish_soft_limit(c, p, pd);
	case LEVER_GOGC:
		return wish_gogc(c, p, pd);
	case LEVER_MADVDONTNEED:
		return wish_madvdontneed(c);
	case LEVER_HEAP_PROFILE:
		return wish_heap_profile(c, p);
	case LEVER_GC_PERIOD:
		return wish_gc_period(c, p);
	default:
		return (struct wish){ 0 };
	}
}
