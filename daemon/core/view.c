/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/view.h"
#include "decide/heapmath.h"

json_object *view_text(const char *s)
{
	char clean[2048];

	text_escape(clean, sizeof(clean), s);
	return json_object_new_string(clean);
}

json_object *view_bytes(uint64_t v)
{
	return v >= INT64_MAX ? NULL : json_object_new_int64((int64_t)v);
}

static void put(json_object *o, const char *key, json_object *value)
{
	json_object_object_add(o, key, value);
}

static void put_text(json_object *o, const char *key, const char *s)
{
	put(o, key, view_text(s));
}

static void put_bytes(json_object *o, const char *key, uint64_t v)
{
	put(o, key, view_bytes(v));
}

static void put_int(json_object *o, const char *key, int64_t v)
{
	put(o, key, json_object_new_int64(v));
}

static json_object *view_value(enum policy_lever lever, int64_t v)
{
	if ((lever == LEVER_SOFT_LIMIT || lever == LEVER_MEMORY_HIGH) && v == VALUE_NONE)
		return NULL;
	return json_object_new_int64(v);
}

static json_object *view_lever(const struct lever_state *l, enum policy_lever lever,
			       const struct lever_decision *d, int64_t now)
{
	json_object *o = json_object_new_object();

	put_text(o, "lever", policy_lever_name(lever));
	put(o, "now", view_value(lever, now));
	put(o, "owner", view_value(lever, l->facts.ours || l->facts.manual ? l->facts.owner : now));
	put(o, "owner_set", json_object_new_boolean(l->facts.owner_set));
	put(o, "ours", json_object_new_boolean(l->facts.ours));
	put(o, "manual", json_object_new_boolean(l->facts.manual));
	put(o, "pinned", json_object_new_boolean(l->facts.pinned));
	put_text(o, "verdict", decide_verdict_name(d->verdict));
	put_text(o, "reason", decide_reason_name(d->reason));
	put(o, "would_be", view_value(lever, d->verdict == VERDICT_HOLD ? now : d->to));
	return o;
}

static void put_process_figures(json_object *o, const struct goproc *p)
{
	const struct go_sample *s = &p->row.sample;

	put_int(o, "gogc", s->gc_percent);
	put(o, "memory_limit_bytes", view_value(LEVER_SOFT_LIMIT, s->memory_limit_bytes));
	put_bytes(o, "heap_alloc_bytes", go_sample_heap_alloc(s));
	put_bytes(o, "heap_marked_bytes", s->heap_marked_bytes);
	put_bytes(o, "heap_goal_bytes", heap_goal(s, p->minor));
	put_bytes(o, "mapped_ready_bytes", s->mapped_ready_bytes);
	put_bytes(o, "soft_limit_floor_bytes", heap_limit_floor(s, p->minor));
	put_int(o, "effective_gogc", heap_effective_gogc(s, p->minor));
	put_int(o, "num_gc", s->num_gc);
	put_int(o, "age_usec", (int64_t)(clock_now() - p->at));
}

static const struct proc_decision *decision_of(const struct workload *w, const struct goproc *p)
{
	static const struct proc_decision none;

	for (uint32_t i = 0; i < w->decision.n_procs; i++)
		if (w->decision.procs[i].key.pid == p->id.pid)
			return &w->decision.procs[i];
	return &none;
}

static json_object *view_process(const struct workload *w, const struct goproc *p)
{
	const struct proc_decision *d = decision_of(w, p);
	json_object *o = json_object_new_object(), *levers;

	put_int(o, "pid", p->id.pid);
	put_text(o, "exe", p->info.exe);
	put_text(o, "go_version", p->build.version);
	put_text(o, "module", p->build.module);
	put(o, "proved", json_object_new_boolean(!p->refused && p->row.proved));
	if (p->refusal[0])
		put_text(o, "refused_by", p->refusal);
	if (p->refused)
		return o;
	put_process_figures(o, p);
	levers = json_object_new_array();
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		json_object_array_add(levers, view_lever(&p->lever[l], l, &d->lever[l],
							 lever_ops(l)->value(&p->row.sample)));
	put(o, "levers", levers);
	return o;
}

json_object *view_workload(const struct workload *w)
{
	const struct snapshot_cgroup *c = &w->snapshot.cgroup;
	json_object *o = json_object_new_object(), *procs = json_object_new_array();

	put_text(o, "workload", w->label);
	put_text(o, "cgroup", w->name.workload);
	put(o, "tier",
	    w->tier < 0 ? NULL : view_text(w->manager->policy->tiers[w->tier].rules.tier));
	put_text(o, "mode", policy_mode_name(w->mode));
	put(o, "released",
	    json_object_new_boolean(orders_released(&w->manager->orders, w->name.workload)));
	put(o, "quarantined", json_object_new_boolean(w->quarantined));
	put_text(o, "state", policy_state_name((enum policy_state)w->decision.state));
	put_bytes(o, "limit_bytes", c->limit);
	put_text(o, "limit_origin", cgroup_limit_origin(w->cgroup));
	put_bytes(o, "room_bytes", c->room);
	put_text(o, "room_origin", cgroup_room_origin(w->cgroup));
	put_bytes(o, "usage_bytes", snapshot_usage(c));
	put_bytes(o, "anon_bytes", c->anon);
	put_bytes(o, "nongo_bytes", w->decision.nongo);
	put(o, "memory_high",
	    view_lever(&w->high, LEVER_MEMORY_HIGH, &w->decision.memory_high,
		       decide_lever_now(&w->snapshot, NULL, LEVER_MEMORY_HIGH)));
	put_int(o, "age_usec", (int64_t)(clock_now() - c->at));
	for (size_t i = 0; i < w->n_procs; i++)
		json_object_array_add(procs, view_process(w, &w->procs[i]));
	put(o, "processes", procs);
	return o;
}

/* Every tier, with why it matched or did not. */
static json_object *view_tiers(const struct workload *w)
{
	const struct policy_set *set = w->manager->policy;
	enum policy_why why[POLICY_TIERS_MAX] = { 0 };
	json_object *list = json_object_new_array();
	struct policy_subject subject;

	workload_subject_of(w, &subject);
	policy_match(set, &subject, why);
	for (size_t i = 0; i < set->n_tiers; i++) {
		json_object *o = json_object_new_object();

		put_text(o, "tier", set->tiers[i].rules.tier);
		put_text(o, "file", set->tiers[i].rules.file);
		put_int(o, "line", set->tiers[i].rules.line);
		put_text(o, "why", policy_why_name(why[i]));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *view_numbers(const struct workload *w)
{
	const struct decision *d = &w->decision;
	json_object *o = json_object_new_object();

	put_bytes(o, "limit", d->limit);
	put_bytes(o, "M", d->room);
	put_bytes(o, "U", d->usage);
	put_bytes(o, "N", d->nongo);
	put_bytes(o, "margin", d->margin);
	put_bytes(o, "T", d->mapped);
	put_bytes(o, "budget", d->budget);
	put_bytes(o, "lazyfree", snapshot_lazyfree(&w->snapshot.cgroup));
	put_bytes(o, "L", w->snapshot.n_procs ? w->snapshot.procs[0].sample.heap_marked_bytes : 0);
	put_bytes(o, "R", w->snapshot.n_procs ? heap_mark_bytes(&w->snapshot.procs[0].sample) : 0);
	put_bytes(o, "S_floor", d->procs[0].floor_bytes);
	put_int(o, "e", d->procs[0].effective_gogc);
	put_bytes(o, "heap_alloc_peak", d->trigger_value);
	return o;
}

static json_object *next_step(const char *what, const char *figure, uint64_t now, uint64_t at)
{
	json_object *o = json_object_new_object();

	put_text(o, "state", what);
	put_text(o, "figure", figure);
	put_bytes(o, "now", now);
	put_bytes(o, "at", at);
	return o;
}

static json_object *view_next(const struct workload *w)
{
	const struct decision *d = &w->decision;
	char figure[POLICY_TRIGGER_TEXT_MAX];
	json_object *list = json_object_new_array();

	if (d->trigger_bytes && d->trigger_bytes != BYTES_UNLIMITED && w->tier >= 0)
		json_object_array_add(
			list,
			next_step("pressed",
				  policy_trigger_text(figure, &w->manager->policy->tiers[w->tier]
								       .rules.state[STATE_PRESSED]
								       .when),
				  d->trigger_value, d->trigger_bytes));
	if (d->emergency_bytes)
		json_object_array_add(list,
				      next_step("emergency", "U", d->usage, d->emergency_bytes));
	if (w->snapshot.n_procs)
		json_object_array_add(list, next_step("tight", "S_floor above S, e below 10",
						      d->procs[0].floor_bytes, d->budget));
	return list;
}

json_object *view_explain(const struct workload *w)
{
	json_object *o = view_workload(w);
	const struct policy_scope *scope = NULL;

	policy_mode_of(w->manager->policy, w->tier, w->name.workload,
		       (enum policy_mode)w->manager->config.mode, &scope);
	put(o, "scope", scope ? view_text(scope->name) : NULL);
	put(o, "infrastructure", json_object_new_boolean(w->infrastructure));
	put(o, "tiers", view_tiers(w));
	put(o, "numbers", view_numbers(w));
	put_text(o, "decision_reason", decide_reason_name(w->decision.reason));
	put_text(o, "alert", decide_alert_name(w->decision.alert));
	if (w->decision.recommended_limit)
		put_bytes(o, "recommended_limit_bytes", w->decision.recommended_limit);
	put(o, "decision_id", w->decision_id[0] ? view_text(w->decision_id) : NULL);
	put(o, "next", view_next(w));
	return o;
}

json_object *view_daemon(const struct manager *m)
{
	const struct tracker_stats st = tracker_get_stats(m->tracker);
	json_object *o = json_object_new_object();

	put_text(o, "mode", policy_mode_name(m->config.mode));
	put(o, "writes_stopped", json_object_new_boolean(orders_stopped(&m->orders)));
	put(o, "process_events", json_object_new_boolean(m->events != NULL));
	put(o, "bus", json_object_new_boolean(m->bus != NULL));
	put_int(o, "processes_known", (int64_t)st.processes);
	put_int(o, "not_go", (int64_t)st.not_go);
	put_int(o, "refused", (int64_t)st.refused);
	put_int(o, "left_out", (int64_t)(st.dropped + m->names_too_long + m->workloads.dropped));
	put_int(o, "hostile", (int64_t)st.hostile);
	put_int(o, "helpers_replaced", inspector_replaced(m->inspector));
	put_int(o, "looks", (int64_t)m->looks);
	put_int(o, "changes", (int64_t)m->changes);
	put_int(o, "uptime_usec", (int64_t)(clock_now() - m->started));
	return o;
}

json_object *view_config(const struct manager *m)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < config_rows_max(); i++) {
		json_object *o = json_object_new_object();
		struct config_row row;

		config_get_row(&m->config, i, &row);
		put_text(o, "key", row.key);
		put_text(o, "value", row.value);
		put_text(o, "default", row.default_text);
		put_text(o, "about", row.about);
		json_object_array_add(list, o);
	}
	return list;
}
