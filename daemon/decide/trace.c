/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "decide/trace.h"
#include "wire/json.h"

/* No moment and no counter of time is later: sums of a few of them stay within 64 bits. */
#define TIME_MAX (UINT64_C(1) << 60)

enum kind {
	KIND_U64, /* null: the largest */
	KIND_TIME,
	KIND_I64, /* not below -1; null: the largest */
	KIND_U32,
	KIND_I32, /* not below -1 */
	KIND_BOOL,
};

struct field {
	const char *name;
	enum kind kind;
	size_t offset;
};

#define IN(type, name_, kind_)                                                                     \
	{                                                                                          \
		.name = #name_, .kind = (kind_), .offset = offsetof(struct type, name_)            \
	}

static const struct field cgroup_fields[] = {
	IN(snapshot_cgroup, at, KIND_TIME),
	IN(snapshot_cgroup, limit, KIND_U64),
	IN(snapshot_cgroup, room, KIND_U64),
	IN(snapshot_cgroup, allotted, KIND_U64),
	IN(snapshot_cgroup, current, KIND_U64),
	IN(snapshot_cgroup, high, KIND_U64),
	IN(snapshot_cgroup, max, KIND_U64),
	IN(snapshot_cgroup, min, KIND_U64),
	IN(snapshot_cgroup, low, KIND_U64),
	IN(snapshot_cgroup, swap_current, KIND_U64),
	IN(snapshot_cgroup, anon, KIND_U64),
	IN(snapshot_cgroup, file, KIND_U64),
	IN(snapshot_cgroup, shmem, KIND_U64),
	IN(snapshot_cgroup, inactive_file, KIND_U64),
	IN(snapshot_cgroup, active_file, KIND_U64),
	IN(snapshot_cgroup, kernel_unreclaimable, KIND_U64),
	IN(snapshot_cgroup, refault_file, KIND_U64),
	IN(snapshot_cgroup, swapped_in_bytes, KIND_U64),
	IN(snapshot_cgroup, swapped_out_bytes, KIND_U64),
	IN(snapshot_cgroup, events_high, KIND_U64),
	IN(snapshot_cgroup, events_max, KIND_U64),
	IN(snapshot_cgroup, events_oom, KIND_U64),
	IN(snapshot_cgroup, events_oom_kill, KIND_U64),
	IN(snapshot_cgroup, psi_some_us, KIND_TIME),
	IN(snapshot_cgroup, psi_full_us, KIND_TIME),
	IN(snapshot_cgroup, cpu_usage_us, KIND_TIME),
	IN(snapshot_cgroup, cpu_periods, KIND_U64),
	IN(snapshot_cgroup, cpu_throttled, KIND_U64),
	IN(snapshot_cgroup, cpu_throttled_us, KIND_TIME),
	IN(snapshot_cgroup, cpu_quota_permille, KIND_U64),
	IN(snapshot_cgroup, can_swap, KIND_BOOL),
	IN(snapshot_cgroup, swap_left, KIND_U64),
};

static const struct field unit_fields[] = {
	IN(snapshot_unit, is_service, KIND_BOOL),
	IN(snapshot_unit, restart_from, KIND_TIME),
	IN(snapshot_unit, live_at_start_bytes, KIND_U64),
};

static const struct field proc_fields[] = {
	IN(snapshot_proc, at, KIND_TIME),	IN(snapshot_proc, started, KIND_TIME),
	IN(snapshot_proc, rss_bytes, KIND_U64), IN(snapshot_proc, proved, KIND_BOOL),
	IN(snapshot_proc, minor, KIND_I32),
};

static const struct field key_fields[] = {
	IN(proc_key, pid, KIND_I32),
	IN(proc_key, start_ticks, KIND_U64),
};

static const struct field sample_fields[] = {
	IN(go_sample, gc_percent, KIND_I32),
	IN(go_sample, gomaxprocs, KIND_I32),
	IN(go_sample, memory_limit_bytes, KIND_I64),
	IN(go_sample, heap_minimum_bytes, KIND_U64),
	IN(go_sample, gc_percent_goal_bytes, KIND_U64),
	IN(go_sample, sweep_min_trigger_bytes, KIND_U64),
	IN(go_sample, triggered_bytes, KIND_U64),
	IN(go_sample, heap_live_bytes, KIND_U64),
	IN(go_sample, heap_marked_bytes, KIND_U64),
	IN(go_sample, stack_scan_bytes, KIND_U64),
	IN(go_sample, globals_scan_bytes, KIND_U64),
	IN(go_sample, heap_inuse_bytes, KIND_U64),
	IN(go_sample, heap_released_bytes, KIND_U64),
	IN(go_sample, heap_free_bytes, KIND_U64),
	IN(go_sample, total_alloc_bytes, KIND_U64),
	IN(go_sample, total_free_bytes, KIND_U64),
	IN(go_sample, mapped_ready_bytes, KIND_U64),
	IN(go_sample, mark_work_ns, KIND_TIME),
	IN(go_sample, mark_start_ns, KIND_TIME),
	IN(go_sample, pause_total_ns, KIND_TIME),
	IN(go_sample, last_gc_unix_ns, KIND_U64),
	IN(go_sample, num_gc, KIND_U32),
	IN(go_sample, num_forced_gc, KIND_U32),
	IN(go_sample, limiter_last_cycle, KIND_U32),
	IN(go_sample, madvdontneed, KIND_I32),
	IN(go_sample, mem_profile_rate, KIND_I64),
	IN(go_sample, gc_period_ns, KIND_I64),
	IN(go_sample, goroutines, KIND_I64),
	IN(go_sample, enablegc, KIND_BOOL),
	IN(go_sample, limiter_known, KIND_BOOL),
	IN(go_sample, limiter_enabled, KIND_BOOL),
};

static const struct field facts_fields[] = {
	IN(lever_facts, owner, KIND_I64),      IN(lever_facts, pin, KIND_I64),
	IN(lever_facts, owner_set, KIND_BOOL), IN(lever_facts, ours, KIND_BOOL),
	IN(lever_facts, manual, KIND_BOOL),    IN(lever_facts, pinned, KIND_BOOL),
};

static const struct field head_fields[] = {
	{ "interval_usec", KIND_TIME, offsetof(struct trace_head, interval) },
	{ "look_min_usec", KIND_TIME, offsetof(struct trace_head, look_min) },
	{ "look_max_usec", KIND_TIME, offsetof(struct trace_head, look_max) },
	{ "wall_usec", KIND_TIME, offsetof(struct trace_head, wall_usec) },
};

static const struct {
	const char *name;
	size_t offset, size;
	bool told; /* left out where nothing is; nothing but printable ASCII and newlines is in it */
} texts[] = {
	{ "workload", offsetof(struct trace_look, workload), WORKLOAD_NAME_MAX, false },
	{ "label", offsetof(struct trace_look, label), TRACE_NAME_MAX, false },
	{ "exe", offsetof(struct trace_look, exe), TRACE_NAME_MAX, false },
	{ "module", offsetof(struct trace_look, module), TRACE_NAME_MAX, false },
	{ "namespace", offsetof(struct trace_look, space),
	  sizeof(((struct trace_look *)NULL)->space), false },
	{ "pod", offsetof(struct trace_look, pod), TRACE_NAME_MAX, false },
	{ "container", offsetof(struct trace_look, container),
	  sizeof(((struct trace_look *)NULL)->container), false },
	{ "owner", offsetof(struct trace_look, owner), TRACE_NAME_MAX, true },
	{ "labels", offsetof(struct trace_look, labels), TRACE_PAIRS_MAX, true },
	{ "annotations", offsetof(struct trace_look, annotations), TRACE_PAIRS_MAX, true },
	{ "tier", offsetof(struct trace_look, tier), sizeof(((struct trace_look *)NULL)->tier),
	  false },
	{ "mode", offsetof(struct trace_look, mode), sizeof(((struct trace_look *)NULL)->mode),
	  false },
};

static json_object *value_of(const void *at, enum kind kind)
{
	switch (kind) {
	case KIND_U64:
	case KIND_TIME:
		return *(const uint64_t *)at == UINT64_MAX ?
			       NULL :
			       json_object_new_uint64(*(const uint64_t *)at);
	case KIND_I64:
		return *(const int64_t *)at == INT64_MAX ?
			       NULL :
			       json_object_new_int64(*(const int64_t *)at);
	case KIND_U32:
		return json_object_new_int64(*(const uint32_t *)at);
	case KIND_I32:
		return json_object_new_int64(*(const int32_t *)at);
	default:
		return json_object_new_boolean(*(const bool *)at);
	}
}

static void put_fields(json_object *o, const struct field *fields, size_t n, const void *base)
{
	for (size_t i = 0; i < n; i++)
		json_object_object_add(
			o, fields[i].name,
			value_of((const char *)base + fields[i].offset, fields[i].kind));
}

/* A whole number of at least @min, or null where the largest has that name. */
static int take_number(json_object *v, int64_t min, int64_t max, int64_t *ret)
{
	int64_t n;

	if (!json_object_is_type(v, json_type_int))
		return -EBADMSG;
	n = json_object_get_int64(v);
	if (n < min || n > max)
		return -EBADMSG;
	*ret = n;
	return 0;
}

static int take_u64(json_object *v, uint64_t *ret)
{
	if (!v) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (!json_object_is_type(v, json_type_int))
		return -EBADMSG;
	/* What is below 0 is read as 0. */
	*ret = json_object_get_uint64(v);
	return 0;
}

static int take_value(json_object *v, enum kind kind, void *at)
{
	int64_t n = 0;
	int r;

	switch (kind) {
	case KIND_U64:
		return take_u64(v, at);
	case KIND_TIME:
		r = take_number(v, 0, (int64_t)TIME_MAX, &n);
		*(uint64_t *)at = (uint64_t)n;
		return r;
	case KIND_I64:
		r = v ? take_number(v, -1, INT64_MAX, &n) : 0;
		*(int64_t *)at = v ? n : INT64_MAX;
		return r;
	case KIND_U32:
		r = take_number(v, 0, UINT32_MAX, &n);
		*(uint32_t *)at = (uint32_t)n;
		return r;
	case KIND_I32:
		r = take_number(v, -1, INT32_MAX, &n);
		*(int32_t *)at = (int32_t)n;
		return r;
	default:
		if (!json_object_is_type(v, json_type_boolean))
			return -EBADMSG;
		*(bool *)at = json_object_get_boolean(v);
		return 0;
	}
}

static int take_fields(json_object *o, const struct field *fields, size_t n, void *base)
{
	json_object *v;
	int r;

	if (!json_object_is_type(o, json_type_object))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		if (!json_object_object_get_ex(o, fields[i].name, &v))
			continue;
		r = take_value(v, fields[i].kind, (char *)base + fields[i].offset);
		if (r < 0)
			return r;
	}
	return 0;
}

json_object *trace_head_json(const struct trace_head *head)
{
	json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	json_put_text(o, "format", TRACE_FORMAT);
	json_object_object_add(o, "version", json_object_new_int(TRACE_VERSION));
	put_fields(o, head_fields, ARRAY_SIZE(head_fields), head);
	return o;
}

static json_object *levers_json(const struct lever_facts facts[LEVER_MAX_], enum policy_lever from,
				enum policy_lever to)
{
	json_object *o = json_object_new_object();

	for (enum policy_lever l = from; l < to; l++) {
		json_object *f = json_object_new_object();

		put_fields(f, facts_fields, ARRAY_SIZE(facts_fields), &facts[l]);
		json_object_object_add(o, policy_lever_name(l), f);
	}
	return o;
}

static json_object *proc_json(const struct snapshot_proc *p)
{
	json_object *o = json_object_new_object(), *sample = json_object_new_object();

	put_fields(o, key_fields, ARRAY_SIZE(key_fields), &p->key);
	put_fields(o, proc_fields, ARRAY_SIZE(proc_fields), p);
	put_fields(sample, sample_fields, ARRAY_SIZE(sample_fields), &p->sample);
	json_object_object_add(o, "sample", sample);
	json_object_object_add(o, "levers", levers_json(p->lever, 0, LEVER_MEMORY_HIGH));
	return o;
}

json_object *trace_look_json(const struct trace_look *look)
{
	json_object *o = json_object_new_object(), *cgroup, *unit, *procs;
	struct lever_facts high[LEVER_MAX_] = { 0 };

	if (!o)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = (const char *)look + texts[i].offset;

		if (!texts[i].told)
			json_put_escaped(o, texts[i].name, text);
		else if (text[0])
			json_put_text(o, texts[i].name, text);
	}
	json_put_text(o, "state", policy_state_name((enum policy_state)look->state));
	json_put_u64(o, "lost", look->lost);
	json_put_u64(o, "now_usec", look->now);
	cgroup = json_object_new_object();
	put_fields(cgroup, cgroup_fields, ARRAY_SIZE(cgroup_fields), &look->snapshot.cgroup);
	high[LEVER_MEMORY_HIGH] = look->snapshot.cgroup.memory_high;
	json_object_object_add(cgroup, "levers", levers_json(high, LEVER_MEMORY_HIGH, LEVER_MAX_));
	json_object_object_add(o, "cgroup", cgroup);
	unit = json_object_new_object();
	put_fields(unit, unit_fields, ARRAY_SIZE(unit_fields), &look->snapshot.unit);
	json_object_object_add(o, "unit", unit);
	json_put_u64(o, "processes_left_out", look->snapshot.procs_left_out);
	procs = json_object_new_array();
	for (uint32_t i = 0; i < look->snapshot.n_procs; i++)
		json_object_array_add(procs, proc_json(&look->snapshot.procs[i]));
	json_object_object_add(o, "processes", procs);
	return o;
}

static void json_putp(json_object **o)
{
	json_object_put(*o);
}

static void tokener_freep(json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static int parse_object(const char *line, size_t len, json_object **ret)
{
	_cleanup_(tokener_freep) json_tokener *tok = json_tokener_new_ex(TRACE_DEPTH_MAX);
	json_object *o;

	if (!tok)
		return -ENOMEM;
	if (len > TRACE_LINE_MAX)
		return -EBADMSG;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, line, (int)len);
	if (json_object_is_type(o, json_type_object)) {
		*ret = o;
		return 0;
	}
	json_object_put(o);
	return -EBADMSG;
}

int trace_head_parse(const char *line, size_t len, struct trace_head *ret)
{
	_cleanup_(json_putp) json_object *o = NULL;
	struct trace_head head = { 0 };
	json_object *v;
	int r = parse_object(line, len, &o);

	if (r < 0)
		return r;
	if (!json_object_object_get_ex(o, "format", &v) ||
	    !json_object_is_type(v, json_type_string) ||
	    strcmp(json_object_get_string(v), TRACE_FORMAT))
		return -EBADMSG;
	if (!json_object_object_get_ex(o, "version", &v) || json_object_get_int(v) != TRACE_VERSION)
		return -EPROTO;
	r = take_fields(o, head_fields, ARRAY_SIZE(head_fields), &head);
	if (r == 0)
		*ret = head;
	return r;
}

static int take_texts(json_object *o, struct trace_look *look)
{
	json_object *v;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!json_object_object_get_ex(o, texts[i].name, &v))
			continue;
		if (!json_object_is_type(v, json_type_string))
			return -EBADMSG;
		text_copy((char *)look + texts[i].offset, texts[i].size, json_object_get_string(v));
	}
	if (!look->workload[0])
		return -EBADMSG;
	if (json_object_object_get_ex(o, "state", &v) && json_object_is_type(v, json_type_string)) {
		enum policy_state state = STATE_CALM;

		if (policy_state_parse(json_object_get_string(v), &state) < 0)
			return -EBADMSG;
		look->state = (int32_t)state;
	}
	return 0;
}

static int take_levers(json_object *o, struct lever_facts facts[LEVER_MAX_])
{
	json_object *levers, *v;
	int r = 0;

	if (!json_object_object_get_ex(o, "levers", &levers))
		return 0;
	if (!json_object_is_type(levers, json_type_object))
		return -EBADMSG;
	for (enum policy_lever l = 0; l < LEVER_MAX_ && r == 0; l++)
		if (json_object_object_get_ex(levers, policy_lever_name(l), &v))
			r = take_fields(v, facts_fields, ARRAY_SIZE(facts_fields), &facts[l]);
	return r;
}

static int take_proc(json_object *o, struct snapshot_proc *p)
{
	json_object *sample;
	int r = take_fields(o, key_fields, ARRAY_SIZE(key_fields), &p->key);

	if (r == 0)
		r = take_fields(o, proc_fields, ARRAY_SIZE(proc_fields), p);
	if (r == 0 && json_object_object_get_ex(o, "sample", &sample))
		r = take_fields(sample, sample_fields, ARRAY_SIZE(sample_fields), &p->sample);
	return r < 0 ? r : take_levers(o, p->lever);
}

static int take_procs(json_object *o, struct snapshot *s)
{
	json_object *list;
	int r = 0;

	if (!json_object_object_get_ex(o, "processes", &list))
		return 0;
	if (!json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) > SNAPSHOT_PROCS_MAX)
		return -EBADMSG;
	s->n_procs = (uint32_t)json_object_array_length(list);
	for (uint32_t i = 0; i < s->n_procs && r == 0; i++)
		r = take_proc(json_object_array_get_idx(list, i), &s->procs[i]);
	return r;
}

int trace_look_parse(const char *line, size_t len, struct trace_look *ret)
{
	static const struct field own[] = {
		{ "lost", KIND_U64, offsetof(struct trace_look, lost) },
		{ "now_usec", KIND_TIME, offsetof(struct trace_look, now) },
		{ "processes_left_out", KIND_U32,
		  offsetof(struct trace_look, snapshot.procs_left_out) },
	};
	_cleanup_(json_putp) json_object *o = NULL;
	struct lever_facts facts[LEVER_MAX_] = { 0 };
	json_object *cgroup, *unit;
	int r = parse_object(line, len, &o);

	*ret = (struct trace_look){ 0 };
	if (r == 0)
		r = take_texts(o, ret);
	if (r == 0)
		r = take_fields(o, own, ARRAY_SIZE(own), ret);
	if (r == 0 && !json_object_object_get_ex(o, "cgroup", &cgroup))
		r = -EBADMSG;
	if (r == 0)
		r = take_fields(cgroup, cgroup_fields, ARRAY_SIZE(cgroup_fields),
				&ret->snapshot.cgroup);
	if (r == 0)
		r = take_levers(cgroup, facts);
	ret->snapshot.cgroup.memory_high = facts[LEVER_MEMORY_HIGH];
	if (r == 0 && json_object_object_get_ex(o, "unit", &unit))
		r = take_fields(unit, unit_fields, ARRAY_SIZE(unit_fields), &ret->snapshot.unit);
	return r == 0 ? take_procs(o, &ret->snapshot) : r;
}
