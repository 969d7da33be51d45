/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/decide.h"
#include "decide/heapmath.h"
#include "decide/state.h"
#include "decide/watch.h"

#define SAFE_PERMILLE	   920 /* of the room: what soft limit and non-Go share may fill together */
#define MARGIN_SHARE	   64
#define MARGIN_MIN	   MIB
#define STEP_SHARE	   20 /* a soft limit falls by a 20th of T a cycle: the scavenger works inline */
#define SMALL_SHARE	   100
#define GAIN_SHARE	   50 /* an emergency is worth its price from 2 % of M on */
#define LOOSEN_FACTOR	   3  /* loosening waits so many intervals */
#define EMERGENCY_GOGC_MIN 10
#define HOT_GOGC_MAX	   400
#define FIT_GOGC	   50 /* a limit that "would fit" leaves the collector this much */
#define PAGE_BYTES	   4096
#define HIGH_LEASE	   (30 * USEC_SEC)

/* Everything that one decision is made from. */
struct context {
	const struct decide_settings *settings;
	const struct policy_rules *rules;
	const struct snapshot *s;
	struct history *h;
	usec_t now;
	struct decision *d;
	uint64_t floors; /* sum over the proved processes */
};

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
	default:
		return s->cgroup.high >= INT64_MAX ? VALUE_NONE : (int64_t)s->cgroup.high;
	}
}

/* Part of @total for one process: its floor, and of what is left a part by what it maps. */
static uint64_t share_of(const struct context *c, const struct snapshot_proc *p, uint64_t floor,
			 uint64_t total)
{
	if (c->floors >= total)
		return mul_div(total, floor, MAX(c->floors, 1u));
	return floor +
	       mul_div(total - c->floors, p->sample.mapped_ready_bytes, MAX(c->d->mapped, 1u));
}

/* One lever's wish, before ownership, pace and rest are asked. */
struct wish {
	bool any;
	int64_t value;
	enum decide_reason reason;
};

static struct wish wish_set(int64_t value, enum decide_reason reason)
{
	return (struct wish){ .any = true, .value = value, .reason = reason };
}

static int64_t as_limit(uint64_t bytes)
{
	return bytes >= INT64_MAX ? VALUE_NONE : (int64_t)MAX(bytes, 1u);
}

/* How much room a tight collector gets: what it asks for, as far as the budget has it; never below the floor's. */
static uint32_t tight_percent(const struct context *c, const struct snapshot_proc *p,
			      const struct proc_decision *pd)
{
	const struct proc_history *ph = history_proc(c->h, &p->key);
	uint64_t share = share_of(c, p, pd->floor_bytes, c->d->budget);
	uint32_t percent = ph->tight_percent;

	while (percent > HEAP_FLOOR_PERCENT &&
	       heap_limit_for(&p->sample, p->minor, percent) > share)
		percent /= 2;
	return MAX(percent, (uint32_t)HEAP_FLOOR_PERCENT);
}

/* The soft limit of a process in the state that holds. */
static struct wish wish_soft_limit(struct context *c, const struct snapshot_proc *p,
				   const struct proc_decision *pd)
{
	const uint64_t room = c->d->room;
	const struct policy_action *action = &c->rules->state[c->d->state];
	uint64_t hard, share;

	if (action->soft_limit_off)
		return (struct wish){ 0 };
	if (room == BYTES_UNLIMITED)
		return pd->tight ? wish_set(VALUE_NONE, REASON_TIGHT) :
				   (struct wish){ .reason = REASON_NO_ROOM };
	hard = share_of(c, p, pd->floor_bytes, sub_sat(room, c->d->nongo + c->d->margin));
	share = share_of(c, p, pd->floor_bytes, c->d->budget);
	if (pd->tight) {
		if (pd->floor_bytes <= hard)
			return wish_set(as_limit(heap_limit_for(&p->sample, p->minor,
								tight_percent(c, p, pd))),
					REASON_TIGHT);
		return wish_set(as_limit(hard), REASON_DOES_NOT_FIT);
	}
	if (share >= pd->floor_bytes)
		return wish_set(as_limit(share), c->h->latch[STATE_EMERGENCY].on ?
							 REASON_EMERGENCY :
							 REASON_HEADROOM);
	/* Below the floor a limit only burns CPU; in an emergency the floor itself is still worth having. */
	if (c->h->latch[STATE_EMERGENCY].on && pd->floor_bytes <= hard)
		return wish_set(as_limit(pd->floor_bytes), REASON_EMERGENCY);
	return (struct wish){ 0 };
}

/* GOGC that would fill the budget, for a collector that runs too often. */
static struct wish wish_hot(const struct context *c, const struct snapshot_proc *p,
			    const struct proc_decision *pd)
{
	uint64_t marks = heap_mark_bytes(&p->sample), room, percent;

	if (c->d->room == BYTES_UNLIMITED || marks == 0 || p->sample.gc_percent < 0)
		return (struct wish){ 0 };
	room = sub_sat(share_of(c, p, pd->floor_bytes, c->d->budget), pd->floor_bytes);
	percent =
		MIN(add_sat(mul_div(room, 100, marks), HEAP_FLOOR_PERCENT), (uint64_t)HOT_GOGC_MAX);
	/* What was taken is given back first; only a collector that is hot under its owner's own value gets more. */
	if (p->sample.gc_percent < p->lever[LEVER_GOGC].owner)
		percent = MIN(percent, (uint64_t)p->lever[LEVER_GOGC].owner);
	else if ((int64_t)percent <= p->lever[LEVER_GOGC].owner)
		return (struct wish){ 0 };
	return wish_set((int64_t)percent, REASON_HOT);
}

static bool worth_an_emergency(const struct context *c, const struct snapshot_proc *p,
			       const struct proc_decision *pd)
{
	return sub_sat(p->sample.mapped_ready_bytes, pd->floor_bytes) >= c->d->room / GAIN_SHARE;
}

static struct wish wish_gogc(struct context *c, const struct snapshot_proc *p,
			     const struct proc_decision *pd)
{
	const struct policy_action *emergency = &c->rules->state[STATE_EMERGENCY];
	const struct policy_action *pressed = &c->rules->state[STATE_PRESSED];
	int32_t ours = p->lever[LEVER_GOGC].ours ? p->sample.gc_percent : INT32_MAX;

	if (pd->tight)
		return wish_set(c->d->room == BYTES_UNLIMITED ? HEAP_FLOOR_PERCENT :
								tight_percent(c, p, pd),
				REASON_TIGHT);
	if (c->h->latch[STATE_HOT].on)
		return wish_hot(c, p, pd);
	if (c->h->latch[STATE_EMERGENCY].on && emergency->gogc != POLICY_UNSET &&
	    (worth_an_emergency(c, p, pd) || ours == emergency->gogc))
		return wish_set(MAX(emergency->gogc, EMERGENCY_GOGC_MIN), REASON_EMERGENCY);
	if (c->h->latch[STATE_PRESSED].on && pressed->gogc != POLICY_UNSET)
		return wish_set(pressed->gogc, REASON_TRIGGER);
	if (c->h->latch[STATE_EMERGENCY].on)
		return (struct wish){ .reason = REASON_NO_GAIN };
	if (c->rules->state[STATE_CALM].gogc != POLICY_UNSET)
		return wish_set(c->rules->state[STATE_CALM].gogc, REASON_HEADROOM);
	return (struct wish){ 0 };
}

static struct wish wish_madvdontneed(const struct context *c)
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

/* Is @a at least as tight as @b? More collection, less memory is tighter; GOGC=off is the loosest. */
static bool is_tighter(enum policy_lever lever, int64_t a, int64_t b)
{
	if (lever == LEVER_MADVDONTNEED)
		return a >= b;
	if (lever == LEVER_GOGC) {
		a = a < 0 ? VALUE_NONE : a;
		b = b < 0 ? VALUE_NONE : b;
	}
	return a <= b;
}

/*
 * What ownership leaves of a wish. One exception to "never looser than the owner's": a soft limit that has become
 * a death spiral is relaxed as far as the memory is there, since no owner ever means that.
 */
static struct wish respect_owner(const struct context *c, const struct lever_facts *facts,
				 enum policy_lever lever, struct wish w, bool tight)
{
	if (!w.any || !facts->owner_set || c->rules->ownership[lever] == OWNERSHIP_OVERRIDE)
		return w;
	if (c->rules->ownership[lever] == OWNERSHIP_YIELD)
		return (struct wish){ .reason = REASON_OWNER };
	if (lever == LEVER_GOGC && facts->owner < 0)
		return (struct wish){ .reason = REASON_OWNER };
	if (is_tighter(lever, w.value, facts->owner) || (tight && lever == LEVER_SOFT_LIMIT))
		return w;
	return (struct wish){ .reason = REASON_OWNER };
}

static struct lever_decision hold(int64_t from, enum decide_reason reason)
{
	return (struct lever_decision){
		.verdict = VERDICT_HOLD, .reason = (int32_t)reason, .from = from, .to = from
	};
}

static bool is_small(enum policy_lever lever, int64_t from, int64_t to)
{
	uint64_t gap = (uint64_t)(from > to ? from - to : to - from);

	if (lever != LEVER_SOFT_LIMIT || from == VALUE_NONE || to == VALUE_NONE)
		return gap == 0;
	return gap < MAX((uint64_t)from / SMALL_SHARE, MIB);
}

/* A soft limit below T is approached by a 20th of T a cycle, outside an emergency. */
static int64_t limit_step(const struct snapshot_proc *p, int64_t from, int64_t to)
{
	int64_t mapped = (int64_t)MIN(p->sample.mapped_ready_bytes, (uint64_t)INT64_MAX);

	if (to >= mapped || to >= from)
		return to;
	return MAX(to, MIN(from, mapped) - mapped / STEP_SHARE);
}

/* Pace: not too often, tightening in steps, loosening slowly - but at once where there is more room, or need. */
static struct lever_decision pace(const struct context *c, const struct snapshot_proc *p,
				  const struct proc_history *ph, enum policy_lever lever,
				  struct lever_decision want)
{
	const bool urgent = c->d->state == STATE_EMERGENCY || c->d->state == STATE_TIGHT ||
			    c->d->state == STATE_HOT;
	const bool tighter = is_tighter(lever, want.to, want.from);
	const bool more_room =
		lever == LEVER_SOFT_LIMIT && !tighter && c->h->room && c->d->room > c->h->room;
	const usec_t changed = ph->lever[lever].changed;
	usec_t wait = c->settings->interval;

	if (!tighter)
		wait *= LOOSEN_FACTOR;
	if (lever == LEVER_SOFT_LIMIT && !urgent) {
		int64_t step = limit_step(p, want.from, want.to);

		if (step != want.to || (tighter && changed && want.from < VALUE_NONE)) {
			/* The next step of the same way waits for a cycle, not for the interval. */
			if (changed && ph->num_gc == ph->lever[lever].num_gc)
				return hold(want.from, REASON_STEP);
			wait = MIN(wait, USEC_SEC);
		}
		want.to = step;
	}
	if (changed && c->now - changed < wait && !(urgent && tighter) && !more_room &&
	    want.reason != REASON_OPERATOR && want.reason != REASON_HARM &&
	    want.reason != REASON_TIGHT)
		return hold(want.from, REASON_INTERVAL);
	return want;
}

static struct lever_decision decide_lever(struct context *c, const struct snapshot_proc *p,
					  struct proc_history *ph, enum policy_lever lever,
					  struct wish w, bool tight)
{
	const struct lever_facts *facts = &p->lever[lever];
	const int64_t now = decide_lever_now(c->s, p, lever);
	struct lever_decision want = { .verdict = VERDICT_SET, .from = now };

	if (facts->manual)
		return hold(now, REASON_MANUAL);
	if (lever == LEVER_MADVDONTNEED && now < 0)
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
		want.reason = w.reason == REASON_RESTING ? REASON_HARM : REASON_STATE_LEFT;
	} else {
		return hold(now, w.reason);
	}
	if (want.verdict == VERDICT_SET && is_small(lever, now, want.to))
		return hold(now, want.to == now ? (enum decide_reason)want.reason : REASON_SMALL);
	return pace(c, p, ph, lever, want);
}

static void decide_proc(struct context *c, const struct snapshot_proc *p, struct proc_decision *pd)
{
	struct proc_history *ph = history_proc(c->h, &p->key);

	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		pd->lever[l] = hold(decide_lever_now(c->s, p, l), REASON_NOT_PROVED);
	if (!p->proved || !ph)
		return;
	pd->tight = ph->tight;
	/* An emergency has its price; what it set is not taken back while it lasts. */
	if (!c->h->latch[STATE_EMERGENCY].on)
		watch_judge(c->s, c->now, p, ph);
	pd->lever[LEVER_SOFT_LIMIT] =
		decide_lever(c, p, ph, LEVER_SOFT_LIMIT, wish_soft_limit(c, p, pd), pd->tight);
	pd->lever[LEVER_GOGC] = decide_lever(c, p, ph, LEVER_GOGC, wish_gogc(c, p, pd), pd->tight);
	pd->lever[LEVER_MADVDONTNEED] =
		decide_lever(c, p, ph, LEVER_MADVDONTNEED, wish_madvdontneed(c), pd->tight);
	if (pd->tight && pd->lever[LEVER_SOFT_LIMIT].reason == REASON_DOES_NOT_FIT)
		c->d->alert = ALERT_DOES_NOT_FIT;
}

/* True once every process has had its cycles after the last write, and the emergency is still there. */
static bool collecting_did_not_help(const struct context *c)
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
static struct lever_decision decide_high(struct context *c)
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
	    g->can_swap || c->now < c->h->high_rest_until || !collecting_did_not_help(c) ||
	    want >= c->d->room || want <= MAX(g->min, g->low))
		return hold(now, REASON_NONE);
	if (facts->owner_set && c->rules->ownership[LEVER_MEMORY_HIGH] != OWNERSHIP_OVERRIDE &&
	    (c->rules->ownership[LEVER_MEMORY_HIGH] == OWNERSHIP_YIELD || want >= g->high))
		return hold(now, REASON_OWNER);
	c->h->high_psi_full_us = g->psi_full_us;
	c->h->high_mapped = c->d->mapped;
	return (struct lever_decision){
		.verdict = VERDICT_SET, .reason = REASON_THROTTLE, .from = now, .to = as_limit(want)
	};
}

static void measure(struct context *c)
{
	struct decision *d = c->d;
	const struct snapshot *s = c->s;

	d->limit = s->cgroup.limit;
	d->room = s->cgroup.room;
	d->usage = snapshot_usage(&s->cgroup);
	d->mapped = snapshot_mapped(s);
	d->nongo = history_nongo(c->h, s);
	d->margin =
		d->room == BYTES_UNLIMITED ? MARGIN_MIN : MAX(d->room / MARGIN_SHARE, MARGIN_MIN);
	d->budget = d->room == BYTES_UNLIMITED ? BYTES_UNLIMITED :
						 sub_sat(mul_div(d->room, SAFE_PERMILLE, 1000),
							 add_sat(d->nongo, d->margin));
	d->n_procs = s->n_procs;
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];
		struct proc_decision *pd = &d->procs[i];

		pd->key = p->key;
		if (!p->proved)
			continue;
		pd->floor_bytes = heap_limit_floor(&p->sample, p->minor);
		pd->goal_bytes = heap_goal(&p->sample, p->minor);
		pd->effective_gogc = heap_effective_gogc(&p->sample, p->minor);
		c->floors = add_sat(c->floors, pd->floor_bytes);
	}
}

/* memory.max with which the live data would fit and the collector had FIT_GOGC percent to work in. */
static uint64_t limit_that_fits(const struct context *c)
{
	uint64_t total = c->d->nongo;

	for (uint32_t i = 0; i < c->s->n_procs; i++)
		if (c->s->procs[i].proved)
			total = add_sat(total, heap_limit_for(&c->s->procs[i].sample,
							      c->s->procs[i].minor, FIT_GOGC));
	total = mul_div(total, 1000, SAFE_PERMILLE);
	return add_sat(total, MAX(total / MARGIN_SHARE, MARGIN_MIN));
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
	struct context c = {
		.settings = settings, .rules = rules, .s = s, .h = h, .now = now, .d = ret
	};

	*ret = (struct decision){ .now = now, .previous = (int32_t)state_now(h) };
	measure(&c);
	state_update(rules, s, h, now, ret);
	if (ret->state == STATE_EMERGENCY)
		ret->alert = ALERT_EMERGENCY;
	else if (ret->state == STATE_HOT)
		ret->alert = ALERT_HOT;
	for (uint32_t i = 0; i < s->n_procs; i++)
		decide_proc(&c, &s->procs[i], &ret->procs[i]);
	ret->memory_high = decide_high(&c);
	/* An emergency that no collection can end: the live data alone is more than the room. */
	if (ret->state == STATE_EMERGENCY &&
	    c.floors > sub_sat(ret->room, add_sat(ret->nongo, ret->margin)))
		ret->alert = ALERT_DOES_NOT_FIT;
	if (ret->alert == ALERT_DOES_NOT_FIT) {
		ret->reason = REASON_DOES_NOT_FIT;
		ret->recommended_limit = limit_that_fits(&c);
	}
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
