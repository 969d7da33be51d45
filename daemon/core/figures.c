/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "core/exporter.h"
#include "decide/heapmath.h"

#define PPM 1000000

static int64_t figure(uint64_t v)
{
	return (int64_t)MIN(v, (uint64_t)INT64_MAX - 1);
}

/* Absent where there is no limit: an infinite one would be in every sum and quotient. */
static int64_t bytes(uint64_t v)
{
	return v >= INT64_MAX ? METRICS_ABSENT : (int64_t)v;
}

static int64_t sum(int64_t a, uint64_t b)
{
	return figure(add_sat(a == METRICS_ABSENT ? 0 : (uint64_t)a, b));
}

static int64_t lowest(int64_t a, int64_t b)
{
	return a == METRICS_ABSENT ? b : MIN(a, b);
}

static void add_endpoint(struct metrics_workload *f, const struct goproc *p)
{
	bool answers, contradicted;

	if (!endpoint_health(p, &answers, &contradicted))
		return;
	f->endpoints = sum(f->endpoints, 1);
	f->answering = sum(f->answering, answers);
	f->contradicted = sum(f->contradicted, contradicted);
}

static void add_process(struct metrics_workload *f, const struct goproc *p)
{
	const struct go_sample *s = &p->row.sample;
	const int32_t effective = heap_effective_gogc(s, p->minor);

	f->heap_alloc = sum(f->heap_alloc, go_sample_heap_alloc(s));
	f->heap_sys = sum(f->heap_sys, go_sample_heap_sys(s));
	f->heap_live = sum(f->heap_live, s->heap_marked_bytes);
	f->heap_goal = sum(f->heap_goal, heap_goal(s, p->minor));
	f->mapped_ready = sum(f->mapped_ready, s->mapped_ready_bytes);
	f->soft_limit_floor = sum(f->soft_limit_floor, heap_limit_floor(s, p->minor));
	f->soft_limit = s->memory_limit_bytes == INT64_MAX || f->soft_limit == METRICS_INFINITE ?
				METRICS_INFINITE :
				sum(f->soft_limit, (uint64_t)s->memory_limit_bytes);
	f->gogc = lowest(f->gogc, s->gc_percent < 0 ? METRICS_INFINITE : s->gc_percent);
	f->effective_gogc =
		lowest(f->effective_gogc, effective == INT32_MAX ? METRICS_INFINITE : effective);
	f->proved++;
	f->heard += p->heard;
	add_endpoint(f, p);
	if (p->activity && p->activity->goroutines >= 0)
		f->goroutines = sum(f->goroutines, (uint64_t)p->activity->goroutines);
}

static void add_processes(struct metrics_workload *f, const struct workload *w)
{
	struct activity_figures last_minute = { 0 }, last_seconds = { 0 }, of;

	f->processes = (int64_t)w->n_procs;
	f->proved = f->heard = 0;
	for (size_t i = 0; i < w->n_procs; i++) {
		const struct goproc *p = &w->procs[i];

		/* What the last look has not asked (quarantine, a full batch) is no figure of now. */
		if (p->refused || !p->row.proved || p->at < w->looked)
			continue;
		add_process(f, p);
		if (!p->activity)
			continue;
		of = activity_over(p->activity, ACTIVITY_LONG);
		activity_add(&last_minute, &of);
		of = activity_over(p->activity, ACTIVITY_SHORT);
		activity_add(&last_seconds, &of);
		f->totals = &w->totals;
	}
	if (f->soft_limit == METRICS_INFINITE)
		f->soft_limit = METRICS_ABSENT;
	if (f->heap_sys > 0)
		f->heap_alloc_ppm =
			figure(mul_div((uint64_t)f->heap_alloc, PPM, (uint64_t)f->heap_sys));
	if (last_minute.over_usec)
		f->gc_cpu_permille = activity_gc_share_permille(&last_minute);
	if (last_seconds.over_usec)
		f->alloc_bytes_per_second = figure(last_seconds.alloc_bytes_per_second);
}

static void add_cgroup(struct metrics_workload *f, const struct workload *w)
{
	const struct snapshot_cgroup *c = &w->snapshot.cgroup;

	f->age_usec = figure(clock_now() - c->at);
	f->limit = bytes(c->limit);
	f->room = bytes(c->room);
	f->high = bytes(c->high);
	f->usage = figure(snapshot_usage(c));
	f->current = figure(c->current);
	f->anon = figure(c->anon);
	f->swap = figure(c->swap_current);
	f->events_high = figure(c->events_high);
	f->events_max = figure(c->events_max);
	f->events_oom = figure(c->events_oom);
	f->events_oom_kill = figure(c->events_oom_kill);
	f->stalled_some_usec = figure(c->psi_some_us);
	f->stalled_full_usec = figure(c->psi_full_us);
	f->throttled_usec = figure(c->cpu_throttled_us);
	f->swapped_in = bytes(c->swapped_in_bytes);
	f->swapped_out = bytes(c->swapped_out_bytes);
}

static int64_t ahead(usec_t v)
{
	return v == FORECAST_NEVER ? METRICS_ABSENT : figure(v);
}

static int64_t slope(int64_t per_minute)
{
	return per_minute ? per_minute / 60 : METRICS_ABSENT;
}

/* Of one that is only observed nothing is decided. */
static void add_decision(struct metrics_workload *f, const struct workload *w)
{
	const struct decision *d = &w->decision;

	if (w->tier < 0 || w->mode == MODE_OBSERVE || !w->looked) {
		f->nongo = figure(snapshot_nongo(&w->snapshot));
		return;
	}
	f->nongo = figure(d->nongo);
	f->state = d->state;
	f->alert = d->alert;
	f->forecast = d->forecast.kind;
	f->confidence_permille = d->forecast.confidence_permille;
	f->to_oom_usec = ahead(d->forecast.to_oom);
	f->to_distress_usec = ahead(d->forecast.to_distress);
	f->go_growth_per_second = slope(d->forecast.go_slope_per_min);
	f->nongo_growth_per_second = slope(d->forecast.nongo_slope_per_min);
	if (d->recommended_limit)
		f->recommended_limit = bytes(d->recommended_limit);
}

static void set_absent(struct metrics_workload *f)
{
	int64_t *const first = &f->heap_alloc, *const last = &f->swapped_out;

	for (int64_t *v = first; v <= last; v++)
		*v = METRICS_ABSENT;
	f->state = f->alert = f->forecast = -1;
}

/* namespace/pod/container, where the kubelet has told them. */
static void set_name(struct metrics_workload *f, const struct workload *w, const char *workload)
{
	const char *one = w->name.container[0] ? strchr(w->label, '/') : NULL;
	const char *two = one ? strchr(one + 1, '/') : NULL;
	struct metrics_name name = {
		.workload = workload, .space = "", .pod = "", .container = ""
	};

	if (two && one != w->label) {
		name.space = w->label;
		name.space_len = (int)(one - w->label);
		name.pod = one + 1;
		name.pod_len = (int)(two - one - 1);
		name.container = two + 1;
		name.container_len = (int)strlen(two + 1);
	}
	metrics_set_labels(f, &name);
}

void figures_of_workload(const struct workload *w, bool by_cgroup, struct metrics_workload *f)
{
	const struct goproc *p = workload_largest_proc(w);

	set_absent(f);
	f->cgroup = w->name.workload;
	f->unit = w->name.unit;
	f->tier = w->tier < 0 ? "" : w->manager->policy->tiers[w->tier].rules.tier;
	f->mode = policy_mode_name(w->mode);
	f->go_version = p ? p->build.version : "";
	f->totals = NULL;
	f->tally = &w->tally;
	set_name(f, w, by_cgroup ? w->name.workload : w->label);
	add_processes(f, w);
	if (!w->looked)
		return;
	add_cgroup(f, w);
	add_decision(f, w);
}

/* The figure after @key in a file of lines "KEY VALUE". */
static int64_t keyed(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	char number[24];
	uint64_t v;

	if (!at)
		return METRICS_ABSENT;
	at += strlen(key);
	snprintf(number, sizeof(number), "%.*s", (int)strcspn(at, "\n"), at);
	return text_parse_u64(number, &v) < 0 ? METRICS_ABSENT : figure(v);
}

static int64_t figure_in(const struct manager *m, const char *cgroup, const char *file,
			 const char *key)
{
	char path[600], text[4096];

	snprintf(path, sizeof(path), "%s/%s", cgroup, file);
	if (m->host.cgroup < 0 || fd_read_file(m->host.cgroup, path, text, sizeof(text), NULL) < 0)
		return METRICS_ABSENT;
	return keyed(text, key);
}

/* Of the cgroup that the daemon and its helpers are in, where that is a unit's. */
static void add_unit(const struct manager *m, struct metrics_daemon *d)
{
	char text[1024], *path, *end;

	d->unit_cpu_usec = d->memory = METRICS_ABSENT;
	if (fd_read_file(m->host.proc, "self/cgroup", text, sizeof(text), NULL) < 0)
		return;
	path = strstr(text, "0::/");
	end = path ? strchrnul(path, '\n') : NULL;
	if (!path || (size_t)(end - path) < sizeof("0::/.service") ||
	    strncmp(end - strlen(".service"), ".service", strlen(".service")) != 0)
		return;
	*end = '\0';
	path += strlen("0::/");
	d->unit_cpu_usec = figure_in(m, path, "cpu.stat", "usage_usec ");
	d->memory = figure_in(m, path, "memory.current", "");
}

static int64_t resident_bytes(const struct manager *m)
{
	char text[256], *pages;
	uint64_t n;

	if (fd_read_file(m->host.proc, "self/statm", text, sizeof(text), NULL) < 0)
		return METRICS_ABSENT;
	pages = strchr(text, ' ');
	if (!pages)
		return METRICS_ABSENT;
	pages[1 + strcspn(pages + 1, " \n")] = '\0';
	return text_parse_u64(pages + 1, &n) < 0 ?
		       METRICS_ABSENT :
		       figure(mul_div(n, (uint64_t)sysconf(_SC_PAGESIZE), 1));
}

static int64_t replaced(const struct manager *m)
{
	return (int64_t)inspector_replaced(m->inspector) +
	       (m->writer ? inspector_replaced(m->writer) : 0) +
	       (m->walker ? inspector_replaced(m->walker) : 0);
}

/* One whose rest is over is kept, for the next rest to be longer. */
static int64_t quarantined(const struct manager *m)
{
	const usec_t now = clock_now();
	int64_t n = 0;

	for (size_t i = 0; i < m->n_quarantined; i++)
		n += now < m->quarantine[i].until;
	return n;
}

void figures_of_daemon(const struct manager *m, struct metrics_daemon *d)
{
	const struct tracker_stats st = tracker_get_stats(m->tracker);
	const usec_t up = clock_now() - m->started;

	*d = (struct metrics_daemon){
		.version = GOMEMD_VERSION,
		.mode = policy_mode_name(m->config.mode),
		.rights = rights_name(m->rights),
		.features = &m->features,
		.start_wall_usec = figure(m->started_wall ? m->started_wall : clock_wall() - up),
		.cpu_usec = figure(clock_usec(CLOCK_PROCESS_CPUTIME_ID)),
		.resident = resident_bytes(m),
		.workloads = figure(m->workloads.n),
		.processes = figure(st.processes),
		.refused = figure(st.refused),
		.quarantined = quarantined(m),
		.goroutine_limits = throttle_count(m),
		.reloaded = !m->reload_refused,
		.writes_stopped = orders_stopped(&m->orders),
		.looks = figure(m->looks),
		.changes = figure(m->changes),
		.kills = figure(m->kills),
		.left_out = figure(st.dropped + m->names_too_long + m->workloads.dropped +
				   m->by_pid.dropped + m->quarantine_forgotten),
		.helpers_replaced = replaced(m),
		.hostile = figure(st.hostile),
		.records_lost = figure(journal_lost(m->journal)),
		.events_lost = m->listener ? figure(listener_lost(m->listener)) : METRICS_ABSENT,
		.profiles = figure(m->walk.walks),
		.profile_cpu_usec = figure(m->walk.cost_usec),
		.reloads = figure(m->environments.reloads),
	};
	notices_figures(m, d);
	kubernetes_figures(m, d);
	add_unit(m, d);
}
