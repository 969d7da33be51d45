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
#include "host/post.h"
#include "host/secret_file.h"
#include "report/notify.h"

#define SETTLE	      (10 * USEC_SEC) /* an alert waits so long for its culprits */
#define BACKOFF_MIN   USEC_SEC
#define BACKOFF_MAX   USEC_MIN
#define LASTS_REPEATS 4	       /* what is not told again ends with the daemon, ... */
#define LASTS_MIN     USEC_MIN /* ... but as many as there may be take a while to tell */

enum {
	ALERTS_MAX = 256,
	BURST_EACH = 20,
	BURST_ALL = 30,
};

/* A receiver, and the helper that it is told by. */
struct sink {
	struct notices *of;
	enum notify_receiver which;
	char url[URL_TEXT_MAX]; /* as it is configured; "": not */
	struct poster *poster;
	sd_event_source *io, *timer;
	unsigned int generation;
	int32_t outcome; /* of the last that failed ... */
	uint32_t status;
	bool fails; /* ... which was said, and no other since */
};

struct notices {
	struct manager *manager;
	struct notify *notify;
	struct sink sinks[NOTIFY_RECEIVER_MAX_];
	sd_event_source *timer;
	uint64_t left_out;   /* alerts that had no room */
	uint64_t began_wall; /* serial numbers begin anew with it */
	char node[NOTICE_NODE_MAX], token[POST_TOKEN_MAX];
};

static void run(struct notices *x);

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

/* What the unit's IPAddressDeny= looks like from inside: for TCP packets are lost, for a name server there is an error. */
static bool may_be_denied(const struct url *url, const struct post_reply *reply)
{
	return !url_is_local(url) &&
	       (reply->outcome == POST_TIMEOUT || reply->outcome == POST_UNRESOLVED ||
		reply->outcome == POST_FORBIDDEN);
}

/* Said once for each way to fail. A path may be a secret: it is not said. */
static void say(struct sink *s, const struct post_reply *reply)
{
	struct url url = { .host = "?" };
	char what[96];

	if (s->fails && s->outcome == reply->outcome && s->status == reply->status)
		return;
	s->fails = true;
	s->outcome = reply->outcome;
	s->status = reply->status;
	(void)url_parse(s->url, &url);
	if (reply->outcome == POST_ANSWERED)
		snprintf(what, sizeof(what), "it says %u", (unsigned int)reply->status);
	else
		text_copy(what, sizeof(what), post_outcome_text(reply->outcome));
	notify_note_error(s->of->notify, s->which, what);
	log_warning(
		"Cannot send alerts to the %s at %s:%u: %s%s",
		notify_receiver_name((int32_t)s->which), url.host, (unsigned int)url.port, what,
		may_be_denied(&url, reply) ?
			"; the unit may reach this host alone, unless IPAddressAllow= has the address, "
			"and that of the name server (systemctl edit gomemd)" :
			"");
}

/* What the receiver would say of the same document the next time. */
static enum notify_result result_of(const struct post_reply *reply)
{
	if (reply->outcome != POST_ANSWERED)
		return NOTIFY_FAILED;
	if (reply->status >= 200 && reply->status < 300)
		return NOTIFY_SENT;
	switch (reply->status) {
	case 400:
	case 413:
	case 415:
	case 422:
		return NOTIFY_REJECTED;
	default:
		return NOTIFY_FAILED;
	}
}

static uint64_t random_number(void)
{
	uint64_t v;

	return getrandom(&v, sizeof(v), GRND_NONBLOCK) == (ssize_t)sizeof(v) ? v : clock_now();
}

static void read_token(struct notices *x)
{
	const char *path = x->manager->config.alert_token_file;
	int r;

	x->token[0] = '\0';
	if (!strcmp(path, CONFIG_NONE))
		return;
	r = secret_file_read(path, x->token, sizeof(x->token));
	if (r < 0)
		log_error(
			"Cannot take the token of %s: %s; it must be a file of root's with mode 0600, "
			"of one line; alerts are sent without",
			path,
			r == -EPERM  ? "others can read or write it" :
			r == -EINVAL ? "it has none" :
				       strerror(-r));
}

static void on_reply(void *userdata, const struct post_reply *reply)
{
	struct sink *s = userdata;
	const enum notify_result result = result_of(reply);

	if (result == NOTIFY_SENT) {
		if (s->fails)
			log_notice("The %s takes alerts again",
				   notify_receiver_name((int32_t)s->which));
		s->fails = false;
	} else {
		say(s, reply);
	}
	/* It may have another by now. */
	if (reply->outcome == POST_ANSWERED && (reply->status == 401 || reply->status == 403))
		read_token(s->of);
	notify_done(s->of->notify, s->which, result, clock_now(), random_number());
}

static char *body_of(const struct sink *s, const struct notify_batch *batch)
{
	const struct manager *m = s->of->manager;
	char id[64];

	if (s->which == NOTIFY_ALERTMANAGER)
		return notice_to_alertmanager(
			batch->of, batch->n, s->of->node,
			clock_wall() + MAX(LASTS_REPEATS * m->config.alert_repeat, LASTS_MIN));
	snprintf(id, sizeof(id), "%llx-%llu", (unsigned long long)s->of->began_wall,
		 (unsigned long long)batch->serial);
	return notice_to_webhook(batch->of[0], s->of->node, id);
}

/* A path that ends in slashes is the one without them. */
static void set_url(struct post_request *req, const struct sink *s)
{
	size_t len = strlen(s->url);

	while (s->which == NOTIFY_ALERTMANAGER && s->url[len - 1] == '/')
		len--;
	snprintf(req->url, sizeof(req->url), "%.*s%s", (int)len, s->url,
		 s->which == NOTIFY_ALERTMANAGER ? "/api/v2/alerts" : "");
}

static void send_batch(struct sink *s, const struct notify_batch *batch)
{
	static struct post_request req;
	_cleanup_(freep) char *body = body_of(s, batch);
	const size_t len = body ? strlen(body) : 0;
	enum notify_result result = NOTIFY_FAILED;

	/* Several have no room in one request: they are told one by one. */
	if (len > sizeof(req.body)) {
		result = NOTIFY_REJECTED;
	} else if (body) {
		set_url(&req, s);
		text_copy(req.token, sizeof(req.token), s->of->token);
		memcpy(req.body, body, len);
		req.len = (uint32_t)len;
		if (poster_request(s->poster, &req) == 0)
			return;
	}
	notify_done(s->of->notify, s->which, result, clock_now(), random_number());
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct sink *s = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	poster_dispatch(s->poster);
	run(s->of);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct sink *s = userdata;

	(void)source;
	(void)usec;
	poster_expire(s->poster, clock_now());
	run(s->of);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	run(userdata);
	return 0;
}

static void set_timer(sd_event *event, sd_event_source **timer, usec_t at,
		      sd_event_time_handler_t handler, void *userdata)
{
	int r = 0;

	if (!*timer && at)
		r = sd_event_add_time(event, timer, CLOCK_BOOTTIME, at, 1, handler, userdata);
	else if (*timer && at)
		r = sd_event_source_set_time(*timer, at);
	if (r >= 0 && *timer)
		r = sd_event_source_set_enabled(*timer, at ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (r < 0)
		log_error("Cannot set a timer");
}

static void arm_sink(struct sink *s)
{
	sd_event *event = s->of->manager->event;
	const int fd = poster_fd(s->poster);

	if (s->generation != poster_generation(s->poster)) {
		s->generation = poster_generation(s->poster);
		s->io = sd_event_source_disable_unref(s->io);
		if (fd >= 0 && manager_watch_fd(s->of->manager, &s->io, fd, on_io, s) < 0)
			log_error("Cannot watch the helper that sends alerts");
	}
	set_timer(event, &s->timer, poster_deadline(s->poster), on_deadline, s);
}

/* The next that it is asked is not near: what a library takes is given back. */
static bool rests(const struct sink *s)
{
	struct notify_stats stats;

	notify_get_stats(s->of->notify, s->which, &stats);
	return stats.queued == 0 &&
	       (s->which != NOTIFY_ALERTMANAGER || notify_is_idle(s->of->notify));
}

/* After anything that may have changed what is to be done, or when. */
static void run(struct notices *x)
{
	struct notify_batch batch;

	notify_run(x->notify, clock_now(), clock_wall());
	for (size_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++) {
		struct sink *s = &x->sinks[i];

		if (!s->poster)
			continue;
		while (notify_next(x->notify, s->which, clock_now(), &batch))
			send_batch(s, &batch);
		if (rests(s))
			poster_rest(s->poster);
		arm_sink(s);
	}
	set_timer(x->manager->event, &x->timer, notify_due(x->notify, clock_now()), on_time, x);
}

static void close_sink(struct sink *s)
{
	s->io = sd_event_source_disable_unref(s->io);
	s->timer = sd_event_source_disable_unref(s->timer);
	s->poster = poster_free(s->poster);
	s->url[0] = '\0';
	s->generation = 0;
	s->fails = false;
}

static int open_sink(struct notices *x, enum notify_receiver which, const char *url)
{
	struct sink *s = &x->sinks[which];
	const char *wanted = strcmp(url, CONFIG_NONE) ? url : "";
	struct url parsed;

	s->of = x;
	s->which = which;
	if (!strcmp(s->url, wanted))
		return 0;
	close_sink(s);
	notify_set_receiver(x->notify, which, false, false);
	if (!wanted[0])
		return 0;
	if (poster_new(on_reply, s, &s->poster) < 0)
		return -ENOMEM;
	text_copy(s->url, sizeof(s->url), wanted);
	notify_set_receiver(x->notify, which, true, which == NOTIFY_ALERTMANAGER);
	if (url_parse(url, &parsed) == 0 && !url_is_local(&parsed))
		log_notice("Alerts go to %s, which is not this host: the unit must have it in "
			   "IPAddressAllow=, and the name server as well",
			   parsed.host);
	return 0;
}

struct notices *notices_free(struct notices *x)
{
	if (!x)
		return NULL;
	for (size_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++)
		close_sink(&x->sinks[i]);
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
			    strcmp(c->alert_webhook, CONFIG_NONE) != 0;
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
		read_token(m->notices);
		r = open_sink(m->notices, NOTIFY_ALERTMANAGER, c->alert_alertmanager);
	}
	if (r == 0)
		r = open_sink(m->notices, NOTIFY_WEBHOOK, c->alert_webhook);
	if (r < 0)
		log_error("Cannot send alerts: %s", strerror(-r));
	else
		run(m->notices);
	return r;
}

/* A pod's container that starts anew has another cgroup, and is the same to whoever is told. */
static void set_name(struct notice *n, const struct workload *w)
{
	n->owner = w->token;
	text_copy(n->workload, sizeof(n->workload), w->label);
	if (w->name.container[0] && w->pod.pod[0] && w->pod.container[0]) {
		text_copy(n->space, sizeof(n->space), w->pod.space);
		text_copy(n->pod, sizeof(n->pod), w->pod.pod);
		text_copy(n->container, sizeof(n->container), w->pod.container);
	} else {
		text_copy(n->cgroup, sizeof(n->cgroup), w->name.workload);
	}
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
	}
	notify_clear(x->notify, w->token, fires ? &n : NULL, now);
	run(x);
}

void notices_culprits(struct workload *w, const struct culprit *of, size_t n, usec_t now)
{
	struct notices *x = w->manager->notices;

	if (!x || !n)
		return;
	notify_complete(x->notify, w->token, of, n, now);
	run(x);
}

void notices_gone(struct workload *w, usec_t now)
{
	struct notices *x = w->manager->notices;

	if (!x)
		return;
	notify_clear(x->notify, w->token, NULL, now);
	run(x);
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
