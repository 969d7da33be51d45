/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "host/fault.h"

#define VERIFY_AFTER (100 * USEC_MSEC)

void workload_subject(const struct workload *w, struct audit_subject *ret)
{
	*ret = (struct audit_subject){
		.workload = w->label,
		.cgroup = w->name.workload,
		.name = &w->name,
		.pod = &w->pod,
		.rules = w->tier >= 0 ? &w->manager->policy->tiers[w->tier].rules : NULL,
		.decision_id = w->decision_id[0] ? w->decision_id : NULL,
	};
}

struct audit_limits manager_audit_limits(const struct manager *m)
{
	return (struct audit_limits){ .burst = m->config.audit_burst,
				      .interval = m->config.audit_interval };
}

void workload_count(struct workload *w, int32_t lever, int32_t reason, const char *outcome)
{
	struct tally_row row = {
		.lever = lever, .reason = reason, .outcome = outcome, .wall_usec = clock_wall()
	};

	text_copy(row.decision_id, sizeof(row.decision_id), w->decision_id);
	tally_add(&w->tally, &row);
}

/* A change on its way: everything that its end must know, since the workload may go meanwhile. */
struct pending {
	struct manager *manager;
	uint64_t token;
	struct process_id process; /* pid 0: memory.high */
	enum policy_lever lever;
	struct lever_decision decision;
	char decision_id[48];
	char evidence[AUDIT_EVIDENCE_MAX];
	struct undo_record undo;
};

static struct lever_state *lever_of(struct workload *w, const struct pending *p)
{
	struct goproc *proc;

	if (!p->process.pid)
		return &w->high;
	proc = workload_proc(w, p->process.pid);
	return proc && process_id_equal(&proc->id, &p->process) ? &proc->lever[p->lever] : NULL;
}

static void audit_pending(struct workload *w, const struct pending *p, const char *outcome)
{
	const struct audit_limits limits = manager_audit_limits(w->manager);
	const struct audit_change c = {
		.pid = p->process.pid,
		.lever = p->lever,
		.from = p->decision.from,
		.to = p->decision.to,
		.reason = p->decision.reason,
		.outcome = outcome,
		.evidence = p->evidence,
	};
	struct audit_subject subject;

	evidence_change(w, p->process.pid, p->lever, &p->decision, outcome);
	workload_count(w, (int32_t)p->lever, p->decision.reason, outcome);
	workload_subject(w, &subject);
	subject.decision_id = p->decision_id;
	if (audit_admit(w->manager->journal, &w->bucket, &limits, &subject, clock_now()))
		audit_change(w->manager->journal, &subject, &c);
}

/* The lever's new facts after a change; the undo record stays for as long as the value is ours. */
static void settle(struct workload *w, struct lever_state *l, const struct pending *p,
		   enum change_outcome outcome)
{
	const bool restored = p->decision.verdict == VERDICT_RESTORE;
	const struct proc_key key = { .pid = p->process.pid,
				      .start_ticks = p->process.start_ticks };

	switch (outcome) {
	case CHANGE_DONE:
		hear_adjustment(w, p->process.pid, p->lever, &p->decision);
		l->facts.ours = !restored;
		l->before = p->decision.from;
		l->written = p->decision.to;
		l->unsure = false;
		if (p->process.pid)
			history_applied(&w->history, &w->snapshot, &key, p->lever, p->decision.from,
					p->decision.to, clock_now());
		else
			w->history.high_changed = clock_now();
		break;
	case CHANGE_STALE:
	case CHANGE_FAILED:
		/* Not known whether it landed: the next look tells, and until then the undo record stays. */
		l->facts.ours = true;
		l->before = p->decision.from;
		l->written = p->decision.to;
		l->unsure = true;
		return;
	case CHANGE_GONE:
		l->facts.ours = false;
		break;
	default:
		break;
	}
	if (!l->facts.ours)
		store_drop_undo(w->manager->store, &p->undo);
}

static void ended(void *userdata, enum change_outcome outcome, int error,
		  const struct inspect_row *row)
{
	_cleanup_(freep) struct pending *p = userdata;
	struct manager *m = p->manager;
	struct workload *w = table_get(&m->workloads, p->token);
	struct lever_state *l = w ? lever_of(w, p) : NULL;

	m->changes_under_way--;
	m->changes++;
	fault_point("store-after");
	if (error)
		log_debug("A change of %s failed: %s", policy_lever_name(p->lever),
			  strerror(-error));
	if (!l) {
		store_drop_undo(m->store, &p->undo);
		return;
	}
	l->changing = false;
	if (row && p->process.pid) {
		struct goproc *proc = workload_proc(w, p->process.pid);

		proc->row = *row;
		proc->at = clock_now();
	}
	settle(w, l, p, outcome);
	fault_point("audit-before");
	audit_pending(w, p,
		      outcome == CHANGE_DONE && p->decision.verdict == VERDICT_RESTORE ?
			      "restored" :
			      change_outcome_name(outcome));
	workload_look_in(w, VERIFY_AFTER);
}

static int start_high(struct workload *w, struct unit_bus *bus, struct pending *p)
{
	const bool by_unit = bus && w->name.unit[0];
	const struct high_target target = { .bus = bus,
					    .unit = w->name.unit,
					    .writer = by_unit ? NULL : manager_writer(w->manager),
					    .cgroup = w->name.workload,
					    .cgroup_id = w->token };

	if (!by_unit && !target.writer)
		return -EAGAIN;
	return change_memory_high(&target, p->decision.to, ended, p);
}

static int start_change(struct workload *w, struct goproc *proc, struct pending *p)
{
	struct manager *m = w->manager;
	int r;

	if (proc)
		return change_process(m->inspector, proc->slot, lever_ops(p->lever),
				      &proc->row.sample, p->decision.to, ended, p);
	r = start_high(w, m->bus, p);
	/* A bus that has gone away: the file is what the kernel obeys. */
	return r < 0 && m->bus ? start_high(w, NULL, p) : r;
}

/* Undo record first, on disk; then the change. @proc is NULL for memory.high. */
static void change(struct workload *w, struct goproc *proc, enum policy_lever lever,
		   struct lever_state *l, const struct lever_decision *d)
{
	struct manager *m = w->manager;
	struct pending *p = calloc(1, sizeof(*p));
	const struct proc_key key = { .pid = proc ? proc->id.pid : 0 };
	int r;

	if (!p)
		return;
	p->manager = m;
	p->token = w->token;
	p->lever = lever;
	p->decision = *d;
	if (proc)
		p->process = proc->id;
	snprintf(p->decision_id, sizeof(p->decision_id), "%s", w->decision_id);
	audit_evidence(p->evidence, &w->decision, &w->snapshot, proc ? &key : NULL);
	p->undo = (struct undo_record){ .lever = lever,
					.process = p->process,
					.cgroup_id = w->token,
					.before = d->from,
					.written = d->to,
					.owner_set = l->facts.owner_set };
	p->undo.owner = l->facts.ours ? l->facts.owner : d->from;
	snprintf(p->undo.workload, sizeof(p->undo.workload), "%s", w->name.workload);
	snprintf(p->undo.unit, sizeof(p->undo.unit), "%s", m->bus ? w->name.unit : "");
	if (!l->facts.ours)
		l->facts.owner = d->from;
	fault_point("undo-before");
	/* For giving back the record that is there says it all; a full disk must not keep it from being done. */
	r = d->verdict == VERDICT_RESTORE ? 0 : store_put_undo(m->store, &p->undo);
	if (r < 0) {
		/* What cannot be undone is not done. */
		log_error("Cannot write an undo record, so nothing is changed: %s", strerror(-r));
		free(p);
		return;
	}
	fault_point("undo-after");
	fault_point("store-before");
	l->changing = true;
	m->changes_under_way++;
	if (start_change(w, proc, p) < 0) {
		l->changing = false;
		m->changes_under_way--;
		if (!l->facts.ours)
			store_drop_undo(m->store, &p->undo);
		free(p);
	}
}

bool workload_gives_back(const struct workload *w, const struct goproc *proc)
{
	const struct manager *m = w->manager;

	return m->stopping || (proc && proc->homeless) || w->n_procs == 0 ||
	       orders_stopped(&m->orders) || orders_released(&m->orders, w->name.workload);
}

static struct lever_decision give_back(const struct lever_state *l, int64_t now, int32_t reason)
{
	if (!l->facts.ours || l->facts.manual)
		return (struct lever_decision){
			.verdict = VERDICT_HOLD, .reason = REASON_OPERATOR, .from = now, .to = now
		};
	return (struct lever_decision){
		.verdict = VERDICT_RESTORE, .reason = reason, .from = now, .to = l->facts.owner
	};
}

static bool worth_saying(const struct lever_state *l, const struct lever_decision *d)
{
	int64_t gap = d->to - l->recommended;

	return d->to != l->recommended && (d->to == VALUE_NONE || l->recommended == 0 ||
					   gap > d->to / 10 || gap < -(d->to / 10));
}

/* recommend: what would be done is said, and said again only when it has become something else. */
static void recommend(struct workload *w, struct goproc *proc, enum policy_lever lever,
		      struct lever_state *l, const struct lever_decision *d)
{
	const struct proc_key key = { .pid = proc ? proc->id.pid : 0 };
	struct pending p = {
		.manager = w->manager, .token = w->token, .lever = lever, .decision = *d
	};

	if (!worth_saying(l, d))
		return;
	l->recommended = d->to;
	if (proc)
		p.process = proc->id;
	snprintf(p.decision_id, sizeof(p.decision_id), "%s", w->decision_id);
	audit_evidence(p.evidence, &w->decision, &w->snapshot, proc ? &key : NULL);
	audit_pending(w, &p, "recommended");
}

/* What is to be given back has the owner's value already: only the claim to it ends. */
static void disown(struct workload *w, const struct goproc *proc, enum policy_lever lever,
		   struct lever_state *l)
{
	struct undo_record u = { .lever = lever, .cgroup_id = w->token };

	if (proc)
		u.process = proc->id;
	l->facts.ours = false;
	store_drop_undo(w->manager->store, &u);
}

static void apply_lever(struct workload *w, struct goproc *proc, enum policy_lever lever,
			struct lever_state *l, struct lever_decision *d, int64_t now)
{
	if (l->changing)
		return;
	if (workload_gives_back(w, proc))
		*d = give_back(l, now, REASON_OPERATOR);
	else if (l->facts.pinned && !l->facts.manual && now != l->facts.pin)
		/* Whatever the mode: an operator's word needs no policy. */
		*d = (struct lever_decision){ .verdict = VERDICT_SET,
					      .reason = REASON_OPERATOR,
					      .from = now,
					      .to = l->facts.pin };
	else if (w->mode != MODE_ENFORCE && l->facts.ours && !l->facts.pinned)
		*d = give_back(l, now, REASON_STATE_LEFT);
	if (d->verdict == VERDICT_HOLD)
		return;
	if (d->verdict == VERDICT_RESTORE && now == l->facts.owner) {
		disown(w, proc, lever, l);
		return;
	}
	if (w->mode == MODE_ENFORCE || l->facts.pinned || d->verdict == VERDICT_RESTORE)
		change(w, proc, lever, l, d);
	else if (w->mode == MODE_RECOMMEND)
		recommend(w, proc, lever, l, d);
}

void workload_apply(struct workload *w)
{
	struct decision *d = &w->decision;
	const uint32_t decided = d->n_procs;

	/* An observed workload has no decision, but may have something of ours to give back. */
	d->n_procs = w->snapshot.n_procs;
	for (uint32_t i = 0; i < w->snapshot.n_procs; i++) {
		const struct snapshot_proc *sp = &w->snapshot.procs[i];
		struct goproc *proc = workload_proc(w, sp->key.pid);

		if (i >= decided)
			d->procs[i] = (struct proc_decision){ .key = sp->key };
		if (proc)
			throttle_apply(w, proc, &d->procs[i].goroutines);
		if (!proc || !proc->row.proved ||
		    proc->generation != inspector_generation(w->manager->inspector))
			continue;
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
			apply_lever(w, proc, l, &proc->lever[l], &d->procs[i].lever[l],
				    decide_lever_now(&w->snapshot, sp, l));
	}
	apply_lever(w, NULL, LEVER_MEMORY_HIGH, &w->high, &d->memory_high,
		    decide_lever_now(&w->snapshot, NULL, LEVER_MEMORY_HIGH));
	if (!workload_gives_back(w, NULL))
		reclaim_apply(w);
	manager_arm(w->manager);
}
