/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/orders.h"
#include "core/view.h"
#include "decide/heapmath.h"
#include "wire/json.h"

static json_object *answer(void)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "schema", json_object_new_int(1));
	return o;
}

static json_object *refuse(json_object *o, const char *format, ...) _printf_(2, 3);

static json_object *refuse(json_object *o, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_object_object_add(o, "error", json_escaped(text));
	return o;
}

/* NAMESPACE/POD, which means its container where that has one alone. */
static bool names_pod(const struct workload *w, const char *name)
{
	const size_t n = strlen(w->pod.space);

	return n && !strncmp(name, w->pod.space, n) && name[n] == '/' &&
	       !strcmp(name + n + 1, w->pod.pod);
}

/* As it is, or as answers have it. */
static bool is(const char *name, const char *text)
{
	char shown[4 * WORKLOAD_NAME_MAX];

	text_escape(shown, sizeof(shown), text);
	return !strcmp(name, text) || !strcmp(name, shown);
}

static bool names(const struct workload *w, const char *name)
{
	const char *path = w->name.workload;
	uint64_t pid;

	if (text_parse_u64(name, &pid) == 0 && pid <= INT32_MAX)
		for (size_t i = 0; i < w->n_procs; i++)
			if ((uint64_t)w->procs[i].id.pid == pid)
				return true;
	return is(name, path) || (path[0] == '/' && is(name, path + 1)) || is(name, w->name.unit) ||
	       is(name, w->label) || names_pod(w, name);
}

/* The workload that @name means; otherwise *o gets an error, with the candidates. */
static struct workload *find(struct manager *m, const char *name, json_object *o)
{
	json_object *candidates = json_object_new_array();
	struct workload *found = NULL;
	size_t cursor = 0, n = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		if (names(w, name)) {
			found = w;
			n++;
			json_object_array_add(candidates, json_escaped(w->name.workload));
		}
	if (n == 1) {
		json_object_put(candidates);
		return found;
	}
	if (n == 0)
		refuse(o, "no Go workload is called '%s'; gomemctl status lists them", name);
	else
		refuse(o, "'%s' is ambiguous: name one by its cgroup path", name);
	json_object_object_add(o, "candidates", candidates);
	return NULL;
}

static json_object *do_status(struct manager *m, const struct control_request *req, json_object *o)
{
	json_object *list = json_object_new_array();
	size_t cursor = 0;

	json_object_object_add(o, "daemon", view_daemon(m));
	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		if (!req->workload[0] || names(w, req->workload))
			json_object_array_add(list, view_workload(w));
	json_object_object_add(o, "workloads", list);
	json_object_object_add(o, "environments", view_environments(m));
	return o;
}

static json_object *do_explain(struct manager *m, const struct control_request *req, json_object *o)
{
	const struct workload *w = find(m, req->workload, o);

	if (w)
		json_object_object_add(o, "explain", view_explain(w));
	return o;
}

static int save_orders(struct manager *m, json_object *o)
{
	int r = store_put_orders(m->store, &m->orders);

	if (r < 0)
		refuse(o, "cannot keep the order on disk: %s", strerror(-r));
	return r;
}

static void look_at_all(struct manager *m, const char *workload)
{
	size_t cursor = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		if (!workload || !strcmp(w->name.workload, workload))
			workload_look_in(w, 0);
	environments_review(m);
}

/* Would this soft limit leave the collector of some process no room? */
static bool below_floor(const struct workload *w, int64_t limit, uint64_t *ret_floor)
{
	for (size_t i = 0; i < w->n_procs; i++) {
		*ret_floor = heap_limit_floor(&w->procs[i].row.sample, w->procs[i].minor);
		if (!w->procs[i].refused && (uint64_t)limit < *ret_floor)
			return true;
	}
	return false;
}

static const char *refuse_set(const struct manager *m, const struct workload *w,
			      const struct control_request *req)
{
	if (m->rights != RIGHTS_FULL)
		return "gomemd has not the capabilities to write; gomemctl status names them";
	if (orders_stopped(&m->orders))
		return "writes are stopped; gomemctl resume first";
	if (orders_released(&m->orders, w->name.workload))
		return "this workload is released; gomemctl resume it first";
	if (w->infrastructure)
		return "this workload is never governed, unless a policy names exactly its cgroup";
	if (w->quarantined)
		return "this workload made a helper hang and is left alone";
	if (!req->has_gogc && !req->has_memory_limit)
		return "nothing to set: --gogc N or --memory-limit BYTES";
	if (req->has_gogc && !lever_ops(LEVER_GOGC)->valid(req->gogc))
		return "GOGC must be -1 (off) or 1 to 10000";
	if (req->has_memory_limit && !lever_ops(LEVER_SOFT_LIMIT)->valid(req->memory_limit_bytes))
		return "the memory limit must be above 0";
	return NULL;
}

static void clear_manual(struct workload *w, enum policy_lever lever)
{
	for (size_t i = 0; i < w->n_procs; i++) {
		struct lever_state *l = &w->procs[i].lever[lever];

		if (!l->facts.manual)
			continue;
		l->facts.manual = false;
		l->facts.owner = lever_ops(lever)->value(&w->procs[i].row.sample);
	}
}

static int pin(struct manager *m, struct workload *w, enum policy_lever lever, int64_t value,
	       uint64_t for_usec)
{
	struct order order = { .kind = ORDER_PIN, .lever = lever, .value = value };

	text_copy(order.workload, sizeof(order.workload), w->name.workload);
	order.until_wall = for_usec ? clock_wall() + for_usec : 0;
	clear_manual(w, lever);
	return orders_add(&m->orders, &order);
}

static json_object *do_set(struct manager *m, const struct control_request *req, json_object *o)
{
	struct workload *w = find(m, req->workload, o);
	const char *why = w ? refuse_set(m, w, req) : NULL;
	uint64_t floor = 0;
	int r = 0;

	if (!w)
		return o;
	if (why)
		return refuse(o, "%s", why);
	if (req->has_memory_limit && !req->force && below_floor(w, req->memory_limit_bytes, &floor))
		return refuse(o,
			      "%" PRId64 " bytes leave the collector no room: below S_floor, "
			      "%" PRIu64 "; --force sets it all the same",
			      req->memory_limit_bytes, floor);
	json_object_object_add(o, "workload", json_escaped(w->name.workload));
	json_put_bool(o, "dry_run", req->dry_run);
	if (req->dry_run)
		return o;
	if (req->has_gogc)
		r = pin(m, w, LEVER_GOGC, req->gogc, req->for_usec);
	if (r == 0 && req->has_memory_limit)
		r = pin(m, w, LEVER_SOFT_LIMIT, req->memory_limit_bytes, req->for_usec);
	if (r < 0)
		return refuse(o, "too many standing orders");
	if (save_orders(m, o) == 0)
		look_at_all(m, w->name.workload);
	return o;
}

static json_object *do_release(struct manager *m, const struct control_request *req, json_object *o)
{
	struct workload *w = find(m, req->workload, o);
	struct order order = { .kind = ORDER_RELEASE };

	if (!w)
		return o;
	json_object_object_add(o, "workload", json_escaped(w->name.workload));
	json_put_bool(o, "dry_run", req->dry_run);
	if (req->dry_run)
		return o;
	text_copy(order.workload, sizeof(order.workload), w->name.workload);
	orders_remove(&m->orders, ORDER_PIN, w->name.workload);
	if (orders_add(&m->orders, &order) < 0)
		return refuse(o, "too many standing orders");
	if (save_orders(m, o) == 0)
		look_at_all(m, w->name.workload);
	return o;
}

static json_object *do_stop_writes(struct manager *m, const struct control_request *req,
				   json_object *o)
{
	struct order order = { .kind = ORDER_STOP_WRITES };

	json_put_bool(o, "dry_run", req->dry_run);
	if (req->dry_run)
		return o;
	if (orders_add(&m->orders, &order) < 0)
		return refuse(o, "too many standing orders");
	/* In force at once, whether or not the disk takes it. */
	look_at_all(m, NULL);
	save_orders(m, o);
	return o;
}

static json_object *do_resume(struct manager *m, const struct control_request *req, json_object *o)
{
	struct workload *w = NULL;
	size_t ended;

	if (req->workload[0]) {
		w = find(m, req->workload, o);
		if (!w)
			return o;
	}
	json_put_bool(o, "dry_run", req->dry_run);
	if (req->dry_run)
		return o;
	if (w) {
		ended = orders_remove(&m->orders, ORDER_RELEASE, w->name.workload);
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
			clear_manual(w, l);
		w->high.facts.manual = false;
	} else {
		ended = orders_remove(&m->orders, ORDER_STOP_WRITES, NULL);
	}
	json_object_object_add(o, "ended", json_object_new_int64((int64_t)ended));
	if (save_orders(m, o) == 0)
		look_at_all(m, w ? w->name.workload : NULL);
	return o;
}

static json_object *do_timeline(struct manager *m, const struct control_request *req,
				json_object *o)
{
	struct workload *w = find(m, req->workload, o);

	if (w)
		json_object_object_add(o, "timeline", view_timeline(w));
	return o;
}

static json_object *do_heap(struct manager *m, const struct control_request *req, json_object *o)
{
	const struct workload *w = find(m, req->workload, o);

	if (w)
		json_object_object_add(o, "heap", view_heap(w));
	return o;
}

bool orders_names(const struct workload *w, const char *name)
{
	return !name[0] || names(w, name);
}

static json_object *do_features(const struct manager *m, json_object *o)
{
	json_object *list = view_features(&m->features);

	view_add_servers(m, list);
	json_object_object_add(o, "features", list);
	return o;
}

json_object *orders_answer(struct manager *m, const struct control_request *req,
			   const struct requester *who)
{
	json_object *o = answer();

	if (!o)
		return NULL;
	if (control_verb_writes(req->verb) && who->uid != 0)
		return refuse(o, "%s is for root", control_verb_name(req->verb));
	if (control_verb_writes(req->verb) && !req->dry_run) {
		log_notice("uid %u: %s %s", (unsigned int)who->uid, control_verb_name(req->verb),
			   req->workload);
		audit_operator(m->journal, who->uid, who->pid, control_verb_name(req->verb),
			       req->workload, "");
	}
	switch (req->verb) {
	case CONTROL_STATUS:
		return do_status(m, req, o);
	case CONTROL_EXPLAIN:
		return do_explain(m, req, o);
	case CONTROL_SET:
		return do_set(m, req, o);
	case CONTROL_RELEASE:
		return do_release(m, req, o);
	case CONTROL_STOP_WRITES:
		return do_stop_writes(m, req, o);
	case CONTROL_RESUME:
		return do_resume(m, req, o);
	case CONTROL_SHOW_CONFIG:
		json_object_object_add(o, "config", view_config(m));
		return o;
	case CONTROL_TIMELINE:
		return do_timeline(m, req, o);
	case CONTROL_HEAP:
		return do_heap(m, req, o);
	case CONTROL_RECORD:
		/* Without a name all are recorded; else the first line of a trace is its answer. */
		if (req->workload[0] && !find(m, req->workload, o))
			return o;
		json_object_put(o);
		return view_trace_head(m);
	case CONTROL_FEATURES:
		return do_features(m, o);
	default:
		return refuse(o, "unknown verb");
	}
}
