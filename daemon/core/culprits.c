/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/manager.h"

#define ALARM_SERIES	USEC_MIN	/* in an alarm, what grows is followed */
#define ALARM_AGAIN	(10 * USEC_MIN) /* a state that comes and goes is one alarm */
#define FOLLOW_UP	(3 * USEC_MIN)	/* in an alarm that lasts, what was learned since is told */
#define EVIDENCE_LASTS	(30 * USEC_SEC) /* what comes later is not evidence of that moment */
#define OOM_AGAIN	USEC_MIN
#define ENDED_KEPT	(10 * USEC_SEC)
#define SERIES_PER_TOLD 4 /* profiles at least from one time they are told to the next */

enum {
	TOLD_MAX = 3,	    /* of a process, each time */
	TOLD_PROCS_MAX = 4, /* of a workload, each time: those with most live data */
};

static const struct policy_rules *rules_of(const struct workload *w)
{
	return w->tier < 0 || w->quarantined || w->infrastructure ?
		       NULL :
		       &w->manager->policy->tiers[w->tier].rules;
}

/* What a workload's state is an alarm for; OCCASION_INTERVAL: for nothing. */
static enum audit_occasion alarm_of(const struct decision *d)
{
	switch (d->state) {
	case STATE_EMERGENCY:
		return OCCASION_EMERGENCY;
	case STATE_TIGHT:
		return OCCASION_TIGHT;
	case STATE_HOT:
		return OCCASION_HOT;
	default:
		return d->alert == ALERT_GROWTH || d->alert == ALERT_NONGO ? OCCASION_GROWTH :
									     OCCASION_INTERVAL;
	}
}

/* Tells them by themselves, not only on alarms. */
static bool has_interval(const struct policy_rules *r)
{
	return r->culprits != 0 && r->culprits != POLICY_NEVER;
}

usec_t culprits_interval(const struct workload *w)
{
	const struct policy_rules *r = rules_of(w);
	usec_t interval = r ? r->heap_series : 0;

	if (!r)
		return 0;
	if (has_interval(r))
		interval = interval ? MIN(interval, r->culprits / SERIES_PER_TOLD) :
				      r->culprits / SERIES_PER_TOLD;
	if (r->culprits != POLICY_NEVER && w->culprits.alarm != OCCASION_INTERVAL)
		interval = interval ? MIN(interval, ALARM_SERIES) : ALARM_SERIES;
	return interval;
}

struct culprit_sources culprits_of(const struct goproc *p)
{
	return (struct culprit_sources){ .heap = p->series,
					 .goroutines = p->goroutines,
					 .live_bytes = p->row.sample.heap_marked_bytes +
						       p->row.sample.stack_scan_bytes };
}

/* Interval and alarm have buckets of their own: what is told all day does not use up what an emergency needs. */
static bool admit(struct workload *w, enum audit_occasion occasion,
		  const struct audit_subject *subject)
{
	const struct audit_limits limits = manager_audit_limits(w->manager);
	struct culprit_log *c = &w->culprits;

	return audit_admit(w->manager->journal,
			   occasion == OCCASION_INTERVAL ? &c->interval_bucket : &c->alarm_bucket,
			   &limits, subject, clock_now());
}

/* Ranking has its price, so it is asked first whether anything may be told. */
static void tell(struct workload *w, const struct goproc *p, enum audit_occasion occasion)
{
	const struct culprit_sources of = culprits_of(p);
	_cleanup_(freep) struct culprit *ranked = NULL;
	struct audit_subject subject;
	uint32_t rank = 0;
	size_t n;

	if (!p->series && !p->goroutines)
		return;
	workload_subject(w, &subject);
	if (!admit(w, occasion, &subject))
		return;
	ranked = calloc(CULPRITS_MAX, sizeof(*ranked));
	n = ranked ? culprits_rank(&of, ranked) : 0;
	notices_culprits(w, ranked, n, clock_now());
	for (size_t i = 0; i < n && rank < TOLD_MAX; i++) {
		if (!ranked[i].growth.cause || !ranked[i].impact_permille)
			continue;
		if (rank > 0 && !admit(w, occasion, &subject))
			return;
		audit_culprit(w->manager->journal, &subject, p->id.pid, occasion, ++rank,
			      &ranked[i]);
	}
}

/* The next of those that are looked at by how much live data they have, the most first; NULL at the end. */
static struct goproc *next_largest(struct workload *w, const struct goproc *before)
{
	struct goproc *best = NULL;

	for (size_t i = 0; i < w->n_procs; i++) {
		struct goproc *p = &w->procs[i];
		const uint64_t live = p->row.sample.heap_marked_bytes;

		if (p->refused || !p->row.proved)
			continue;
		/* Of equal ones the order is theirs in the array. */
		if (before && (live > before->row.sample.heap_marked_bytes ||
			       (live == before->row.sample.heap_marked_bytes && p <= before)))
			continue;
		if (!best || live > best->row.sample.heap_marked_bytes)
			best = p;
	}
	return best;
}

static bool has_profile_since(const struct heap_series *s, usec_t since)
{
	struct heap_series_info info = { 0 };

	if (s)
		heap_series_info(s, &info);
	return info.points > 0 && info.at >= since;
}

/* @since: what was known before has been told already. */
static void tell_largest(struct workload *w, enum audit_occasion occasion, usec_t since)
{
	struct goproc *p = NULL;

	for (int i = 0; i < TOLD_PROCS_MAX && (p = next_largest(w, p)) != NULL; i++)
		if (has_profile_since(p->series, since) || has_profile_since(p->goroutines, since))
			tell(w, p, occasion);
}

/* Once for each alarm: what a profile taken now tells, and what is known from before. */
static void raise_alarm(struct workload *w, usec_t now)
{
	struct culprit_log *c = &w->culprits;
	struct goproc *p = NULL;

	if (c->alarmed[c->alarm] && now - c->alarmed[c->alarm] < ALARM_AGAIN)
		return;
	c->alarmed[c->alarm] = now;
	c->occasion = c->alarm;
	c->follow_up = now + FOLLOW_UP;
	for (int i = 0; i < TOLD_PROCS_MAX && (p = next_largest(w, p)) != NULL; i++)
		p->evidence_until = now + EVIDENCE_LASTS;
	w->manager->walk.urgent = true;
	series_run(w->manager);
}

static void tell_by_interval(struct workload *w, usec_t interval, usec_t now)
{
	struct culprit_log *c = &w->culprits;
	const usec_t before = c->told;

	/* The first time is an interval after the workload was found: until then nothing is known. */
	if (!c->told)
		c->told = now;
	if (now - c->told < interval)
		return;
	c->told = now;
	tell_largest(w, OCCASION_INTERVAL, before);
}

void culprits_look(struct workload *w, usec_t now)
{
	const struct policy_rules *r = rules_of(w);
	struct culprit_log *c = &w->culprits;
	const enum audit_occasion before = c->alarm;

	c->alarm = alarm_of(&w->decision);
	if (c->ended && now - c->ended->at > ENDED_KEPT)
		culprits_forget_ended(w);
	if (!r || r->culprits == POLICY_NEVER)
		return;
	if (has_interval(r))
		tell_by_interval(w, r->culprits, now);
	if (c->alarm != OCCASION_INTERVAL && c->alarm != before)
		raise_alarm(w, now);
	if (c->alarm != OCCASION_INTERVAL && c->follow_up && now >= c->follow_up) {
		c->follow_up = 0;
		tell_largest(w, c->alarm, c->alarmed[c->alarm]);
	}
}

void culprits_walked(struct workload *w, struct goproc *p)
{
	const bool wanted = clock_now() < p->evidence_until;

	p->evidence_until = 0;
	if (wanted)
		tell(w, p, w->culprits.occasion);
}

void culprits_oom(struct workload *w, pid_t pid)
{
	const struct policy_rules *r = rules_of(w);
	const struct goproc *victim = workload_proc(w, pid);
	const usec_t now = clock_now();

	if (!victim && w->culprits.ended && w->culprits.ended->id.pid == pid)
		victim = w->culprits.ended;
	/* Whoever has children killed again and again pays for their records, not for ours. */
	if (!r || r->culprits == POLICY_NEVER ||
	    (w->culprits.oomed && now - w->culprits.oomed < OOM_AGAIN))
		return;
	w->culprits.oomed = now;
	if (victim)
		tell(w, victim, OCCASION_OOM);
	else
		tell_largest(w, OCCASION_OOM, 0);
}

void culprits_forget_ended(struct workload *w)
{
	if (!w->culprits.ended)
		return;
	series_drop(w->manager, w->culprits.ended);
	free(w->culprits.ended);
	w->culprits.ended = NULL;
}

void culprits_ended(struct workload *w, struct goproc *p)
{
	struct goproc *kept;

	if (!p->series && !p->goroutines)
		return;
	culprits_forget_ended(w);
	kept = malloc(sizeof(*kept));
	if (!kept)
		return;
	*kept = *p;
	kept->at = clock_now();
	kept->activity = NULL;
	kept->endpoint = NULL;
	w->culprits.ended = kept;
	p->series = p->goroutines = NULL;
}
