/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "kube/names.h"
#include "kube/record.h"
#include "report/event.h"
#include "wire/json.h"

#define COMPONENT "gomemd"

enum {
	INSTANCE_MAX = 128, /* of reportingInstance */
	POD_PART_MAX = 236, /* of a name of 253: a dot and 16 digits follow */
	SUMMARY_MAX = 420,  /* of the message: figures and culprit have room behind it */
	CULPRIT_MAX = 360,
};

struct event_series {
	/* Of what it is. */
	char uid[KUBE_UID_BYTES], container[KUBE_SPACE_BYTES];
	int32_t alert, kind;
	bool over;
	char name[KUBE_NAME_BYTES];
	bool there; /* the server has it */
	uint32_t count;
	usec_t first;	/* by the wall clock; 0: it was not told of */
	usec_t started; /* of the alert when it was told of last */
	uint64_t used;
};

struct event_log {
	uint64_t seed, serial;
	struct event_series **of;
	size_t n, room;
};

int event_log_new(uint64_t seed, struct event_log **ret)
{
	struct event_log *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->seed = seed;
	*ret = l;
	return 0;
}

struct event_log *event_log_free(struct event_log *l)
{
	if (!l)
		return NULL;
	for (size_t i = 0; i < l->n; i++)
		free(l->of[i]);
	free(l->of);
	free(l);
	return NULL;
}

static bool is_of(const struct event_series *s, const struct notice *n)
{
	return s->alert == n->alert && s->kind == n->kind && s->over == (n->ended_wall != 0) &&
	       !strcmp(s->uid, n->pod_uid) && !strcmp(s->container, n->container);
}

/* POD.NUMBER, as client-go has it; the number is one's own, so that whoever has it already is this one. */
static void set_name(const struct event_log *l, struct event_series *s, const struct notice *n)
{
	const uint64_t number =
		hash_mix(text_hash(hash_mix(TEXT_HASH_START, l->seed), n->pod_uid), l->serial);
	size_t len = MIN(strlen(n->pod), (size_t)POD_PART_MAX);

	while (len > 0 && (n->pod[len - 1] == '.' || n->pod[len - 1] == '-'))
		len--;
	snprintf(s->name, sizeof(s->name), "%.*s.%016" PRIx64, (int)len, n->pod, number);
}

static struct event_series *make_room(struct event_log *l)
{
	size_t oldest = 0;

	if (l->n < EVENT_SERIES_MAX) {
		if (array_make_room(&l->of, &l->room, l->n, EVENT_SERIES_MAX, sizeof(*l->of)) < 0)
			return NULL;
		l->of[l->n] = malloc(sizeof(**l->of));
		return l->of[l->n] ? l->of[l->n++] : NULL;
	}
	for (size_t i = 1; i < l->n; i++)
		if (l->of[i]->used < l->of[oldest]->used)
			oldest = i;
	return l->of[oldest];
}

struct event_series *event_log_find(struct event_log *l, const struct notice *n)
{
	struct event_series *s;

	l->serial++;
	for (size_t i = 0; i < l->n; i++)
		if (is_of(l->of[i], n)) {
			l->of[i]->used = l->serial;
			return l->of[i];
		}
	s = make_room(l);
	if (!s)
		return NULL;
	*s = (struct event_series){
		.alert = n->alert, .kind = n->kind, .over = n->ended_wall != 0, .used = l->serial
	};
	text_copy(s->uid, sizeof(s->uid), n->pod_uid);
	text_copy(s->container, sizeof(s->container), n->container);
	set_name(l, s, n);
	return s;
}

/* A text that grows up to its room. */
struct message {
	char *text;
	size_t len, room;
};

static void __attribute__((format(printf, 2, 3))) add(struct message *m, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(m->text + m->len, m->room - m->len, format, args);
	va_end(args);
	if (n > 0)
		m->len = MIN(m->len + (size_t)n, m->room - 1);
}

static void add_figures(struct message *m, const struct notice *n)
{
	char usage[TEXT_BYTES_MAX], room[TEXT_BYTES_MAX], live[TEXT_BYTES_MAX],
		nongo[TEXT_BYTES_MAX];

	add(m, ". Uses %s of %s: %s live in Go heaps, %s not Go's", text_bytes(usage, n->usage),
	    text_bytes(room, n->room), text_bytes(live, n->live), text_bytes(nongo, n->nongo));
	if (n->to_oom != FORECAST_NEVER)
		add(m, ". Out of memory in about %" PRIu64 " s (%" PRIu32 " %% sure)",
		    n->to_oom / USEC_SEC, n->forecast_permille / 10);
}

static void add_culprit(struct message *m, const struct notice *n)
{
	const struct notice_culprit *c = &n->culprits[0];
	char file[CULPRIT_MAX / 2], function[CULPRIT_MAX / 2], bytes[TEXT_BYTES_MAX];

	if (!n->n_culprits)
		return;
	text_escape(file, sizeof(file), c->file);
	text_escape(function, sizeof(function), c->function);
	add(m, ". Culprit: %s:%" PRIu32 " (%s) holds %s%s", file, c->line, function,
	    text_bytes(bytes, c->inuse_bytes), c->suspect ? ", which only grows" : "");
}

/* All of it printable ASCII: bytes are characters. What to do always has its room. */
static void message_of(char buf[EVENT_MESSAGE_MAX + 1], const struct notice *n)
{
	const char *action = alert_action(n->kind, n->recommended_limit);
	struct message m = { .text = buf, .room = EVENT_MESSAGE_MAX + 1 };
	char summary[SUMMARY_MAX];

	text_escape(summary, sizeof(summary), n->summary);
	if (n->ended_wall) {
		add(&m, "Over after %" PRIu64 " s. It was: %s",
		    sub_sat(n->ended_wall, n->started_wall) / USEC_SEC, summary);
		return;
	}
	m.room -= strlen(action) + 2;
	add(&m, "%s", summary);
	add_figures(&m, n);
	add_culprit(&m, n);
	m.room = EVENT_MESSAGE_MAX + 1;
	add(&m, ". %s", action);
}

/* When what is told now was so. */
static usec_t time_of(const struct event_series *s, const struct notice *n, usec_t wall)
{
	if (n->ended_wall)
		return n->ended_wall;
	return s->started == n->started_wall ? wall : n->started_wall;
}

/* metav1.Time has seconds. */
static void put_time(json_object *o, const char *key, usec_t wall)
{
	char text[TEXT_TIME_MAX];
	char *point;

	text_time_ns(text, wall * 1000);
	point = strchr(text, '.');
	if (point)
		text_copy(point, 2, "Z");
	json_put_text(o, key, text);
}

static void put_told(json_object *o, const struct event_series *s, const struct notice *n,
		     usec_t last)
{
	char message[EVENT_MESSAGE_MAX + 1];

	message_of(message, n);
	json_put_text(o, "message", message);
	json_put_u64(o, "count", (uint64_t)MIN(s->count, (uint32_t)INT32_MAX - 1) + 1);
	put_time(o, "lastTimestamp", last);
}

static json_object *pod_of(const struct notice *n)
{
	json_object *o = json_object_new_object();
	char path[128];

	json_put_text(o, "apiVersion", "v1");
	json_put_text(o, "kind", "Pod");
	json_put_text(o, "namespace", n->space);
	json_put_text(o, "name", n->pod);
	json_put_text(o, "uid", n->pod_uid);
	if (kube_is_label_name(n->container)) {
		snprintf(path, sizeof(path), "spec.containers{%s}", n->container);
		json_put_text(o, "fieldPath", path);
	}
	return o;
}

static void put_whole(json_object *o, const struct event_series *s, const struct notice *n,
		      const char *node, usec_t first)
{
	json_object *meta = json_object_new_object(), *source = json_object_new_object();
	char reason[64], instance[INSTANCE_MAX];

	json_put_text(o, "apiVersion", "v1");
	json_put_text(o, "kind", "Event");
	json_put_text(meta, "name", s->name);
	json_put_text(meta, "namespace", n->space);
	json_object_object_add(o, "metadata", meta);
	json_object_object_add(o, "involvedObject", pod_of(n));
	snprintf(reason, sizeof(reason), "%s%s", notice_name(n), n->ended_wall ? "Resolved" : "");
	json_put_text(o, "reason", reason);
	json_put_text(o, "type", n->ended_wall ? "Normal" : "Warning");
	text_escape(instance, sizeof(instance), node);
	json_put_text(source, "component", COMPONENT);
	json_put_text(source, "host", instance);
	json_object_object_add(o, "source", source);
	json_put_text(o, "reportingComponent", COMPONENT);
	json_put_text(o, "reportingInstance", instance);
	put_time(o, "firstTimestamp", first);
}

int event_request(const struct event_series *s, const struct notice *n, const char *node,
		  usec_t wall, struct event_request *ret)
{
	const usec_t last = time_of(s, n, wall);
	json_object *o = json_object_new_object();

	ret->create = !s->there;
	snprintf(ret->path, sizeof(ret->path), "/api/v1/namespaces/%s/events%s%s", n->space,
		 s->there ? "/" : "", s->there ? s->name : "");
	put_told(o, s, n, last);
	if (!s->there)
		put_whole(o, s, n, node, s->first ? s->first : last);
	ret->body = json_take_text(o);
	return ret->body ? 0 : -ENOMEM;
}

static enum notify_result was_taken(struct event_series *s, const struct notice *n)
{
	if (!s->first)
		s->first = n->ended_wall ? n->ended_wall : n->started_wall;
	s->started = n->started_wall;
	s->there = true;
	s->count += s->count < (uint32_t)INT32_MAX - 1;
	return NOTIFY_SENT;
}

enum notify_result event_answered(struct event_series *s, const struct notice *n, bool create,
				  uint32_t status)
{
	const enum notify_result result = notify_result_of(status);

	if (result == NOTIFY_SENT)
		return was_taken(s, n);
	switch (status) {
	case 409:
		/* Nobody else has this name: it was taken, and the answer was lost. */
		return create ? was_taken(s, n) : NOTIFY_FAILED;
	case 404:
		/* The namespace is gone; or the event is, after the hour that servers keep it. */
		s->there = false;
		return create ? NOTIFY_REJECTED : NOTIFY_FAILED;
	case 403: /* a quota or the end of one tenant's namespace must not keep all others waiting */
		return NOTIFY_REJECTED;
	default:
		return result;
	}
}
