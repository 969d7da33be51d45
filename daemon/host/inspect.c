/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host/fault.h"
#include "host/inspect.h"
#include "host/parse.h"

enum {
	SLOTS_MAX = 8192,
	CACHE_MAX = 512,
};

struct slot {
	struct process *process;
	struct go_runtime runtime;
};

/* What is known of an executable file, by device, inode, size and ctime; results are moved by its load address. */
struct cached {
	uint64_t exe_key;
	int32_t result; /* of locating */
	struct go_runtime runtime;
};

struct server {
	const struct hostroot *host;
	bool writable;
	struct parser parser;
	struct slot **slots;
	uint32_t n_slots;
	struct cached *cache[CACHE_MAX];
	uint32_t next_cached;
	struct inspect_request req;
	struct inspect_reply reply;
};

static struct cached *cache_find(struct server *sv, uint64_t key)
{
	for (size_t i = 0; i < CACHE_MAX; i++)
		if (sv->cache[i] && sv->cache[i]->exe_key == key)
			return sv->cache[i];
	return NULL;
}

static void cache_add(struct server *sv, uint64_t key, int result, const struct go_runtime *rt)
{
	struct cached **at = &sv->cache[sv->next_cached];

	if (!*at)
		*at = malloc(sizeof(**at));
	if (!*at)
		return;
	**at = (struct cached){ .exe_key = key, .result = result, .runtime = *rt };
	sv->next_cached = (sv->next_cached + 1) % CACHE_MAX;
}

/* A runtime that has not started has garbage for some addresses: its result is good for this process's refusal only. */
static bool may_cache(int result, const struct go_runtime *rt)
{
	return result == GO_NONE || result == GO_TOO_OLD || result == GO_LAYOUT_UNKNOWN ||
	       (result == 0 && rt->global[GLOBAL_ALLP]);
}

static int locate(struct server *sv, struct process *p, struct go_runtime *ret)
{
	const uint64_t key = process_get_info(p)->exe_key;
	const struct memory *m = process_get_memory(p);
	struct cached *hit = cache_find(sv, key);
	int r;

	if (hit) {
		*ret = hit->runtime;
		if (hit->result != 0 || go_runtime_rebase(ret, m))
			return hit->result;
	}
	if (sv->parser.fd < 0) {
		r = parser_start(&sv->parser);
		if (r < 0)
			return r;
	}
	r = parser_locate(&sv->parser, process_get_fd(p), m, ret);
	if (r == -EPIPE) {
		/* It died of this image: refused, and a new one for the next. */
		parser_stop(&sv->parser);
		*ret = (struct go_runtime){ .minor = -1 };
		ret->gates[GATE_MODULEDATA] =
			(struct go_gate_result){ .asked = true,
						 .detail = "the parser died of this image" };
		return GO_UNPROVED;
	}
	if (r >= 0 && may_cache(r, ret))
		cache_add(sv, key, r, ret);
	return r;
}

static int sample_slot(struct server *sv, struct slot *slot, uint32_t flags,
		       struct inspect_row *row)
{
	int r = process_refresh(sv->host, slot->process);

	if (r == 0)
		r = go_runtime_sample(process_get_memory(slot->process), &slot->runtime, flags,
				      &row->sample);
	if (r != 0)
		return r == PROCESS_GONE || r == -EIO || r == -ESRCH || r == -EFAULT ?
			       (int)INSPECT_GONE :
			       r;
	row->rss_bytes = process_get_info(slot->process)->stat.rss_bytes;
	row->proved = go_runtime_judge(&slot->runtime, &row->sample,
				       process_get_info(slot->process)->stat.virtual_bytes);
	row->refused_by = go_runtime_refusal(&slot->runtime);
	return INSPECT_OK;
}

static void slot_free(struct slot *slot)
{
	if (!slot)
		return;
	process_free(slot->process);
	free(slot);
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

static int serve_open(struct server *sv)
{
	_cleanup_(process_freep) struct process *p = NULL;
	struct inspect_row *row = &sv->reply.rows[0];
	struct slot *slot;
	int r = process_open(sv->host, sv->req.pid, sv->writable, &p);

	if (r)
		return open_result(r);
	sv->reply.info = *process_get_info(p);
	r = locate(sv, p, &sv->reply.runtime);
	if (r == GO_NONE)
		return INSPECT_NOT_GO;
	if (r != 0)
		return r > 0 ? (int)INSPECT_REFUSED : open_result(r);
	process_drop_regions(p);
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->process = TAKE_PTR(p);
	slot->runtime = sv->reply.runtime;
	r = sample_slot(sv, slot, sv->req.flags, row);
	sv->reply.runtime = slot->runtime;
	if (r == INSPECT_OK)
		r = slot_add(sv, slot, &row->slot);
	if (r != INSPECT_OK) {
		slot_free(slot);
		return r;
	}
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

static int serve_write_cgroup(struct server *sv)
{
	_cleanup_(closep) int dir = -1;
	const char *path = sv->req.cgroup;

	while (*path == '/')
		path++;
	dir = openat(sv->host->cgroup, *path ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? (int)INSPECT_GONE : -errno;
	return fd_write_file(dir, sv->req.file, sv->req.text);
}

_Noreturn void inspect_serve(const struct hostroot *host, int fd, bool writable)
{
	static int (*const serve[])(struct server *) = {
		[INSPECT_OPEN] = serve_open,
		[INSPECT_SAMPLE] = serve_sample,
		[INSPECT_STORE] = serve_store,
		[INSPECT_CLOSE] = serve_close,
		[INSPECT_WRITE_CGROUP] = serve_write_cgroup,
	};
	static struct server sv;

	_Static_assert(ARRAY_SIZE(serve) == INSPECT_OP_MAX_, "a server for each operation");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-inspect");
	sv.host = host;
	sv.writable = writable;
	sv.parser = PARSER_NONE;
	while (recv(fd, &sv.req, sizeof(sv.req), 0) == (ssize_t)sizeof(sv.req)) {
		memset(&sv.reply, 0, sizeof(sv.reply));
		sv.reply.result = sv.req.op < INSPECT_OP_MAX_ ? serve[sv.req.op](&sv) : -EINVAL;
		if (send(fd, &sv.reply, sizeof(sv.reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
