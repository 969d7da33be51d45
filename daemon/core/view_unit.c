/* SPDX-License-Identifier: Apache-2.0 */
#include "act/environment.h"
#include "core/view.h"
#include "wire/json.h"

static void put_variables(json_object *o, const struct environment *e)
{
	char text[ENVIRONMENT_TEXT_MAX];

	json_put_text(o, "variables", environment_text(text, e));
}

json_object *view_environment(const struct workload *w)
{
	const struct unit_environment *u =
		w->name.unit[0] ? environment_get(w->manager, w->name.unit) : NULL;
	json_object *o;

	if (!u && w->environment.verdict == ENVIRONMENT_OFF)
		return NULL;
	o = json_object_new_object();
	json_put_text(o, "verdict", environment_verdict_name(w->environment.verdict));
	json_put_bool(o, "set", u != NULL);
	json_put_bool(o, "in_force", u && u->in_force);
	put_variables(o, u ? &u->values : &w->environment.said);
	return o;
}

json_object *view_environments(const struct manager *m)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < m->environments.n; i++) {
		const struct unit_environment *u = &m->environments.of[i];
		json_object *o = json_object_new_object();

		json_put_escaped(o, "unit", u->unit);
		json_put_escaped(o, "cgroup", u->workload);
		json_put_bool(o, "in_force", u->in_force);
		put_variables(o, &u->values);
		json_object_array_add(list, o);
	}
	return list;
}

json_object *view_restart(const struct workload *w)
{
	const struct restart_decision *r = &w->decision.restart;
	json_object *o;

	if (w->tier < 0 || !w->manager->policy->tiers[w->tier].rules.tight_restart)
		return NULL;
	o = json_object_new_object();
	json_put_text(o, "verdict", decide_restart_name(r->verdict));
	json_put_text(o, "reason", decide_reason_name(r->reason));
	json_put_u64(o, "live_bytes", r->live_bytes);
	json_object_object_add(o, "live_at_start_bytes",
			       r->live_at_start_bytes ? view_bytes(r->live_at_start_bytes) : NULL);
	json_put_u64(o, "wait_usec", sub_sat(r->from, clock_now()));
	return o;
}

json_object *view_config(const struct manager *m)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < config_rows_max(); i++) {
		json_object *o = json_object_new_object();
		struct config_row row;

		config_get_row(&m->config, i, &row);
		json_put_escaped(o, "key", row.key);
		json_put_escaped(o, "value", row.value);
		json_put_escaped(o, "default", row.default_text);
		json_put_escaped(o, "about", row.about);
		json_object_array_add(list, o);
	}
	return list;
}
