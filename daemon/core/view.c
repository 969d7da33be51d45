/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/view.h"
#include "decide/heapmath.h"
#include "kube/identity_json.h"
#include "kube/told_json.h"
#include "sense/activity_json.h"
#include "sense/culprits_json.h"
#include "wire/json.h"

enum {
	EXPLAIN_CULPRITS = 3,
};

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
	put(o, key, json_escaped(s));
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

/* @figures: of the short and of the long window. */
static json_object *view_windows(const struct activity_figures figures[2], bool buckets)
{
	json_object *o = json_object_new_object();

	put(o, "last_10s", activity_json(&figures[0], false));
	put(o, "last_minute", activity_json(&figures[1], buckets));
	return o;
}

static json_object *view_count(int64_t n)
{
	return n < 0 ? NULL : json_object_new_int64(n);
}

static json_object *view_process_activity(const struct activity *a)
{
	const struct activity_figures figures[2] = { activity_over(a, ACTIVITY_SHORT),
						     activity_over(a, ACTIVITY_LONG) };
	json_object *o = view_windows(figures, false);

	put(o, "goroutines", view_count(a->goroutines));
	put(o, "goroutines_created", view_count(a->last.created));
	return o;
}

/* Of all its processes; goroutines that one of them does not tell are in no sum. */
static json_object *view_activity(const struct workload *w)
{
	struct activity_figures sum[2] = { 0 };
	int64_t goroutines = -1;
	json_object *o;

	for (size_t i = 0; i < w->n_procs; i++) {
		const struct activity *a = w->procs[i].activity;
		struct activity_figures figures[2];

		if (!a)
			continue;
		figures[0] = activity_over(a, ACTIVITY_SHORT);
		figures[1] = activity_over(a, ACTIVITY_LONG);
		activity_add(&sum[0], &figures[0]);
		activity_add(&sum[1], &figures[1]);
		if (a->goroutines >= 0)
			goroutines = MAX(goroutines, 0) + a->goroutines;
	}
	o = view_windows(sum, true);
	put(o, "goroutines", view_count(goroutines));
	return o;
}

/* What the state asks for, and what came of it; null where neither is anything. */
static json_object *view_goroutine_limit(const struct goproc *p, const struct rate_decision *d)
{
	const struct throttle_report *r = &p->limit.report;
	const bool done = p->limit.rate || r->outcome != THROTTLE_STARTING;
	json_object *o;

	if (!d->rate && !p->limit.rate)
		return NULL;
	o = json_object_new_object();
	put(o, "rate_per_second", d->rate ? json_object_new_int64(d->rate) : NULL);
	put_text(o, "reason", decide_reason_name(d->reason));
	put(o, "outcome", done ? json_escaped(throttle_outcome_name((int32_t)r->outcome)) : NULL);
	if (r->outcome == THROTTLE_TRACED)
		put_int(o, "tracer", r->tracer);
	if (r->outcome == THROTTLE_UNSUPPORTED)
		put_text(o, "why", throttle_why(r->error));
	if (r->outcome != THROTTLE_LIMITED)
		return o;
	put_int(o, "limited_usec", (int64_t)(r->limited_ns / 1000));
	put_int(o, "calls", (int64_t)r->calls);
	put_int(o, "calls_over", (int64_t)r->over);
	put_int(o, "holds", (int64_t)r->holds);
	put_int(o, "held_usec", (int64_t)(r->held_ns / 1000));
	return o;
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
	put(o, "activity", p->activity ? view_process_activity(p->activity) : NULL);
	levers = json_object_new_array();
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		json_object_array_add(levers, view_lever(&p->lever[l], l, &d->lever[l],
							 lever_ops(l)->value(&p->row.sample)));
	put(o, "levers", levers);
	put(o, "goroutine_limit", view_goroutine_limit(p, &d->goroutines));
	put(o, "endpoint", view_endpoint(p));
	return o;
}

static json_object *view_share(const struct workload *w)
{
	const struct policy_share *share = policy_share_of(w->manager->policy, w->pod.space);
	json_object *o;

	if (!share || !w->share.given)
		return NULL;
	o = json_object_new_object();
	put_text(o, "name", share->name);
	put_bytes(o, "memory_bytes", share->memory_bytes);
	put_bytes(o, "part_bytes", w->share.given);
	put_bytes(o, "needed_bytes", share_watch_least(&w->share.watch));
	put_int(o, "cpu_permille", share_watch_cpu_permille(&w->share.watch));
	return o;
}

/* Microseconds from now; null: never. */
static json_object *view_ahead(usec_t v)
{
	return v == FORECAST_NEVER ? NULL :
				     json_object_new_int64((int64_t)MIN(v, (usec_t)INT64_MAX));
}

static json_object *view_forecast(const struct forecast *f)
{
	json_object *o = json_object_new_object();

	put_text(o, "kind", forecast_kind_name(f->kind));
	put(o, "to_distress_usec", view_ahead(f->to_distress));
	put(o, "to_oom_usec", view_ahead(f->to_oom));
	json_put_double(o, "confidence", f->confidence_permille / 1000.0);
	put_int(o, "go_slope_bytes_per_min", f->go_slope_per_min);
	put_int(o, "nongo_slope_bytes_per_min", f->nongo_slope_per_min);
	put_int(o, "watched_usec", (int64_t)f->watched);
	return o;
}

json_object *view_workload(const struct workload *w)
{
	const struct snapshot_cgroup *c = &w->snapshot.cgroup;
	json_object *o = json_object_new_object(), *procs = json_object_new_array();

	put_text(o, "workload", w->label);
	put_text(o, "cgroup", w->name.workload);
	put(o, "kubernetes", kube_identity_json(&w->name, &w->pod));
	put(o, "tier",
	    w->tier < 0 ? NULL : json_escaped(w->manager->policy->tiers[w->tier].rules.tier));
	put_text(o, "mode", policy_mode_name(w->mode));
	put(o, "observed_because",
	    w->observed == OBSERVED_NOT ? NULL : json_escaped(observed_name(w->observed)));
	put(o, "released",
	    json_object_new_boolean(orders_released(&w->manager->orders, w->name.workload)));
	put(o, "quarantined", json_object_new_boolean(w->quarantined));
	put_text(o, "state", policy_state_name((enum policy_state)w->decision.state));
	put_bytes(o, "limit_bytes", c->limit);
	put_text(o, "limit_origin", cgroup_limit_origin(w->cgroup));
	put_bytes(o, "room_bytes", c->room);
	put_bytes(o, "allotted_bytes", snapshot_allotted(c));
	put_text(o, "room_origin", cgroup_room_origin(w->cgroup));
	put_text(o, "room_by", cgroup_room_by(w->cgroup));
	put_bytes(o, "others_high_bytes", cgroup_others_high(w->cgroup));
	put_text(o, "others_high_origin", cgroup_high_origin(w->cgroup));
	put(o, "namespace_share", view_share(w));
	put_bytes(o, "usage_bytes", snapshot_usage(c));
	put_bytes(o, "anon_bytes", c->anon);
	put_bytes(o, "nongo_bytes", w->decision.nongo);
	put_bytes(o, "swap_bytes", c->swap_current);
	put_bytes(o, "swapped_in_bytes", c->swapped_in_bytes);
	put_bytes(o, "swapped_out_bytes", c->swapped_out_bytes);
	put_text(o, "alert", decide_alert_name(w->decision.alert));
	put(o, "forecast", view_forecast(&w->decision.forecast));
	put(o, "activity", view_activity(w));
	put(o, "memory_high",
	    view_lever(&w->high, LEVER_MEMORY_HIGH, &w->decision.memory_high,
		       decide_lever_now(&w->snapshot, NULL, LEVER_MEMORY_HIGH)));
	put(o, "environment", view_environment(w));
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
	struct workload_subject subject;

	workload_subject_of(w, &subject);
	policy_match(set, &subject.as, why);
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
	put_bytes(o, "S_floor", d->n_procs ? d->procs[0].floor_bytes : 0);
	put_int(o, "e", d->n_procs ? d->procs[0].effective_gogc : 0);
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
	if (d->n_procs)
		json_object_array_add(list, next_step("tight", "S_floor above S, e below 10",
						      d->procs[0].floor_bytes, d->budget));
	return list;
}

/* What fills the heap of each process, where profiles of it are taken. */
static void put_culprits(json_object *o, const struct workload *w)
{
	json_object *procs = json_object_object_get(o, "processes");

	for (size_t i = 0; i < w->n_procs; i++) {
		const struct goproc *p = &w->procs[i];

		const struct culprit_sources of = culprits_of(p);

		if (p->series || p->goroutines)
			put(json_object_array_get_idx(procs, i), "culprits",
			    culprits_json(&of, EXPLAIN_CULPRITS));
	}
}

json_object *view_explain(const struct workload *w)
{
	json_object *o = view_workload(w);
	struct policy_mode_origin by;
	struct workload_subject subject;

	workload_subject_of(w, &subject);
	policy_mode_of(w->manager->policy, w->tier, &subject.as,
		       (enum policy_mode)w->manager->config.mode, &by);
	put(o, "scope", by.scope ? json_escaped(by.scope->name) : NULL);
	put_text(o, "mode_source", policy_source_name(by.source));
	kube_told_json(json_object_object_get(o, "kubernetes"), kubernetes_pod(w), w->pod.container,
		       subject.as.owner, subject.as.space_mode);
	put(o, "infrastructure", json_object_new_boolean(w->infrastructure));
	put(o, "tiers", view_tiers(w));
	put(o, "numbers", view_numbers(w));
	put_text(o, "decision_reason", decide_reason_name(w->decision.reason));
	if (w->decision.recommended_limit)
		put_bytes(o, "recommended_limit_bytes", w->decision.recommended_limit);
	put(o, "decision_id", w->decision_id[0] ? json_escaped(w->decision_id) : NULL);
	put(o, "restart", view_restart(w));
	put(o, "next", view_next(w));
	put_culprits(o, w);
	return o;
}

static json_object *view_missing(uint64_t capabilities)
{
	json_object *list = json_object_new_array();
	size_t cursor = 0;

	for (const struct capability *c = capability_next_missing(capabilities, &cursor); c;
	     c = capability_next_missing(capabilities, &cursor))
		json_object_array_add(list, json_escaped(c->name));
	return list;
}

static json_object *view_entry(const struct timeline_entry *e, uint64_t wall_offset_ns)
{
	json_object *o = timeline_entry_json(e, wall_offset_ns);
	const enum policy_lever lever = (enum policy_lever)e->adjustment.lever;

	if (e->kind == TIMELINE_ADJUSTMENT) {
		put_text(o, "lever",
			 e->adjustment.lever == HEAR_GOROUTINE_RATE ? "goroutine_rate" :
								      policy_lever_name(lever));
		put_text(o, "reason", decide_reason_name(e->adjustment.reason));
		put(o, "from", view_value(lever, e->adjustment.from));
		put(o, "to", view_value(lever, e->adjustment.to));
	} else if (e->kind == TIMELINE_GUARD) {
		put_text(o, "site", go_site_name((enum go_site_kind)e->value));
	}
	return o;
}

json_object *view_timeline(const struct workload *w)
{
	const uint64_t offset = (clock_usec(CLOCK_REALTIME) - clock_usec(CLOCK_MONOTONIC)) * 1000;
	json_object *o = json_object_new_object(), *list = json_object_new_array();

	put_text(o, "workload", w->label);
	put_int(o, "dropped", (int64_t)w->timeline.dropped);
	put_int(o, "lost", w->manager->listener ? (int64_t)listener_lost(w->manager->listener) : 0);
	for (uint32_t i = 0; timeline_get(&w->timeline, i); i++)
		json_object_array_add(list, view_entry(timeline_get(&w->timeline, i), offset));
	put(o, "entries", list);
	return o;
}

json_object *view_features(const struct features *f)
{
	json_object *list = json_object_new_array();

	for (enum feature i = 0; i < FEATURE_MAX_; i++)
		json_object_array_add(list, feature_json(f, i));
	return list;
}

json_object *view_daemon(const struct manager *m)
{
	const struct tracker_stats st = tracker_get_stats(m->tracker);
	json_object *o = json_object_new_object();

	put_text(o, "mode", policy_mode_name(m->config.mode));
	put(o, "writes_stopped", json_object_new_boolean(orders_stopped(&m->orders)));
	put(o, "process_events", json_object_new_boolean(m->process_source != PROCESSES_BY_SCAN));
	put_text(o, "rights", rights_name(m->rights));
	put(o, "capabilities_missing", view_missing(m->capabilities));
	put(o, "bus", json_object_new_boolean(m->bus != NULL));
	put_int(o, "processes_known", (int64_t)st.processes);
	put_int(o, "not_go", (int64_t)st.not_go);
	put_int(o, "refused", (int64_t)st.refused);
	put_int(o, "left_out",
		(int64_t)(st.dropped + m->names_too_long + m->workloads.dropped +
			  m->by_pid.dropped + m->quarantine_forgotten));
	put_int(o, "hostile", (int64_t)st.hostile);
	put_int(o, "helpers_replaced", inspector_replaced(m->inspector));
	put_int(o, "records_lost", (int64_t)journal_lost(m->journal));
	put_int(o, "looks", (int64_t)m->looks);
	put_int(o, "heap_profiles", (int64_t)m->walk.walks);
	put_int(o, "heap_profiles_usec", (int64_t)m->walk.cost_usec);
	put_int(o, "heap_profiles_left_out", (int64_t)m->walk.left_out);
	put_int(o, "changes", (int64_t)m->changes);
	put_int(o, "environments_left_out", (int64_t)m->environments.left_out);
	put_int(o, "reloads", (int64_t)m->environments.reloads);
	put_int(o, "goroutine_limits", throttle_count(m));
	put(o, "kubernetes_api", view_kubernetes(m));
	put_int(o, "uptime_usec", (int64_t)(clock_now() - m->started));
	return o;
}
