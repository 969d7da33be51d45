/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "sense/cycles.h"

static struct timeline_entry other_pause(const struct event *e, uint64_t ns)
{
	return (struct timeline_entry){ .kind = TIMELINE_PAUSE,
					.pid = (int32_t)e->pid,
					.at_ns = sub_sat(e->at_ns, ns),
					.duration_ns = ns };
}

static enum timeline_trigger trigger_of(const struct cycles *c)
{
	return c->start.any && c->start.value < TRIGGER_UNKNOWN ?
		       (enum timeline_trigger)c->start.value :
		       TRIGGER_UNKNOWN;
}

static void begin(struct cycles *c, const struct event *e, uint64_t ns, bool estimate)
{
	c->open = true;
	c->cycle = (struct timeline_entry){
		.kind = TIMELINE_GC,
		.pid = (int32_t)e->pid,
		.at_ns = sub_sat(e->at_ns, ns),
		.gc = { .trigger = trigger_of(c),
			.heap_before_bytes = e->heap_live,
			.estimate = estimate },
	};
}

static void add_pause(struct cycles *c, uint64_t ns)
{
	c->cycle.gc.pauses++;
	c->cycle.gc.pause_ns = add_sat(c->cycle.gc.pause_ns, ns);
	c->cycle.gc.stopping_ns = add_sat(c->cycle.gc.stopping_ns, c->stopping_ns);
	c->stopping_ns = 0;
}

static void finish(struct cycles *c, const struct event *e, uint32_t num_gc,
		   struct timeline_entry *ret)
{
	c->cycle.duration_ns = sub_sat(e->at_ns, c->cycle.at_ns);
	c->cycle.gc.num_gc = num_gc;
	c->cycle.gc.heap_after_bytes = e->heap_marked;
	c->cycle.gc.heap_goal_bytes = e->heap_goal;
	if (c->last_total_alloc)
		c->cycle.gc.allocated_bytes = sub_sat(e->total_alloc, c->last_total_alloc);
	c->last_total_alloc = e->total_alloc;
	*ret = c->cycle;
	c->open = false;
	c->start.any = false;
}

/*
 * The end of a pause of the collector. With 1.21 the last pause of a cycle is told before NumGC rises, and as such;
 * before and after, after it.
 */
static bool on_gc_pause(struct cycles *c, const struct event *e, uint64_t ns, bool estimate)
{
	const bool last = e->kind == EVENT_PAUSE_GC_LAST;
	const bool risen = c->seen && e->num_gc != c->last_num_gc;
	const bool knew = c->seen;

	c->seen = true;
	c->last_num_gc = e->num_gc;
	/* Of the first that is heard it is not known whether it begins or ends a cycle, but by the call before it. */
	if (!c->open && !last && (!risen || !knew) && c->start.any)
		begin(c, e, ns, estimate);
	if (!c->open)
		return false;
	add_pause(c, ns);
	return last || risen;
}

static bool on_start_world(struct cycles *c, const struct event *e, struct timeline_entry *ret)
{
	const uint64_t ns = c->stopped_ns ? sub_sat(e->at_ns, c->stopped_ns) : 0;

	c->stopped_ns = 0;
	if (!ns)
		return false;
	if (!c->open && !c->start.any) {
		c->seen = true;
		c->last_num_gc = e->num_gc;
		*ret = other_pause(e, ns);
		return true;
	}
	if (!on_gc_pause(c, e, ns, true))
		return false;
	finish(c, e, e->num_gc, ret);
	return true;
}

bool cycles_feed(struct cycles *c, const struct event *e, struct timeline_entry *ret)
{
	switch (e->kind) {
	case EVENT_GC_START:
		c->start.any = true;
		c->start.value = e->value;
		return false;
	case EVENT_STOPPING_GC:
	case EVENT_STOPPING_OTHER:
		c->stopping_ns = e->value;
		return false;
	case EVENT_PAUSE_GC:
	case EVENT_PAUSE_GC_LAST:
		if (!on_gc_pause(c, e, e->value, false))
			return false;
		/* Told before it rises: what follows will show the next number. */
		c->last_num_gc = e->num_gc + (e->kind == EVENT_PAUSE_GC_LAST);
		finish(c, e, c->last_num_gc, ret);
		return true;
	case EVENT_PAUSE_OTHER:
		c->stopping_ns = 0;
		*ret = other_pause(e, e->value);
		return true;
	case EVENT_STOP_WORLD:
		c->stopped_ns = e->at_ns;
		return false;
	case EVENT_START_WORLD:
		return on_start_world(c, e, ret);
	default:
		return false;
	}
}
