/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/timeline.h"

enum {
	TIMELINE_START = 8,
};

_Static_assert(TIMELINE_MAX % TIMELINE_START == 0, "it doubles up to its cap");

static const char *const kind_names[] = {
	[TIMELINE_GC] = "gc",		[TIMELINE_PAUSE] = "pause",
	[TIMELINE_RECLAIM] = "reclaim", [TIMELINE_THROTTLED] = "throttled",
	[TIMELINE_SWAP] = "swap",	[TIMELINE_OOM] = "oom",
	[TIMELINE_EXIT] = "exit",	[TIMELINE_ADJUSTMENT] = "adjustment",
	[TIMELINE_GUARD] = "guard",
};
_Static_assert(ARRAY_SIZE(kind_names) == TIMELINE_KIND_MAX_, "a name for each kind");

static const char *const trigger_names[] = {
	[TRIGGER_HEAP] = "heap",
	[TRIGGER_TIME] = "periodic",
	[TRIGGER_FORCED] = "forced",
	[TRIGGER_UNKNOWN] = "unknown",
};
_Static_assert(ARRAY_SIZE(trigger_names) == TRIGGER_MAX_, "a name for each trigger");

const char *timeline_kind_name(enum timeline_kind kind)
{
	return kind < TIMELINE_KIND_MAX_ ? kind_names[kind] : "none";
}

const char *timeline_trigger_name(enum timeline_trigger trigger)
{
	return trigger < TRIGGER_MAX_ ? trigger_names[trigger] : "none";
}

static void put_gc(json_object *o, const struct timeline_entry *e)
{
	json_put_u64(o, "num_gc", e->gc.num_gc);
	json_put_text(o, "trigger", timeline_trigger_name(e->gc.trigger));
	json_put_u64(o, "pause_ns", e->gc.pause_ns);
	json_put_u64(o, "pauses", e->gc.pauses);
	json_put_bool(o, "estimate", e->gc.estimate);
	if (e->gc.stopping_ns)
		json_put_u64(o, "stopping_ns", e->gc.stopping_ns);
	json_put_u64(o, "heap_before_bytes", e->gc.heap_before_bytes);
	json_put_u64(o, "heap_after_bytes", e->gc.heap_after_bytes);
	json_put_u64(o, "heap_goal_bytes", e->gc.heap_goal_bytes);
	if (e->gc.allocated_bytes)
		json_put_u64(o, "allocated_bytes", e->gc.allocated_bytes);
}

static void put_swap(json_object *o, const struct timeline_entry *e)
{
	json_put_u64(o, "swapped_in_bytes", e->swap.in_bytes);
	json_put_u64(o, "swapped_out_bytes", e->swap.out_bytes);
	json_put_u64(o, "swap_bytes", e->swap.current_bytes);
}

json_object *timeline_entry_json(const struct timeline_entry *e, uint64_t wall_offset_ns)
{
	json_object *o = json_object_new_object();
	char when[TEXT_TIME_MAX];

	json_put_text(o, "at", text_time_ns(when, e->at_ns + wall_offset_ns));
	json_put_u64(o, "monotonic_ns", e->at_ns);
	json_put_text(o, "event", timeline_kind_name(e->kind));
	if (e->pid)
		json_object_object_add(o, "pid", json_object_new_int(e->pid));
	json_put_u64(o, "duration_ns", e->duration_ns);
	if (e->kind == TIMELINE_GC)
		put_gc(o, e);
	else if (e->kind == TIMELINE_SWAP)
		put_swap(o, e);
	else if (e->kind == TIMELINE_EXIT)
		json_put_u64(o, "status", e->value);
	else if (e->kind == TIMELINE_OOM)
		json_put_u64(o, "usage_bytes", e->value);
	return o;
}

/* Calm workloads, which are most, have few entries. Without memory for more the oldest go. */
static void make_room(struct timeline *t)
{
	const uint32_t room = t->room ? 2 * t->room : TIMELINE_START;
	struct timeline_entry *grown;

	if (t->n < t->room)
		return;
	/* One that has gone round once keeps its room: its entries are not in the order of their places. */
	grown = t->room < TIMELINE_MAX && t->first == 0 ?
			reallocarray(t->entries, room, sizeof(*grown)) :
			NULL;
	if (grown) {
		t->entries = grown;
		t->room = room;
	} else if (t->room > 0) {
		t->first = (t->first + 1) % t->room;
		t->n--;
		t->dropped++;
	}
}

void timeline_add(struct timeline *t, const struct timeline_entry *e)
{
	make_room(t);
	if (t->n < t->room)
		t->entries[(t->first + t->n++) % t->room] = *e;
}

const struct timeline_entry *timeline_get(const struct timeline *t, uint32_t i)
{
	return i < t->n ? &t->entries[(t->first + i) % t->room] : NULL;
}

void timeline_done(struct timeline *t)
{
	free(t->entries);
	*t = (struct timeline){ 0 };
}
