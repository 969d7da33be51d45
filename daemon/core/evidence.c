/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "report/kill_record.h"
#include "sense/culprits_json.h"
#include "wire/json.h"

#define RECORD_AGAIN  USEC_MIN /* whoever has children killed again and again is counted */
#define ENDED_LATELY  (5 * USEC_SEC)
#define FULL_PERMILLE 800

enum {
	TOLD_CULPRITS = 5,
	TOLD_PROCESSES = 8,
};

/* A key of memory.events, by the directory of the cgroup. False where that has gone, or does not account memory. */
static bool read_event(int dirfd, const char *key, uint64_t *ret)
{
	char text[1024], word[24];
	const size_t len = strlen(key);

	if (dirfd < 0 || fd_read_file(dirfd, "memory.events", text, sizeof(text), NULL) < 0)
		return false;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != ' ')
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(line + len + 1, "\n"),
			 line + len + 1);
		return text_parse_u64(word, ret) == 0;
	}
	return false;
}

static void add_step(struct workload *w, const struct trail_step *step)
{
	trail_add_step(&w->evidence.trail, step);
}

void evidence_look(struct workload *w, usec_t now)
{
	struct workload_evidence *e = &w->evidence;
	const struct decision *d = &w->decision;
	struct trail_point point;

	if (!w->n_procs)
		return;
	point = trail_point_of(&w->snapshot, d, now);
	trail_add_point(&e->trail, &point);
	if (d->state != e->state)
		add_step(w, &(const struct trail_step){ .at = now,
							.kind = TRAIL_STATE,
							.reason = d->reason,
							.from = e->state,
							.to = d->state });
	e->state = d->state;
}

void evidence_alert(struct workload *w, usec_t now)
{
	add_step(w, &(const struct trail_step){ .at = now,
						.kind = TRAIL_ALERT,
						.reason = w->decision.reason,
						.to = w->decision.alert });
}

bool evidence_rests(const struct workload *w, usec_t now)
{
	return w->evidence.recorded && now - w->evidence.recorded < RECORD_AGAIN;
}

void evidence_change(struct workload *w, pid_t pid, enum policy_lever lever,
		     const struct lever_decision *d, const char *outcome)
{
	struct trail_step step = { .at = clock_now(),
				   .kind = TRAIL_CHANGE,
				   .pid = pid,
				   .lever = (int32_t)lever,
				   .reason = d->reason,
				   .from = d->from,
				   .to = d->to };

	text_copy(step.outcome, sizeof(step.outcome), outcome);
	add_step(w, &step);
}

void evidence_ended(struct workload *w)
{
	w->evidence.ended_at = clock_now();
}

static json_object *process_json(const struct goproc *p)
{
	json_object *o = json_object_new_object(), *culprits = NULL;
	const struct culprit_sources of = culprits_of(p);

	if (p->series || p->goroutines)
		culprits = culprits_json(&of, TOLD_CULPRITS);
	/* Suspects beyond those are told elsewhere: a record's size is not for a tenant to choose. */
	if (culprits && json_object_array_length(culprits) > TOLD_CULPRITS)
		json_object_array_del_idx(culprits, TOLD_CULPRITS,
					  json_object_array_length(culprits) - TOLD_CULPRITS);

	json_object_object_add(o, "pid", json_object_new_int(p->id.pid));
	json_put_escaped(o, "exe", p->info.exe);
	json_put_escaped(o, "go_version", p->build.version);
	json_put_escaped(o, "module", p->build.module);
	json_put_u64(o, "heap_marked_bytes", p->row.sample.heap_marked_bytes);
	json_put_u64(o, "mapped_ready_bytes", p->row.sample.mapped_ready_bytes);
	json_object_object_add(o, "culprits", culprits);
	return o;
}

/* Who was killed, or has just ended, or is the largest; and others that are there. */
static json_object *processes_json(struct workload *w)
{
	json_object *list = json_object_new_array();
	const struct goproc *first =
		w->evidence.victim ? workload_proc(w, w->evidence.victim) : NULL;

	if (!first && !w->culprits.ended)
		first = workload_largest_proc(w);
	if (first)
		json_object_array_add(list, process_json(first));
	if (w->culprits.ended)
		json_object_array_add(list, process_json(w->culprits.ended));
	for (size_t i = 0; i < w->n_procs && json_object_array_length(list) < TOLD_PROCESSES; i++)
		if (&w->procs[i] != first)
			json_object_array_add(list, process_json(&w->procs[i]));
	return list;
}

static int write_record(struct workload *w, const struct kill_record *k)
{
	const struct kills_caps caps = { .records_max = w->manager->config.postmortem_records,
					 .bytes_max = w->manager->config.postmortem_bytes };
	json_object *o = kill_record_json(k);
	unsigned int dropped = 0;
	size_t len = 0;
	const char *text = json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	int r = text ? store_put_kill(w->manager->store, k->name, text, len, &caps, &dropped) :
		       -ENOMEM;

	if (dropped)
		log_debug("%u older record(s) of kills went for the one of %s", dropped, w->label);
	json_object_put(o);
	return r;
}

/* @kills that nobody has told of yet. */
static void record(struct workload *w, uint64_t kills, const char *told_by)
{
	struct workload_evidence *e = &w->evidence;
	const usec_t now = clock_now();
	struct audit_subject subject;
	struct kill_record k;
	char name[KILL_NAME_MAX], owner[LEARNED_NAME_MAX];
	int r;

	w->manager->kills += kills;
	if (!w->manager->config.postmortem_records)
		return;
	if (e->recorded && now - e->recorded < RECORD_AGAIN) {
		e->left_out += kills;
		return;
	}
	workload_subject(w, &subject);
	k = (struct kill_record){ .subject = &subject,
				  .name = name,
				  .unit = w->name.unit,
				  .mode = policy_mode_name(w->mode),
				  .limit_origin = cgroup_limit_origin(w->cgroup),
				  .told_by = told_by,
				  .pid = e->victim,
				  .wall_usec = clock_wall(),
				  .killed = now,
				  .kills = kills,
				  .memory_max = w->snapshot.cgroup.max,
				  .kills_left_out = e->left_out,
				  .recommended_limit = w->decision.recommended_limit,
				  .trail = &e->trail,
				  .verdict = trail_judge(&e->trail, now) };
	if (!read_event(cgroup_level_fd(w->cgroup, 0), "oom_kill", &k.oom_kill_events))
		k.oom_kill_events = w->snapshot.cgroup.events_oom_kill;
	if (!read_event(cgroup_level_fd(w->cgroup, 0), "max", &k.max_events))
		k.max_events = w->snapshot.cgroup.events_max;
	k.processes = processes_json(w);
	/* A container's cgroup is another after each restart, its namespace, owner and name are not. */
	(void)learned_of(w, owner);
	kills_name(name, k.wall_usec, owner[0] ? owner : w->name.workload);
	r = write_record(w, &k);
	e->recorded = now;
	e->left_out = 0;
	audit_kill(w->manager->journal, &subject, k.pid, name, &k.verdict,
		   r < 0 ? strerror(-r) : NULL);
}

/* Next to no room was left at the last look. */
static bool is_full(const struct trail_verdict *v)
{
	return v->room && v->room != BYTES_UNLIMITED &&
	       mul_div(v->used, 1000, v->room) >= FULL_PERMILLE;
}

/*
 * Its cgroup has gone before its counters could be read. A kill that the nearest ancestor has counted since is its own
 * if it was full, and it, or a process of it, has only just ended.
 */
static bool ancestor_has_killed(const struct workload *w, const uint64_t now[EVIDENCE_LEVELS],
				const struct trail_verdict *v)
{
	const struct workload_evidence *e = &w->evidence;

	if (!is_full(v) || (v->blind > ENDED_LATELY && clock_now() - e->ended_at > ENDED_LATELY))
		return false;
	for (size_t i = 1; i < EVIDENCE_LEVELS; i++)
		if (now[i] != UINT64_MAX && e->kills[i] != UINT64_MAX)
			return now[i] > e->kills[i];
	return false;
}

void evidence_check(struct workload *w)
{
	struct workload_evidence *e = &w->evidence;
	const struct trail_verdict v = trail_judge(&e->trail, clock_now());
	const bool known = e->known && e->kills[0] != UINT64_MAX;
	uint64_t now[EVIDENCE_LEVELS];

	for (size_t i = 0; i < EVIDENCE_LEVELS; i++) {
		/* Of those that have room nobody asks whether an ancestor had one killed. */
		if ((i > 0 && !is_full(&v)) ||
		    !read_event(cgroup_level_fd(w->cgroup, i), "oom_kill", &now[i]))
			now[i] = UINT64_MAX;
	}
	if (known && now[0] != UINT64_MAX && now[0] > e->kills[0])
		record(w, now[0] - e->kills[0], "cgroup");
	else if (known && now[0] == UINT64_MAX && e->victim)
		record(w, 1, "event");
	else if (known && now[0] == UINT64_MAX && ancestor_has_killed(w, now, &v))
		record(w, 1, "ancestor");
	memcpy(e->kills, now, sizeof(e->kills));
	e->known = true;
	/* The kernel counts before it tells of its victim: that kill is in what was read just now, or was told of by it. */
	e->victim = 0;
}

void evidence_victim(struct workload *w, pid_t pid)
{
	w->evidence.victim = pid;
	evidence_check(w);
}

void evidence_done(struct workload *w)
{
	trail_done(&w->evidence.trail);
}
