/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/reclaim.h"

#define RECLAIM_INTERVAL (10 * USEC_SEC)
#define RECLAIM_SHARE	 64 /* of what the cgroup has, each time */
#define REST_MIN	 (10 * USEC_MIN)
#define REST_MAX	 (6 * 60 * USEC_MIN)
#define STALL_SHARE	 1000 /* of the time since: so little waiting is no matter */
#define MISSED_SHARE	 8    /* of what was asked for, that came back */
#define LITTLE_SHARE	 4    /* of it, that was had */
#define PAGE_BYTES	 4096

/* Every process does next to nothing, for as long as the policy wants. */
static bool is_idle(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		    usec_t now)
{
	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct proc_history *ph = history_proc(h, &s->procs[i].key);

		if (!s->procs[i].proved || !ph || !ph->idle_since ||
		    now - ph->idle_since < rules->idle)
			return false;
	}
	return s->n_procs > 0 && s->procs_left_out == 0;
}

static bool is_missed(const struct reclaim *r, const struct snapshot_cgroup *c, usec_t now)
{
	const uint64_t back =
		add_sat(sub_sat(c->swapped_in_bytes, r->swapped_in_bytes),
			mul_div(sub_sat(c->refault_file, r->refault_file), PAGE_BYTES, 1));

	return back > r->bytes / MISSED_SHARE ||
	       sub_sat(c->psi_some_us, r->psi_some_us) > (now - r->asked) / STALL_SHARE;
}

static void rest(struct reclaim *r, usec_t now)
{
	r->rest = MIN(MAX(r->rest * 2, REST_MIN), REST_MAX);
	r->rest_until = now + r->rest;
	r->asked = 0;
}

/* Where the last was missed, or there was nothing left to be had. */
static bool must_rest(struct reclaim *r, const struct snapshot_cgroup *c, usec_t now)
{
	if (!r->asked ||
	    (!is_missed(r, c, now) && c->current + r->bytes / LITTLE_SHARE <= r->current))
		return false;
	rest(r, now);
	return true;
}

void reclaim_decide(const struct policy_rules *rules, const struct snapshot *s, struct history *h,
		    struct decision *d)
{
	const struct snapshot_cgroup *c = &s->cgroup;
	const uint64_t bytes = MAX(c->current / RECLAIM_SHARE, MIB);
	struct reclaim *r = &h->reclaim;
	const usec_t now = d->now;

	if (rules->reclaim == RECLAIM_NO || rules->idle == POLICY_NEVER || d->state != STATE_CALM ||
	    !is_idle(rules, s, h, now)) {
		*r = (struct reclaim){ 0 };
		return;
	}
	if (now < r->rest_until || (r->asked && now - r->asked < RECLAIM_INTERVAL) ||
	    must_rest(r, c, now) || sub_sat(c->current, bytes) <= MAX(c->min, c->low))
		return;
	r->times++;
	r->asked = now;
	r->bytes = bytes;
	r->current = c->current;
	r->psi_some_us = c->psi_some_us;
	r->swapped_in_bytes = c->swapped_in_bytes;
	r->refault_file = c->refault_file;
	d->reclaim_bytes = bytes;
	d->reclaim_file = rules->reclaim == RECLAIM_FILE && c->can_swap;
}
