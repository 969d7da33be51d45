/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "cli/top.h"
#include "wire/json.h"

static const char *const sort_names[] = {
	[TOP_BY_RISK] = "risk",	  [TOP_BY_USED] = "used",   [TOP_BY_LIVE] = "live",
	[TOP_BY_NONGO] = "nongo", [TOP_BY_ALLOC] = "alloc", [TOP_BY_NAME] = "name",
};
_Static_assert(ARRAY_SIZE(sort_names) == TOP_SORT_MAX_, "a name for each order");

static const char *const modes[] = { "", "enforce", "recommend", "observe" };

const char *top_sort_name(enum top_sort sort)
{
	return sort < TOP_SORT_MAX_ ? sort_names[sort] : "?";
}

const char *top_clean(char *buf, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		buf[n++] = *text >= ' ' && *text < 0x7f ? *text : '?';
	buf[n] = '\0';
	return buf;
}

uint32_t top_used_permille(const struct top_row *row)
{
	if (row->limit == BYTES_UNLIMITED || !row->limit)
		return 0;
	return (uint32_t)MIN(mul_div(row->used, 1000, row->limit), UINT64_C(99999));
}

void top_model_done(struct top_model *m)
{
	free(m->rows);
	free(m->shown);
	*m = (struct top_model){ 0 };
}

static uint64_t bytes_of(json_object *o, const char *key, uint64_t missing)
{
	const int64_t v = member_int(o, key, -1);

	return v < 0 ? missing : (uint64_t)v;
}

static json_object *member_of(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

/* What one process has of a workload's live data, levers and work. */
static void add_process(struct top_row *row, json_object *p)
{
	const int64_t gogc = member_int(p, "gogc", 0);
	const int64_t soft = member_int(p, "memory_limit_bytes", INT64_MAX);
	json_object *activity = member_of(p, "activity");
	const bool first = row->processes == row->refused;

	if (!row->processes)
		row->pid = (int32_t)member_int(p, "pid", 0);
	row->processes++;
	if (!member_of(p, "mapped_ready_bytes")) {
		row->refused++;
		return;
	}
	row->live = add_sat(row->live, bytes_of(p, "heap_marked_bytes", 0));
	/* For now what the runtimes hold in all; settle() takes what is live off it. */
	row->garbage = add_sat(row->garbage, bytes_of(p, "mapped_ready_bytes", 0));
	row->alloc_per_s = add_sat(row->alloc_per_s, bytes_of(member_of(activity, "last_10s"),
							      "alloc_bytes_per_second", 0));
	row->gogc_varies |= !first && gogc != row->gogc;
	row->soft_limit_varies |= !first && soft != row->soft_limit;
	if (first) {
		row->gogc = gogc;
		row->soft_limit = soft;
	}
}

/*
 * The parts are of one look or of two that are milliseconds apart, and of several processes: what does not add up is
 * taken off from what is known least well, so that a bar is never longer than what is used.
 */
static void settle(struct top_row *row)
{
	const uint64_t held = MIN(row->garbage, row->used);

	row->live = MIN(row->live, held);
	row->garbage = held - row->live;
	row->nongo = row->used - held;
}

static void copy_text(char *to, size_t size, json_object *o, const char *key)
{
	top_clean(to, size, member_text(o, key));
}

static struct top_row *add_row(struct top_model *m)
{
	if (m->n == TOP_ROWS_MAX) {
		m->left_out++;
		return NULL;
	}
	if (array_make_room(&m->rows, &m->room, m->n, TOP_ROWS_MAX, sizeof(*m->rows)) < 0)
		return NULL;
	m->rows[m->n] = (struct top_row){ .limit = BYTES_UNLIMITED,
					  .soft_limit = INT64_MAX,
					  .to_oom_usec = TOP_NEVER };
	return &m->rows[m->n++];
}

static void take_workload(struct top_model *m, json_object *w)
{
	json_object *procs = member_of(w, "processes"), *forecast = member_of(w, "forecast");
	struct top_row *row = add_row(m);

	if (!row)
		return;
	copy_text(row->workload, sizeof(row->workload), w, "workload");
	copy_text(row->cgroup, sizeof(row->cgroup), w, "cgroup");
	copy_text(row->tier, sizeof(row->tier), w, "tier");
	copy_text(row->mode, sizeof(row->mode), w, "mode");
	copy_text(row->state, sizeof(row->state), w, "state");
	copy_text(row->alert, sizeof(row->alert), w, "alert");
	copy_text(row->forecast, sizeof(row->forecast), forecast, "kind");
	row->limit = MIN(bytes_of(w, "limit_bytes", BYTES_UNLIMITED),
			 bytes_of(w, "room_bytes", BYTES_UNLIMITED));
	row->used = bytes_of(w, "usage_bytes", 0);
	row->to_oom_usec = member_int(forecast, "to_oom_usec", TOP_NEVER);
	for (size_t i = 0; procs && i < json_object_array_length(procs); i++)
		add_process(row, json_object_array_get_idx(procs, i));
	settle(row);
}

/* The order of both ways to have rows: what was there goes, what comes is arranged. */
static int finish(struct top_model *m)
{
	size_t *shown = reallocarray(m->shown, MAX(m->n, (size_t)1), sizeof(*shown));

	if (!shown)
		return -ENOMEM;
	m->shown = shown;
	top_model_arrange(m);
	return 0;
}

int top_model_status(struct top_model *m, json_object *answer)
{
	json_object *list = member_of(answer, "workloads");

	m->n = 0;
	m->left_out = 0;
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		take_workload(m, json_object_array_get_idx(list, i));
	return finish(m);
}

static struct top_row *row_of_cgroup(struct top_model *m, json_object *p)
{
	char cgroup[sizeof(m->rows->cgroup)];
	struct top_row *row;

	copy_text(cgroup, sizeof(cgroup), p, "workload");
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(cgroup, "-") != 0 && !strcmp(m->rows[i].cgroup, cgroup))
			return &m->rows[i];
	row = add_row(m);
	if (!row)
		return NULL;
	text_copy(row->cgroup, sizeof(row->cgroup), cgroup);
	text_copy(row->workload, sizeof(row->workload), cgroup);
	copy_text(row->tier, sizeof(row->tier), p, "tier");
	text_copy(row->mode, sizeof(row->mode), "-");
	text_copy(row->state, sizeof(row->state), "-");
	text_copy(row->alert, sizeof(row->alert), "none");
	text_copy(row->forecast, sizeof(row->forecast), "none");
	row->limit = bytes_of(p, "limit_bytes", BYTES_UNLIMITED);
	return row;
}

int top_model_scan(struct top_model *m, json_object *processes)
{
	m->n = 0;
	m->left_out = 0;
	for (size_t i = 0; processes && i < json_object_array_length(processes); i++) {
		json_object *p = json_object_array_get_idx(processes, i);
		struct top_row *row = row_of_cgroup(m, p);

		if (!row)
			continue;
		add_process(row, p);
		/* Of the cgroup where it accounts memory, else the sum of what its processes have resident. */
		row->used = member_of(p, "usage_bytes") ?
				    bytes_of(p, "usage_bytes", 0) :
				    add_sat(row->used, bytes_of(p, "rss_bytes", 0));
	}
	for (size_t i = 0; i < m->n; i++)
		settle(&m->rows[i]);
	return finish(m);
}

/* How much a person is needed: by the state, or by an alert that is worse than it. */
static int rank_of(const struct top_row *row)
{
	static const struct {
		const char *state, *alert;
		int rank;
	} ranks[] = {
		{ "emergency", "does-not-fit", 4 },
		{ "tight", "growth", 3 },
		{ "tight", "non-go", 3 },
		{ "hot", "hot", 2 },
		{ "pressed", "", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranks); i++)
		if (!strcmp(row->state, ranks[i].state) || !strcmp(row->alert, ranks[i].alert))
			return ranks[i].rank;
	return 0;
}

enum top_tone top_tone_of(const struct top_row *row)
{
	const int rank = rank_of(row);

	return rank >= 3 ? TOP_ALARM : rank >= 1 ? TOP_WARN : TOP_CALM;
}

/* Below 0 where @a comes first: the larger figure does. */
static int larger_first(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int by_risk(const struct top_row *a, const struct top_row *b)
{
	const int rank = rank_of(b) - rank_of(a);

	if (rank)
		return rank;
	if (a->to_oom_usec != b->to_oom_usec)
		return a->to_oom_usec < b->to_oom_usec ? -1 : 1;
	return larger_first(top_used_permille(a), top_used_permille(b));
}

static int compare(const struct top_row *a, const struct top_row *b, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_RISK:
		return by_risk(a, b);
	case TOP_BY_USED:
		return larger_first(top_used_permille(a), top_used_permille(b));
	case TOP_BY_LIVE:
		return larger_first(a->live, b->live);
	case TOP_BY_NONGO:
		return larger_first(a->nongo, b->nongo);
	case TOP_BY_ALLOC:
		return larger_first(a->alloc_per_s, b->alloc_per_s);
	default:
		return 0;
	}
}

/* Of equal ones the name decides, so that rows do not change places from look to look. */
static int compare_places(const void *a, const void *b, void *userdata)
{
	const struct top_model *m = userdata;
	const struct top_row *x = &m->rows[*(const size_t *)a], *y = &m->rows[*(const size_t *)b];
	int r = compare(x, y, m->sort);

	if (!r)
		r = strcmp(x->workload, y->workload);
	return r ? r : strcmp(x->cgroup, y->cgroup);
}

static bool is_shown(const struct top_model *m, const struct top_row *row)
{
	if (m->mode[0] && strcmp(m->mode, row->mode) != 0)
		return false;
	return !m->filter[0] || strcasestr(row->workload, m->filter) ||
	       strcasestr(row->cgroup, m->filter) || strcasestr(row->tier, m->filter) ||
	       strcasestr(row->state, m->filter);
}

void top_model_arrange(struct top_model *m)
{
	m->n_shown = 0;
	for (size_t i = 0; m->shown && i < m->n; i++)
		if (is_shown(m, &m->rows[i]))
			m->shown[m->n_shown++] = i;
	if (m->n_shown)
		qsort_r(m->shown, m->n_shown, sizeof(*m->shown), compare_places, m);
}

const struct top_row *top_model_row(const struct top_model *m, size_t i)
{
	return i < m->n_shown ? &m->rows[m->shown[i]] : NULL;
}

size_t top_model_find(const struct top_model *m, const char *cgroup)
{
	for (size_t i = 0; i < m->n_shown; i++)
		if (!strcmp(m->rows[m->shown[i]].cgroup, cgroup))
			return i;
	return 0;
}

void top_model_next_mode(struct top_model *m)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(modes) && strcmp(modes[i], m->mode) != 0)
		i++;
	text_copy(m->mode, sizeof(m->mode), modes[(i + 1) % ARRAY_SIZE(modes)]);
	top_model_arrange(m);
}

static void put_limit(json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, v >= INT64_MAX ? NULL : json_object_new_int64((int64_t)v));
}

json_object *top_row_json(const struct top_row *row)
{
	json_object *o = json_object_new_object();

	json_put_text(o, "workload", row->workload);
	json_put_text(o, "cgroup", row->cgroup);
	json_put_text(o, "tier", row->tier);
	json_put_text(o, "mode", row->mode);
	json_put_text(o, "state", row->state);
	json_put_text(o, "alert", row->alert);
	json_put_text(o, "forecast", row->forecast);
	json_put_u64(o, "processes", row->processes);
	json_put_u64(o, "refused", row->refused);
	put_limit(o, "limit_bytes", row->limit);
	json_put_u64(o, "used_bytes", row->used);
	json_put_u64(o, "live_bytes", row->live);
	json_put_u64(o, "garbage_bytes", row->garbage);
	json_put_u64(o, "nongo_bytes", row->nongo);
	json_object_object_add(o, "gogc", json_object_new_int64(row->gogc));
	put_limit(o, "memory_limit_bytes", (uint64_t)row->soft_limit);
	json_put_u64(o, "alloc_bytes_per_second", row->alloc_per_s);
	put_limit(o, "to_oom_usec", (uint64_t)row->to_oom_usec);
	return o;
}
