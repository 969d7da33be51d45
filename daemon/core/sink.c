/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/text.h"
#include "core/sink.h"
#include "host/secret_file.h"

#define LASTS_REPEATS 4	       /* what is not told again ends with the daemon, ... */
#define LASTS_MIN     USEC_MIN /* ... but as many as there may be take a while to tell */

enum {
	EVENT_REPEATS = 10, /* of alert_repeat: servers forget an event within the hour */
};

/* What the unit's IPAddressDeny= looks like from inside: for TCP packets are lost, for a name server there is an error. */
static bool may_be_denied(const struct url *url, const struct post_reply *reply)
{
	return !url_is_local(url) &&
	       (reply->outcome == POST_TIMEOUT || reply->outcome == POST_UNRESOLVED ||
		reply->outcome == POST_FORBIDDEN);
}

/* What would mend it, where that is not what the words are. */
static const char *mend_of(const struct sink *s, const struct url *url,
			   const struct post_reply *reply)
{
	if (may_be_denied(url, reply))
		return "; the unit may reach this host alone, unless IPAddressAllow= has the address, "
		       "and that of the name server (systemctl edit gomemd)";
	if (s->which != NOTIFY_EVENTS || reply->outcome != POST_ANSWERED)
		return "";
	if (reply->status == 401)
		return "; it does not take the token of kube_token_file, which is read anew each time";
	if (reply->status == 403)
		return "; the service account needs create and patch of events in all namespaces "
		       "(deploy/kubernetes/components/kube-events), or the namespace takes none";
	return "";
}

/* Of one namespace, or one event, and not of the server: said once at all, or an ordinary thing, which is not. */
static bool is_of_one(struct sink *s, uint32_t status, bool *said)
{
	*said = true;
	if (status == 403) {
		*said = s->forbidden;
		s->forbidden = true;
	}
	return status == 403 || status == 404 || status == 409;
}

/* Said once for each way to fail. */
static bool was_said(struct sink *s, const struct post_reply *reply)
{
	bool said;

	if (s->which == NOTIFY_EVENTS && reply->outcome == POST_ANSWERED &&
	    is_of_one(s, reply->status, &said))
		return said;
	if (s->fails && s->outcome == reply->outcome && s->status == reply->status)
		return true;
	s->fails = true;
	s->outcome = reply->outcome;
	s->status = reply->status;
	return false;
}

static const char *name_of(const struct sink *s)
{
	return s->which == NOTIFY_EVENTS ? "Kubernetes API" :
					   notify_receiver_name((int32_t)s->which);
}

/* A path may be a secret: it is not said. */
static void say(struct sink *s, const struct post_reply *reply)
{
	struct url url = { .host = "?" };
	char what[96];

	if (reply->outcome == POST_ANSWERED)
		snprintf(what, sizeof(what), "it says %u", (unsigned int)reply->status);
	else
		text_copy(what, sizeof(what), post_outcome_text(reply->outcome));
	notify_note_error(s->of->notify, s->which, what);
	if (was_said(s, reply))
		return;
	(void)url_parse(s->url, &url);
	log_warning("Cannot send alerts to the %s at %s:%u: %s%s", name_of(s), url.host,
		    (unsigned int)url.port, what, mend_of(s, &url, reply));
}

static enum notify_result result_of(const struct post_reply *reply)
{
	return reply->outcome == POST_ANSWERED ? notify_result_of(reply->status) : NOTIFY_FAILED;
}

static enum notify_result result_of_event(struct sink *s, const struct post_reply *reply)
{
	struct event_series *series = TAKE_PTR(s->series);

	if (reply->outcome != POST_ANSWERED || !series)
		return NOTIFY_FAILED;
	return event_answered(series, &s->notice, s->creates, reply->status);
}

static uint64_t random_number(void)
{
	uint64_t v;

	return getrandom(&v, sizeof(v), GRND_NONBLOCK) == (ssize_t)sizeof(v) ? v : clock_now();
}

void sink_read_token(struct notices *x)
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
	const enum notify_result result =
		s->which == NOTIFY_EVENTS ? result_of_event(s, reply) : result_of(reply);

	if (result == NOTIFY_SENT) {
		if (s->fails)
			log_notice("The %s takes alerts again", name_of(s));
		s->fails = false;
	} else {
		say(s, reply);
	}
	/* It may have another by now. */
	if (s->which != NOTIFY_EVENTS && reply->outcome == POST_ANSWERED &&
	    (reply->status == 401 || reply->status == 403))
		sink_read_token(s->of);
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
static void set_url(struct post_request *req, const struct sink *s, const char *path)
{
	size_t len = strlen(s->url);

	while (path[0] && s->url[len - 1] == '/')
		len--;
	snprintf(req->url, sizeof(req->url), "%.*s%s", (int)len, s->url, path);
}

/* 0 where it is under way, or what became of it. */
static int send_body(struct sink *s, struct post_request *req, const char *body, const char *path)
{
	const size_t len = body ? strlen(body) : 0;

	if (!body)
		return -ENOMEM;
	if (len > sizeof(req->body))
		return -E2BIG;
	set_url(req, s, path);
	memcpy(req->body, body, len);
	req->len = (uint32_t)len;
	return poster_request(s->poster, req);
}

static int send_event(struct sink *s, struct post_request *req, const struct notice *n)
{
	_cleanup_(freep) char *body = NULL;
	struct event_request event;

	s->series = event_log_find(s->log, n);
	if (!s->series || event_request(s->series, n, s->of->node, clock_wall(), &event) < 0)
		return -ENOMEM;
	body = event.body;
	s->notice = *n;
	s->creates = event.create;
	req->method = event.create ? POST_CREATE : POST_MERGE;
	req->token[0] = '\0';
	return send_body(s, req, body, event.path);
}

static int send_document(struct sink *s, struct post_request *req, const struct notify_batch *batch)
{
	_cleanup_(freep) char *body = body_of(s, batch);

	req->method = POST_CREATE;
	text_copy(req->token, sizeof(req->token), s->of->token);
	return send_body(s, req, body, s->which == NOTIFY_ALERTMANAGER ? "/api/v2/alerts" : "");
}

static void send_batch(struct sink *s, const struct notify_batch *batch)
{
	static struct post_request req;
	const int r = s->which == NOTIFY_EVENTS ? send_event(s, &req, batch->of[0]) :
						  send_document(s, &req, batch);

	/* Several have no room in one request: they are told one by one. */
	if (r < 0)
		notify_done(s->of->notify, s->which, r == -E2BIG ? NOTIFY_REJECTED : NOTIFY_FAILED,
			    clock_now(), random_number());
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct sink *s = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	poster_dispatch(s->poster);
	notices_run(s->of);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct sink *s = userdata;

	(void)source;
	(void)usec;
	poster_expire(s->poster, clock_now());
	notices_run(s->of);
	return 0;
}

void sink_set_timer(sd_event *event, sd_event_source **timer, usec_t at,
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
	sink_set_timer(event, &s->timer, poster_deadline(s->poster), on_deadline, s);
}

/* The next that it is asked is not near: what a library takes is given back. */
static bool rests(const struct sink *s)
{
	struct notify_stats stats;

	notify_get_stats(s->of->notify, s->which, &stats);
	return stats.queued == 0 &&
	       (s->which != NOTIFY_ALERTMANAGER || notify_is_idle(s->of->notify));
}

void sink_run(struct sink *s)
{
	struct notify_batch batch;

	if (!s->poster)
		return;
	while (notify_next(s->of->notify, s->which, clock_now(), &batch))
		send_batch(s, &batch);
	if (rests(s))
		poster_rest(s->poster);
	arm_sink(s);
}

void sink_close(struct sink *s)
{
	s->io = sd_event_source_disable_unref(s->io);
	s->timer = sd_event_source_disable_unref(s->timer);
	s->poster = poster_free(s->poster);
	s->url[0] = '\0';
	s->generation = 0;
	s->fails = s->forbidden = false;
	s->series = NULL;
	s->log = event_log_free(s->log);
}

/* The sink of that receiver as it is to be; NULL where it is so already. */
static struct sink *renew(struct notices *x, enum notify_receiver which, bool same)
{
	struct sink *s = &x->sinks[which];

	s->of = x;
	s->which = which;
	if (same)
		return NULL;
	sink_close(s);
	notify_set_receiver(x->notify, which, NULL);
	return s;
}

int sink_open_url(struct notices *x, enum notify_receiver which, const char *url)
{
	const struct notify_way many = { .batch = NOTIFY_BATCH_MAX, .repeats = 1 };
	const struct notify_way one = { .batch = 1 };
	const char *wanted = strcmp(url, CONFIG_NONE) ? url : "";
	struct sink *s = renew(x, which, !strcmp(x->sinks[which].url, wanted));
	struct url parsed;

	if (!s || !wanted[0])
		return 0;
	if (poster_new(NULL, on_reply, s, &s->poster) < 0)
		return -ENOMEM;
	text_copy(s->url, sizeof(s->url), wanted);
	notify_set_receiver(x->notify, which, which == NOTIFY_ALERTMANAGER ? &many : &one);
	if (url_parse(url, &parsed) == 0 && !url_is_local(&parsed))
		log_notice("Alerts go to %s, which is not this host: the unit must have it in "
			   "IPAddressAllow=, and the name server as well",
			   parsed.host);
	return 0;
}

int sink_open_events(struct notices *x, bool wanted)
{
	const struct notify_way way = { .batch = 1, .repeats = EVENT_REPEATS, .pods = true };
	const bool is = x->sinks[NOTIFY_EVENTS].poster != NULL;
	char server[ENDPOINT_TEXT_MAX];
	struct kube_api api;
	struct sink *s;

	wanted = wanted && kubernetes_server(&x->manager->config, "alert_events = yes", &api);
	s = renew(x, NOTIFY_EVENTS,
		  wanted ? is && kube_api_is_same(&x->sinks[NOTIFY_EVENTS].api, &api) : !is);
	if (!s || !wanted)
		return 0;
	if (event_log_new(random_number(), &s->log) < 0 ||
	    poster_new(&api, on_reply, s, &s->poster) < 0) {
		sink_close(s);
		return -ENOMEM;
	}
	s->api = api;
	text_copy(s->url, sizeof(s->url), endpoint_text(server, &api.server));
	notify_set_receiver(x->notify, NOTIFY_EVENTS, &way);
	return 0;
}
