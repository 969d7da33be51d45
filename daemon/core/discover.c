/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "kube/pods.h"

#define LIMIT_WATCH_LEVELS 32
#define NAMINGS_MAX	   20

struct goproc *workload_proc(struct workload *w, pid_t pid)
{
	for (size_t i = 0; i < w->n_procs; i++)
		if (w->procs[i].id.pid == pid)
			return &w->procs[i];
	return NULL;
}

struct workload *workload_free(struct workload *w)
{
	struct manager *m;

	if (!w)
		return NULL;
	m = w->manager;
	if (m->watch)
		watch_remove(m->watch, w->token);
	table_take(&m->workloads, w->token);
	for (size_t i = 0; i < w->n_procs; i++)
		table_take(&m->by_pid, (uint64_t)w->procs[i].id.pid);
	sd_event_source_disable_unref(w->timer);
	sd_event_source_disable_unref(w->pressure);
	cgroup_free(w->cgroup);
	free(w->procs);
	free(w);
	return NULL;
}

/* The process that speaks for the workload in exe and module keys: the one that maps most. */
static const struct goproc *largest_proc(const struct workload *w)
{
	const struct goproc *best = NULL;

	for (size_t i = 0; i < w->n_procs; i++)
		if (!best ||
		    w->procs[i].row.sample.mapped_ready_bytes > best->row.sample.mapped_ready_bytes)
			best = &w->procs[i];
	return best;
}

void workload_subject_of(const struct workload *w, struct policy_subject *ret)
{
	const struct goproc *p = largest_proc(w);

	*ret = (struct policy_subject){
		.limit_bytes = w->snapshot.cgroup.limit,
		.cgroup = w->name.workload,
		.exe = p ? p->info.exe : "",
		.module = p ? p->build.module : "",
	};
}

static void name_workload(struct workload *w)
{
	struct pod_name pod;

	if (w->name.container[0] && pods_find("/var/log/containers", w->name.container, &pod) == 0)
		snprintf(w->label, sizeof(w->label), "%.80s/%.80s/%.80s", pod.space, pod.pod,
			 pod.container);
	else
		text_copy(w->label, sizeof(w->label),
			  w->name.unit[0] ? w->name.unit : w->name.workload);
}

/* System-critical pods live in this namespace; its name is the kubelet's word, not the tenant's. */
static bool is_system_pod(const struct workload *w)
{
	return w->name.container[0] && !strncmp(w->label, "kube-system/", strlen("kube-system/"));
}

void workload_match(struct workload *w)
{
	const struct manager *m = w->manager;
	struct policy_subject subject;

	/* The kubelet files a container's log under its names only after the container has started. */
	if (w->name.container[0] && !strchr(w->label, '/') && w->namings < NAMINGS_MAX) {
		w->namings++;
		name_workload(w);
	}
	workload_subject_of(w, &subject);
	w->tier = policy_match(m->policy, &subject, NULL);
	w->mode = policy_mode_of(m->policy, w->tier, w->name.workload,
				 (enum policy_mode)m->config.mode, NULL);
	w->infrastructure = (cgroup_name_is_infrastructure(&w->name) || is_system_pod(w)) &&
			    !policy_names_exactly(m->policy, w->name.workload);
	if (w->infrastructure || w->quarantined || w->tier < 0)
		w->mode = MODE_OBSERVE;
}

/* Limits may change on any ancestor: each is watched, and the cgroup's own events. */
static void watch_limits(struct workload *w)
{
	for (size_t i = 0; i < LIMIT_WATCH_LEVELS; i++) {
		int fd = cgroup_level_fd(w->cgroup, i), r;

		if (fd < 0)
			return;
		r = watch_add(w->manager->watch, fd, i == 0, w->token);
		if (r < 0)
			log_debug("Cannot watch the limits of %s: %s, ignoring", w->label,
				  strerror(-r));
	}
}

static struct workload *workload_add(struct manager *m, const struct cgroup_name *name)
{
	struct workload *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return NULL;
	w->manager = m;
	w->name = *name;
	w->tier = -1;
	r = cgroup_open(&m->host, name->workload, &w->cgroup);
	if (r == 0)
		w->token = cgroup_id(w->cgroup);
	if (r == 0 && table_put(&m->workloads, w->token, w) < 0)
		r = -ENOSPC;
	if (r) {
		cgroup_free(w->cgroup);
		free(w);
		return NULL;
	}
	name_workload(w);
	cgroup_read(w->cgroup, clock_now(), &w->snapshot.cgroup);
	if (m->watch)
		watch_limits(w);
	return w;
}

static struct workload *workload_of(struct manager *m, pid_t pid)
{
	struct cgroup_name name;
	char path[4096];
	size_t cursor = 0;
	int r = process_read_cgroup(&m->host, pid, false, path, sizeof(path));

	if (r == 0 && path[0])
		r = cgroup_name_parse(path, &name);
	if (r == -ENAMETOOLONG)
		m->names_too_long++;
	if (r || !path[0])
		return NULL;
	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		if (!strcmp(w->name.workload, name.workload) && cgroup_populated(w->cgroup))
			return w;
	return workload_add(m, &name);
}

static struct goproc *proc_add(struct workload *w, pid_t pid)
{
	struct goproc *grown;

	if (table_put(&w->manager->by_pid, (uint64_t)pid, w) < 0)
		return NULL;
	grown = reallocarray(w->procs, w->n_procs + 1, sizeof(*grown));
	if (!grown) {
		table_take(&w->manager->by_pid, (uint64_t)pid);
		return NULL;
	}
	w->procs = grown;
	grown[w->n_procs] = (struct goproc){ 0 };
	return &grown[w->n_procs++];
}

/* An undo record that is still there: its value is ours, its owner's is the owner's. */
static void lever_adopt(struct lever_state *l, const struct undo_record *u)
{
	l->facts.owner = u->owner;
	l->facts.owner_set = u->owner_set;
	l->facts.ours = true;
	l->before = u->before;
	l->written = u->written;
	l->unsure = true;
}

static void proc_first_sample(struct workload *w, struct goproc *p,
			      const struct tracker_found *found)
{
	memset(p->lever, 0, sizeof(p->lever));
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++) {
		const struct lever_ops *ops = lever_ops(l);
		struct undo_record u = { .lever = l, .process = p->id };

		p->lever[l].facts.owner = ops->value(&found->row->sample);
		p->lever[l].facts.owner_set =
			lever_owner_set(ops, found->info, &found->row->sample);
		/* What could not be given back at the start is still ours, and the owner's value is in the record. */
		if (store_get_undo(w->manager->store, &u) == 0)
			lever_adopt(&p->lever[l], &u);
	}
}

static void proc_fill(struct workload *w, struct goproc *p, const struct tracker_found *found)
{
	const enum go_gate gate = go_runtime_refusal(found->runtime);
	/* The same process again (its helper was replaced): what is known of its levers stays. */
	bool known = process_id_equal(&p->id, &found->info->stat.id);

	p->id = found->info->stat.id;
	p->info = *found->info;
	p->build = found->runtime->info;
	p->minor = found->runtime->minor;
	p->refused = found->refused;
	p->refusal[0] = '\0';
	if (gate < GATE_MAX_)
		snprintf(p->refusal, sizeof(p->refusal), "%s: %s", go_gate_name(gate),
			 found->runtime->gates[gate].detail);
	if (found->refused)
		return;
	p->slot = found->slot;
	p->generation = found->generation;
	p->row = *found->row;
	p->at = clock_now();
	if (!known)
		proc_first_sample(w, p, found);
}

static void on_found(void *userdata, const struct tracker_found *found)
{
	struct manager *m = userdata;
	const pid_t pid = found->info->stat.id.pid;
	struct workload *w = table_get(&m->by_pid, (uint64_t)pid);
	struct goproc *p;

	if (!w)
		w = workload_of(m, pid);
	if (!w)
		return;
	p = workload_proc(w, pid);
	if (!p)
		p = proc_add(w, pid);
	if (!p)
		return;
	proc_fill(w, p, found);
	log_debug("Go process %d (%s) in %s", pid, p->build.version, w->label);
	workload_match(w);
	workload_look_in(w, 0);
}

static void closed(void *userdata, const struct inspect_request *req,
		   const struct inspect_reply *reply)
{
	(void)userdata;
	(void)req;
	(void)reply;
}

/* The helper holds a descriptor, and by it the memory, of each process: of one that has gone it is to let go. */
static void close_slot(struct manager *m, uint32_t slot)
{
	struct inspect_request req = { .op = INSPECT_CLOSE, .n = 1, .slots = { slot } };

	(void)inspector_request(m->inspector, &req, closed, NULL);
}

static void proc_remove(struct workload *w, pid_t pid)
{
	struct goproc *p = workload_proc(w, pid);

	if (!p)
		return;
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		if (p->lever[l].facts.ours) {
			struct undo_record u = { .lever = l, .process = p->id };

			store_drop_undo(w->manager->store, &u);
		}
	if (!p->refused && p->generation == inspector_generation(w->manager->inspector))
		close_slot(w->manager, p->slot);
	*p = w->procs[--w->n_procs];
	table_take(&w->manager->by_pid, (uint64_t)pid);
}

static void on_gone(void *userdata, pid_t pid)
{
	struct manager *m = userdata;
	struct workload *w = table_get(&m->by_pid, (uint64_t)pid);

	if (!w)
		return;
	proc_remove(w, pid);
	/* Its cgroup may live on with what is not Go: the next look removes the workload where nothing is left. */
	workload_look_in(w, USEC_SEC);
}

static void on_hostile(void *userdata, pid_t pid)
{
	struct manager *m = userdata;
	char path[4096] = "";

	struct workload *w = table_get(&m->by_pid, (uint64_t)pid);

	(void)process_read_cgroup(&m->host, pid, false, path, sizeof(path));
	if (w) {
		w->quarantined = true;
		workload_match(w);
	}
	audit_quarantine(path, pid);
	log_warning("Process %d in %s made a helper hang; it is left alone", pid, path);
}

void manager_tracker_callbacks(struct manager *m, struct tracker_callbacks *ret)
{
	*ret = (struct tracker_callbacks){
		.found = on_found, .gone = on_gone, .hostile = on_hostile, .userdata = m
	};
}
