/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/manager.h"

#define SAFE_PERMILLE	920
#define LOOKS_AHEAD	4 /* this often before the fastest growth seen would reach the emergency */
#define TIMEOUTS_MAX	2 /* a workload whose samples hang this often is left alone */
#define ACTIVE_LOOK_MAX USEC_SEC
#define ALERT_AGAIN	(10 * USEC_MIN)

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

/* How soon to look again: a fraction of the time in which the fastest growth of late would fill the room. */
static usec_t next_delay(const struct workload *w, uint64_t usage)
{
	const struct config *config = &w->manager->config;
	const uint64_t room = w->snapshot.cgroup.room;
	usec_t delay = config->look_max;

	if (room != BYTES_UNLIMITED && w->growth > 0)
		delay = mul_div(sub_sat(mul_div(room, SAFE_PERMILLE, 1000), usage),
				USEC_SEC / LOOKS_AHEAD, w->growth);
	if (w->decision.state != STATE_CALM || decision_has_change(&w->decision))
		delay = MIN(delay, ACTIVE_LOOK_MAX);
	return MIN(MAX(delay, config->look_min), config->look_max);
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
	audit_manual(&subject, id->pid, lever, l->written, now);
	store_drop_undo(w->manager->store, &undo);
}

static void take_row(struct workload *w, struct goproc *p, const struct inspect_row *row,
		     usec_t now)
{
	p->row = *row;
	p->at = now;
	if (!row->proved)
		return;
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		check_manual(w, &p->lever[l], &p->id, l, lever_ops(l)->value(&row->sample));
}

static void apply_pin(struct workload *w, struct lever_state *l, enum policy_lever lever)
{
	const struct order *pin = orders_pin(&w->manager->orders, w->name.workload, lever);

	l->facts.pinned = pin != NULL;
	l->facts.pin = pin ? pin->value : 0;
}

static void fill_snapshot(struct workload *w)
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
			.rss_bytes = p->row.rss_bytes,
			.proved = p->row.proved,
			.minor = p->minor,
			.sample = p->row.sample,
		};
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++) {
			apply_pin(w, &p->lever[l], l);
			sp->lever[l] = p->lever[l].facts;
		}
		s->n_procs++;
	}
	apply_pin(w, &w->high, LEVER_MEMORY_HIGH);
	s->cgroup.memory_high = w->high.facts;
	s->cgroup.can_swap = s->cgroup.can_swap && w->manager->host_swaps;
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
	w->alert = w->decision.alert;
	w->alerted = now;
	workload_subject(w, &subject);
	audit_alert(&subject, &w->decision,
		    audit_evidence(evidence, &w->decision, &w->snapshot,
				   w->snapshot.n_procs ? &w->snapshot.procs[0].key : NULL));
}

static void make_decision(struct workload *w, usec_t now)
{
	struct manager *m = w->manager;
	const struct decide_settings settings = { .interval = m->config.interval };
	static struct replay_record record;

	if (w->tier < 0 || w->mode == MODE_OBSERVE) {
		w->decision = (struct decision){ .now = now };
		w->history = (struct history){ 0 };
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
}

static void finish_look(struct workload *w, usec_t now)
{
	const uint64_t before = snapshot_usage(&w->snapshot.cgroup);
	const usec_t elapsed = w->looked ? now - w->looked : 0;
	uint64_t usage, growth, limit = w->snapshot.cgroup.limit;

	/* Our own memory.high is no limit of the room, from the first look after it on. */
	w->snapshot.cgroup.memory_high = w->high.facts;
	if (cgroup_read(w->cgroup, now, &w->snapshot.cgroup) != 0 ||
	    (w->n_procs == 0 && !w->high.facts.ours && !w->high.changing)) {
		workload_free(w);
		return;
	}
	if (w->snapshot.cgroup.limit != limit)
		workload_match(w);
	check_manual(w, &w->high, &(const struct process_id){ 0 }, LEVER_MEMORY_HIGH,
		     decide_lever_now(&w->snapshot, NULL, LEVER_MEMORY_HIGH));
	fill_snapshot(w);
	usage = snapshot_usage(&w->snapshot.cgroup);
	growth = elapsed ? mul_div(sub_sat(usage, before), USEC_SEC, elapsed) : 0;
	w->growth = MAX(growth, w->growth / 8 * 7);
	w->looked = now;
	w->manager->looks++;
	make_decision(w, now);
	workload_apply(w);
	workload_look_in(w, w->look_again ? 0 : next_delay(w, usage));
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
		audit_quarantine(w->name.workload, req->pid);
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
			take_row(w, p, &reply->rows[i], now);
		else
			row_failed(w, p->id.pid, reply->rows[i].result, now);
	}
	finish_look(w, now);
}

static void look(struct workload *w)
{
	struct manager *m = w->manager;
	struct inspect_request req = { .op = INSPECT_SAMPLE, .expect_marked = w->token };

	if (w->looking) {
		w->look_again = true;
		return;
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
		req.slots[req.n++] = p->slot;
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
