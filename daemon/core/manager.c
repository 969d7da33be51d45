/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "core/manager.h"
#include "host/swap.h"

#define STOP_DEADLINE	(8 * USEC_SEC)
#define STOP_CHECK	(20 * USEC_MSEC)
#define DEFAULT_STATE	"/var/lib/gomemd"
#define DEFAULT_RUNTIME "/run/gomemd"

static const char *directory(const char *variable, const char *fallback)
{
	const char *d = getenv(variable);

	return d && *d ? d : fallback;
}

static void report_log(const struct ini_report *report)
{
	char *copy = report->text ? strdup(report->text) : NULL, *save = NULL;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		log_line(report->errors ? LOG_ERR : LOG_WARNING, "%s", line);
	free(copy);
}

/* Both are read before either is taken: a reload is all or nothing. */
static int load_settings(struct manager *m)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *policy = NULL;
	struct config config;
	int r, p;

	reload_watch(m);
	config_default(&config);
	r = config_load(m->config_file, &report, &config);
	p = policy_load_host(directory("GOMEMD_ROOT", ""), &report, &policy);
	report_log(&report);
	if (r < 0 || p < 0)
		return r < 0 ? r : p;
	policy_set_free(m->policy);
	m->policy = TAKE_PTR(policy);
	m->policy->no_enforce = m->rights != RIGHTS_FULL;
	m->config = config;
	log_set_max_level(config.log_level);
	return 0;
}

static void rematch_all(struct manager *m)
{
	size_t cursor = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor)) {
		workload_match(w);
		workload_look_in(w, 0);
	}
	environments_review(m);
}

int manager_reload(struct manager *m)
{
	int r;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)clock_usec(CLOCK_MONOTONIC));
	r = load_settings(m);
	if (r < 0) {
		log_error("Reload refused; what was in force stays in force");
	} else {
		kubernetes_apply(m);
		rematch_all(m);
		exporter_apply(m);
		notices_apply(m);
	}
	m->reload_refused = r < 0;
	reload_apply(m);
	sd_notifyf(0, "READY=1\nSTATUS=%s",
		   r < 0 ? "Reload refused: see the journal" : "Governing");
	return r;
}

static void on_watch(void *userdata, enum watch_kind kind, uint64_t token)
{
	struct manager *m = userdata;
	struct workload *w = table_get(&m->workloads, token);

	(void)kind;
	if (w) {
		evidence_check(w);
		workload_look_in(w, 0);
	} else if (kind == WATCH_OVERFLOW) {
		rematch_all(m);
	}
}

static int watch_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	watch_dispatch(m->watch, on_watch, m);
	return 0;
}

static int scan_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	const usec_t now = clock_now();

	(void)usec;
	m->host_swaps = swap_is_there(&m->host);
	if (orders_expire(&m->orders, clock_wall()))
		store_put_orders(m->store, &m->orders);
	learned_save(m, false);
	environments_review(m);
	reload_review(m);
	tracker_scan(m->tracker, now);
	journal_flush(m->journal);
	manager_arm(m);
	sd_notifyf(0, "STATUS=%zu workloads, %llu changes", m->workloads.n,
		   (unsigned long long)m->changes);
	hear_processes_alone(m);
	m->scanned = now;
	m->scan_at = now + processes_scan_interval(m);
	sd_event_source_set_time(s, m->scan_at);
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static bool anything_ours(const struct manager *m)
{
	size_t cursor = 0;

	if (environments_pending(m))
		return true;
	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor)) {
		if (w->high.facts.ours)
			return true;
		for (size_t i = 0; i < w->n_procs; i++)
			for (int l = 0; l < LEVER_MEMORY_HIGH; l++)
				if (w->procs[i].lever[l].facts.ours)
					return true;
	}
	return false;
}

static int stop_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	const usec_t now = clock_now();

	(void)usec;
	if ((!anything_ours(m) && !m->changes_under_way) || now > m->started + STOP_DEADLINE) {
		sd_event_exit(m->event, 0);
		return 0;
	}
	sd_event_source_set_time(s, now + STOP_CHECK);
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* Everything goes back to its owners before the end; what cannot in time, the undo records give back later. */
static int on_terminate(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct manager *m = userdata;
	size_t cursor = 0;

	(void)s;
	(void)si;
	if (m->stopping)
		return 0;
	sd_notify(0, "STOPPING=1\nSTATUS=Giving settings back");
	learned_save(m, true);
	m->stopping = true;
	m->started = clock_now();
	environments_review(m);
	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		workload_look_in(w, 0);
	return sd_event_add_time(m->event, NULL, CLOCK_BOOTTIME, m->started + STOP_CHECK, 1,
				 stop_time, m);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void)s;
	(void)si;
	manager_reload(userdata);
	return 0;
}

static int start_loop(struct manager *m)
{
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* a helper that had to be killed is reaped by the kernel */
	r = sd_event_new(&m->event);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGTERM, on_terminate, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGINT, on_terminate, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGHUP, on_hangup, m);
	if (r >= 0)
		r = sd_event_set_watchdog(m->event, true);
	return MIN(r, 0);
}

static void feature_missing(struct manager *m, const char *feature, int error, const char *lost,
			    const char *mend)
{
	log_notice("%s is not available (%s): %s. %s", feature, strerror(-error), lost, mend);
	audit_feature(m->journal, feature, lost, mend);
}

void manager_feature(struct manager *m, enum feature feature, int error)
{
	const struct feature_info *info = feature_info(feature);
	const bool was_missing = m->features.of[feature].error < 0;

	feature_set(&m->features, feature, error);
	if (error < 0 && !was_missing)
		feature_missing(m, info->name, error, info->lost, info->mend);
}

/* Each capability that is lacking, with what it costs. */
static void say_rights(struct manager *m)
{
	size_t cursor = 0;

	for (const struct capability *c = capability_next_missing(m->capabilities, &cursor); c;
	     c = capability_next_missing(m->capabilities, &cursor))
		feature_missing(
			m, c->name, -EPERM, c->lost,
			"CapabilityBoundingSet= of the unit, or securityContext of the pod, gives it");
}

/* What the daemon can do without is tried here, and said where it is missing. */
static void start_features(struct manager *m)
{
	int r = watch_new(&m->watch);

	processes_start(m);
	if (r == 0)
		r = sd_event_add_io(m->event, NULL, watch_fd(m->watch), EPOLLIN, watch_io, m);
	manager_feature(m, FEATURE_LIMIT_EVENTS, r);
	manager_feature(m, FEATURE_BUS, unit_bus_new(m->event, &m->bus));
	manager_feature(m, FEATURE_DECISION_FILE,
			recorder_new(directory("STATE_DIRECTORY", DEFAULT_STATE),
				     m->config.record_bytes, &m->recorder));
	manager_feature(m, FEATURE_CGROUP2, m->host.cgroup < 0 ? -ENOENT : 0);
	throttle_try(m);
	say_rights(m);
}

static int start_state(struct manager *m)
{
	int r = store_open(directory("STATE_DIRECTORY", DEFAULT_STATE), &m->store);

	if (r == -EBUSY) {
		log_error(
			"Another gomemd has the state directory %s, a unit's or a pod's: stop it first",
			directory("STATE_DIRECTORY", DEFAULT_STATE));
		return r;
	}
	if (r < 0) {
		log_error("Cannot open the state directory %s: %s; nothing is changed without undo "
			  "records",
			  directory("STATE_DIRECTORY", DEFAULT_STATE), strerror(-r));
		return r;
	}
	r = store_get_orders(m->store, &m->orders);
	if (r < 0)
		log_warning("Cannot read the standing orders: %s, ignoring", strerror(-r));
	r = store_get_learned(m->store, &m->learned);
	if (r < 0)
		log_warning("Cannot read what was learned: %s, ignoring", strerror(-r));
	m->orders.suspended = m->rights != RIGHTS_FULL;
	return restore_all(&m->host, m->store, m->journal, m->config.helper_deadline);
}

int manager_new(const char *config_file, struct manager **ret)
{
	_cleanup_(manager_freep) struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->config_file = config_file;
	m->host = HOSTROOT_NONE;
	snprintf(m->boot_id, sizeof(m->boot_id), "%llx", (unsigned long long)clock_wall());
	r = capability_effective(&m->capabilities);
	if (r < 0)
		return r;
	m->rights = capability_rights(m->capabilities);
	r = load_settings(m);
	if (r < 0)
		return r;
	m->workloads.max = m->config.workloads_max;
	m->by_pid.max = m->config.processes_max;
	r = hostroot_open(directory("GOMEMD_ROOT", ""), &m->host);
	if (r == 0)
		r = journal_open(JOURNAL_SOCKET, &m->journal);
	if (r == 0)
		r = start_state(m);
	if (r == 0)
		r = start_loop(m);
	if (r == 0)
		r = manager_start_helpers(m);
	if (r < 0)
		return r;
	start_features(m);
	*ret = TAKE_PTR(m);
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	size_t cursor = 0;

	if (!m)
		return NULL;
	m->notices = notices_free(m->notices);
	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		workload_free(w);
	exporter_free(m->exporter);
	tracker_free(m->tracker);
	inspector_free(m->inspector);
	inspector_free(m->writer);
	inspector_free(m->walker);
	throttle_drop_all(m);
	endpoints_free(m);
	kubernetes_free(m);
	m->listener = listener_free(m->listener);
	proc_events_free(m->events);
	watch_free(m->watch);
	reloader_free(m->reloader);
	environments_done(m);
	unit_bus_free(m->bus);
	recorder_free(m->recorder);
	journal_close(m->journal);
	store_close(m->store);
	orders_done(&m->orders);
	learned_done(&m->learned);
	pod_index_done(&m->pods);
	policy_set_free(m->policy);
	table_done(&m->workloads);
	table_done(&m->by_pid);
	sd_event_source_disable_unref(m->inspector_io);
	sd_event_source_disable_unref(m->inspector_timer);
	sd_event_source_disable_unref(m->writer_io);
	sd_event_source_disable_unref(m->writer_timer);
	sd_event_source_disable_unref(m->walker_io);
	sd_event_source_disable_unref(m->walker_timer);
	sd_event_source_disable_unref(m->listener_io);
	sd_event_source_disable_unref(m->listener_timer);
	sd_event_source_disable_unref(m->tracker_timer);
	sd_event_source_disable_unref(m->scan_timer);
	sd_event_unref(m->event);
	hostroot_close(&m->host);
	free(m);
	return NULL;
}

int manager_run(struct manager *m)
{
	struct tracker_callbacks callbacks;
	struct control *control = NULL;
	char socket_path[108];
	int r;

	manager_tracker_callbacks(m, &callbacks);
	r = tracker_new(&m->host, m->inspector, &callbacks, m->config.processes_max, &m->tracker);
	if (r < 0)
		return r;
	snprintf(socket_path, sizeof(socket_path), "%s/control.sock",
		 directory("RUNTIME_DIRECTORY", DEFAULT_RUNTIME));
	r = control_new(m, socket_path, &control);
	if (r < 0)
		log_warning("Cannot listen on %s: %s; gomemctl cannot talk to this daemon",
			    socket_path, strerror(-r));
	m->host_swaps = swap_is_there(&m->host);
	r = sd_event_add_time(m->event, &m->scan_timer, CLOCK_BOOTTIME, clock_now(), 1, scan_time,
			      m);
	if (r >= 0) {
		m->started = clock_now();
		m->started_wall = clock_wall();
		/* Said where it cannot be; memory is governed without. */
		exporter_apply(m);
		reload_apply(m);
		notices_apply(m);
		kubernetes_apply(m);
		sd_notify(0, "READY=1\nSTATUS=Looking for Go processes");
		r = sd_event_loop(m->event);
	}
	control_free(control);
	return MIN(r, 0);
}
