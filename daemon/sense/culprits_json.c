/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "sense/culprits_json.h"
#include "wire/json.h"

static void put_milli(json_object *o, const char *key, uint64_t milli)
{
	json_put_double(o, key, (double)milli / 1000);
}

static void put_class(json_object *o, uint32_t class, uint32_t by)
{
	const enum escape_class c = (enum escape_class) class;
	const char *name = escape_class_name(c);

	json_put_text(o, "class", name ? name : "?");
	json_put_text(o, "level", escape_class_level(c));
	json_put_text(o, "class_from", escape_teller_name(by));
}

static void put_text_or_null(json_object *o, const char *key, const char *text)
{
	if (text[0])
		json_put_escaped(o, key, text);
	else
		json_object_object_add(o, key, NULL);
}

static void put_line(json_object *o, const char *function, const char *file, uint32_t line)
{
	json_put_escaped(o, "function", function);
	json_put_escaped(o, "file", file);
	json_put_u64(o, "line", line);
}

static void put_cause(json_object *o, const struct heap_cause *c)
{
	json_object *site = json_object_new_object(), *decided = NULL;

	put_line(o, c->function, c->file, c->line);
	json_put_bool(o, "in_module", c->in_module);
	put_class(o, c->class, c->told_by);
	put_line(site, c->site_function, c->site_file, c->site_line);
	put_class(site, c->site_class, c->site_told_by);
	put_milli(site, "share", c->site_permille);
	put_text_or_null(site, "expression", c->site_expression);
	put_text_or_null(site, "reason", c->site_reason);
	json_object_object_add(o, "site", site);
	json_put_text(o, "call", alloc_class_name((enum alloc_class)c->alloc_class));
	put_text_or_null(o, "type", c->type);
	put_text_or_null(o, "expression", c->expression);
	put_text_or_null(o, "reason", c->reason);
	if (c->step[0]) {
		decided = json_object_new_object();
		json_put_escaped(decided, "expression", c->step);
		json_put_escaped(decided, "file", c->step_file);
		json_put_u64(decided, "line", c->step_line);
	}
	json_object_object_add(o, "decided_by", decided);
}

static void put_shares(json_object *o, const struct culprit *c)
{
	put_milli(o, "impact", c->impact_permille);
	json_put_text(o, "impact_by", culprit_impact_name(c->impact_by));
	put_milli(o, "gc_share", c->gc_permille);
	put_milli(o, "alloc_share", c->alloc_permille);
	put_milli(o, "inuse_share", c->inuse_permille);
	put_milli(o, "growth_share", c->growth_permille);
	/* A pause is one of a collection, whatever was marked: what causes them is what is allocated. */
	put_milli(o, "pause_share", c->kind == CULPRIT_HEAP ? c->alloc_permille : 0);
}

static void put_figures(json_object *o, const struct culprit *c)
{
	const struct heap_growth *g = &c->growth;

	json_put_u64(o, "alloc_bytes", g->alloc_bytes);
	json_put_u64(o, "alloc_bytes_per_sec", c->alloc_bytes_per_sec);
	json_put_u64(o, "allocs_per_sec", c->allocs_per_sec);
	json_put_u64(o, "alloc_bytes_per_cycle", c->alloc_bytes_per_cycle);
	json_put_u64(o, "alloc_bytes_per_min", g->alloc_bytes_per_min);
	json_put_u64(o, "inuse_bytes", g->inuse_bytes);
	json_put_u64(o, "inuse_objects", g->inuse_objects);
	json_put_u64(o, "object_bytes", g->object_bytes);
	if (c->lifetime_millicycles < 0)
		json_object_object_add(o, "lifetime_cycles", NULL);
	else
		put_milli(o, "lifetime_cycles", (uint64_t)c->lifetime_millicycles);
	json_object_object_add(o, "slope_bytes_per_min",
			       json_object_new_int64(g->slope_bytes_per_min));
	json_object_object_add(o, "grown_bytes", json_object_new_int64(g->grown_bytes));
	json_put_u64(o, "points", g->points);
	json_put_u64(o, "cycles", g->cycles);
	json_put_u64(o, "rises", g->rises);
	json_put_u64(o, "falls", g->falls);
	json_put_bool(o, "seen_last", g->seen_last);
}

json_object *culprit_json(const struct culprit *c)
{
	json_object *o = json_object_new_object();

	json_put_text(o, "kind", culprit_kind_name(c->kind));
	put_cause(o, c->growth.cause);
	put_shares(o, c);
	put_figures(o, c);
	json_put_bool(o, "suspect", c->suspect);
	json_put_bool(o, "since_start", c->since_start);
	json_put_text(o, "about", culprit_about(c));
	json_put_text(o, "advice", culprit_advice(c));
	return o;
}

json_object *culprits_json(const struct culprit_sources *of, size_t top)
{
	_cleanup_(freep) struct culprit *ranked = calloc(CULPRITS_MAX, sizeof(*ranked));
	json_object *list = json_object_new_array();
	const size_t n = ranked ? culprits_rank(of, ranked) : 0;
	size_t told = 0;

	for (size_t i = 0; i < n; i++)
		if (ranked[i].growth.cause && ranked[i].impact_permille &&
		    (told < top || ranked[i].suspect)) {
			json_object_array_add(list, culprit_json(&ranked[i]));
			told++;
		}
	return list;
}
