/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "core/manager.h"

#define HEARD_MAX      64
#define SIGNAL_MASK    0x7f
#define STALL_LEAST_US 10000 /* between two looks: what is less is nobody's latency spike */

static uint64_t monotonic_ns(void)
{
	return clock_usec(CLOCK_MONOTONIC) * 1000;
}

static struct workload *workload_of_pid(struct manager *m, pid_t pid)
{
	return table_get(&m->by_pid, (uint64_t)pid);
}

static void each_proc(struct manager *m, void (*each)(struct manager *m, struct goproc *p))
{
	size_t cursor = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		for (size_t i = 0; i < w->n_procs; i++)
			each(m, &w->procs[i]);
}

static void forget_heard(struct manager *m, struct goproc *p)
{
	(void)m;
	p->asked = p->heard = false;
	p->cycles = (struct cycles){ 0 };
}

static void forget_cycle(struct manager *m, struct goproc *p)
{
	(void)m;
	p->cycles = (struct cycles){ 0 };
}

/* What is turned away here for want of room, the looks ask for again. */
static void on_ready(void *userdata, const struct listen_ready *ready)
{
	struct manager *m = userdata;

	if (m->config.probes && !m->hears_alone) {
		manager_feature(m, FEATURE_RUNTIME_PROBES, ready->runtimes);
		manager_feature(m, FEATURE_KERNEL_EVENTS, ready->kernel);
	}
	if (m->hears_processes)
		processes_ready(m, ready);
	each_proc(m, forget_heard);
	if (ready->runtimes == 0)
		each_proc(m, hear_process);
}

static void on_attached(void *userdata, pid_t pid, uint32_t kinds, int error)
{
	struct manager *m = userdata;
	struct workload *w = workload_of_pid(m, pid);
	struct goproc *p = w ? workload_proc(w, pid) : NULL;

	(void)kinds;
	/* Whatever was under way when the probes came is not known. */
	if (p) {
		forget_cycle(m, p);
		p->asked = false;
		p->heard = error == 0;
		p->deaf = error < 0 && error != -ENOSPC;
	}
	if (error < 0)
		log_debug("Cannot listen to process %d: %s, ignoring", pid, strerror(-error));
	/* Loaded, and yet none may be set: the rights for uprobes are others than those for programs. */
	if (error == 0 || error == -EPERM || error == -EACCES)
		manager_feature(m, FEATURE_RUNTIME_PROBES, error);
}

static void on_runtime_event(struct manager *m, const struct event *e)
{
	struct workload *w = workload_of_pid(m, (pid_t)e->pid);
	struct goproc *p = w ? workload_proc(w, (pid_t)e->pid) : NULL;
	struct timeline_entry entry;

	if (p && cycles_feed(&p->cycles, e, &entry))
		timeline_add(&w->timeline, &entry);
}

static void add_moment(struct workload *w, enum timeline_kind kind, pid_t pid, uint64_t at_ns,
		       uint64_t value)
{
	const struct timeline_entry entry = {
		.kind = kind, .pid = pid, .at_ns = at_ns, .value = value
	};

	timeline_add(&w->timeline, &entry);
}

/* By the cgroup: where memory is of the first version its numbers are those of another tree. */
static struct workload *workload_of_cgroup(struct manager *m, const struct event *e)
{
	return e->cgroup_id && m->host.cgroup1_memory < 0 ? table_get(&m->workloads, e->cgroup_id) :
							    NULL;
}

static struct workload *workload_of_event(struct manager *m, const struct event *e)
{
	struct workload *w = workload_of_pid(m, (pid_t)e->pid);

	return w ? w : workload_of_cgroup(m, e);
}

/* What was known of a workload when the kernel chose one of its processes. */
static void on_victim(struct manager *m, const struct event *e)
{
	const pid_t pid = (pid_t)e->value;
	struct workload *w = workload_of_pid(m, pid);
	const struct audit_limits limits = manager_audit_limits(m);
	char evidence[AUDIT_EVIDENCE_MAX];
	struct audit_subject subject;

	w = w ? w : workload_of_cgroup(m, e);
	if (!w)
		return;
	add_moment(w, TIMELINE_OOM, pid, e->at_ns, snapshot_usage(&w->snapshot.cgroup));
	workload_subject(w, &subject);
	if (audit_admit(m->journal, &w->bucket, &limits, &subject, clock_now()))
		audit_oom(m->journal, &subject, pid, &w->decision,
			  audit_evidence(evidence, &w->decision, &w->snapshot,
					 w->snapshot.n_procs ? &w->snapshot.procs[0].key : NULL));
	culprits_oom(w, pid);
	evidence_victim(w, pid);
	workload_look_in(w, 0);
}

static void on_reclaim(struct manager *m, const struct event *e)
{
	struct workload *w = workload_of_event(m, e);
	const struct timeline_entry entry = { .kind = TIMELINE_RECLAIM,
					      .pid = (int32_t)e->pid,
					      .at_ns = sub_sat(e->at_ns, e->value),
					      .duration_ns = e->value };

	if (w)
		timeline_add(&w->timeline, &entry);
}

/* Where events are missing no cycle is put together over the gap, and who came in it is not known. */
static void check_lost(struct manager *m)
{
	if (m->events_lost == listener_lost(m->listener))
		return;
	m->events_lost = listener_lost(m->listener);
	each_proc(m, forget_cycle);
	processes_lost(m);
}

static void on_exit_of(struct manager *m, const struct event *e)
{
	struct workload *w = workload_of_event(m, e);

	if (w && (e->value & SIGNAL_MASK))
		add_moment(w, TIMELINE_EXIT, (pid_t)e->pid, e->at_ns, e->value);
	processes_told(m, e);
}

static void on_event(void *userdata, const struct event *e)
{
	struct manager *m = userdata;
	struct workload *w;

	check_lost(m);
	switch (e->kind) {
	case EVENT_OOM_VICTIM:
		on_victim(m, e);
		return;
	case EVENT_RECLAIM:
		on_reclaim(m, e);
		return;
	case EVENT_EXEC:
	case EVENT_UNTOLD:
		processes_told(m, e);
		return;
	case EVENT_EXIT:
		on_exit_of(m, e);
		return;
	case EVENT_GUARD:
		w = workload_of_event(m, e);
		if (w)
			add_moment(w, TIMELINE_GUARD, (pid_t)e->pid, e->at_ns, e->value);
		return;
	default:
		on_runtime_event(m, e);
	}
}

/* Its file or its memory's lock, which a tenant can hold; it is governed on, by samples. */
static void on_hostile(void *userdata, pid_t pid)
{
	struct manager *m = userdata;
	struct workload *w = workload_of_pid(m, pid);

	if (!w)
		return;
	w->deaf = true;
	log_warning("Process %d of %s made the helper that listens hang; it is not listened to",
		    pid, w->label);
}

static void start_helper(struct manager *m, uint32_t what)
{
	const struct listener_callbacks callbacks = { .ready = on_ready,
						      .attached = on_attached,
						      .event = on_event,
						      .hostile = on_hostile,
						      .userdata = m };
	int r = listener_new(&callbacks, what, m->config.helper_deadline, &m->listener);

	if (r < 0)
		on_ready(m, &(struct listen_ready){ r, r, r, 0 });
	manager_arm(m);
}

static uint32_t wanted(const struct manager *m)
{
	return m->config.probes ? LISTEN_RUNTIMES | LISTEN_KERNEL : 0;
}

void hear_processes(struct manager *m)
{
	m->hears_processes = true;
	start_helper(m, wanted(m) | LISTEN_PROCESSES);
}

void hear_processes_alone(struct manager *m)
{
	if (!m->hears_processes || m->hears_alone || m->process_source != PROCESSES_BY_SCAN ||
	    !m->features.of[FEATURE_PROCESS_EVENTS].tried)
		return;
	/* One that is there and has only no execs to tell of, for want of a right, hears of runtimes still. */
	if (m->listener && listener_fd(m->listener) >= 0)
		return;
	m->hears_alone = true;
	m->listener_io = sd_event_source_disable_unref(m->listener_io);
	m->listener_generation = 0;
	m->listener = listener_free(m->listener);
	start_helper(m, LISTEN_PROCESSES);
}

/* With the first process that can be listened to: where there is none, nobody pays for it. */
static void start_listening(struct manager *m)
{
	if (!m->listener && wanted(m) && !m->features.of[FEATURE_RUNTIME_PROBES].tried)
		start_helper(m, wanted(m));
}

void hear_process(struct manager *m, struct goproc *p)
{
	const struct workload *w = workload_of_pid(m, p->id.pid);
	size_t n = 0;

	start_listening(m);
	if (!m->listener || m->hears_alone || !wanted(m) || !w || w->deaf || w->quarantined ||
	    p->refused || p->asked || p->heard || p->deaf || p->target.pid != p->id.pid)
		return;
	for (size_t i = 0; i < w->n_procs; i++)
		n += w->procs[i].heard || w->procs[i].asked;
	/* One tenant must not take all that there is for everybody. */
	if (n < HEARD_MAX)
		p->asked = listener_attach(m->listener, &p->target) == 0;
}

void hear_no_more(struct manager *m, pid_t pid)
{
	if (m->listener)
		listener_detach(m->listener, pid);
}

void hear_adjustment(struct workload *w, pid_t pid, enum policy_lever lever,
		     const struct lever_decision *d)
{
	const struct timeline_entry entry = { .kind = TIMELINE_ADJUSTMENT,
					      .pid = pid,
					      .at_ns = monotonic_ns(),
					      .adjustment = { .lever = (int32_t)lever,
							      .reason = d->reason,
							      .from = d->from,
							      .to = d->to } };

	timeline_add(&w->timeline, &entry);
}

void hear_goroutine_rate(struct workload *w, pid_t pid, uint32_t from, uint32_t to, int32_t reason)
{
	const struct timeline_entry entry = { .kind = TIMELINE_ADJUSTMENT,
					      .pid = pid,
					      .at_ns = monotonic_ns(),
					      .adjustment = { .lever = HEAR_GOROUTINE_RATE,
							      .reason = reason,
							      .from = from,
							      .to = to } };

	timeline_add(&w->timeline, &entry);
}

void hear_stalls(struct workload *w, const struct snapshot_cgroup *before)
{
	const uint64_t stalled = sub_sat(w->snapshot.cgroup.psi_some_us, before->psi_some_us);
	const struct timeline_entry entry = { .kind = TIMELINE_THROTTLED,
					      .at_ns = sub_sat(monotonic_ns(), stalled * 1000),
					      .duration_ns = stalled * 1000 };

	if (w->looked && stalled >= STALL_LEAST_US)
		timeline_add(&w->timeline, &entry);
}

void hear_swap(struct workload *w, const struct snapshot_cgroup *before)
{
	const struct snapshot_cgroup *now = &w->snapshot.cgroup;
	struct timeline_entry entry = {
		.kind = TIMELINE_SWAP,
		.at_ns = sub_sat(monotonic_ns(), (now->at - before->at) * 1000),
		.duration_ns = (now->at - before->at) * 1000,
		.swap = { .current_bytes = now->swap_current },
	};

	snapshot_swapped(now, before, &entry.swap.in_bytes, &entry.swap.out_bytes);
	if (w->looked && (entry.swap.in_bytes || entry.swap.out_bytes))
		timeline_add(&w->timeline, &entry);
}
