/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/util.h"
#include "wire/expvar.h"
#include "wire/json_read.h"

#define PPM	   1e6
#define INT64_EDGE 9.2e18

/* Members of runtime.MemStats, as Go 1.19 to 1.27 have them. */
static const struct member {
	const char *name;
	enum figure figure;
} members[] = {
	{ "HeapAlloc", FIGURE_HEAP_ALLOC_BYTES },
	{ "HeapSys", FIGURE_HEAP_SYS_BYTES },
	{ "HeapIdle", FIGURE_HEAP_IDLE_BYTES },
	{ "HeapInuse", FIGURE_HEAP_INUSE_BYTES },
	{ "HeapReleased", FIGURE_HEAP_RELEASED_BYTES },
	{ "HeapObjects", FIGURE_HEAP_OBJECTS },
	{ "NextGC", FIGURE_HEAP_GOAL_BYTES },
	{ "Sys", FIGURE_SYS_BYTES },
	{ "StackInuse", FIGURE_STACK_INUSE_BYTES },
	{ "TotalAlloc", FIGURE_TOTAL_ALLOC_BYTES },
	{ "Mallocs", FIGURE_MALLOCS },
	{ "Frees", FIGURE_FREES },
	{ "NumGC", FIGURE_NUM_GC },
	{ "NumForcedGC", FIGURE_NUM_FORCED_GC },
	{ "LastGC", FIGURE_LAST_GC_UNIX_NS },
	{ "PauseTotalNs", FIGURE_PAUSE_TOTAL_NS },
	{ "GCCPUFraction", FIGURE_GC_CPU_PPM },
};

/* Whatever else it is, it is not expvar's: its own reader judges how large it may be. */
static bool is_object(struct span body)
{
	while (body.len > 0 && strchr(" \t\r\n", body.p[0]) && body.p[0])
		span_skip(&body, 1);
	return body.len > 0 && body.p[0] == '{';
}

static void put_number(struct figures *f, enum figure figure, json_object *v)
{
	const double scale = figure == FIGURE_GC_CPU_PPM ? PPM : 1;
	double d;

	if (json_object_is_type(v, json_type_int) && figure != FIGURE_GC_CPU_PPM) {
		figures_put(f, figure, json_object_get_int64(v));
		return;
	}
	if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
		return;
	d = json_object_get_double(v) * scale;
	/* False for NaN as well. */
	if (d > -1 && d < INT64_EDGE)
		figures_put(f, figure, (int64_t)d);
}

static int read_object(json_object *root, struct figures *ret)
{
	struct figures f = { 0 };
	json_object *stats, *v;

	if (!json_object_is_type(root, json_type_object) ||
	    !json_object_object_get_ex(root, "memstats", &stats) ||
	    !json_object_is_type(stats, json_type_object))
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (json_object_object_get_ex(stats, members[i].name, &v))
			put_number(&f, members[i].figure, v);
	*ret = f;
	return 0;
}

int expvar_read(struct span body, struct figures *ret)
{
	static const struct json_caps caps = { EXPVAR_BYTES_MAX, EXPVAR_VALUES_MAX,
					       EXPVAR_DEPTH_MAX };
	_cleanup_(json_object_putp) json_object *root = NULL;
	int r;

	if (!is_object(body))
		return -EBADMSG;
	r = json_read(body, &caps, &root);
	return r < 0 ? r : read_object(root, ret);
}
