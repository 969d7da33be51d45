/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/sort.h"
#include "base/table.h"
#include "base/util.h"
#include "gobin/goroutines.h"
#include "gobin/profile_layout.h"

enum {
	STATUS_SCAN = 0x1000, /* _Gscan: the collector is at its stack */
	STATUS_MAX = 11,
	G_GOID = 8, /* from atomicstatus on */
	G_WAIT_SINCE = 24,
	G_WAIT_REASON = 32, /* a byte */
	WAITED_GROUP_SHIFT = 52,
	G_CREATED_BEFORE = 16, /* gopc, before startpc: between them is a pointer to ancestors */
	G_BYTES_MAX = 320,
	BATCH = 512,
	TRIES = 3,
	/* A group's key: the numbers of its two places, its state and its reason. */
	KEY_CREATED_SHIFT = 16,
	KEY_STATE_SHIFT = 32,
	KEY_REASON_SHIFT = 40,
	PLACES_MAX = 2 * GOROUTINE_GROUPS_MAX, /* so that none is missed by a group that has room */
};

/* SetMaxStack lets a program go beyond its gigabyte only up to twice that, and stacks double (newstack of stack.go). */
static const uint64_t stack_max_bytes = GIB;

_Static_assert(PLACES_MAX <= 1 << KEY_CREATED_SHIFT, "a place's number fits");

static const char *const state_names[] = {
	[GOROUTINE_IDLE] = "idle",	     [GOROUTINE_RUNNABLE] = "runnable",
	[GOROUTINE_RUNNING] = "running",     [GOROUTINE_SYSCALL] = "syscall",
	[GOROUTINE_WAITING] = "waiting",     [GOROUTINE_COPYSTACK] = "copystack",
	[GOROUTINE_PREEMPTED] = "preempted", [GOROUTINE_LEAKED] = "leaked",
};
_Static_assert(ARRAY_SIZE(state_names) == GOROUTINE_STATE_MAX_, "a name for each state");

const char *goroutine_state_name(enum goroutine_state state)
{
	return state < GOROUTINE_STATE_MAX_ ? state_names[state] : "unknown";
}

/* A list that is being filled. */
struct filling {
	const struct memory *memory;
	const struct go_profile_layout *layout;
	const struct go_runtime *rt;
	struct go_symbols *symbols;
	const struct goroutines_blocked *blocked; /* NULL: all are wanted */
	struct table by_key, by_pc;
	uint64_t *places; /* the addresses that groups begin at or were made at, each once */
	size_t n_places;
	struct goroutines result;
	uint64_t *
		waited; /* of each that is dated: its group's number, and how long (at most 52 days) */
	size_t n_waited, waited_room;
};

_Static_assert(GOROUTINE_GROUPS_MAX <= 1 << (64 - WAITED_GROUP_SHIFT), "a group's number fits");

static void filling_done(struct filling *f)
{
	table_done(&f->by_key);
	table_done(&f->by_pc);
	goroutines_done(&f->result);
	free(f->places);
	free(f->waited);
	f->places = f->waited = NULL;
	f->n_places = f->n_waited = f->waited_room = 0;
}

/* _Gidle and so on (src/runtime/runtime2.go). Returns GOROUTINE_STATE_MAX_ for a dead one, -EBADMSG for none. */
static int state_of(uint32_t status)
{
	static const int8_t states[STATUS_MAX + 1] = {
		[0] = GOROUTINE_IDLE,
		[1] = GOROUTINE_RUNNABLE,
		[2] = GOROUTINE_RUNNING,
		[3] = GOROUTINE_SYSCALL,
		[4] = GOROUTINE_WAITING,
		[5] = -1, /* _Gmoribund_unused */
		[6] = GOROUTINE_STATE_MAX_,
		[7] = -1, /* _Genqueue_unused */
		[8] = GOROUTINE_COPYSTACK,
		[9] = GOROUTINE_PREEMPTED,
		[10] = GOROUTINE_LEAKED,
		[11] = GOROUTINE_STATE_MAX_, /* _Gdeadextra: for threads that C made */
	};

	status &= ~(uint32_t)STATUS_SCAN;
	return status <= STATUS_MAX && states[status] >= 0 ? states[status] : -EBADMSG;
}

/*
 * isSystemGoroutine of src/runtime/traceback.go: by where it began. Those that run finalizers and cleanups are the
 * runtime's own, whatever they call at the moment: so NumGoroutine counts them.
 */
static bool is_system(struct filling *f, uint64_t start_pc)
{
	static const char package[] = "runtime.";
	static const char *const user[] = { "main", "handleAsyncEvent", "corostart" };
	struct go_frame frame;

	if (!start_pc || go_symbols_function(f->symbols, start_pc, &frame) ||
	    strncmp(frame.function, package, sizeof(package) - 1))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(user); i++)
		if (!strcmp(frame.function + sizeof(package) - 1, user[i]))
			return false;
	return true;
}

/* waitReasonStrings, an array of strings, is the program's own. */
static void read_reason(struct filling *f, uint32_t reason)
{
	const uint64_t strings = f->rt->global[GLOBAL_WAIT_REASONS];
	char *text = f->result.reasons[reason];
	uint64_t header[2];

	if (!strings || text[0] ||
	    memory_read(f->memory, strings + reason * sizeof(header), header, sizeof(header)) < 0 ||
	    header[1] >= GOROUTINE_REASON_MAX)
		return;
	if (memory_read(f->memory, header[0], text, header[1]) < 0)
		text[0] = '\0';
}

/* What of a goroutine is looked at. */
struct seen {
	enum goroutine_state state;
	uint32_t reason;
	uint64_t start_pc, created_pc, stack_bytes, since;
};

/* The number of an address, the same each time. Returns -ENOSPC or -ENOMEM where it gets none. */
static int place_of(struct filling *f, uint64_t pc)
{
	uint64_t *place = table_get(&f->by_pc, pc);
	int r;

	if (place)
		return (int)(place - f->places);
	place = &f->places[f->n_places];
	r = table_put(&f->by_pc, pc, place);
	if (r < 0)
		return r;
	*place = pc;
	return (int)f->n_places++;
}

static struct goroutine_group *group_of(struct filling *f, const struct seen *seen)
{
	const int start = place_of(f, seen->start_pc), created = place_of(f, seen->created_pc);
	struct goroutines *g = &f->result;
	struct goroutine_group *group;
	uint64_t key;

	if (start < 0 || created < 0)
		return NULL;
	key = (uint64_t)start | (uint64_t)created << KEY_CREATED_SHIFT |
	      (uint64_t)seen->state << KEY_STATE_SHIFT | (uint64_t)seen->reason << KEY_REASON_SHIFT;
	group = table_get(&f->by_key, key);
	if (group || g->n == GOROUTINE_GROUPS_MAX)
		return group;
	group = &g->groups[g->n];
	if (table_put(&f->by_key, key, group) < 0)
		return NULL;
	g->n++;
	*group = (struct goroutine_group){
		.state = seen->state,
		.reason = seen->reason,
		.start_pc = seen->start_pc,
		.created_pc = seen->created_pc,
		.system = is_system(f, seen->start_pc),
	};
	if (seen->reason)
		read_reason(f, seen->reason);
	return group;
}

/* Without memory for it a wait is not dated. */
static void add_waited(struct filling *f, struct goroutine_group *group, uint64_t ns)
{
	const uint64_t most = (UINT64_C(1) << WAITED_GROUP_SHIFT) - 1;

	if (array_make_room(&f->waited, &f->waited_room, f->n_waited, GOROUTINES_MAX,
			    sizeof(*f->waited)) < 0)
		return;
	f->waited[f->n_waited++] =
		(uint64_t)(group - f->result.groups) << WAITED_GROUP_SHIFT | MIN(ns, most);
	group->n_dated++;
}

/* The middle one and the last of each group. */
static void sum_waited(struct filling *f)
{
	const uint64_t mask = (UINT64_C(1) << WAITED_GROUP_SHIFT) - 1;
	size_t n;

	sort_u64(f->waited, f->n_waited);
	for (size_t i = 0; i < f->n_waited; i += n) {
		struct goroutine_group *group =
			&f->result.groups[f->waited[i] >> WAITED_GROUP_SHIFT];

		n = group->n_dated;
		group->waited_p50_ns = f->waited[i + (n - 1) / 2] & mask;
		group->waited_max_ns = f->waited[i + n - 1] & mask;
	}
}

/* How long one is blocked: 0 where no collection has seen it so, -1 where it is not, or not as long as was asked for. */
static int64_t blocked_for(const struct filling *f, enum goroutine_state state, uint64_t since)
{
	const struct goroutines_blocked *b = f->blocked;
	/* A date of tomorrow is none. */
	const uint64_t ns = since && since < b->now_ns ? b->now_ns - since : 0;

	if (state != GOROUTINE_WAITING && state != GOROUTINE_SYSCALL && state != GOROUTINE_LEAKED)
		return -1;
	return ns >= b->at_least_ns ? (int64_t)MIN(ns, (uint64_t)INT64_MAX) : -1;
}

static void count(struct filling *f, const struct seen *seen)
{
	const int64_t waited = f->blocked ? blocked_for(f, seen->state, seen->since) : 0;
	struct goroutines *g = &f->result;
	struct goroutine_group *group = waited >= 0 ? group_of(f, seen) : NULL;
	bool system;

	if (group) {
		group->n++;
		group->stack_bytes += seen->stack_bytes;
	}
	if (group && waited > 0)
		add_waited(f, group, (uint64_t)waited);
	system = group ? group->system : is_system(f, seen->start_pc);
	if (system)
		g->summary.system++;
	else
		g->summary.alive++;
	g->summary.left_out += !group && waited >= 0;
}

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

/* An address in the program's text, or 0. */
static uint64_t code_at(const struct filling *f, const uint8_t *bytes, size_t offset)
{
	const struct go_module *module = go_symbols_module(f->symbols);
	const uint64_t pc = word_at(bytes, offset);

	return pc >= module->text && pc < module->etext ? pc : 0;
}

/* g.stack, {lo, hi}, is its first field; sizes are powers of two. */
static uint64_t stack_bytes_of(const uint8_t *bytes)
{
	const uint64_t lo = word_at(bytes, 0), hi = word_at(bytes, 8), size = sub_sat(hi, lo);

	return size <= stack_max_bytes && !(size & (size - 1)) ? size : 0;
}

static struct seen seen_of(const struct filling *f, enum goroutine_state state,
			   const uint8_t *bytes)
{
	const size_t status = f->layout->g_status, start = f->layout->g_startpc;
	const uint32_t reason = bytes[status + G_WAIT_REASON];
	const bool has_reason = state == GOROUTINE_WAITING && reason < GOROUTINE_REASONS_MAX;

	return (struct seen){
		.state = state,
		.reason = has_reason ? reason : 0,
		.start_pc = code_at(f, bytes, start),
		.created_pc = code_at(f, bytes, start - G_CREATED_BEFORE),
		.stack_bytes = stack_bytes_of(bytes),
		.since = word_at(bytes, status + G_WAIT_SINCE),
	};
}

static void look_at(struct filling *f, uint64_t at)
{
	const size_t len = f->layout->g_startpc + 8u;
	uint8_t bytes[G_BYTES_MAX];
	struct seen seen;
	uint64_t id;
	uint32_t status;
	int state = -EBADMSG;

	if (!(at & 7) && at && memory_read(f->memory, at, bytes, len) == 0) {
		memcpy(&status, bytes + f->layout->g_status, sizeof(status));
		id = word_at(bytes, f->layout->g_status + G_GOID);
		state = state_of(status);
		/* The extra ones of cgo have their number before they live. */
		if (id == 0 && state != GOROUTINE_STATE_MAX_ && state != GOROUTINE_IDLE)
			state = -EBADMSG;
	}
	if (state < 0) {
		f->result.summary.unreadable++;
	} else if (state == GOROUTINE_STATE_MAX_) {
		f->result.summary.dead++;
	} else {
		seen = seen_of(f, (enum goroutine_state)state, bytes);
		count(f, &seen);
	}
}

/* Returns 1 where the list has moved meanwhile: it has grown, and what was read last may have been used anew. */
static int walk(struct filling *f)
{
	const uint64_t allgs = f->rt->global[GLOBAL_ALLGS];
	struct goroutines *g = &f->result;
	uint64_t list[3], after = 0, batch[BATCH], n;
	int r = memory_read(f->memory, allgs, list, sizeof(list));

	if (r < 0)
		return r;
	if (list[1] > list[2] || list[1] > INT32_MAX || (list[0] & 7))
		return -EBADMSG;
	g->summary.listed = list[1];
	n = MIN(g->summary.listed, (uint64_t)GOROUTINES_MAX);
	g->summary.not_looked_at = g->summary.listed - n;
	for (uint64_t i = 0; i < n; i += BATCH) {
		size_t len = MIN((uint64_t)BATCH, n - i);

		r = memory_read(f->memory, list[0] + 8 * i, batch, 8 * len);
		if (r < 0)
			return r;
		for (size_t k = 0; k < len; k++)
			look_at(f, batch[k]);
	}
	r = memory_read_u64(f->memory, allgs, &after);
	return r < 0 ? r : after != list[0];
}

/* Begins a try: everything of the one before is forgotten. */
static int begin(struct filling *f)
{
	filling_done(f);
	f->by_key = (struct table){ .max = GOROUTINE_GROUPS_MAX };
	f->by_pc = (struct table){ .max = PLACES_MAX };
	f->result = (struct goroutines){ .summary.counted = -1 };
	f->result.groups = calloc(GOROUTINE_GROUPS_MAX, sizeof(*f->result.groups));
	f->places = calloc(PLACES_MAX, sizeof(*f->places));
	return f->result.groups && f->places ? 0 : -ENOMEM;
}

int goroutines_read(const struct memory *m, const struct go_runtime *rt, struct go_symbols *symbols,
		    const struct goroutines_blocked *blocked, struct goroutines *ret)
{
	_cleanup_(filling_done) struct filling f = {
		.memory = m,
		.layout = go_profile_layout_of(rt->minor),
		.rt = rt,
		.symbols = symbols,
		.blocked = blocked,
	};
	struct go_sample sample = { 0 };
	int r = 1;

	if (!f.layout || !f.layout->g_startpc || !rt->global[GLOBAL_ALLGS])
		return GOROUTINES_UNKNOWN;
	for (int tries = 0; r == 1 && tries < TRIES; tries++) {
		r = begin(&f);
		if (r == 0)
			r = walk(&f);
	}
	if (r < 0)
		return r;
	f.result.summary.torn = r;
	if (go_runtime_sample(m, rt, GO_SAMPLE_GOROUTINES, &sample) == 0)
		f.result.summary.counted = sample.goroutines;
	if (blocked && sample.mark_start_ns)
		f.result.summary.collection_age_ns = sub_sat(blocked->now_ns, sample.mark_start_ns);
	sum_waited(&f);
	*ret = f.result;
	f.result = (struct goroutines){ 0 };
	return 0;
}

void goroutines_done(struct goroutines *g)
{
	free(g->groups);
	*g = (struct goroutines){ 0 };
}

const char *goroutines_doing(const struct goroutines *g, const struct goroutine_group *group)
{
	if (group->state == GOROUTINE_WAITING && group->reason < GOROUTINE_REASONS_MAX &&
	    g->reasons[group->reason][0])
		return g->reasons[group->reason];
	return goroutine_state_name(group->state);
}
