/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/environment.h"
#include "base/util.h"

#define ABOUT_SHARE 20

static const char *const names[] = {
	[ENVIRONMENT_OFF] = "off",
	[ENVIRONMENT_NO_SERVICE] = "no-service",
	[ENVIRONMENT_PROCESSES] = "processes",
	[ENVIRONMENT_UNSETTLED] = "unsettled",
	[ENVIRONMENT_SETTLED] = "settled",
};
_Static_assert(ARRAY_SIZE(names) == ENVIRONMENT_MAX_, "a name for each verdict");

const char *environment_verdict_name(enum environment_verdict verdict)
{
	return verdict < ENVIRONMENT_MAX_ ? names[verdict] : "unknown";
}

bool environment_is_empty(const struct environment *e)
{
	for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++)
		if (e->set[l])
			return false;
	return true;
}

static bool is_about(enum policy_lever lever, int64_t a, int64_t b)
{
	const uint64_t gap = (uint64_t)(a > b ? a - b : b - a);

	return lever == LEVER_SOFT_LIMIT ? gap <= (uint64_t)MAX(a, b) / ABOUT_SHARE : a == b;
}

bool environment_is_about(const struct environment *a, const struct environment *b)
{
	for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++)
		if (a->set[l] != b->set[l] || (a->set[l] && !is_about(l, a->value[l], b->value[l])))
			return false;
	return true;
}

/*
 * What gomemd makes of a lever by its own judgement: what it has written, or is about to (and in the mode recommend only
 * would). An operator's pin is for now, not for later starts.
 */
static bool lever_wish(const struct lever_facts *facts, const struct lever_decision *d,
		       int64_t *ret)
{
	if (facts->owner_set || facts->manual || facts->pinned || d->verdict == VERDICT_RESTORE)
		return false;
	if (d->verdict == VERDICT_HOLD && !facts->ours)
		return false;
	*ret = d->to;
	return d->to != VALUE_NONE;
}

static struct environment wish(const struct snapshot_proc *p, const struct proc_decision *d)
{
	struct environment e = { 0 };

	for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++)
		e.set[l] = lever_wish(&p->lever[l], &d->lever[l], &e.value[l]);
	return e;
}

/* Calm, and with the non-Go share believed: what is right now was no start's caution. */
static bool is_steady(const struct history *h, const struct decision *d)
{
	return d->state == STATE_CALM && (h->nongo_known || history_learned_nongo(h));
}

enum environment_verdict environment_decide(const struct policy_rules *rules,
					    const struct snapshot *s, const struct history *h,
					    const struct decision *d, struct environment_watch *w,
					    struct environment *ret)
{
	struct environment now;

	if (!rules->environment)
		return ENVIRONMENT_OFF;
	if (!s->unit.is_service)
		return ENVIRONMENT_NO_SERVICE;
	if (s->n_procs != 1 || s->procs_left_out || !s->procs[0].proved)
		return ENVIRONMENT_PROCESSES;
	now = wish(&s->procs[0], &d->procs[0]);
	if (!is_steady(h, d)) {
		w->since = 0;
		return ENVIRONMENT_UNSETTLED;
	}
	if (!w->since || !environment_is_about(&now, &w->seen)) {
		w->seen = now;
		w->since = d->now;
	}
	if (d->now - w->since < rules->environment)
		return ENVIRONMENT_UNSETTLED;
	*ret = now;
	return ENVIRONMENT_SETTLED;
}
