/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "core/view.h"
#include "host/fetch.h"
#include "sense/told_figures.h"
#include "wire/json.h"

#define INTERVAL  (10 * USEC_SEC)
#define SAY_AGAIN (10 * USEC_MIN)
#define NEVER	  UINT64_MAX

enum {
	LOOKS = 2,
	UNDER_WAY_MAX =
		4, /* of a workload: one that never answers keeps the others waiting no longer */
};

enum endpoint_state {
	ENDPOINT_FINDING, /* auto: what does it listen on? */
	ENDPOINT_TRYING,  /* auto: each of that is asked once */
	ENDPOINT_KNOWN,
	ENDPOINT_NONE, /* auto: none of it has figures */
};

/* The paths that are asked unbidden. */
static const char *const paths[] = { "/debug/vars", "/metrics" };

struct endpoint_watch {
	struct policy_endpoint policy; /* as it was when this began */
	enum endpoint_state state;
	struct endpoint at; /* asked last */
	uint32_t n_found, next, path;
	struct endpoint found[FETCH_FOUND_MAX];
	bool under_way;
	uint64_t serial; /* of what is under way: an answer to one that this has replaced is none */
	usec_t due;	 /* NEVER: not again */
	unsigned int failures;
	struct fetch_reply last;
	struct figures figures; /* told last ... */
	uint32_t source;
	usec_t told;		 /* ... then; 0: none were yet */
	struct go_sample asking; /* the look before it was asked last */
	struct go_sample before; /* ... before it was asked for `figures` */
	unsigned int unjudged;	 /* looks until memory shows what was so */
	uint64_t contradicted;
	usec_t said;
};

/* The helper in the loop. */
struct endpoints {
	struct fetcher *fetcher;
	sd_event_source *io, *timer;
	unsigned int generation;
};

static void arm(struct manager *m);

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	fetcher_dispatch(m->endpoints->fetcher);
	arm(m);
	return 0;
}

static int on_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)usec;
	fetcher_expire(m->endpoints->fetcher, clock_now());
	arm(m);
	return 0;
}

static void arm(struct manager *m)
{
	struct endpoints *e = m->endpoints;
	const int fd = fetcher_fd(e->fetcher);
	const usec_t deadline = fetcher_deadline(e->fetcher);

	if (e->generation != fetcher_generation(e->fetcher)) {
		e->generation = fetcher_generation(e->fetcher);
		e->io = sd_event_source_disable_unref(e->io);
		if (fd >= 0 && manager_watch_fd(m, &e->io, fd, on_io, m) < 0)
			log_error("Cannot watch the helper that asks endpoints");
	}
	e->timer = sd_event_source_disable_unref(e->timer);
	if (deadline &&
	    sd_event_add_time(m->event, &e->timer, CLOCK_BOOTTIME, deadline, 1, on_time, m) < 0)
		log_error("Cannot add a timer");
}

static struct endpoints *endpoints_get(struct manager *m)
{
	struct endpoints *e;

	if (m->endpoints)
		return m->endpoints;
	e = calloc(1, sizeof(*e));
	if (e && fetcher_new(&e->fetcher) < 0) {
		free(e);
		return NULL;
	}
	m->endpoints = e;
	return e;
}

void endpoints_free(struct manager *m)
{
	struct endpoints *e = m->endpoints;

	if (!e)
		return;
	sd_event_source_disable_unref(e->io);
	sd_event_source_disable_unref(e->timer);
	fetcher_free(e->fetcher);
	free(e);
	m->endpoints = NULL;
}

void endpoints_drop(struct goproc *p)
{
	free(p->endpoint);
	p->endpoint = NULL;
}

static void on_reply(void *userdata, const struct fetch_request *req,
		     const struct fetch_reply *reply);

static void send_request(struct manager *m, struct goproc *p)
{
	static uint64_t serials;
	struct endpoint_watch *e = p->endpoint;
	struct fetch_request req = { .op = e->state == ENDPOINT_FINDING ? FETCH_FIND : FETCH_GET,
				     .pid = p->id.pid,
				     .start_ticks = p->id.start_ticks };

	if (e->state == ENDPOINT_TRYING) {
		e->at = e->found[e->next];
		text_copy(e->at.path, sizeof(e->at.path), paths[e->path]);
	}
	req.at = e->at;
	req.serial = e->serial = ++serials;
	if (!endpoints_get(m))
		return;
	/* What it tells lies between the look before it is asked, which this is, and the next. */
	e->asking = p->row.sample;
	e->under_way = fetcher_request(m->endpoints->fetcher, &req, on_reply, m) == 0;
	arm(m);
}

static void fail(struct endpoint_watch *e, usec_t now)
{
	e->due = now + inspector_rest(e->failures++);
}

/* Of what it listens on, the next path or the next address; returns false where there is none. */
static bool try_next(struct endpoint_watch *e, const struct fetch_reply *reply)
{
	struct endpoint *at = &e->found[e->next];

	if (e->path == 0 && !at->tls && fetch_may_be_tls(reply)) {
		at->tls = true;
		return true;
	}
	/* It was plain HTTP that said 400. */
	if (e->path == 0 && at->tls && reply->outcome == FETCH_GARBLED)
		at->tls = false;
	if (!fetch_is_silent(reply) && ++e->path < ARRAY_SIZE(paths))
		return true;
	e->path = 0;
	return ++e->next < e->n_found;
}

static void take_found(struct endpoint_watch *e, const struct fetch_reply *reply, usec_t now)
{
	e->n_found =
		reply->outcome == FETCH_OK ? MIN(reply->n_found, (uint32_t)FETCH_FOUND_MAX) : 0;
	memcpy(e->found, reply->found, sizeof(e->found));
	e->next = e->path = 0;
	e->due = now;
	if (e->n_found)
		e->state = ENDPOINT_TRYING;
	else
		fail(e, now);
}

/* What says nothing of the endpoint. */
static bool is_ours(const struct fetch_reply *reply)
{
	return reply->outcome == FETCH_NO_LIBRARY || reply->outcome == FETCH_FAILED ||
	       reply->outcome == FETCH_HUNG;
}

static void take_figures(struct endpoint_watch *e, const struct fetch_reply *reply, usec_t now)
{
	const bool has_figures = reply->outcome == FETCH_OK && reply->figures.known;

	e->due = now;
	if (has_figures) {
		e->state = ENDPOINT_KNOWN;
		e->figures = reply->figures;
		e->source = reply->source;
		e->told = now;
		e->before = e->asking;
		e->unjudged = LOOKS;
		e->failures = 0;
		e->due = now + INTERVAL;
	} else if (e->state == ENDPOINT_KNOWN) {
		fail(e, now);
	} else if (is_ours(reply)) {
		e->state = ENDPOINT_FINDING;
		fail(e, now);
	} else if (!try_next(e, reply)) {
		e->state = ENDPOINT_NONE;
		e->due = NEVER;
	}
}

/*
 * Finding does without the library. Rights do not come back: what may not enter the network of one may of no other, whatever a
 * program in the daemon's own network answers.
 */
static void tell_feature(struct manager *m, const struct fetch_reply *reply)
{
	const bool denied = reply->outcome == FETCH_FAILED && reply->error == -EPERM;

	if (m->features.of[FEATURE_ENDPOINTS].error == -EPERM)
		return;
	if (denied || reply->outcome == FETCH_NO_LIBRARY || reply->outcome == FETCH_OK)
		manager_feature(m, FEATURE_ENDPOINTS, feature_endpoints_error(reply));
}

static void on_reply(void *userdata, const struct fetch_request *req,
		     const struct fetch_reply *reply)
{
	struct manager *m = userdata;
	struct workload *w = table_get(&m->by_pid, (uint64_t)req->pid);
	struct goproc *p = w ? workload_proc(w, req->pid) : NULL;
	struct endpoint_watch *e = p ? p->endpoint : NULL;
	const usec_t now = clock_now();

	if (req->op == FETCH_GET)
		tell_feature(m, reply);
	/* It has ended, or its policy is another: whatever was asked for then. */
	if (!e || !e->under_way || p->id.start_ticks != req->start_ticks ||
	    e->serial != req->serial)
		return;
	e->under_way = false;
	e->last = *reply;
	if (req->op == FETCH_FIND)
		take_found(e, reply, now);
	else
		take_figures(e, reply, now);
	if (e->state == ENDPOINT_TRYING)
		send_request(m, p);
}

static const char *names_of(char *buf, size_t size, uint64_t figures)
{
	size_t n = 0;

	buf[0] = '\0';
	for (enum figure i = 0; i < FIGURE_MAX_ && n < size; i++)
		if (figures & (UINT64_C(1) << i))
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "",
					      figure_name(i));
	return buf;
}

static void say(struct workload *w, struct goproc *p, usec_t now)
{
	struct endpoint_watch *e = p->endpoint;
	const struct audit_limits limits = manager_audit_limits(w->manager);
	const enum figure first = (enum figure)__builtin_ctzll(e->contradicted);
	char url[ENDPOINT_TEXT_MAX], names[512];
	struct audit_subject subject;
	struct figures shown;

	if (e->said && now < e->said + SAY_AGAIN)
		return;
	e->said = now;
	told_figures_of(&p->row.sample, p->minor, &shown);
	workload_subject(w, &subject);
	subject.decision_id = NULL;
	if (!audit_admit(w->manager->journal, &w->bucket, &limits, &subject, now))
		return;
	audit_endpoint(w->manager->journal, &subject,
		       &(struct audit_endpoint){
			       .pid = p->id.pid,
			       .url = endpoint_text(url, &e->at),
			       .figure = figure_name(first),
			       .told = e->figures.value[first],
			       .shown = shown.value[first],
			       .figures = names_of(names, sizeof(names), e->contradicted) });
}

/* The first look that was begun after it was told shows what can have been true: the one that came first may have been begun before. */
static void judge(struct workload *w, struct goproc *p, usec_t now)
{
	struct endpoint_watch *e = p->endpoint;

	if (!e->unjudged || p->at <= e->told || --e->unjudged)
		return;
	e->contradicted = told_figures_contradicted(&e->before, &p->row.sample, &e->figures);
	if (e->contradicted)
		say(w, p, now);
}

static void begin(struct goproc *p, const struct policy_endpoint *policy)
{
	struct endpoint_watch *e = calloc(1, sizeof(*e));

	if (!e)
		return;
	e->policy = *policy;
	e->at = policy->at;
	e->state = policy->kind == POLICY_ENDPOINT_AT ? ENDPOINT_KNOWN : ENDPOINT_FINDING;
	p->endpoint = e;
}

static bool is_same(const struct policy_endpoint *a, const struct policy_endpoint *b)
{
	char x[ENDPOINT_TEXT_MAX], y[ENDPOINT_TEXT_MAX];

	return a->kind == b->kind && (a->kind != POLICY_ENDPOINT_AT ||
				      !strcmp(endpoint_text(x, &a->at), endpoint_text(y, &b->at)));
}

static size_t n_under_way(const struct workload *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_procs; i++)
		n += w->procs[i].endpoint && w->procs[i].endpoint->under_way;
	return n;
}

void endpoints_look(struct workload *w, usec_t now)
{
	static const struct policy_endpoint off;
	const struct policy_endpoint *policy =
		w->tier < 0 ? &off : &w->manager->policy->tiers[w->tier].rules.endpoint;

	for (size_t i = 0; i < w->n_procs; i++) {
		struct goproc *p = &w->procs[i];
		const bool wanted =
			policy->kind != POLICY_ENDPOINT_OFF && !p->refused && p->row.proved;

		if (p->endpoint && (!wanted || !is_same(&p->endpoint->policy, policy)))
			endpoints_drop(p);
		if (wanted && !p->endpoint)
			begin(p, policy);
		if (!p->endpoint)
			continue;
		judge(w, p, now);
		/* What was told last is judged before the next takes its place. */
		if (!p->endpoint->under_way && !p->endpoint->unjudged && now >= p->endpoint->due &&
		    n_under_way(w) < UNDER_WAY_MAX)
			send_request(w->manager, p);
	}
}

bool endpoint_health(const struct goproc *p, bool *ret_answers, bool *ret_contradicted)
{
	const struct endpoint_watch *e = p->endpoint;

	if (!e)
		return false;
	*ret_answers = e->told && !e->failures;
	*ret_contradicted = e->contradicted != 0;
	return true;
}

json_object *view_endpoint(const struct goproc *p)
{
	const struct endpoint_watch *e = p->endpoint;
	char url[ENDPOINT_TEXT_MAX];
	json_object *o;

	if (!e)
		return NULL;
	o = json_object_new_object();
	json_object_object_add(
		o, "url",
		e->state == ENDPOINT_KNOWN ? json_escaped(endpoint_text(url, &e->at)) : NULL);
	json_put_text(o, "outcome", fetch_outcome_name(e->last.outcome));
	json_put_u64(o, "http_status", e->last.status);
	json_put_text(o, "source", fetch_source_name(e->source));
	json_object_object_add(o, "figures_age_usec",
			       e->told ? json_object_new_int64((int64_t)(clock_now() - e->told)) :
					 NULL);
	json_object_object_add(o, "figures", told_figures_json(&e->figures));
	json_object_object_add(o, "contradicted", told_names_json(e->contradicted));
	return o;
}
