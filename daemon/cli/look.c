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
#include "sense/activity_json.h"
#include "wire/json.h"

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
	if (r == 0)
		return EXIT_DONE;
	fprintf(stderr, "gomemctl: cannot look at processes: %s\n", strerror(-r));
	return EXIT_REFUSED;
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
	struct inspect_request req = {
		.op = INSPECT_OPEN,
		.pid = pid,
		.flags = GO_SAMPLE_GOROUTINES,
		.since_unix_ns = sub_sat(clock_wall(), ACTIVITY_LONG) * 1000,
	};
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

int looker_look_core(struct looker *l, const char *path, struct inspect_reply *ret)
{
	struct inspect_request req = { .op = INSPECT_CORE };
	int r;

	if (!text_copy(req.core, sizeof(req.core), path))
		return -ENAMETOOLONG;
	r = inspector_call(l->in, &req, ret);
	if (r < 0)
		return r;
	if (ret->result != INSPECT_OK)
		return ret->result;
	return looker_believes(&ret->rows[0]) ? INSPECT_OK : INSPECT_REFUSED;
}

static int take_profile(struct looker *l, const struct inspect_request *req,
			struct inspect_reply *ret)
{
	int r = 0;

	for (int tries = 0; tries < TRIES; tries++) {
		r = inspector_call(l->in, req, ret);
		if (r == 0)
			r = ret->result;
		/* The figures of a cycle's end, again. */
		if (r != INSPECT_REFUSED || go_runtime_refusal(&ret->runtime) < GATE_SINGLE_RUNTIME)
			break;
		poll(NULL, 0, TRY_AGAIN_MSEC);
	}
	return r;
}

int looker_profile(struct looker *l, pid_t pid, enum profile_kind kind, uint32_t top,
		   struct inspect_reply *ret)
{
	const struct inspect_request req = {
		.op = INSPECT_PROFILE,
		.pid = pid,
		.n = 3,
		.slots = { kind, top, CALL_SITE_CALLERS_MAX },
	};

	return take_profile(l, &req, ret);
}

int looker_goroutines(struct looker *l, pid_t pid, const struct look_goroutines *which,
		      struct inspect_reply *ret)
{
	const struct inspect_request req = {
		.op = INSPECT_PROFILE,
		.pid = pid,
		.n = 5,
		.slots = { PROFILE_GOROUTINES, 0, 0, which->blocked ? INSPECT_BLOCKED : INSPECT_ALL,
			   (uint32_t)(which->at_least / USEC_MSEC) },
	};

	return take_profile(l, &req, ret);
}

int looker_causes(struct looker *l, pid_t pid, enum profile_kind kind, enum inspect_causes of,
		  uint32_t top, const char *index, struct inspect_reply *ret)
{
	struct inspect_request req = {
		.op = INSPECT_PROFILE,
		.pid = pid,
		.n = 4,
		.slots = { kind, top, 0, of },
	};

	if (index && !text_copy(req.index, sizeof(req.index), index))
		return -ENAMETOOLONG;
	return take_profile(l, &req, ret);
}

int looker_put_stack(struct looker *l, uint32_t number, const struct alloc_stack *stack)
{
	const struct inspect_request req = {
		.op = INSPECT_STACK, .n = 1, .slots = { number }, .stack = *stack
	};
	static struct inspect_reply reply;
	int r = inspector_call(l->in, &req, &reply);

	return r < 0 ? r : reply.result;
}

int looker_profile_rows(struct looker *l, uint32_t n, union profile_row **ret)
{
	_cleanup_(freep) union profile_row *rows = calloc(MAX(n, 1u), sizeof(*rows));
	static struct inspect_reply reply;

	if (!rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct inspect_request req = { .op = INSPECT_PROFILE_ROW,
						     .n = 1,
						     .slots = { i } };
		int r = inspector_call(l->in, &req, &reply);

		if (r == 0)
			r = reply.result;
		if (r)
			return r < 0 ? r : -EPIPE;
		rows[i] = reply.profile_row;
	}
	*ret = TAKE_PTR(rows);
	return 0;
}

bool look_pid(const char *word, pid_t *ret)
{
	uint64_t pid;

	if (!word || text_parse_u64(word, &pid) < 0 || pid == 0 || pid > INT32_MAX)
		return false;
	*ret = (pid_t)pid;
	return true;
}

/* null where it is no figure: without a limit, or not known. */
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
		json_put_text(o, "name", go_gate_name(g));
		json_put_bool(o, "ok", rt->gates[g].ok);
		json_object_object_add(o, "detail", json_escaped(rt->gates[g].detail));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *sites_json(const struct go_sites *s)
{
	json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < s->n; i++)
		json_object_array_add(list, json_object_new_string(go_site_name(s->site[i].kind)));
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
	json_object_object_add(o, "gc_period_ns",
			       s->gc_period_ns < 0 ? NULL : json_object_new_int64(s->gc_period_ns));
}

/* Since when the collections are told that the pulse has: a minute ago, or where the runtime remembers less. */
usec_t look_recent(const struct inspect_reply *reply, struct histogram *ret)
{
	const struct go_pulse *p = &reply->rows[0].pulse;
	const usec_t age =
		sub_sat(clock_usec(CLOCK_MONOTONIC), process_started_ns(&reply->info.stat) / 1000);
	usec_t over = MIN(age, ACTIVITY_LONG);

	*ret = (struct histogram){ 0 };
	histogram_add_small(ret, &p->pause);
	if (p->pauses_missed)
		over = MIN(over, sub_sat(clock_wall(), p->oldest_unix_ns / 1000));
	return MAX(over, (usec_t)1);
}

static void put_pulse(json_object *o, const struct inspect_reply *reply)
{
	const struct go_pulse *p = &reply->rows[0].pulse;
	json_object *recent = reply->rows[0].cpu_ns < UINT64_MAX ? json_object_new_object() : NULL;
	struct histogram pause;
	const usec_t over = look_recent(reply, &pause);

	put_u64(o, "cpu_ns", reply->rows[0].cpu_ns);
	put_u64(o, "gc_cpu_ns", (uint64_t)p->gc_cpu_ns);
	put_u64(o, "goroutines_created", (uint64_t)p->goroutines_created);
	json_object_object_add(o, "last_minute", recent);
	/* A core file has no minute before now. */
	if (!recent)
		return;
	put_u64(recent, "over_usec", over);
	put_u64(recent, "gc_cycles", p->pauses);
	activity_put_milli(recent, "gc_per_minute", mul_div(p->pauses, 1000 * USEC_MIN, over));
	activity_put_pauses(recent, &pause, true);
}

json_object *look_json(const struct inspect_reply *reply)
{
	const struct go_runtime *rt = &reply->runtime;
	const struct go_sample *s = &reply->rows[0].sample;
	json_object *o = json_object_new_object();
	char layout[64];

	json_object_object_add(o, "pid", json_object_new_int(reply->info.stat.id.pid));
	json_object_object_add(o, "exe", json_escaped(reply->info.exe));
	json_object_object_add(o, "go_version", json_escaped(rt->info.version));
	json_object_object_add(o, "build_id",
			       rt->info.build_id[0] ? json_escaped(rt->info.build_id) : NULL);
	json_object_object_add(o, "module", json_escaped(rt->info.module));
	snprintf(layout, sizeof(layout), "go1.%d/gcController+%d", rt->minor, rt->last_goal_offset);
	json_put_text(o, "layout", layout);
	json_object_object_add(o, "gogc", json_object_new_int(s->gc_percent));
	json_object_object_add(o, "memory_limit_bytes",
			       s->memory_limit_bytes == INT64_MAX ?
				       NULL :
				       json_object_new_int64(s->memory_limit_bytes));
	put_heap(o, s, rt->minor);
	put_cycles(o, s);
	put_pulse(o, reply);
	put_u64(o, "rss_bytes", reply->rows[0].rss_bytes);
	json_object_object_add(o, "runtime_count", json_object_new_int((int)rt->runtimes));
	json_object_object_add(o, "probe_sites", sites_json(&rt->sites));
	json_object_object_add(o, "gates", gates_json(rt));
	return o;
}

/* Why a core file is not enough, and the mend. */
static void lack_refusal(const struct inspect_lack *lack, char *buf, size_t size)
{
	static const char mend[] =
		"dump all of it: echo 0x3f >/proc/PID/coredump_filter, or gcore -a PID";
	char file[512];

	text_escape(file, sizeof(file), lack->file);
	switch ((enum inspect_lack_why)lack->why) {
	case INSPECT_LACKS_FILE:
		snprintf(buf, size, "has only a part of %s, which cannot be used instead: %s; %s",
			 file, strerror(lack->error), mend);
		return;
	case INSPECT_LACKS_BUILD:
		snprintf(buf, size, "has only a part of %s, which is of another build by now; %s",
			 file, mend);
		return;
	case INSPECT_LACKS_HEADER:
		snprintf(buf, size,
			 "has only a part of %s, and no build id to know that file by; %s", file,
			 mend);
		return;
	case INSPECT_LACKS_END:
		snprintf(buf, size,
			 "is cut off: its end was not written (ulimit -c, or a full disk)");
		return;
	default:
		snprintf(buf, size, "lacks memory of the program's own; %s", mend);
		return;
	}
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
	case INSPECT_NOT_CORE:
		snprintf(
			buf, size,
			"is no ELF core file of x86-64 (one of systemd-coredump's: coredumpctl dump)");
		return;
	case INSPECT_INCOMPLETE:
		lack_refusal(&reply->lack, buf, size);
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
