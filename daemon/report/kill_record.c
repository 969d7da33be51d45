/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "report/kill_record.h"
#include "wire/json.h"

static void put_bytes(json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, v >= INT64_MAX ? NULL : json_object_new_int64((int64_t)v));
}

static void put_i64(json_object *o, const char *key, int64_t v)
{
	json_object_object_add(o, key, json_object_new_int64(v));
}

static json_object *point_json(const struct trail_point *p, usec_t killed)
{
	json_object *o = json_object_new_object();

	put_i64(o, "before_usec", (int64_t)sub_sat(killed, p->at));
	json_put_text(o, "state", policy_state_name((enum policy_state)p->state));
	json_put_text(o, "alert", decide_alert_name(p->alert));
	json_put_text(o, "forecast", forecast_kind_name(p->forecast));
	put_bytes(o, "to_oom_usec", p->to_oom);
	put_bytes(o, "limit_bytes", p->limit);
	put_bytes(o, "room_bytes", p->room);
	put_bytes(o, "usage_bytes", p->usage);
	put_bytes(o, "peak_bytes", p->peak);
	put_bytes(o, "live_bytes", p->live);
	put_bytes(o, "mapped_bytes", p->mapped);
	put_bytes(o, "nongo_bytes", p->nongo);
	put_bytes(o, "swap_bytes", p->swap);
	put_i64(o, "gogc", p->gogc);
	put_bytes(o, "memory_limit_bytes", (uint64_t)p->soft_limit);
	put_i64(o, "num_gc", p->num_gc);
	put_i64(o, "n_processes", p->n_procs);
	put_i64(o, "stalled_usec", (int64_t)MIN(p->psi_some_us, (uint64_t)INT64_MAX));
	return o;
}

static void put_value(json_object *o, const char *key, int32_t lever, int64_t v)
{
	const bool none =
		v == VALUE_NONE && (lever == LEVER_SOFT_LIMIT || lever == LEVER_MEMORY_HIGH);

	json_object_object_add(o, key, none ? NULL : json_object_new_int64(v));
}

static json_object *step_json(const struct trail_step *s, usec_t killed)
{
	json_object *o = json_object_new_object();

	put_i64(o, "before_usec", (int64_t)sub_sat(killed, s->at));
	json_put_text(o, "kind", trail_kind_name(s->kind));
	if (s->kind == TRAIL_STATE) {
		json_put_text(o, "from", policy_state_name((enum policy_state)s->from));
		json_put_text(o, "to", policy_state_name((enum policy_state)s->to));
	} else if (s->kind == TRAIL_ALERT) {
		json_put_text(o, "to", decide_alert_name((int32_t)s->to));
	} else {
		json_put_text(o, "lever", policy_lever_name((enum policy_lever)s->lever));
		put_value(o, "from", s->lever, s->from);
		put_value(o, "to", s->lever, s->to);
		json_put_escaped(o, "outcome", s->outcome);
		if (s->pid)
			put_i64(o, "pid", s->pid);
	}
	json_put_text(o, "reason", decide_reason_name(s->reason));
	return o;
}

static json_object *verdict_json(const struct trail_verdict *v)
{
	json_object *o = json_object_new_object();

	json_put_text(o, "kind", forecast_kind_name(v->kind));
	json_put_bool(o, "sudden", v->sudden);
	json_put_u64(o, "blind_usec", v->blind);
	put_bytes(o, "room_bytes", v->room);
	put_bytes(o, "used_bytes", v->used);
	put_bytes(o, "live_bytes", v->live);
	put_bytes(o, "garbage_bytes", v->garbage);
	put_bytes(o, "nongo_bytes", v->nongo);
	put_bytes(o, "unseen_bytes", v->unseen);
	put_i64(o, "live_grown_bytes", v->live_grown);
	put_i64(o, "nongo_grown_bytes", v->nongo_grown);
	json_put_u64(o, "watched_usec", v->watched);
	json_object_object_add(o, "foretold_usec",
			       v->foretold ? json_object_new_int64((int64_t)v->foretold) : NULL);
	return o;
}

static json_object *kernel_json(const struct kill_record *k)
{
	json_object *o = json_object_new_object();

	json_put_text(o, "told_by", k->told_by);
	json_put_u64(o, "kills", k->kills);
	json_put_u64(o, "oom_kill", k->oom_kill_events);
	json_put_u64(o, "max", k->max_events);
	put_bytes(o, "memory_max_bytes", k->memory_max);
	return o;
}

static void put_subject(json_object *o, const struct kill_record *k)
{
	const struct audit_subject *s = k->subject;

	json_put_escaped(o, "workload", s->workload);
	json_put_escaped(o, "cgroup", s->cgroup);
	json_put_escaped(o, "unit", k->unit);
	json_put_text(o, "mode", k->mode);
	json_put_escaped(o, "tier", s->rules ? s->rules->tier : "");
	json_put_escaped(o, "policy_file", s->rules ? s->rules->file : "");
	json_put_u64(o, "policy_line", s->rules ? s->rules->line : 0);
	json_put_escaped(o, "decision_id", s->decision_id ? s->decision_id : "");
	json_put_escaped(o, "limit_origin", k->limit_origin);
}

json_object *kill_record_json(const struct kill_record *k)
{
	json_object *o = json_object_new_object(), *points = json_object_new_array(),
		    *steps = json_object_new_array();
	char when[TEXT_TIME_MAX];

	put_i64(o, "schema", 1);
	json_put_text(o, "format", KILL_RECORD_FORMAT);
	put_i64(o, "version", KILL_RECORD_VERSION);
	json_put_text(o, "name", k->name);
	json_put_text(o, "time", text_time_ns(when, k->wall_usec * 1000));
	put_subject(o, k);
	json_object_object_add(o, "pid", k->pid ? json_object_new_int(k->pid) : NULL);
	json_object_object_add(o, "kernel", kernel_json(k));
	json_put_u64(o, "kills_left_out", k->kills_left_out);
	put_bytes(o, "recommended_limit_bytes",
		  k->recommended_limit ? k->recommended_limit : BYTES_UNLIMITED);
	json_object_object_add(o, "verdict", verdict_json(&k->verdict));
	for (size_t i = 0; i < k->trail->n_points; i++)
		json_object_array_add(points, point_json(&k->trail->points[i], k->killed));
	for (size_t i = 0; i < k->trail->n_steps; i++)
		json_object_array_add(steps, step_json(&k->trail->steps[i], k->killed));
	json_object_object_add(o, "looks", points);
	json_object_object_add(o, "decisions", steps);
	json_put_u64(o, "decisions_left_out", k->trail->steps_dropped);
	json_object_object_add(o, "processes", k->processes);
	return o;
}
