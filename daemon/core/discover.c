/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lazy.h"
#include "base/log.h"
#include "base/text.h"
#include "core/quarantine.h"

#define LIMIT_WATCH_LEVELS 32
#define PLACE_INTERVAL	   (10 * USEC_SEC)

struct goproc *workload_proc(struct workload *w, pid_t pid)
{
	for (size_t i = 0; i < w->n_procs; i++)
		if (w->procs[i].id.pid == pid)
			return &w->procs[i];
	return NULL;
}

static void proc_forget_past(struct manager *m, struct goproc *p)
{
	series_drop(m, p);
	endpoints_drop(p);
	free(p->activity);
	p->activity = NULL;
}

struct workload *workload_free(struct workload *w)
{
	struct manager *m;

	if (!w)
		return NULL;
	m = w->manager;
	notices_gone(w, clock_now());
	learned_keep(w);
	environment_ended(w);
	if (m->watch)
		watch_remove(m->watch, w->token);
	table_take(&m->workloads, w->token);
	for (size_t i = 0; i < w->n_procs; i++) {
		table_take(&m->by_pid, (uint64_t)w->procs[i].id.pid);
		throttle_drop(m, w->procs[i].id.pid);
		proc_forget_past(m, &w->procs[i]);
	}
	culprits_forget_ended(w);
	evidence_done(w);
	sd_event_source_disable_unref(w->timer);
	sd_event_source_disable_unref(w->pressure);
	cgroup_free(w->cgroup);
	timeline_done(&w->timeline);
	tally_done(&w->tally);
	free(w->procs);
	lazy_free(w, sizeof(*w));
	return NULL;
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

/* memory.high that could not be given back at the start; its lease has long ended. */
static void adopt_high(struct workload *w)
{
	struct undo_record u = { .lever = LEVER_MEMORY_HIGH, .cgroup_id = w->token };

	if (store_get_undo(w->manager->store, &u) == 0)
		lever_adopt(&w->high, &u);
}

static struct workload *workload_add(struct manager *m, const struct cgroup_name *name)
{
	struct workload *w = lazy_new(sizeof(*w));
	int r;

	if (!w)
		return NULL;
	w->manager = m;
	w->name = *name;
	w->tier = -1;
	w->found = clock_now();
	r = cgroup_open(&m->host, name->workload, &w->cgroup);
	if (r == 0)
		w->token = cgroup_id(w->cgroup);
	if (r == 0 && table_put(&m->workloads, w->token, w) < 0)
		r = -ENOSPC;
	if (r) {
		cgroup_free(w->cgroup);
		lazy_free(w, sizeof(*w));
		return NULL;
	}
	workload_name(w);
	adopt_high(w);
	learned_recall(w);
	w->snapshot.cgroup.memory_high = w->high.facts;
	w->quarantined = quarantine_has_workload(m, w->name.workload);
	cgroup_read(w->cgroup, clock_now(), &w->snapshot.cgroup);
	if (m->watch)
		watch_limits(w);
	evidence_check(w);
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

/*
 * What the process began with because gomemd had put it into its environment is gomemd's: without it, it would have the
 * runtime's default. The undo record first, as for every value that is to be given back.
 */
static void adopt_environment(struct workload *w, const struct goproc *p, struct lever_state *l,
			      const struct lever_ops *ops, const struct tracker_found *found)
{
	struct undo_record u = { .lever = ops->lever, .process = p->id, .cgroup_id = w->token };
	int64_t value;

	if (!lever_environment(ops, found->info, &value) ||
	    value != ops->value(&found->row->sample))
		return;
	u.owner = ops->runtime_default;
	u.before = u.written = value;
	text_copy(u.workload, sizeof(u.workload), w->name.workload);
	if (store_put_undo(w->manager->store, &u) == 0)
		lever_adopt(l, &u);
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
		else
			adopt_environment(w, p, &p->lever[l], ops, found);
	}
}

static void proc_fill(struct workload *w, struct goproc *p, const struct tracker_found *found)
{
	const enum go_gate gate = go_runtime_refusal(found->runtime);
	/* The same process again (its helper was replaced): what is known of its levers stays. */
	bool known = process_id_equal(&p->id, &found->info->stat.id);

	if (!known)
		proc_forget_past(w->manager, p);
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
	p->placed = p->at;
	if (!known)
		p->asked = p->heard = p->deaf = false;
	probe_target_of(p->id.pid, found->runtime, PROBES_CYCLES, &p->target);
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
	hear_process(m, p);
	log_debug("Go process %d (%s) in %s", pid, p->build.version, w->label);
	workload_match(w);
	environment_started(w);
	workload_look_in(w, 0);
}

/* Out of the workload's list; what is known of its levers goes with it where it went. */
static void proc_forget(struct workload *w, struct goproc *p)
{
	table_take(&w->manager->by_pid, (uint64_t)p->id.pid);
	*p = w->procs[--w->n_procs];
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
	hear_no_more(w->manager, pid);
	throttle_drop(w->manager, pid);
	if (!p->refused && p->generation == inspector_generation(w->manager->inspector))
		close_slot(w->manager, p->slot);
	culprits_ended(w, p);
	evidence_ended(w);
	proc_forget_past(w->manager, p);
	proc_forget(w, p);
}

/* Another cgroup than the one that it was found in, without an exec: its limit is that one's now. */
static bool has_moved(const struct workload *w, const struct goproc *p)
{
	char path[4096];
	struct cgroup_name name;

	if (process_read_cgroup(&w->manager->host, p->id.pid, false, path, sizeof(path)) != 0)
		return false; /* gone; its exit will be told */
	return cgroup_name_parse(path, &name) < 0 || strcmp(name.workload, w->name.workload) != 0;
}

static bool is_changing(const struct goproc *p)
{
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		if (p->lever[l].changing)
			return true;
	return false;
}

static void proc_move(struct workload *w, struct goproc *p)
{
	struct goproc moved = *p, *there;
	struct workload *to = workload_of(w->manager, p->id.pid);

	if (!to || to == w) {
		p->homeless = true;
		return;
	}
	proc_forget(w, p);
	moved.homeless = false;
	there = proc_add(to, moved.id.pid);
	if (!there) {
		proc_forget_past(w->manager, &moved);
		return;
	}
	*there = moved;
	log_debug("Process %d has moved from %s to %s", moved.id.pid, w->label, to->label);
	workload_match(to);
	workload_look_in(to, 0);
}

void workload_place_procs(struct workload *w, bool now_all)
{
	const usec_t now = clock_now();

	for (size_t i = w->n_procs; i-- > 0;) {
		struct goproc *p = &w->procs[i];

		if ((!now_all && now - p->placed < PLACE_INTERVAL) || is_changing(p))
			continue;
		p->placed = now;
		hear_process(w->manager, p);
		if (has_moved(w, p))
			proc_move(w, p);
		else /* It is said to be in a cgroup that is no more: on its way out, but not gone. */
			p->homeless = now_all;
	}
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
	quarantine_add(m, path);
	if (w) {
		w->quarantined = true;
		workload_match(w);
	}
	audit_quarantine(m->journal, path, pid);
	log_warning("Process %d in %s made a helper hang; it is left alone", pid, path);
}

static bool is_excluded(void *userdata, pid_t pid)
{
	return quarantine_has_process(userdata, pid);
}

void manager_tracker_callbacks(struct manager *m, struct tracker_callbacks *ret)
{
	*ret = (struct tracker_callbacks){
		.found = on_found,
		.gone = on_gone,
		.hostile = on_hostile,
		.excluded = is_excluded,
		.userdata = m,
	};
}
