/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "sense/activity_json.h"
#include "wire/json.h"

void activity_put_milli(json_object *o, const char *key, uint64_t milli)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", milli / 1000,
		 (unsigned int)(milli % 1000));
	json_object_object_add(o, key, json_object_new_double_s((double)milli / 1000, text));
}

static json_object *buckets_json(const struct histogram *h)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		json_object *o;

		if (!h->count[i])
			continue;
		o = json_object_new_object();
		json_put_u64(o, "below_ns", histogram_below_ns(i));
		json_put_u64(o, "count", h->count[i]);
		json_object_array_add(list, o);
	}
	return list;
}

void activity_put_pauses(json_object *o, const struct histogram *h, bool buckets)
{
	json_put_u64(o, "pause_p50_ns", histogram_quantile_ns(h, 500));
	json_put_u64(o, "pause_p99_ns", histogram_quantile_ns(h, 990));
	json_put_u64(o, "pause_max_ns", h->max_ns);
	if (buckets)
		json_object_object_add(o, "pause_histogram", buckets_json(h));
}

json_object *activity_json(const struct activity_figures *f, bool buckets)
{
	json_object *o;

	if (!f->over_usec)
		return NULL;
	o = json_object_new_object();
	json_put_u64(o, "over_usec", f->over_usec);
	json_put_u64(o, "gc_cycles", f->gc_cycles);
	activity_put_milli(o, "gc_per_minute", f->gc_per_minute_milli);
	activity_put_milli(o, "gc_cpu_permille", f->gc_cpu_ns_per_second / 1000);
	json_put_u64(o, "gc_share_permille", activity_gc_share_permille(f));
	json_put_bool(o, "gc_cpu_estimate", f->gc_cpu_estimate);
	activity_put_milli(o, "cpu_permille", f->cpu_ns_per_second / 1000);
	json_put_u64(o, "alloc_bytes_per_second", f->alloc_bytes_per_second);
	if (f->created_per_second_milli < 0)
		json_object_object_add(o, "goroutines_created_per_second", NULL);
	else
		activity_put_milli(o, "goroutines_created_per_second",
				   (uint64_t)f->created_per_second_milli);
	json_put_u64(o, "pauses_missed", f->pauses_missed);
	activity_put_pauses(o, &f->pause, buckets);
	return o;
}
