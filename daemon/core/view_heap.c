/* SPDX-License-Identifier: Apache-2.0 */
#include "core/view.h"
#include "sense/culprits_json.h"
#include "wire/json.h"

enum {
	TOLD_CULPRITS = 16, /* of a process */
	TOLD_PROCESSES = 32,
};

static void put(json_object *o, const char *key, json_object *value)
{
	json_object_object_add(o, key, value);
}

static void put_series(json_object *o, const struct goproc *p)
{
	struct heap_series_info info;

	heap_series_info(p->series, &info);
	json_put_u64(o, "points", info.points);
	json_put_u64(o, "cycles", info.cycles);
	json_put_u64(o, "num_gc", info.num_gc);
	json_put_u64(o, "span_usec", info.span);
	json_put_u64(o, "age_usec", sub_sat(clock_now(), info.at));
	json_put_u64(o, "left_out", info.left_out);
}

static json_object *view_process(const struct goproc *p)
{
	const int64_t rate = p->row.sample.mem_profile_rate;
	const struct culprit_sources of = culprits_of(p);
	json_object *o = json_object_new_object();

	put(o, "pid", json_object_new_int(p->id.pid));
	put(o, "exe", json_escaped(p->info.exe));
	put(o, "go_version", json_escaped(p->build.version));
	put(o, "mem_profile_rate", p->refused || rate < 0 ? NULL : json_object_new_int64(rate));
	if (p->series)
		put_series(o, p);
	if (p->series || p->goroutines)
		json_put_text(o, "report", escape_report_state_name(p->report));
	put(o, "culprits", p->series || p->goroutines ? culprits_json(&of, TOLD_CULPRITS) : NULL);
	return o;
}

json_object *view_heap(const struct workload *w)
{
	const usec_t interval = culprits_interval(w);
	json_object *o = json_object_new_object(), *procs = json_object_new_array();

	put(o, "workload", json_escaped(w->label));
	put(o, "interval_usec", interval ? json_object_new_int64((int64_t)interval) : NULL);
	for (size_t i = 0; i < MIN(w->n_procs, (size_t)TOLD_PROCESSES); i++)
		json_object_array_add(procs, view_process(&w->procs[i]));
	put(o, "processes", procs);
	json_put_u64(o, "processes_left_out", sub_sat(w->n_procs, TOLD_PROCESSES));
	return o;
}
