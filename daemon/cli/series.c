/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/culprits.h"
#include "cli/series.h"

static json_object *member(json_object *o, const char *key)
{
	return json_object_object_get(o, key);
}

/* "+1.5M", "-200K", "0" */
static const char *rate_text(char buf[TEXT_BYTES_MAX + 1], int64_t bytes)
{
	char size[TEXT_BYTES_MAX];

	text_bytes(size, bytes < 0 ? (uint64_t) - (bytes + 1) + 1 : (uint64_t)bytes);
	snprintf(buf, TEXT_BYTES_MAX + 1, "%s%s", bytes < 0 ? "-" : bytes > 0 ? "+" : "", size);
	return buf;
}

/* The one that grows most first. */
static int by_slope(const void *one, const void *other)
{
	json_object *const *a = one, *const *b = other;
	const int64_t x = member_int(*a, "slope_bytes_per_min", 0);
	const int64_t y = member_int(*b, "slope_bytes_per_min", 0);

	return (x < y) - (x > y);
}

static void print_growth(json_object *culprits, size_t top)
{
	static const char *const headings[] = { "PER MINUTE", "IN USE", "ALLOCATED/MIN",
						"POINTS",     "RISES",	"FUNCTION",
						"AT" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	json_object_array_sort(culprits, by_slope);
	for (size_t i = 0; i < MIN(json_object_array_length(culprits), top); i++) {
		json_object *s = json_object_array_get_idx(culprits, i);
		char slope[TEXT_BYTES_MAX + 1], inuse[24], allocated[24];

		grid_add(g, "%s", rate_text(slope, member_int(s, "slope_bytes_per_min", 0)));
		grid_add(g, "%s", member_bytes(s, "inuse_bytes", inuse));
		grid_add(g, "%s", member_bytes(s, "alloc_bytes_per_min", allocated));
		grid_add(g, "%" PRId64, member_int(s, "points", 0));
		grid_add(g, "%" PRId64, member_int(s, "rises", 0));
		grid_add(g, "%s", member_text(s, "function"));
		grid_add(g, "%s:%" PRId64, member_text(s, "file"), member_int(s, "line", 0));
	}
	grid_print(g);
}

/* Says why where there are none. */
static bool has_culprits(json_object *p)
{
	if (member(p, "culprits"))
		return true;
	printf("process %" PRId64 " %s %s: %s\n", member_int(p, "pid", 0), member_text(p, "exe"),
	       member_text(p, "go_version"),
	       member_int(p, "mem_profile_rate", 0) > 0 ?
		       "no profile was taken yet" :
		       "it samples nothing (heap_profile = on would)");
	return false;
}

static void show_growth(json_object *p, size_t top)
{
	if (!has_culprits(p))
		return;
	printf("process %" PRId64 " %s %s: %" PRId64 " profiles over %" PRId64
	       " collections in %" PRId64 " s\n",
	       member_int(p, "pid", 0), member_text(p, "exe"), member_text(p, "go_version"),
	       member_int(p, "points", 0), member_int(p, "cycles", 0),
	       member_int(p, "span_usec", 0) / (int64_t)USEC_SEC);
	print_growth(member(p, "culprits"), top);
}

static void show_culprits(json_object *p, size_t top)
{
	if (has_culprits(p))
		culprits_print(p, top);
}

static int show(const struct options *o, void (*process)(json_object *p, size_t top))
{
	struct control_request req = { .verb = CONTROL_HEAP };
	json_object *answer, *heap, *procs;
	int r = client_name_workload(o, &req);

	if (r == EXIT_DONE)
		r = client_ask(o, &req, &answer);
	if (r != EXIT_DONE)
		return r;
	heap = member(answer, "heap");
	procs = member(heap, "processes");
	if (o->json) {
		print_json(answer);
	} else {
		if (!member(heap, "interval_usec"))
			printf("no series is kept of it now: its tier has no heap_series and no duration for culprits, and it is in no alarm\n");
		for (size_t i = 0; i < json_object_array_length(procs); i++)
			process(json_object_array_get_idx(procs, i), o->top);
	}
	json_object_put(answer);
	return EXIT_DONE;
}

int series_show(const struct options *o)
{
	return show(o, show_growth);
}

int series_show_culprits(const struct options *o)
{
	return show(o, show_culprits);
}
