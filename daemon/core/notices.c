/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "core/exporter.h"
#include "core/sink.h"

#define SETTLE	    (10 * USEC_SEC) /* an alert waits so long for its culprits */
#define BACKOFF_MIN USEC_SEC
#define BACKOFF_MAX USEC_MIN

enum {
	ALERTS_MAX = 256,
	BURST_EACH = 20,
	BURST_ALL = 30,
};

static struct notify_settings settings_of(const struct config *c)
{
	return (struct notify_settings){
		.alerts_max = ALERTS_MAX,
		.queue_max = c->alert_queue,
		.hold = c->alert_hold,
		.repeat = c->alert_repeat,
		.backoff_min = BACKOFF_MIN,
		.backoff_max = BACKOFF_MAX,
		.each = { .burst = BURST_EACH, .interval = 3 * USEC_SEC },
		.all = { .burst = BURST_ALL, .interval = USEC_SEC },
	};
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	notices_run(userdata);
	return 0;
}

/* After anything that may have changed what is to be done, or when. */
void notices_run(struct notices *x)
{
	notify_run(x->notify, clock_now(), clock_wall());
	for (size_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++)
		sink_run(&x->sinks[i]);
	sink_set_timer(x->manager->event, &x->timer, notify_due(x->notify, clock_now()), on_time,
		       x);
}

struct notices *notices_free(struct notices *x)
{
	if (!x)
		return NULL;
	for (size_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++)
		sink_close(&x->sinks[i]);
	sd_event_source_disable_unref(x->timer);
	notify_free(x->notify);
	explicit_bzero(x->token, sizeof(x->token));
	free(x);
	return NULL;
}

static int make(struct manager *m)
{
	const struct notify_settings settings = settings_of(&m->config);
	const char *node = getenv("NODE_NAME");
	struct notices *x = calloc(1, sizeof(*x));

	if (!x || notify_new(&settings, &x->notify) < 0) {
		free(x);
		return -ENOMEM;
	}
	x->manager = m;
	x->began_wall = clock_wall();
	if (node && node[0])
		text_copy(x->node, sizeof(x->node), node);
	else if (gethostname(x->node, sizeof(x->node) - 1) < 0)
		x->node[0] = '\0';
	m->notices = x;
	return 0;
}

int notices_apply(struct manager *m)
{
	const struct config *c = &m->config;
	const bool wanted = strcmp(c->alert_alertmanager, CONFIG_NONE) != 0 ||
			    strcmp(c->alert_webhook, CONFIG_NONE) != 0 || c->alert_events;
	struct notify_settings settings = settings_of(c);
	int r = 0;

	if (!wanted) {
		m->notices = notices_free(m->notices);
		return 0;
	}
	if (!m->notices)
		r = make(m);
	if (r == 0) {
		notify_set(m->notices->notify, &settings);
		sink_read_token(m->notices);
		r = sink_open_url(m->notices, NOTIFY_ALERTMANAGER, c->alert_alertmanager);
	}
	if (r == 0)
		r = sink_open_url(m->notices, NOTIFY_WEBHOOK, c->alert_webhook);
	if (r == 0)
		r = sink_open_events(m->notices, c->alert_events);
	if (r < 0)
		log_error("Cannot send alerts: %s", strerror(-r));
	else
		notices_run(m->notices);
	return r;
}

/* A pod's container that starts anew has another cgroup, and is the same to whoever is told. */
static void set_name(struct notice *n, const struct workload *w)
{
	n->owner = w->token;
	text_copy(n->workload, sizeof(n->workload), w->label);
	if (w->pod.pod[0]) {
		text_copy(n->space, sizeof(n->space), w->pod.space);
		text_copy(n->pod, sizeof(n->pod), w->pod.pod);
		text_copy(n->pod_uid, sizeof(n->pod_uid), w->name.pod_uid);
	}
	if (w->name.container[0] && w->pod.pod[0] && w->pod.container[0])
		text_copy(n->container, sizeof(n->container), w->pod.container);
	else
		text_copy(n->cgroup, sizeof(n->cgroup), w->name.workload);
	text_copy(n->unit, sizeof(n->unit), w->name.unit);
	text_copy(n->tier, sizeof(n->tier), w->manager->policy->tiers[w->tier].rules.tier);
	text_copy(n->mode, sizeof(n->mode), policy_mode_name(w->mode));
}

static void fill(struct notice *n, const struct workload *w)
{
	*n = (struct notice){ .started_wall = clock_wall() };
	set_name(n, w);
	notice_take_decision(n, &w->decision);
	for (uint32_t i = 0; i < w->snapshot.n_procs; i++)
		if (w->snapshot.procs[i].proved)
			n->live = add_sat(n->live, w->snapshot.procs[i].sample.heap_marked_bytes);
}

/* A profile is being taken, or is about to be: culprits.c has that done for an alarm. */
static usec_t time_for_culprits(const struct workload *w)
{
	return w->manager->policy->tiers[w->tier].rules.culprits == POLICY_NEVER ? 0 : SETTLE;
}

/*
 * What the journal has said; a forecast's alert that is not near any more has not been. The state of an emergency outlasts
 * what it was for, so that its levers do not tremble: a receiver has alert_hold for that.
 */
static bool does_fire(const struct workload *w)
{
	const struct decision *d = &w->decision;

	if (d->alert == ALERT_EMERGENCY && d->emergency_bytes && d->usage < d->emergency_bytes)
		return false;
	return d->alert != ALERT_NONE && w->alert == d->alert;
}

/* Said of the first one: most of a node's are as it is. */
static void say_without_event(struct notices *x, const struct notice *n)
{
	struct notify_stats stats;

	notify_get_stats(x->notify, NOTIFY_EVENTS, &stats);
	if (!stats.on || x->without_event || notice_is_of_pod(n))
		return;
	x->without_event = true;
	log_notice(
		"The alert of %s is no Kubernetes event, nor is any other of what is in no pod, or in "
		"one whose name or uid is not known",
		n->workload);
}

void notices_look(struct workload *w, usec_t now)
{
	struct notices *x = w->manager->notices;
	const bool fires = does_fire(w);
	static struct notice n;
	int r;

	if (!x || (!fires && notify_is_idle(x->notify)))
		return;
	if (fires) {
		fill(&n, w);
		r = notify_fire(x->notify, &n, now, time_for_culprits(w));
		if (r == -ENOSPC && w->alerted == now)
			x->left_out++;
		if (r == 0)
			say_without_event(x, &n);
	}
	notify_clear(x->notify, w->token, fires ? &n : NULL, now);
	notices_run(x);
}

void notices_culprits(struct workload *w, const struct culprit *of, size_t n, usec_t now)
{
	struct notices *x = w->manager->notices;

	if (!x || !n)
		return;
	notify_complete(x->notify, w->token, of, n, now);
	notices_run(x);
}

void notices_gone(struct workload *w, usec_t now)
{
	struct notices *x = w->manager->notices;

	if (!x)
		return;
	notify_clear(x->notify, w->token, NULL, now);
	notices_run(x);
}

void notices_figures(const struct manager *m, struct metrics_daemon *d)
{
	const struct notices *x = m->notices;

	d->alerts_firing = d->alerts_left_out = METRICS_ABSENT;
	if (!x)
		return;
	d->alerts_firing = (int64_t)notify_firing(x->notify);
	d->alerts_left_out = (int64_t)x->left_out;
	for (size_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++)
		notify_get_stats(x->notify, (enum notify_receiver)i, &d->notify[i]);
}
