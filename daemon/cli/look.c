/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/look.h"
#include "decide/heapmath.h"

#define PATIENCE       (10 * USEC_SEC)
#define TRIES	       4
#define TRY_AGAIN_MSEC 5

int looker_open(struct looker *l)
{
	int r = hostroot_open("", &l->host);

	l->in = NULL;
	signal(SIGCHLD, SIG_IGN);
	if (r == 0)
		r = inspector_new(&l->host, false, PATIENCE, &l->in);
	return r;
}

void looker_close(struct looker *l)
{
	inspector_free(l->in);
	hostroot_close(&l->host);
}

static void close_slot(struct looker *l, uint32_t slot)
{
	struct inspect_request req = { .op = INSPECT_CLOSE, .n = 1, .slots = { slot } };
	static struct inspect_reply ignored;

	inspector_call(l->in, &req, &ignored);
}

/* Several runtimes in one process are read all the same; only writing needs to know which is meant. */
static bool looker_believes(const struct inspect_row *row)
{
	return row->proved || row->refused_by == GATE_SINGLE_RUNTIME;
}

int looker_look(struct looker *l, pid_t pid, struct inspect_reply *ret)
{
	struct inspect_request req = { .op = INSPECT_OPEN,
				       .pid = pid,
				       .flags = GO_SAMPLE_GOROUTINES };
	int r = 0;

	/* A sample may fall into the middle of a cycle's end: figures that disagree are looked at again. */
	for (int tries = 0; tries < TRIES; tries++) {
		r = inspector_call(l->in, &req, ret);
		if (r < 0)
			return r;
		if (ret->result != INSPECT_OK)
			return ret->result;
		close_slot(l, ret->rows[0].slot);
		if (looker_believes(&ret->rows[0]))
			return INSPECT_OK;
		poll(NULL, 0, TRY_AGAIN_MSEC);
	}
	return INSPECT_REFUSED;
}

static json_object *text_json(const char *s)
{
	char clean[2048];

	text_escape(clean, sizeof(clean), s);
	return json_object_new_string(clean);
}

static void put_u64(json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, v > INT64_MAX ? NULL : json_object_new_int64((int64_t)v));
}

static json_object *gates_json(const struct go_runtime *rt)
{
	json_object *list = json_object_new_array();

	for (enum go_gate g = 0; g < GATE_MAX_; g++) {
		json_object *o;

		if (!rt->gates[g].asked)
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "name", json_object_new_string(go_gate_name(g)));
		json_object_object_add(o, "ok", json_object_new_boolean(rt->gates[g].ok));
		json_object_object_add(o, "detail", text_json(rt->gates[g].detail));
		json_object_array_add(list, o);
	}
	return list;
}

static void put_heap(json_object *o, const struct go_sample *s, int minor)
{
	put_u64(o, "heap_alloc_bytes", go_sample_heap_alloc(s));
	put_u64(o, "heap_live_bytes", s->heap_live_bytes);
	put_u64(o, "heap_marked_bytes", s->heap_marked_bytes);
	put_u64(o, "heap_goal_bytes", heap_goal(s, minor));
	put_u64(o, "gc_percent_goal_bytes", s->gc_percent_goal_bytes);
	json_object_object_add(o, "effective_gogc",
			       json_object_new_int(heap_effective_gogc(s, minor)));
	put_u64(o, "heap_inuse_bytes", s->heap_inuse_bytes);
	put_u64(o, "heap_free_bytes", s->heap_free_bytes);
	put_u64(o, "heap_released_bytes", s->heap_released_bytes);
	put_u64(o, "heap_sys_bytes", go_sample_heap_sys(s));
	put_u64(o, "stack_scan_bytes", s->stack_scan_bytes);
	put_u64(o, "globals_scan_bytes", s->globals_scan_bytes);
	put_u64(o, "mapped_ready_bytes", s->mapped_ready_bytes);
	put_u64(o, "total_alloc_bytes", s->total_alloc_bytes);
}

static void put_cycles(json_object *o, const struct go_sample *s)
{
	json_object *limiter = json_object_new_object();
	char when[TEXT_TIME_MAX];

	json_object_object_add(o, "num_gc", json_object_new_int64(s->num_gc));
	put_u64(o, "pause_total_ns", s->pause_total_ns);
	json_object_object_add(o, "last_gc_time",
			       s->last_gc_unix_ns ? json_object_new_string(text_time_ns(
							    when, s->last_gc_unix_ns)) :
						    NULL);
	json_object_object_add(o, "goroutines",
			       s->goroutines < 0 ? NULL : json_object_new_int64(s->goroutines));
	json_object_object_add(o, "gomaxprocs",
			       s->gomaxprocs ? json_object_new_int(s->gomaxprocs) : NULL);
	json_object_object_add(limiter, "enabled",
			       s->limiter_known ? json_object_new_boolean(s->limiter_enabled) :
						  NULL);
	json_object_object_add(limiter, "last_cycle",
			       s->limiter_known ? json_object_new_int64(s->limiter_last_cycle) :
						  NULL);
	json_object_object_add(o, "gc_cpu_limiter", limiter);
	json_object_object_add(o, "madvdontneed",
			       s->madvdontneed < 0 ? NULL :
						     json_object_new_boolean(s->madvdontneed));
	json_object_object_add(
		o, "mem_profile_rate",
		s->mem_profile_rate < 0 ? NULL : json_object_new_int64(s->mem_profile_rate));
}

json_object *look_json(const struct inspect_reply *reply)
{
	const struct go_runtime *rt = &reply->runtime;
	const struct go_sample *s = &reply->rows[0].sample;
	json_object *o = json_object_new_object();
	char layout[64];

	json_object_object_add(o, "pid", json_object_new_int(reply->info.stat.id.pid));
	json_object_object_add(o, "exe", text_json(reply->info.exe));
	json_object_object_add(o, "go_version", text_json(rt->info.version));
	json_object_object_add(o, "build_id",
			       rt->info.build_id[0] ? text_json(rt->info.build_id) : NULL);
	json_object_object_add(o, "module", text_json(rt->info.module));
	snprintf(layout, sizeof(layout), "go1.%d/gcController+%d", rt->minor, rt->last_goal_offset);
	json_object_object_add(o, "layout", json_object_new_string(layout));
	json_object_object_add(o, "gogc", json_object_new_int(s->gc_percent));
	json_object_object_add(o, "memory_limit_bytes",
			       s->memory_limit_bytes == INT64_MAX ?
				       NULL :
				       json_object_new_int64(s->memory_limit_bytes));
	put_heap(o, s, rt->minor);
	put_cycles(o, s);
	json_object_object_add(o, "rss_bytes",
			       json_object_new_int64((int64_t)reply->rows[0].rss_bytes));
	json_object_object_add(o, "runtime_count", json_object_new_int((int)rt->runtimes));
	json_object_object_add(o, "gates", gates_json(rt));
	return o;
}

void look_refusal(const struct inspect_reply *reply, int result, char *buf, size_t size)
{
	const enum go_gate gate = go_runtime_refusal(&reply->runtime);
	char detail[256];

	switch (result) {
	case INSPECT_GONE:
		snprintf(buf, size, "gone: no such process");
		return;
	case INSPECT_SHARED:
		snprintf(buf, size, "shared: it still runs on its parent's memory (vfork)");
		return;
	case -ETIMEDOUT:
		snprintf(buf, size, "hostile: reading its memory does not come to an end");
		return;
	default:
		break;
	}
	if (gate < GATE_MAX_) {
		text_escape(detail, sizeof(detail), reply->runtime.gates[gate].detail);
		snprintf(buf, size, "refused by gate %s: %s", go_gate_name(gate), detail);
	} else if (result < 0) {
		snprintf(buf, size, "cannot be read: %s%s", strerror(-result),
			 result == -EACCES || result == -EPERM ?
				 " (run as root, or with CAP_SYS_PTRACE)" :
				 "");
	} else {
		snprintf(buf, size, "refused by gate moduledata: no Go program");
	}
}
