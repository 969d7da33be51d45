/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/util.h"
#include "host/core_look.h"
#include "host/exe_cache.h"
#include "host/fault.h"
#include "host/inspect.h"
#include "host/parse.h"

#define PARSER_REST (10 * USEC_SEC)

enum {
	SLOTS_MAX = 8192,
};

struct slot {
	struct process *process;
	struct go_runtime runtime;
};

struct server {
	const struct hostroot *host;
	bool writable;
	struct parser parser;
	usec_t parsed;	     /* when it was last wanted */
	usec_t buried_cpu;   /* used by parsers that died of what they were given ... */
	unsigned int buried; /* ... so many */
	struct slot **slots;
	uint32_t n_slots;
	struct exe_cache cache;
	struct escape_known reports;
	struct alloc_stack *stacks; /* for the next profile of allocations */
	uint32_t n_stacks;
	struct inspect_request req;
	struct inspect_reply reply;
};

static int ready_parser(struct server *sv)
{
	sv->parsed = clock_now();
	return sv->parser.fd < 0 ? parser_start(&sv->parser) : 0;
}

/* It died of this image: refused, and a new one for the next. */
static int bury_parser(struct server *sv, struct go_runtime *ret)
{
	sv->buried_cpu += parser_stop(&sv->parser);
	sv->buried++;
	*ret = (struct go_runtime){ .minor = -1 };
	ret->gates[GATE_MODULEDATA] =
		(struct go_gate_result){ .asked = true, .detail = "the parser died of this image" };
	return GO_UNPROVED;
}

static struct parser_memory memory_of(const struct process *p)
{
	return (struct parser_memory){ .fd = process_get_fd(p), .memory = process_get_memory(p) };
}

static int locate(struct server *sv, struct process *p, struct go_runtime *ret)
{
	const struct parser_memory of = memory_of(p);
	int r;

	if (exe_cache_get(&sv->cache, p, ret, &r))
		return r;
	sv->reply.located = true;
	r = ready_parser(sv);
	if (r < 0)
		return r;
	r = parser_locate(&sv->parser, &of, ret);
	if (r == -EPIPE)
		return bury_parser(sv, ret);
	if (r < 0 || !exe_cache_may_put(p, r, ret))
		return r;
	/* One that has exited or called exec meanwhile had no memory to read: that says nothing about its executable. */
	if (process_refresh(sv->host, p) != 0)
		return -ESRCH;
	exe_cache_put(&sv->cache, p, r, ret);
	return r;
}

static int sample_slot(struct server *sv, struct slot *slot, uint32_t flags,
		       struct inspect_row *row)
{
	const struct process_stat *stat;
	int r = process_refresh(sv->host, slot->process);

	if (r == 0)
		r = go_runtime_sample(process_get_memory(slot->process), &slot->runtime, flags,
				      &row->sample);
	if (r != 0)
		return r == PROCESS_GONE || r == -EIO || r == -ESRCH || r == -EFAULT ?
			       (int)INSPECT_GONE :
			       r;
	stat = &process_get_info(slot->process)->stat;
	row->rss_bytes = stat->rss_bytes;
	row->cpu_ns = stat->cpu_ns;
	row->proved = go_runtime_judge(&slot->runtime, &row->sample, stat->virtual_bytes);
	row->proved &= go_runtime_judge_alive(&slot->runtime, &row->sample, stat->threads,
					      process_started_ns(stat));
	row->refused_by = go_runtime_refusal(&slot->runtime);
	return INSPECT_OK;
}

/* What the runtime counts of its own work; a figure that cannot be had is unknown, the sample holds without. */
static void take_pulse(struct server *sv, struct slot *slot, uint32_t i)
{
	const struct go_pulse_since since = { .num_gc = sv->req.since_num_gc[i],
					      .unix_ns = sv->req.since_unix_ns };
	struct inspect_row *row = &sv->reply.rows[i];

	if (go_pulse_read(process_get_memory(slot->process), &slot->runtime, &row->sample, &since,
			  &row->pulse) < 0)
		row->pulse = GO_PULSE_UNKNOWN;
}

static void slot_free(struct slot *slot)
{
	if (!slot)
		return;
	process_free(slot->process);
	free(slot);
}

static void slot_freep(struct slot **slot)
{
	slot_free(*slot);
}

static int slot_add(struct server *sv, struct slot *slot, uint32_t *ret)
{
	for (uint32_t i = 0; i < sv->n_slots; i++)
		if (!sv->slots[i]) {
			sv->slots[i] = slot;
			*ret = i;
			return 0;
		}
	if (sv->n_slots == SLOTS_MAX)
		return -ENOSPC;
	if ((sv->n_slots & (sv->n_slots - 1)) == 0) {
		uint32_t room = sv->n_slots ? 2 * sv->n_slots : 1;
		struct slot **grown = reallocarray(sv->slots, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		sv->slots = grown;
	}
	sv->slots[sv->n_slots] = slot;
	*ret = sv->n_slots++;
	return 0;
}

static int open_result(int r)
{
	switch (r) {
	case PROCESS_GONE:
	case -ESRCH:
		return INSPECT_GONE;
	case PROCESS_KERNEL:
		return INSPECT_NOT_GO;
	case PROCESS_SHARES_MEMORY:
		return INSPECT_SHARED;
	default:
		return r;
	}
}

/* Opens a process, finds its runtime and samples it. The reply has what was found, also of one that is refused. */
static int open_slot(struct server *sv, bool writable, struct inspect_row *row, struct slot **ret)
{
	_cleanup_(slot_freep) struct slot *slot = calloc(1, sizeof(*slot));
	const unsigned int buried = sv->buried;
	int r = slot ? process_open(sv->host, sv->req.pid, writable, &slot->process) : -ENOMEM;

	if (r)
		return open_result(r);
	sv->reply.info = *process_get_info(slot->process);
	r = locate(sv, slot->process, &slot->runtime);
	sv->reply.runtime = slot->runtime;
	/* What the parser has died of is refused at once: asked again it would be the death of forty. */
	sv->reply.starting =
		sv->buried == buried && exe_is_starting(slot->process, r, &slot->runtime);
	if (r == GO_NONE)
		return INSPECT_NOT_GO;
	if (r)
		return r > 0 ? (int)INSPECT_REFUSED : open_result(r);
	r = sample_slot(sv, slot, sv->req.flags, row);
	sv->reply.runtime = slot->runtime;
	if (r == INSPECT_OK)
		*ret = TAKE_PTR(slot);
	return r;
}

static int serve_open(struct server *sv)
{
	_cleanup_(slot_freep) struct slot *slot = NULL;
	struct inspect_row *row = &sv->reply.rows[0];
	int r = open_slot(sv, sv->writable, row, &slot);

	if (r == INSPECT_OK)
		r = slot_add(sv, slot, &row->slot);
	if (r != INSPECT_OK)
		return r;
	take_pulse(sv, slot, 0);
	process_drop_regions(slot->process);
	slot = NULL; /* the table has it */
	sv->reply.n = 1;
	return INSPECT_OK;
}

static struct slot *slot_get(struct server *sv, uint32_t i)
{
	return i < sv->n_slots ? sv->slots[i] : NULL;
}

static int serve_sample(struct server *sv)
{
	for (uint32_t i = 0; i < sv->req.n && i < INSPECT_BATCH; i++) {
		struct inspect_row *row = &sv->reply.rows[i];
		struct slot *slot = slot_get(sv, sv->req.slots[i]);

		row->slot = sv->req.slots[i];
		row->result = slot ? sample_slot(sv, slot, sv->req.flags, row) : INSPECT_STALE;
		row->pulse = GO_PULSE_UNKNOWN;
		if (row->result == INSPECT_OK && (sv->req.flags & GO_SAMPLE_GOROUTINES))
			take_pulse(sv, slot, i);
	}
	sv->reply.n = MIN(sv->req.n, (uint32_t)INSPECT_BATCH);
	return INSPECT_OK;
}

static int store_field(struct server *sv, struct slot *slot, const struct inspect_store *st)
{
	uint64_t addr;
	size_t size;
	int32_t narrow = (int32_t)st->value;

	if (!go_runtime_field(&slot->runtime, (enum go_field)st->field, &addr, &size))
		return -ENOTSUP;
	return process_store(sv->host, slot->process, addr,
			     size == 4 ? (const void *)&narrow : (const void *)&st->value, size);
}

/* The value of a field that a change begins with. */
static int64_t field_value(const struct go_sample *s, enum go_field field)
{
	switch (field) {
	case FIELD_GC_PERCENT:
		return s->gc_percent;
	case FIELD_MEMORY_LIMIT:
		return s->memory_limit_bytes;
	case FIELD_PROFILE_RATE:
		return s->mem_profile_rate;
	case FIELD_GC_PERIOD:
		return s->gc_period_ns;
	default:
		return s->madvdontneed;
	}
}

static int serve_store(struct server *sv)
{
	struct slot *slot = slot_get(sv, sv->req.slots[0]);
	struct inspect_row *row = &sv->reply.rows[0];
	int r;

	if (!slot)
		return INSPECT_STALE;
	/* The gates once more, on what is there now: nothing is written to what is not proved at this moment. */
	r = sample_slot(sv, slot, 0, row);
	if (r != INSPECT_OK)
		return r;
	row->slot = sv->req.slots[0];
	sv->reply.n = 1;
	if (!row->proved && !((sv->req.flags & INSPECT_TORN) && go_runtime_is_torn(&slot->runtime)))
		return INSPECT_REFUSED;
	if ((sv->req.flags & INSPECT_EXPECT) &&
	    field_value(&row->sample, (enum go_field)sv->req.stores[0].field) !=
		    sv->req.expect_value)
		return INSPECT_FOREIGN;
	if (sv->req.expect_marked != UINT64_MAX &&
	    sv->req.expect_marked != row->sample.heap_marked_bytes)
		return INSPECT_CHANGED;
	for (uint32_t i = 0; i < sv->req.n && i < INSPECT_STORES; i++) {
		r = store_field(sv, slot, &sv->req.stores[i]);
		if (r)
			return open_result(r);
		fault_point(i == 0 ? "stored-first" : "stored-more");
	}
	return sample_slot(sv, slot, 0, row);
}

static int serve_close(struct server *sv)
{
	struct slot *slot = slot_get(sv, sv->req.slots[0]);

	if (slot) {
		slot_free(slot);
		sv->slots[sv->req.slots[0]] = NULL;
	}
	return INSPECT_OK;
}

/* CPU time of the parser since it began, and of those that have died. */
static usec_t parser_cpu_usec(const struct server *sv)
{
	clockid_t id;

	return sv->buried_cpu +
	       (sv->parser.pid > 0 && clock_getcpuclockid(sv->parser.pid, &id) == 0 ?
			clock_usec(id) :
			0);
}

/* What @serve takes of the CPU goes into the reply: whoever asks for profiles asks within a budget. */
static int serve_metered(struct server *sv, int (*serve)(struct server *sv))
{
	const usec_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
	const usec_t parser_before = parser_cpu_usec(sv);
	int r = serve(sv);

	/* One that came meanwhile has all of its time from this; one that died of it, what it had used by then. */
	sv->reply.cpu_usec = clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before +
			     sub_sat(parser_cpu_usec(sv), parser_before);
	return r;
}

/* By the gates as any other look: where the heap's figures are not the layout's, its profile is not either. */
static int take_profile(struct server *sv)
{
	_cleanup_(slot_freep) struct slot *slot = NULL;
	struct inspect_row row = { 0 };
	struct profile_order order = { .kind = (enum profile_kind)sv->req.slots[0],
				       .top = sv->req.slots[1],
				       .callers = sv->req.slots[2],
				       .is_blocked = sv->req.slots[3] == INSPECT_BLOCKED };
	_cleanup_(escape_files_close) struct escape_files report = ESCAPE_FILES_NONE;
	const bool has_causes = order.kind == PROFILE_CAUSES || order.kind == PROFILE_GO_STATEMENTS;
	enum escape_report_state known = REPORT_STATE_MAX_;
	struct parser_memory of;
	int r = open_slot(sv, false, &row, &slot);

	if (r != INSPECT_OK)
		return r;
	if (!row.proved && row.refused_by != GATE_SINGLE_RUNTIME)
		return INSPECT_REFUSED;
	sv->reply.num_gc = row.sample.num_gc;
	if (order.kind == PROFILE_ALLOCS ||
	    (order.kind == PROFILE_CAUSES && sv->req.slots[3] == INSPECT_OF_STACKS)) {
		order.stacks = sv->stacks;
		order.n_stacks = sv->n_stacks;
	}
	if (has_causes) {
		sv->req.index[sizeof(sv->req.index) - 1] = '\0';
		escape_files_open(sv->host, sv->req.pid, &slot->runtime.info, sv->req.index,
				  &report);
		known = escape_files_need(&sv->reports, &report);
	}
	order.blocked.now_ns = clock_usec(CLOCK_MONOTONIC) * 1000;
	order.blocked.at_least_ns = sv->req.slots[4] * UINT64_C(1000000);
	of = memory_of(slot->process);
	r = ready_parser(sv);
	if (r == 0)
		r = parser_profile(&sv->parser, &of, &slot->runtime, &order, &report,
				   &sv->reply.profile);
	if (r == 0 && has_causes && known == REPORT_STATE_MAX_)
		escape_files_note(&sv->reports, &report, sv->reply.profile.causes.report);
	else if (r == 0 && has_causes)
		sv->reply.profile.causes.report = known;
	if (r != -EPIPE)
		return r;
	bury_parser(sv, &sv->reply.runtime);
	return INSPECT_REFUSED;
}

static int serve_stack(struct server *sv)
{
	const uint32_t i = sv->req.slots[0];

	if (!sv->stacks)
		sv->stacks = calloc(ALLOC_STACKS_MAX, sizeof(*sv->stacks));
	if (!sv->stacks)
		return -ENOMEM;
	if (i == 0)
		sv->n_stacks = 0;
	/* After a helper has been replaced the first ones are missing. */
	if (i != sv->n_stacks || i == ALLOC_STACKS_MAX)
		return INSPECT_STALE;
	sv->stacks[i] = sv->req.stack;
	sv->stacks[i].n_pcs = MIN(sv->stacks[i].n_pcs, (uint32_t)ALLOC_PCS_MAX);
	sv->n_stacks++;
	return INSPECT_OK;
}

static int take_profile_row(struct server *sv)
{
	return sv->parser.fd < 0 ?
		       -EPIPE :
		       parser_profile_row(&sv->parser, sv->req.slots[0], &sv->reply.profile_row);
}

static int serve_profile(struct server *sv)
{
	return serve_metered(sv, take_profile);
}

static int serve_profile_row(struct server *sv)
{
	return serve_metered(sv, take_profile_row);
}

static int serve_write_cgroup(struct server *sv)
{
	_cleanup_(closep) int dir = -1;
	const char *path = sv->req.cgroup;
	struct stat st;

	while (*path == '/')
		path++;
	dir = openat(sv->host->cgroup, *path ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? (int)INSPECT_GONE : -errno;
	if (fstat(dir, &st) < 0)
		return -errno;
	/* Removed and made again meanwhile: what was decided is not about this one. */
	if (st.st_ino != sv->req.cgroup_id)
		return INSPECT_GONE;
	return fd_write_file(dir, sv->req.file, sv->req.text);
}

static int serve_core(struct server *sv)
{
	return core_look(sv->host, &sv->parser, sv->req.core, &sv->reply);
}

/* From one new executable to the next it may be days: the parser's memory is not kept for so long. */
static void rest_parser(struct server *sv)
{
	if (sv->parser.fd >= 0 && clock_now() - sv->parsed >= PARSER_REST)
		parser_stop(&sv->parser);
}

static bool next_request(struct server *sv, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	rest_parser(sv);
	while (sv->parser.fd >= 0 && poll(&p, 1, (int)(PARSER_REST / USEC_MSEC)) == 0)
		rest_parser(sv);
	return recv(fd, &sv->req, sizeof(sv->req), 0) == (ssize_t)sizeof(sv->req);
}

_Noreturn void inspect_serve(const struct hostroot *host, int fd, bool writable)
{
	static int (*const serve[])(struct server *) = {
		[INSPECT_OPEN] = serve_open,
		[INSPECT_SAMPLE] = serve_sample,
		[INSPECT_STORE] = serve_store,
		[INSPECT_CLOSE] = serve_close,
		[INSPECT_WRITE_CGROUP] = serve_write_cgroup,
		[INSPECT_CORE] = serve_core,
		[INSPECT_PROFILE] = serve_profile,
		[INSPECT_STACK] = serve_stack,
		[INSPECT_PROFILE_ROW] = serve_profile_row,
	};
	static struct server sv;

	_Static_assert(ARRAY_SIZE(serve) == INSPECT_OP_MAX_, "a server for each operation");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-inspect");
	/* The owner lets the kernel reap its children; here their figures are wanted, and each is waited for. */
	signal(SIGCHLD, SIG_DFL);
	sv.host = host;
	sv.writable = writable;
	sv.parser = PARSER_NONE;
	while (next_request(&sv, fd)) {
		memset(&sv.reply, 0, sizeof(sv.reply));
		sv.reply.result = sv.req.op < INSPECT_OP_MAX_ ? serve[sv.req.op](&sv) : -EINVAL;
		if (send(fd, &sv.reply, sizeof(sv.reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
