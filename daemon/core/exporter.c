/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/text.h"
#include "core/exporter.h"
#include "report/http.h"

#define READY_PATIENCE (30 * USEC_SEC) /* for who has just started, and is not whole yet */

/* /metrics, /livez and /readyz, where metrics_listen asks for them. */
struct exporter {
	struct manager *manager;
	char listen[ADDRESS_TEXT_MAX];
	struct http_server *server;
	sd_event_source *io, *timer;
	bool ready; /* and stays so */
	uint64_t scrapes, cpu_usec, dropped;
};

/* Every workload that the first scan has found was looked at. */
static bool is_ready(struct exporter *e)
{
	const struct manager *m = e->manager;
	size_t cursor = 0;

	if (e->ready)
		return true;
	if (!m->scanned)
		return false;
	if (tracker_get_stats(m->tracker).waiting && clock_now() < m->started + READY_PATIENCE)
		return false;
	for (const struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		if (!w->looked && clock_now() < m->started + READY_PATIENCE)
			return false;
	e->ready = true;
	return true;
}

static int compare_labels(const void *a, const void *b)
{
	const struct metrics_workload *const *x = a, *const *y = b;

	return strcmp((*x)->labels, (*y)->labels);
}

static bool next_workload(const struct manager *m, size_t *cursor, const struct workload **ret)
{
	*ret = table_next(&m->workloads, cursor);
	return *ret;
}

/*
 * Two workloads of one name (a unit of two users) are told apart by their cgroups; two of one cgroup (the old one is about
 * to go) cannot be, and a scraper takes no answer in which a series stands twice. Marks the ones to leave out by no labels.
 */
static int tell_apart(const struct workload *const *of, struct metrics_workload *f, size_t n)
{
	_cleanup_(freep) struct metrics_workload **sorted = calloc(MAX(n, 1u), sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < n; i++)
			sorted[i] = &f[i];
		qsort(sorted, n, sizeof(*sorted), compare_labels);
		for (size_t i = 0, end; i < n; i = end) {
			for (end = i + 1; end < n && !compare_labels(&sorted[i], &sorted[end]);)
				end++;
			for (size_t k = i; k < end && end - i > 1 && round == 0; k++)
				figures_of_workload(of[sorted[k] - f], true, sorted[k]);
			for (size_t k = i + 1; k < end && round == 1; k++)
				sorted[k]->labels[0] = '\0';
		}
	}
	return 0;
}

/* Those that stay, at the front. */
static size_t drop_marked(struct metrics_workload *f, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (f[i].labels[0]) {
			if (kept != i)
				f[kept] = f[i];
			kept++;
		}
	return kept;
}

/* The caller frees. */
static int collect(const struct manager *m, struct metrics_workload **ret, size_t *ret_n)
{
	const size_t n = MIN(m->workloads.n, (size_t)METRICS_WORKLOADS_MAX);
	_cleanup_(freep) struct metrics_workload *f = calloc(MAX(n, 1u), sizeof(*f));
	_cleanup_(freep) const struct workload **of = calloc(MAX(n, 1u), sizeof(*of));
	size_t cursor = 0, i = 0;

	if (!f || !of)
		return -ENOMEM;
	while (i < n && next_workload(m, &cursor, &of[i])) {
		figures_of_workload(of[i], false, &f[i]);
		i++;
	}
	if (tell_apart(of, f, i) < 0)
		return -ENOMEM;
	*ret_n = drop_marked(f, i);
	if (metrics_drop_longest(f, ret_n, METRICS_WORKLOADS_BYTES) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(f);
	return 0;
}

static int answer_metrics(struct exporter *e, const struct http_request *req,
			  struct http_answer *ret)
{
	const struct manager *m = e->manager;
	const enum metrics_format format = metrics_negotiate(req->accept);
	const uint64_t began = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
	_cleanup_(freep) struct metrics_workload *workloads = NULL;
	_cleanup_(buffer_done) struct buffer text = { .max = METRICS_BYTES_MAX };
	struct metrics all = { 0 };
	uint64_t dropped = 0;
	int r = collect(m, &workloads, &all.n);

	if (r < 0)
		return r;
	all.workloads = workloads;
	all.left_out = m->workloads.n - all.n;
	figures_of_daemon(m, &all.daemon);
	all.daemon.scrapes = (int64_t)e->scrapes;
	all.daemon.scrape_usec = (int64_t)e->cpu_usec;
	all.daemon.dropped = (int64_t)e->dropped;
	r = metrics_write(&all, format, &text, &dropped);
	e->dropped += dropped;
	e->scrapes++;
	e->cpu_usec += clock_usec(CLOCK_PROCESS_CPUTIME_ID) - began;
	if (r < 0)
		return r;
	ret->status = 200;
	ret->type = metrics_content_type(format);
	ret->len = text.n;
	ret->text = TAKE_PTR(text.text);
	return 0;
}

static int answer_text(unsigned int status, const char *text, struct http_answer *ret)
{
	*ret = (struct http_answer){ .status = status,
				     .type = "text/plain; charset=utf-8",
				     .len = strlen(text),
				     .text = strdup(text) };
	return ret->text ? 0 : -ENOMEM;
}

static int answer(void *userdata, const struct http_request *req, struct http_answer *ret)
{
	struct exporter *e = userdata;

	if (!strcmp(req->path, "/metrics"))
		return answer_metrics(e, req, ret);
	if (!strcmp(req->path, "/livez"))
		return answer_text(200, "ok\n", ret);
	if (!strcmp(req->path, "/readyz"))
		return is_ready(e) ? answer_text(200, "ok\n", ret) :
				     answer_text(503, "the first look is not complete\n", ret);
	return answer_text(404, "there are /metrics, /livez and /readyz\n", ret);
}

static void run(struct exporter *e)
{
	usec_t due;
	const uint64_t scrapes = e->scrapes;

	http_dispatch(e->server, clock_now());
	due = http_due(e->server);
	sd_event_source_set_time(e->timer, due);
	sd_event_source_set_enabled(e->timer, due ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	/* An answer about a full host is larger than all that the daemon keeps. */
	if (scrapes != e->scrapes)
		malloc_trim(0);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	(void)s;
	(void)fd;
	(void)revents;
	run(userdata);
	return 0;
}

static int on_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	run(userdata);
	return 0;
}

static int watch_server(struct exporter *e)
{
	sd_event *event = e->manager->event;
	int r = sd_event_add_io(event, &e->io, http_fd(e->server), EPOLLIN, on_io, e);

	if (r >= 0)
		r = sd_event_add_time(event, &e->timer, CLOCK_BOOTTIME, 0, 1, on_time, e);
	if (r >= 0)
		r = sd_event_source_set_enabled(e->timer, SD_EVENT_OFF);
	return MIN(r, 0);
}

static void stop(struct exporter *e)
{
	e->io = sd_event_source_disable_unref(e->io);
	e->timer = sd_event_source_disable_unref(e->timer);
	e->server = http_free(e->server);
	e->listen[0] = '\0';
}

static int start(struct exporter *e, const char *listen)
{
	struct address address;
	char why[HTTP_WHY_MAX] = "";
	int r = address_parse(listen, &address);

	if (r == 0)
		r = http_new(&address, answer, e, &e->server, why);
	if (r == 0)
		r = watch_server(e);
	if (r < 0) {
		log_error("Cannot serve metrics on %s: %s", listen, why[0] ? why : strerror(-r));
		stop(e);
		return r;
	}
	text_copy(e->listen, sizeof(e->listen), listen);
	if (address.any.sa_family == AF_UNIX)
		control_set_access(listen);
	if (!address_is_local(&address))
		log_warning(
			"Metrics are served on %s, to everybody who can reach it: names of workloads and their memory",
			listen);
	return 0;
}

int exporter_apply(struct manager *m)
{
	struct exporter *e = m->exporter;
	int r;

	if (!e && !strcmp(m->config.metrics_listen, CONFIG_NONE))
		return 0;
	if (!e)
		e = m->exporter = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->manager = m;
	if (!strcmp(e->listen, m->config.metrics_listen))
		return 0;
	stop(e);
	if (!strcmp(m->config.metrics_listen, CONFIG_NONE))
		return 0;
	r = start(e, m->config.metrics_listen);
	manager_feature(m, FEATURE_METRICS, r);
	return r;
}

struct exporter *exporter_free(struct exporter *e)
{
	if (e)
		stop(e);
	free(e);
	return NULL;
}
