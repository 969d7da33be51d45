/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "core/exporter.h"
#include "core/view.h"
#include "host/helper_program.h"
#include "host/kube_api.h"
#include "report/health.h"
#include "wire/json.h"

#define AWAITED                                                                                    \
	(30 *                                                                                      \
	 USEC_SEC) /* so long a pod that was not told of is left alone, while the server seems to be there */
#define AGAIN_FIRST USEC_SEC /* a helper that has ended is started again */
#define AGAIN_MAX   (5 * USEC_MIN)
#define LASTED	    (10 * USEC_MIN)

enum {
	RECORDS_AT_ONCE = 32, /* then others have their turn */
};

/* How requests for one resource go. */
struct request_state {
	bool known; /* there was one */
	uint32_t outcome, status;
};

struct kubernetes {
	struct manager *manager;
	struct kube_api api;
	pid_t pid;
	int fd;
	usec_t began, started; /* the client, its last helper */
	unsigned int failures;
	sd_event_source *io, *again;
	struct kube_index index;
	struct request_state state[KUBE_RESOURCE_MAX_];
	usec_t told[KUBE_RESOURCE_MAX_]; /* the server's last word of it; 0: none */
	struct health health;		 /* it works where both requests do */
};

static int start(struct kubernetes *k);

static int on_again(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	start(userdata);
	return 0;
}

static void stop(struct kubernetes *k)
{
	k->io = sd_event_source_disable_unref(k->io);
	k->again = sd_event_source_disable_unref(k->again);
	helper_program_stop(&k->pid, &k->fd);
}

/* The last request of each resource, taken together. */
static void judge(struct kubernetes *k)
{
	for (size_t i = 0; i < KUBE_RESOURCE_MAX_; i++)
		if (!k->state[i].known || k->state[i].outcome != KUBE_OK)
			return;
	health_works(&k->health, clock_now());
}

/* What is known stays: it is as good as it was. */
static void start_again(struct kubernetes *k)
{
	const usec_t now = clock_now();
	usec_t delay;

	if (now > k->started + LASTED)
		k->failures = 0;
	delay = MIN(AGAIN_FIRST << MIN(k->failures, 10u), AGAIN_MAX);
	k->failures++;
	stop(k);
	for (size_t i = 0; i < KUBE_RESOURCE_MAX_; i++)
		k->state[i] = (struct request_state){ .known = true, .outcome = KUBE_FAILED };
	health_fails(&k->health, now, "its client, gomemd-kube, has ended and is started again");
	if (sd_event_add_time(k->manager->event, &k->again, CLOCK_BOOTTIME, now + delay, 0,
			      on_again, k) < 0)
		log_error("Cannot add a timer");
}

/* Whoever changes his objects all the time has it looked at no more often than whoever allocates. */
static void rematch(struct workload *w)
{
	workload_match(w);
	workload_look_in(w, w->manager->config.look_min);
}

/* Whom a record is about is matched anew. */
static void rematch_those(struct manager *m, const struct kube_record *r, bool all)
{
	size_t cursor = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor)) {
		const bool named = r->resource == KUBE_PODS ? !strcmp(w->name.pod_uid, r->uid) :
							      !strcmp(w->pod.space, r->name);

		if (w->name.pod_uid[0] && (all || named))
			rematch(w);
	}
}

static const char *resource_name(uint32_t resource)
{
	return resource == KUBE_PODS ? "pods" : "namespaces";
}

static void note_failure(struct kubernetes *k, const struct kube_record *r)
{
	char why[HEALTH_ERROR_MAX];

	if (r->outcome == KUBE_STATUS)
		snprintf(why, sizeof(why), "%s: HTTP status %u", resource_name(r->resource),
			 r->status);
	else
		snprintf(why, sizeof(why), "%s: %s", resource_name(r->resource),
			 kube_outcome_name(r->outcome));
	health_fails(&k->health, clock_now(), why);
}

/* Said where it has become another. */
static void note_state(struct kubernetes *k, const struct kube_record *r)
{
	struct request_state *s = &k->state[r->resource];
	const struct request_state now = { true, r->outcome, r->status };

	if (s->known && s->outcome == now.outcome &&
	    (s->status == now.status || now.outcome == KUBE_OK))
		return;
	if (now.outcome != KUBE_OK)
		log_notice(
			"Cannot ask the Kubernetes API for %s (%s, HTTP status %u); what is known "
			"stays",
			resource_name(r->resource), kube_outcome_name(now.outcome), now.status);
	else
		log_info("The Kubernetes API tells of %s", resource_name(r->resource));
	*s = now;
}

/* That a list is asked for is the client's word. */
static bool is_of_server(const struct kube_record *r)
{
	return r->kind != KUBE_RECORD_LISTING &&
	       (r->kind != KUBE_RECORD_STATE || r->outcome == KUBE_OK);
}

static void take_record(struct kubernetes *k, const struct kube_record *r)
{
	const int e = kube_index_take(&k->index, r);

	if (e == -EBADMSG)
		return;
	if (is_of_server(r))
		k->told[r->resource] = clock_now();
	if (e < 0)
		return;
	if (r->kind == KUBE_RECORD_STATE) {
		if (r->outcome != KUBE_OK)
			note_failure(k, r);
		note_state(k, r);
		judge(k);
	}
	if (e != KUBE_TAKEN_SAME)
		rematch_those(k->manager, r, e == KUBE_TAKEN_MANY);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	static struct kube_record record;
	struct kubernetes *k = userdata;

	(void)s;
	(void)revents;
	for (size_t i = 0; i < RECORDS_AT_ONCE; i++) {
		const ssize_t n = recv(fd, &record, sizeof(record), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n != (ssize_t)sizeof(record)) {
			start_again(k);
			return 0;
		}
		take_record(k, &record);
	}
	return 0;
}

static int start(struct kubernetes *k)
{
	char name[] = "gomemd-kube", server[ENDPOINT_TEXT_MAX];
	char *argv[] = { name, server, k->api.node, k->api.token_file, k->api.ca_file, NULL };
	int r;

	endpoint_text(server, &k->api.server);
	k->started = clock_now();
	r = helper_program_start(argv, &k->pid, &k->fd);
	if (r == 0)
		r = sd_event_add_io(k->manager->event, &k->io, k->fd, EPOLLIN, on_io, k);
	if (r >= 0)
		r = sd_event_source_set_priority(k->io, SD_EVENT_PRIORITY_IDLE);
	if (r < 0) {
		log_error("Cannot start the client of the Kubernetes API: %s", strerror(-r));
		start_again(k);
	}
	return MIN(r, 0);
}

/* The address that the kubelet gives every container of its own. */
static bool server_in_cluster(char *buf, size_t size)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	const bool six = host && strchr(host, ':');
	const int n = host && port ? snprintf(buf, size, "https://%s%s%s:%s", six ? "[" : "", host,
					      six ? "]" : "", port) :
				     -1;

	return n > 0 && (size_t)n < size;
}

static bool node_name(const struct config *config, char buf[KUBE_NAME_BYTES])
{
	const char *node = getenv("NODE_NAME");

	if (strcmp(config->kube_node, CONFIG_KUBE_NODE_AUTO) != 0)
		return text_copy(buf, KUBE_NAME_BYTES, config->kube_node);
	if (node && *node)
		return text_copy(buf, KUBE_NAME_BYTES, node);
	buf[0] = '\0';
	return gethostname(buf, KUBE_NAME_BYTES) == 0;
}

bool kubernetes_server(const struct config *config, const char *wanted_by, struct kube_api *ret)
{
	char server[CONFIG_TEXT_MAX], node[KUBE_NAME_BYTES];
	const bool named = strcmp(config->kube_api, CONFIG_KUBE_IN_CLUSTER) != 0 &&
			   strcmp(config->kube_api, CONFIG_KUBE_OFF) != 0;

	if (named) {
		text_copy(server, sizeof(server), config->kube_api);
	} else if (!server_in_cluster(server, sizeof(server))) {
		log_error("%s, but there is no KUBERNETES_SERVICE_HOST and "
			  "KUBERNETES_SERVICE_PORT; write kube_api = https://ADDRESS:PORT",
			  wanted_by);
		return false;
	}
	if (node_name(config, node) &&
	    kube_api_parse(server, node, config->kube_token_file, config->kube_ca_file, ret))
		return true;
	log_error("%s, but %s is no Kubernetes API's for node %s: write kube_api = "
		  "https://ADDRESS:PORT and kube_node = NAME",
		  wanted_by, server, node);
	return false;
}

void kubernetes_free(struct manager *m)
{
	struct kubernetes *k = TAKE_PTR(m->kubernetes);

	if (!k)
		return;
	stop(k);
	kube_index_done(&k->index);
	free(k);
}

void kubernetes_apply(struct manager *m)
{
	struct kubernetes *k;
	struct kube_api api;

	if (!strcmp(m->config.kube_api, CONFIG_KUBE_OFF) ||
	    !kubernetes_server(&m->config, "kube_api is on", &api)) {
		kubernetes_free(m);
		return;
	}
	if (m->kubernetes && kube_api_is_same(&m->kubernetes->api, &api))
		return;
	kubernetes_free(m);
	k = calloc(1, sizeof(*k));
	if (!k) {
		log_error("No memory for the client of the Kubernetes API");
		return;
	}
	m->kubernetes = k;
	k->manager = m;
	k->began = clock_now();
	/* Where there is no chance to be had, names that fall together are left out, and counted, all the same. */
	if (getrandom(&k->index.seed, sizeof(k->index.seed), GRND_NONBLOCK) < 0)
		k->index.seed = clock_wall();
	k->api = api;
	k->pid = k->fd = -1;
	start(k);
}

const struct kube_object *kubernetes_pod(const struct workload *w)
{
	const struct kubernetes *k = w->manager->kubernetes;
	const struct kube_object *o =
		k && w->name.pod_uid[0] ? kube_index_pod(&k->index, w->name.pod_uid) : NULL;

	/* The kubelet's own files are nearer to it. */
	if (!o ||
	    (w->pod.pod[0] && (strcmp(w->pod.pod, o->name) || strcmp(w->pod.space, o->space))))
		return NULL;
	return o;
}

const struct kube_object *kubernetes_namespace(const struct workload *w)
{
	const struct kubernetes *k = w->manager->kubernetes;

	return k && w->pod.space[0] ? kube_index_namespace(&k->index, w->pod.space) : NULL;
}

static bool seems_there(const struct kubernetes *k, enum kube_resource resource, usec_t now)
{
	const struct request_state *s = &k->state[resource];

	if (s->known && s->outcome == KUBE_OK)
		return true;
	/* A first request may fail where a node has just begun; what is opted out is not to be governed for that. */
	return now - (s->known ? k->began : k->started) < AWAITED;
}

bool kubernetes_is_awaited(const struct workload *w, usec_t now)
{
	const struct kubernetes *k = w->manager->kubernetes;

	if (!k || !w->name.pod_uid[0] || cgroup_name_is_static_pod(&w->name) ||
	    now - MAX(w->found, k->began) >= AWAITED)
		return false;
	if (!k->index.listed[KUBE_NAMESPACES] && seems_there(k, KUBE_NAMESPACES, now))
		return true;
	return !kube_index_pod(&k->index, w->name.pod_uid) && seems_there(k, KUBE_PODS, now);
}

static json_object *view_resource(const struct kubernetes *k, enum kube_resource resource)
{
	const struct request_state *s = &k->state[resource];
	json_object *o = json_object_new_object();

	json_object_object_add(o, "outcome",
			       s->known ? json_escaped(kube_outcome_name(s->outcome)) : NULL);
	json_put_u64(o, "http_status", s->status);
	json_put_bool(o, "listed", k->index.listed[resource]);
	json_put_u64(o, "objects", k->index.of[resource].n);
	return o;
}

json_object *view_kubernetes(const struct manager *m)
{
	const struct kubernetes *k = m->kubernetes;
	json_object *o;
	char server[ENDPOINT_TEXT_MAX];

	if (!k)
		return NULL;
	o = json_object_new_object();
	json_put_escaped(o, "server", endpoint_text(server, &k->api.server));
	json_put_escaped(o, "node", k->api.node);
	json_object_object_add(o, "pods", view_resource(k, KUBE_PODS));
	json_object_object_add(o, "namespaces", view_resource(k, KUBE_NAMESPACES));
	json_put_u64(o, "left_out", k->index.left_out);
	json_put_u64(o, "refused", k->index.refused);
	return o;
}

const struct health *kubernetes_health(const struct manager *m)
{
	return m->kubernetes ? &m->kubernetes->health : NULL;
}

usec_t kubernetes_told(const struct manager *m)
{
	const struct kubernetes *k = m->kubernetes;
	usec_t told = UINT64_MAX;

	for (size_t i = 0; k && i < KUBE_RESOURCE_MAX_; i++)
		told = MIN(told, k->told[i]);
	return k ? told : 0;
}

void kubernetes_figures(const struct manager *m, struct metrics_daemon *d)
{
	const struct kubernetes *k = m->kubernetes;
	const usec_t told = kubernetes_told(m);

	d->kube_up = d->kube_errors = d->kube_age_usec = METRICS_ABSENT;
	if (!k)
		return;
	d->kube_up = k->health.works;
	d->kube_errors = (int64_t)MIN(k->health.errors, (uint64_t)INT64_MAX - 1);
	if (told)
		d->kube_age_usec = (int64_t)sub_sat(clock_now(), told);
}
