/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/quarantine.h"
#include "host/swap.h"

#define NAME_LOOK      (USEC_SEC / 2)
#define TIMEOUTS_MAX   2	/* a workload whose samples hang this often is left alone */
#define COUNT_INTERVAL USEC_SEC /* a tenant says how many P's it has, and each is read for itself */
#define ALERT_AGAIN    (10 * USEC_MIN)

static void look(struct workload *w);

int workload_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct workload *w = userdata;

	(void)s;
	(void)usec;
	w->next_look = 0;
	look(w);
	return 0;
}

void workload_look_in(struct workload *w, usec_t delay)
{
	const usec_t at = clock_now() + delay;

	if (w->next_look && w->next_look <= at)
		return;
	w->next_look = at;
	if (!w->timer) {
		/* An accuracy of an eighth lets calm workloads share their wake-ups. */
		if (sd_event_add_time(w->manager->event, &w->timer, CLOCK_BOOTTIME, at,
				      MAX(delay / 8, 1u), workload_timer, w) < 0)
			log_error("Cannot add a timer for %s", w->label);
		return;
	}
	sd_event_source_set_time(w->timer, at);
	sd_event_source_set_time_accuracy(w->timer, MAX(delay / 8, 1u));
	sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

/*
 * Somebody else's write: neither the value that we wrote nor, after a helper died over it, the one before. The lever
 * is his from now on, and it is said once.
 */
static void check_manual(struct workload *w, struct lever_state *l, const struct process_id *id,
			 enum policy_lever lever, int64_t now)
{
	const struct undo_record undo = { .lever = lever, .process = *id, .cgroup_id = w->token };
	struct audit_subject subject;

	if (!l->facts.ours || l->facts.manual || l->changing)
		return;
	if (now == l->written || (l->unsure && (now == l->facts.owner || now == l->before))) {
		l->written = now;
		l->unsure = false;
		return;
	}
	l->facts.manual = true;
	l->facts.ours = false;
	workload_subject(w, &subject);
	audit_manual(w->manager->journal, &subject, id->pid, lever, l->written, now);
	store_drop_undo(w->manager->store, &undo);
}

static void feed_activity(struct workload *w, struct goproc *p)
{
	const struct activity_look look = { .at = p->at,
					    .sample = &p->row.sample,
					    .pulse = &p->row.pulse,
					    .cpu_ns = p->row.cpu_ns };

	if (!p->activity)
		p->activity = calloc(1, sizeof(*p->activity));
	if (!p->activity)
		return;
	totals_add(&w->totals, p->activity, &look, p->id.pid, clock_wall());
	activity_feed(p->activity, &look);
}

/* @counted: what is read of each P is in @row as well; else what was read of them last stays. */
static void take_row(struct workload *w, struct goproc *p, const struct inspect_row *row,
		     bool counted, usec_t now)
{
	const struct go_pulse pulse = p->row.pulse;
	const int64_t goroutines = p->row.sample.goroutines;
	const bool seen = p->at != 0;

	p->row = *row;
	p->at = now;
	if (!counted && seen) {
		p->row.pulse = pulse;
		p->row.sample.goroutines = goroutines;
	}
	if (!row->proved)
		return;
	if (counted)
		feed_activity(w, p);
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		check_manual(w, &p->lever[l], &p->id, l, lever_ops(l)->value(&row->sample));
}

static void apply_pin(struct workload *w, struct lever_state *l, enum policy_lever lever)
{
	const struct order *pin = orders_pin(&w->manager->orders, w->name.workload, lever);

	l->facts.pinned = pin != NULL;
	l->facts.pin = pin ? pin->value : 0;
}

static void fill_snapshot(struct workload *w, usec_t now)
{
	struct snapshot *s = &w->snapshot;

	s->n_procs = 0;
	s->procs_left_out = 0;
	for (size_t i = 0; i < w->n_procs; i++) {
		struct goproc *p = &w->procs[i];
		struct snapshot_proc *sp = &s->procs[s->n_procs];

		if (p->refused)
			continue;
		if (s->n_procs == SNAPSHOT_PROCS_MAX) {
			s->procs_left_out++;
			continue;
		}
		*sp = (struct snapshot_proc){
			.key = { .pid = p->id.pid, .start_ticks = p->id.start_ticks },
			.at = p->at,
			.started = process_started(&p->id),
			.rss_bytes = p->row.rss_bytes,
			.proved = p->row.proved && !p->homeless,
			.minor = p->minor,
			.sample = p->row.sample,
		};
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++) {
			apply_pin(w, &p->lever[l], l);
			sp->lever[l] = p->lever[l].facts;
		}
		s->n_procs++;
	}
	restart_facts(w, now, &s->unit);
	apply_pin(w, &w->high, LEVER_MEMORY_HIGH);
	s->cgroup.memory_high = w->high.facts;
	s->cgroup.can_swap = s->cgroup.can_swap && w->manager->host_swaps;
	s->cgroup.swap_left =
		s->cgroup.can_swap ? MIN(s->cgroup.swap_left, swap_free(&w->manager->host)) : 0;
}

static void alert(struct workload *w, usec_t now)
{
	char evidence[AUDIT_EVIDENCE_MAX];
	struct audit_subject subject;

	if (w->decision.alert == ALERT_NONE) {
		w->alert = ALERT_NONE;
		return;
	}
	if (w->decision.alert == w->alert && now - w->alerted < ALERT_AGAIN)
		return;
	/* A forecast's alert stands for a while after it has been near; then it has no time to tell. */
	if ((w->decision.alert == ALERT_GROWTH || w->decision.alert == ALERT_NONGO) &&
	    !forecast_is_urgent(&w->decision.forecast))
		return;
	w->alert = w->decision.alert;
	w->alerted = now;
	w->tally.alerts[w->alert]++;
	evidence_alert(w, now);
	workload_subject(w, &subject);
	audit_alert(w->manager->journal, &subject, &w->decision,
		    audit_evidence(evidence, &w->decision, &w->snapshot,
				   w->snapshot.n_procs ? &w->snapshot.procs[0].key : NULL));
}

static void make_decision(struct workload *w, usec_t now)
{
	struct manager *m = w->manager;
	const struct decide_settings settings = { .interval = m->config.interval };
	static struct replay_record record;

	if (w->tier < 0 || w->mode == MODE_OBSERVE) {
		decision_clear(&w->decision, now);
		history_forget(&w->history);
		culprits_look(w, now);
		notices_look(w, now);
		return;
	}
	record.now = now;
	record.settings = settings;
	record.rules = m->policy->tiers[w->tier].rules;
	record.snapshot = w->snapshot;
	record.history = w->history;
	history_observe(&w->history, &w->snapshot);
	decide(&settings, &record.rules, &w->snapshot, &w->history, now, &w->decision);
	if (decision_has_change(&w->decision) || w->decision.state != w->decision.previous) {
		snprintf(w->decision_id, sizeof(w->decision_id), "%s-%llu", m->boot_id,
			 (unsigned long long)++m->next_id);
		snprintf(record.id, sizeof(record.id), "%s", w->decision_id);
		snprintf(record.workload, sizeof(record.workload), "%s", w->name.workload);
		record.decision = w->decision;
		if (m->recorder && recorder_add(m->recorder, &record) < 0)
			log_debug("Cannot record a decision, ignoring");
	}
	alert(w, now);
	notices_look(w, now);
	culprits_look(w, now);
}

/* memory.high as it is: ours still, somebody else's by now, or all along the owner's. */
static void check_high(struct workload *w)
{
	const int64_t now = decide_lever_now(&w->snapshot, NULL, LEVER_MEMORY_HIGH);

	check_manual(w, &w->high, &(const struct process_id){ 0 }, LEVER_MEMORY_HIGH, now);
	if (w->high.facts.ours || w->high.facts.manual || w->high.changing)
		return;
	w->high.facts.owner_set = now != VALUE_NONE;
}

/*
 * Nothing is left of it. What of ours is still in a process that has nowhere to go is given back first, and one of which
 * somebody was killed is known for a while: if it goes on, that is counted.
 */
static bool is_done(const struct workload *w, bool there, usec_t now)
{
	if (there)
		return w->n_procs == 0 && !w->high.facts.ours && !w->high.changing &&
		       !evidence_rests(w, now);
	for (size_t i = 0; i < w->n_procs; i++)
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
			if (w->procs[i].lever[l].facts.ours || w->procs[i].lever[l].changing)
				return false;
	return true;
}

/* What was written to a cgroup went with it. */
static void forget_high(struct workload *w)
{
	const struct undo_record u = { .lever = LEVER_MEMORY_HIGH, .cgroup_id = w->token };

	if (w->high.facts.ours)
		store_drop_undo(w->manager->store, &u);
	w->high.facts.ours = false;
}

static void finish_look(struct workload *w, usec_t now)
{
	const struct snapshot_cgroup before = w->snapshot.cgroup;
	const usec_t elapsed = w->looked ? now - w->looked : 0;
	uint64_t usage;
	bool there;

	/* Our own memory.high is no limit of the room, from the first look after it on. */
	w->snapshot.cgroup.memory_high = w->high.facts;
	w->snapshot.cgroup.memory_high.ours |= w->high.changing;
	there = cgroup_read(w->cgroup, now, &w->snapshot.cgroup) == 0;
	evidence_check(w);
	workload_place_procs(w, !there);
	if (is_done(w, there, now)) {
		if (!there)
			forget_high(w);
		workload_free(w);
		return;
	}
	if (workload_name(w) || w->snapshot.cgroup.limit != before.limit ||
	    (w->observed == OBSERVED_NOT_NAMED && !workload_awaits_name(w, now)) ||
	    (w->observed == OBSERVED_NOT_LISTED && !kubernetes_is_awaited(w, now)))
		workload_match(w);
	if (there) {
		check_high(w);
		hear_stalls(w, &before);
		hear_swap(w, &before);
		siblings_allot(w);
		shares_allot(w, now);
	}
	fill_snapshot(w, now);
	usage = snapshot_usage(&w->snapshot.cgroup);
	w->rhythm.min = w->manager->config.look_min;
	w->rhythm.max = w->manager->config.look_max;
	rhythm_observe(&w->rhythm, snapshot_usage(&before), usage, elapsed);
	w->looked = now;
	w->manager->looks++;
	make_decision(w, now);
	evidence_look(w, now);
	if (w->manager->seen)
		w->manager->seen(w->manager->seen_userdata, w);
	workload_apply(w);
	environment_look(w, now);
	restart_look(w, now);
	endpoints_look(w, now);
	series_run(w->manager);
	workload_look_in(w, w->look_again ? 0 :
					    rhythm_delay(&w->rhythm, w->snapshot.cgroup.room, usage,
							 &w->decision));
	if (workload_awaits_name(w, now))
		workload_look_in(w, NAME_LOOK);
	w->look_again = false;
}

/* A process that went away, or whose helper did, between the request and the answer. */
static void row_failed(struct workload *w, pid_t pid, int result, usec_t now)
{
	if (result == INSPECT_STALE)
		tracker_reopen(w->manager->tracker, pid, now);
	else if (result == INSPECT_GONE)
		tracker_exec(w->manager->tracker, pid,
			     now); /* gone, or another image: look at it anew */
}

static void sampled(void *userdata, const struct inspect_request *req,
		    const struct inspect_reply *reply)
{
	struct manager *m = userdata;
	/* The workload by its token: it may have gone while the helper was at work. */
	struct workload *w = table_get(&m->workloads, req->expect_marked);
	const usec_t now = clock_now();

	if (!w)
		return;
	w->looking = false;
	if (reply->result >= 0)
		w->timeouts = 0;
	if (reply->result == -ETIMEDOUT && ++w->timeouts >= TIMEOUTS_MAX) {
		w->quarantined = true;
		quarantine_add(m, w->name.workload);
		audit_quarantine(w->manager->journal, w->name.workload, req->pid);
		workload_match(w);
	}
	for (uint32_t i = 0; i < reply->n; i++) {
		struct goproc *p = NULL;

		for (size_t k = 0; k < w->n_procs; k++)
			if (w->procs[k].slot == reply->rows[i].slot && !w->procs[k].refused &&
			    w->procs[k].generation == inspector_generation(m->inspector))
				p = &w->procs[k];
		if (!p)
			continue;
		if (reply->rows[i].result == INSPECT_OK)
			take_row(w, p, &reply->rows[i], req->flags & GO_SAMPLE_GOROUTINES, now);
		else
			row_failed(w, p->id.pid, reply->rows[i].result, now);
	}
	finish_look(w, now);
}

static void look(struct workload *w)
{
	struct manager *m = w->manager;
	struct inspect_request req = { .op = INSPECT_SAMPLE, .expect_marked = w->token };
	const usec_t now = clock_now();

	if (w->looking) {
		w->look_again = true;
		return;
	}
	if (w->quarantined && !quarantine_has_workload(m, w->name.workload)) {
		w->quarantined = false;
		workload_match(w);
	}
	for (size_t i = 0; i < w->n_procs && req.n < INSPECT_BATCH; i++) {
		struct goproc *p = &w->procs[i];

		if (p->refused || w->quarantined)
			continue;
		if (p->generation != inspector_generation(m->inspector)) {
			tracker_reopen(m->tracker, p->id.pid, clock_now());
			continue;
		}
		req.pid = p->id.pid;
		/* Of its pauses those that have not been taken yet. */
		req.since_num_gc[req.n] =
			p->activity ? p->activity->last.num_gc : p->row.sample.num_gc;
		req.slots[req.n++] = p->slot;
	}
	if (now - w->counted >= COUNT_INTERVAL) {
		req.flags = GO_SAMPLE_GOROUTINES;
		w->counted = now;
	}
	if (req.n == 0) {
		finish_look(w, clock_now());
	} else if (inspector_request(m->inspector, &req, sampled, m) == 0) {
		w->looking = true;
	} else {
		workload_look_in(w, m->config.look_max);
	}
	manager_arm(m);
}
