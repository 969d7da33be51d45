/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "core/manager.h"

/* After which it is tried again: a debugger leaves, a right may be given, a place becomes free. */
#define TRACED_REST	 USEC_MIN
#define UNSUPPORTED_REST (60 * USEC_MIN)
#define SHORT_REST	 (10 * USEC_SEC)

static struct throttled *slot_of(struct manager *m, pid_t pid)
{
	for (size_t i = 0; i < THROTTLED_MAX; i++)
		if (m->throttled[i].throttler && m->throttled[i].process.pid == pid)
			return &m->throttled[i];
	return NULL;
}

static struct throttled *free_slot(struct manager *m)
{
	for (size_t i = 0; i < THROTTLED_MAX; i++)
		if (!m->throttled[i].throttler)
			return &m->throttled[i];
	return NULL;
}

/* Its helper dies, and with it the probe and all holds. */
static void slot_free(struct throttled *t)
{
	sd_event_source_disable_unref(t->io);
	sd_event_source_disable_unref(t->timer);
	throttler_free(t->throttler);
	*t = (struct throttled){ 0 };
}

void throttle_drop(struct manager *m, pid_t pid)
{
	struct throttled *t = slot_of(m, pid);

	if (t)
		slot_free(t);
}

void throttle_drop_all(struct manager *m)
{
	for (size_t i = 0; i < THROTTLED_MAX; i++)
		if (m->throttled[i].throttler)
			slot_free(&m->throttled[i]);
}

unsigned int throttle_count(const struct manager *m)
{
	unsigned int n = 0;

	for (size_t i = 0; i < THROTTLED_MAX; i++)
		n += m->throttled[i].throttler && m->throttled[i].process.pid;
	return n;
}

struct change {
	uint32_t from, to;
	int32_t reason;
	const char *outcome;
	const char *counted; /* as what, where the outcome names a process; NULL: as itself */
};

static void tell(struct workload *w, const struct goproc *p, const struct change *c)
{
	const struct proc_key key = { .pid = p->id.pid, .start_ticks = p->id.start_ticks };
	const struct audit_limits limits = manager_audit_limits(w->manager);
	char evidence[AUDIT_EVIDENCE_MAX];
	struct audit_subject subject;

	workload_count(w, TALLY_GOROUTINE_RATE, c->reason, c->counted ? c->counted : c->outcome);
	workload_subject(w, &subject);
	if (!audit_admit(w->manager->journal, &w->bucket, &limits, &subject, clock_now()))
		return;
	audit_goroutines(
		w->manager->journal, &subject,
		&(const struct audit_goroutines){
			.pid = p->id.pid,
			.from = c->from,
			.to = c->to,
			.reason = c->reason,
			.outcome = c->outcome,
			.evidence = audit_evidence(evidence, &w->decision, &w->snapshot, &key) });
}

/* What came of it, once: a debugger that stays is not told of with each try. */
static void tell_outcome(struct workload *w, struct goproc *p, uint32_t wanted)
{
	struct goroutine_limit *l = &p->limit;
	const int32_t outcome = (int32_t)l->report.outcome, tracer = l->report.tracer;
	char traced[40];

	if (outcome == THROTTLE_GONE || (outcome == l->told && tracer == l->told_tracer))
		return;
	l->told = outcome;
	l->told_tracer = tracer;
	if (outcome == THROTTLE_LIMITED)
		hear_goroutine_rate(w, p->id.pid, 0, wanted, l->reason);
	snprintf(traced, sizeof(traced), "traced by %d", tracer);
	tell(w, p,
	     &(const struct change){ .to = wanted,
				     .reason = l->reason,
				     .counted = throttle_outcome_name(outcome),
				     .outcome = outcome == THROTTLE_TRACED ?
							traced :
							throttle_outcome_name(outcome) });
}

/* A right or a feature of the kernel, and not this program's or this moment's doing. */
static bool is_of_the_host(const struct throttle_report *r)
{
	return r->outcome == THROTTLE_LIMITED ||
	       (r->outcome == THROTTLE_UNSUPPORTED &&
		(r->error == -EPERM || r->error == -EACCES || r->error == -EINVAL ||
		 r->error == -ENOSYS || r->error == -EOPNOTSUPP || r->error == -EPIPE));
}

static usec_t rest_of(struct workload *w, const struct goproc *p, usec_t now)
{
	switch (p->limit.report.outcome) {
	case THROTTLE_TRACED:
		return TRACED_REST;
	case THROTTLE_HUNG:
		w->limit_rest = now + inspector_rest(w->limit_hangs++);
		log_warning(
			"Process %d of %s made the helper that limits goroutines hang; left alone for a while",
			p->id.pid, w->label);
		return 0;
	case THROTTLE_GONE: /* another image, of which it will be heard: what is known of this one is not its */
	case THROTTLE_LOST:
		return SHORT_REST;
	default:
		return UNSUPPORTED_REST;
	}
}

/* The helper has ended by itself, or had to be killed: nothing is in force any more. */
static void limit_ended(struct workload *w, struct goproc *p)
{
	const usec_t now = clock_now();

	p->limit.rate = 0;
	p->limit.rest_until = now + rest_of(w, p, now);
}

static void settle(struct throttled *t)
{
	struct manager *m = t->manager;
	const struct throttle_report *report = throttler_report(t->throttler);
	const bool ended = throttler_ended(t->throttler);
	struct workload *w = table_get(&m->by_pid, (uint64_t)t->process.pid);
	struct goproc *p = w ? workload_proc(w, t->process.pid) : NULL;

	if (report->outcome != THROTTLE_STARTING && (is_of_the_host(report) || !t->process.pid))
		manager_feature(m, FEATURE_GOROUTINE_LIMIT, report->error);
	if (p && process_id_equal(&p->id, &t->process)) {
		p->limit.report = *report;
		if (report->outcome != THROTTLE_STARTING)
			tell_outcome(w, p, p->limit.rate);
		if (ended)
			limit_ended(w, p);
	}
	if (ended) {
		slot_free(t);
		return;
	}
	sd_event_source_set_time(t->timer, throttler_deadline(t->throttler));
	sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct throttled *t = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	throttler_dispatch(t->throttler);
	settle(t);
	return 0;
}

static int on_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct throttled *t = userdata;

	(void)s;
	(void)usec;
	throttler_expire(t->throttler, clock_now());
	settle(t);
	return 0;
}

static int start(struct manager *m, const struct process_id *id,
		 const struct throttle_target *target)
{
	struct throttled *t = free_slot(m);
	int r;

	if (!t)
		return -ENOSPC;
	t->manager = m;
	t->process = *id;
	r = throttler_new(target, m->config.helper_deadline, &t->throttler);
	/* A copy: the throttler closes its own before it is known here that the helper has ended. */
	if (r == 0)
		r = manager_watch_fd(m, &t->io, throttler_fd(t->throttler), on_io, t);
	if (r >= 0)
		r = sd_event_add_time(m->event, &t->timer, CLOCK_BOOTTIME,
				      throttler_deadline(t->throttler), 1, on_time, t);
	if (r < 0)
		slot_free(t);
	return MIN(r, 0);
}

void throttle_try(struct manager *m)
{
	int r = start(m, &(const struct process_id){ 0 }, &(const struct throttle_target){ 0 });

	if (r < 0)
		manager_feature(m, FEATURE_GOROUTINE_LIMIT, r);
}

static void begin(struct workload *w, struct goproc *p, uint32_t rate)
{
	struct goroutine_limit *l = &p->limit;
	const usec_t now = clock_now();
	struct throttle_target target;
	int r;

	if (now < l->rest_until || now < w->limit_rest || p->target.pid != p->id.pid)
		return;
	r = throttle_target_of(&p->id, &p->target.sites, rate, &target);
	if (r == 0)
		r = start(w->manager, &p->id, &target);
	l->report = (struct throttle_report){ .outcome = THROTTLE_STARTING };
	if (r == 0) {
		l->rate = rate;
		return;
	}
	l->report = (struct throttle_report){ .outcome = THROTTLE_UNSUPPORTED, .error = r };
	l->rest_until = now + (r == -ENOSPC ? SHORT_REST : UNSUPPORTED_REST);
	tell_outcome(w, p, rate);
}

static void change_rate(struct workload *w, struct goproc *p, uint32_t rate)
{
	struct throttled *t = slot_of(w->manager, p->id.pid);
	const struct change c = { .from = p->limit.rate,
				  .to = rate,
				  .reason = p->limit.reason,
				  .outcome = rate ? throttle_outcome_name(THROTTLE_LIMITED) :
						    "restored" };

	if (t && rate)
		throttler_set_rate(t->throttler, rate);
	else if (t)
		slot_free(t);
	p->limit.rate = rate;
	/* What was not in force yet is not worth a word. */
	if (p->limit.told == THROTTLE_LIMITED) {
		hear_goroutine_rate(w, p->id.pid, c.from, c.to, c.reason);
		tell(w, p, &c);
	}
	if (rate)
		return;
	p->limit.report = (struct throttle_report){ .outcome = THROTTLE_STARTING };
	p->limit.told = THROTTLE_STARTING;
}

static void recommend(struct workload *w, struct goproc *p, const struct rate_decision *d)
{
	if (d->rate != p->limit.recommended && d->rate)
		tell(w, p,
		     &(const struct change){
			     .to = d->rate, .reason = d->reason, .outcome = "recommended" });
	p->limit.recommended = d->rate;
}

void throttle_apply(struct workload *w, struct goproc *p, const struct rate_decision *d)
{
	const bool gives_back = workload_gives_back(w, p);
	uint32_t wanted = d->rate;

	if (w->mode == MODE_RECOMMEND && !gives_back)
		recommend(w, p, d);
	if (gives_back || w->mode != MODE_ENFORCE)
		wanted = 0;
	else if (d->reason == REASON_NOT_PROVED)
		wanted = p->limit.rate; /* for a look or two: it is not let go for that */
	if (wanted == p->limit.rate)
		return;
	p->limit.reason = gives_back ? REASON_OPERATOR : wanted ? d->reason : REASON_STATE_LEFT;
	if (p->limit.rate)
		change_rate(w, p, wanted);
	else
		begin(w, p, wanted);
}
