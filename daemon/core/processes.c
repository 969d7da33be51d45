/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/epoll.h>

#include "core/manager.h"

#define SCAN_WITH_EVENTS    (60 * USEC_SEC)
#define SCAN_WITHOUT_EVENTS (5 * USEC_SEC)
/* Whoever makes events get lost must not make the daemon scan all the time; and it is the window of the eBPF programs. */
#define SCAN_LEAST USEC_SEC

/* Looks at all processes after @delay at the latest, but not more often than every second. */
static void scan_in(struct manager *m, usec_t delay)
{
	const usec_t at = MAX(clock_now() + delay, m->scanned + SCAN_LEAST);

	if (!m->scan_timer || m->scan_at <= at)
		return;
	m->scan_at = at;
	sd_event_source_set_time(m->scan_timer, at);
}

usec_t processes_scan_interval(const struct manager *m)
{
	return m->process_source == PROCESSES_BY_SCAN ? SCAN_WITHOUT_EVENTS : SCAN_WITH_EVENTS;
}

static void on_process(void *userdata, enum process_event event, pid_t pid)
{
	struct manager *m = userdata;

	switch (event) {
	case PROC_EXEC:
		tracker_exec(m->tracker, pid, clock_now());
		break;
	case PROC_EXIT:
		tracker_exit(m->tracker, pid);
		break;
	case PROC_OVERFLOW:
		scan_in(m, 0);
		break;
	}
}

static int events_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	proc_events_dispatch(m->events, on_process, m);
	manager_arm(m);
	return 0;
}

static int start_connector(struct manager *m)
{
	int r = proc_events_new(&m->events);

	if (r == 0)
		r = sd_event_add_io(m->event, NULL, proc_events_fd(m->events), EPOLLIN, events_io,
				    m);
	if (r < 0) {
		m->events = proc_events_free(m->events);
		return r;
	}
	m->process_source = PROCESSES_BY_CONNECTOR;
	m->features.processes_by = "connector";
	return 0;
}

/*
 * The connector before eBPF: as quick, and it takes no process that holds programs, which a host without Go need not
 * pay for. It is of the host's network namespace only.
 */
void processes_start(struct manager *m)
{
	const enum config_process_events wanted =
		(enum config_process_events)m->config.process_events;
	int r = -ENOTSUP;

	if (wanted == PROCESS_EVENTS_NO)
		return;
	if (wanted != PROCESS_EVENTS_BPF)
		r = start_connector(m);
	if (r < 0 && proc_events_named_here() &&
	    (wanted == PROCESS_EVENTS_BPF || (wanted == PROCESS_EVENTS_YES && m->config.probes)))
		hear_processes(m);
	else
		manager_feature(m, FEATURE_PROCESS_EVENTS, r);
}

void processes_ready(struct manager *m, const struct listen_ready *ready)
{
	if (ready->processes == 0)
		feature_set_processes(&m->features, ready);
	else
		manager_feature(m, FEATURE_PROCESS_EVENTS, ready->processes);
	m->process_source = ready->processes == 0 ? PROCESSES_BY_BPF : PROCESSES_BY_SCAN;
	/* What came before, and while a helper was replaced, was told to nobody. */
	scan_in(m, 0);
}

void processes_told(struct manager *m, const struct event *e)
{
	if (m->process_source != PROCESSES_BY_BPF)
		return;
	if (e->kind == EVENT_EXEC)
		tracker_exec(m->tracker, (pid_t)e->pid, clock_now());
	else if (e->kind == EVENT_EXIT)
		tracker_exit(m->tracker, (pid_t)e->pid);
	else
		/* Not before it ends: what comes until then is not told either. */
		scan_in(m, MIN(e->value / 1000 + USEC_MSEC, SCAN_LEAST));
}

void processes_lost(struct manager *m)
{
	if (m->process_source == PROCESSES_BY_BPF)
		scan_in(m, 0);
}
