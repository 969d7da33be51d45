/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "gobin/globals.h"
#include "gobin/layout.h"

enum {
	CODE_MAX_BYTES = 64 * 1024, /* the runtime's largest function has 13 KB */
	REFS_MAX = 512,
	CANDIDATES_MAX = 128,
	RECEIVER_WINDOW = 40, /* bytes before a call in which its receiver is loaded */
	VOTES_MIN = 4,
	CONTROLLER_BYTES = 400,
};

size_t code_refs(const uint8_t *code, size_t len, uint64_t entry, const struct go_image *image,
		 struct code_ref *ret, size_t max)
{
	/* Opcodes with a ModRM byte of which mod 00, r/m 101 is RIP + disp32 (Intel SDM vol. 2, 2.2.1.6). */
	static const uint8_t plain[] = { 0x8B, 0x89, 0x8D, 0x3B, 0x39, 0x87, 0x03,
					 0x01, 0x2B, 0x29, 0x85, 0xFF, 0x63 };
	static const uint8_t imm8[] = { 0x83, 0x80, 0xC6 };
	size_t n = 0;

	for (size_t i = 0; i + 7 <= len && n < max; i++) {
		const uint8_t *p = code + i;
		bool has_imm8 = memchr(imm8, p[0], sizeof(imm8));
		bool has_imm32 = p[0] == 0xC7 || p[0] == 0x81;
		int32_t disp;
		uint64_t target;

		if ((p[1] & 0xC7) != 5 ||
		    (!has_imm8 && !has_imm32 && !memchr(plain, p[0], sizeof(plain))))
			continue;
		memcpy(&disp, p + 2, sizeof(disp));
		target = entry + i + 6 + (has_imm8 ? 1 : 0) + (has_imm32 ? 4 : 0) +
			 (uint64_t)(int64_t)disp;
		if (target < image->data || target >= image->enddata)
			continue;
		ret[n++] = (struct code_ref){
			.target = target,
			.offset = (uint32_t)i,
			.opcode = p[0],
			.reg = (p[1] >> 3) & 7,
			.wide = i > 0 && (p[-1] & 0xF8) == 0x48,
			.imm = has_imm8 ? (int8_t)p[6] : 0,
		};
	}
	return n;
}

/* Everything that the search needs, so that its steps take one argument. */
struct search {
	const struct memory *memory;
	const struct go_image *image;
	const struct function_list *functions;
	struct go_runtime *rt;
	struct code_ref refs[REFS_MAX];
	size_t n_refs;
	uint8_t code[CODE_MAX_BYTES];
	size_t code_len;
};

static bool read_code(struct search *s, const struct function *f)
{
	s->code_len = MIN(f->end - f->entry, sizeof(s->code));
	return memory_read(s->memory, f->entry, s->code, s->code_len) == 0;
}

/* The references of the next function of @kind at or after *i; false where there is none left. */
static bool next_refs(struct search *s, enum function_kind kind, size_t *i)
{
	for (; *i < s->functions->n; (*i)++) {
		const struct function *f = &s->functions->functions[*i];

		if (f->kind != kind || !read_code(s, f))
			continue;
		s->n_refs = code_refs(s->code, s->code_len, f->entry, s->image, s->refs, REFS_MAX);
		(*i)++;
		return true;
	}
	return false;
}

static enum function_kind kind_at(const struct function_list *list, uint64_t entry)
{
	size_t lo = 0, hi = list->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list->functions[mid].entry < entry)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < list->n && list->functions[lo].entry == entry ? list->functions[lo].kind :
								    FUNCTION_KIND_MAX_;
}

struct ballot {
	struct {
		uint64_t address;
		unsigned int votes;
	} candidates[CANDIDATES_MAX];
	size_t n;
	unsigned int total;
};

static void ballot_vote(struct ballot *b, uint64_t address)
{
	b->total++;
	for (size_t i = 0; i < b->n; i++)
		if (b->candidates[i].address == address) {
			b->candidates[i].votes++;
			return;
		}
	if (b->n < CANDIDATES_MAX) {
		b->candidates[b->n].address = address;
		b->candidates[b->n++].votes = 1;
	}
}

/* The winner, with its votes; 0 where nobody has enough, or no majority. */
static uint64_t ballot_winner(const struct ballot *b, unsigned int *ret_votes)
{
	uint64_t best = 0;
	unsigned int votes = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->candidates[i].votes > votes) {
			votes = b->candidates[i].votes;
			best = b->candidates[i].address;
		}
	*ret_votes = votes;
	return votes >= VOTES_MIN && 2 * votes > b->total ? best : 0;
}

/*
 * The receiver of the call at @call: the nearest `lea rax, [rip + disp]` before it, with no other call in
 * between (RAX carries the first argument in Go's register ABI). 0 where there is none.
 */
static uint64_t receiver_before(const struct search *s, uint64_t entry, size_t call)
{
	for (size_t back = 7; back <= RECEIVER_WINDOW && back <= call; back++) {
		const uint8_t *p = s->code + call - back;
		int32_t disp;
		uint64_t target;

		memcpy(&disp, p + 3, sizeof(disp));
		if (p[0] == 0x48 && p[1] == 0x8D && p[2] == 0x05) {
			target = entry + call - back + 7 + (uint64_t)(int64_t)disp;
			return target >= s->image->data && target < s->image->enddata ? target : 0;
		}
		memcpy(&disp, p + 1, sizeof(disp));
		target = entry + call - back + 5 + (uint64_t)(int64_t)disp;
		if (p[0] == 0xE8 && target >= s->image->text && target < s->image->etext)
			return 0;
	}
	return 0;
}

/* Ballots for the five kinds of callee, filled in one walk over the runtime's code. */
struct election {
	struct ballot controller, mheap, memstats, limiter, lock, lock2;
};

static struct ballot *ballot_of(struct election *e, enum function_kind callee,
				enum function_kind caller)
{
	switch (callee) {
	case FUNCTION_GC_CONTROLLER:
		return &e->controller;
	case FUNCTION_MHEAP:
		return &e->mheap;
	case FUNCTION_HEAP_STATS:
		return &e->memstats;
	case FUNCTION_CPU_LIMITER:
		return &e->limiter;
	case FUNCTION_LOCK:
	case FUNCTION_LOCK2:
		/* Everybody takes locks; these functions take sched.lock above all. */
		if (caller != FUNCTION_SCHED_USER && caller != FUNCTION_STOP_THE_WORLD &&
		    caller != FUNCTION_SYSMON)
			return NULL;
		return callee == FUNCTION_LOCK ? &e->lock : &e->lock2;
	default:
		return NULL;
	}
}

static void hold_election(struct search *s, struct election *e)
{
	for (size_t i = 0; i < s->functions->n; i++) {
		const struct function *f = &s->functions->functions[i];

		if (!read_code(s, f))
			continue;
		for (size_t at = 0; at + 5 <= s->code_len; at++) {
			struct ballot *b;
			int32_t disp;
			uint64_t receiver;

			if (s->code[at] != 0xE8)
				continue;
			memcpy(&disp, s->code + at + 1, sizeof(disp));
			b = ballot_of(
				e,
				kind_at(s->functions, f->entry + at + 5 + (uint64_t)(int64_t)disp),
				f->kind);
			receiver = b ? receiver_before(s, f->entry, at) : 0;
			if (receiver)
				ballot_vote(b, receiver);
		}
	}
}

/*
 * gcControllerCommit loads memoryLimit (the controller + 8) and lastHeapGoal: the second's distance from the
 * controller is what tells one release's struct from another's.
 */
static void find_fingerprint(struct search *s)
{
	const uint64_t controller = s->rt->global[GLOBAL_GC_CONTROLLER];
	bool limit_seen = false;
	size_t i = 0;
	int offset = 0;

	if (!next_refs(s, FUNCTION_COMMIT, &i))
		return;
	for (size_t k = 0; k < s->n_refs; k++) {
		const struct code_ref *r = &s->refs[k];
		uint64_t distance = r->target - controller;

		if (r->opcode != 0x8B || !r->wide)
			continue;
		if (distance == 8)
			limit_seen = true;
		else if (distance > 8 && distance < CONTROLLER_BYTES)
			offset = (int)distance;
	}
	s->rt->last_goal_offset = limit_seen ? offset : 0;
}

static void find_allgs(struct search *s)
{
	size_t i = 0;

	while (!s->rt->global[GLOBAL_ALLGS] && next_refs(s, FUNCTION_ALLGADD, &i))
		for (size_t k = 0; k < s->n_refs; k++) {
			bool len = false, cap = false;

			for (size_t j = 0; j < s->n_refs; j++) {
				len |= s->refs[j].target == s->refs[k].target + 8;
				cap |= s->refs[j].target == s->refs[k].target + 16;
			}
			if (len && cap && s->refs[k].wide) {
				s->rt->global[GLOBAL_ALLGS] = s->refs[k].target;
				return;
			}
		}
}

/* The first reference of functions of @kind for which @accept holds. */
static uint64_t first_ref(struct search *s, enum function_kind kind,
			  bool (*accept)(const struct search *s, const struct code_ref *r))
{
	size_t i = 0;

	while (next_refs(s, kind, &i))
		for (size_t k = 0; k < s->n_refs; k++)
			if (accept(s, &s->refs[k]))
				return s->refs[k].target;
	return 0;
}

static bool is_wide_load(const struct search *s, const struct code_ref *r)
{
	(void)s;
	return r->opcode == 0x8B && r->wide;
}

/* `cmpl $0, madvdontneed(rip)`: 32 bits, value 0 or 1. */
static bool is_flag_test(const struct search *s, const struct code_ref *r)
{
	uint32_t v;

	return r->opcode == 0x83 && r->reg == 7 && !r->wide && r->imm == 0 && !(r->target & 3) &&
	       memory_read_u32(s->memory, r->target, &v) == 0 && v <= 1;
}

/* mProfCycle: the cycle's number twice and a bit; the number wraps at three times 2 << 24 (src/runtime/mprof.go). */
static bool is_mprof_cycle(const struct search *s, const struct code_ref *r)
{
	uint32_t v;

	return r->opcode == 0x8B && !r->wide && !(r->target & 3) &&
	       memory_read_u32(s->memory, r->target, &v) == 0 && v >> 1 < 3u * (2u << 24);
}

/* waitReasonStrings begins with "" and "GC assist marking" in every release. */
static bool is_wait_reasons(const struct search *s, const struct code_ref *r)
{
	static const char second[] = "GC assist marking";
	uint64_t strings[4];
	char text[sizeof(second) - 1];

	return r->opcode == 0x8D && r->wide &&
	       memory_read(s->memory, r->target, strings, sizeof(strings)) == 0 &&
	       strings[1] == 0 && strings[3] == sizeof(text) &&
	       memory_read(s->memory, strings[2], text, sizeof(text)) == 0 &&
	       !memcmp(text, second, sizeof(text));
}

/* forcegcperiod is 120 s in every release; a policy may have shortened it, hence the range. */
static bool is_gc_period(const struct search *s, const struct code_ref *r)
{
	uint64_t v;

	return r->wide && memory_read_u64(s->memory, r->target, &v) == 0 && v >= 1000000 &&
	       v <= UINT64_C(120000000000);
}

static bool is_same_gc_period(const struct search *s, const struct code_ref *r)
{
	return is_gc_period(s, r) && r->target == s->rt->global[GLOBAL_FORCE_GC_PERIOD];
}

/*
 * stopTheWorldWithSema does `sched.stopwait = gomaxprocs`: a 32-bit load, then within a few bytes a 32-bit store
 * into sched.
 */
static bool is_gomaxprocs(const struct search *s, const struct code_ref *r)
{
	const uint64_t sched = s->rt->global[GLOBAL_SCHED];
	uint32_t v;

	if (r->opcode != 0x8B || r->wide || memory_read_u32(s->memory, r->target, &v) < 0 ||
	    v == 0 || v > 4096)
		return false;
	for (const struct code_ref *next = r + 1; next < s->refs + s->n_refs; next++) {
		if (next->offset > r->offset + 16)
			return false;
		if (next->opcode == 0x89 && !next->wide && next->target > sched &&
		    next->target < sched + 1024)
			return true;
	}
	return false;
}

/* allp: the slice in procresize whose length is gomaxprocs and whose elements are P number 0, 1, ... */
static bool is_allp(const struct search *s, const struct code_ref *r)
{
	uint64_t slice[3], p;
	uint32_t id, procs;

	if (!r->wide || memory_read_u32(s->memory, s->rt->global[GLOBAL_GOMAXPROCS], &procs) < 0 ||
	    memory_read(s->memory, r->target, slice, sizeof(slice)) < 0 || slice[1] != procs ||
	    slice[2] < slice[1])
		return false;
	for (uint64_t i = 0; i < MIN(procs, 4u); i++)
		if (memory_read_u64(s->memory, slice[0] + 8 * i, &p) < 0 ||
		    memory_read_u32(s->memory, p, &id) < 0 || id != i)
			return false;
	return true;
}

/* `memprofilerate=` of GODEBUG: the one 64-bit store to a global there (parsedebugvars, src/runtime/runtime1.go). */
static bool is_rate_store(const struct search *s, const struct code_ref *r)
{
	return r->opcode == 0x89 && r->wide && !(r->target & 7) &&
	       r->target == s->rt->global[GLOBAL_MEM_PROFILE_RATE];
}

/*
 * newproc1 takes a batch of numbers by `lea reg, [rip + goidgen]; lock xadd [reg], n`: 64 bits, and what it adds to is
 * the first word of sched, which locks have told the place of.
 */
static bool is_goidgen(const struct search *s, const struct code_ref *r)
{
	const uint8_t *p = s->code + r->offset + 6;

	return r->opcode == 0x8D && r->wide && r->offset + 6 + 5 <= s->code_len && p[0] == 0xF0 &&
	       (p[1] & 0xF8) == 0x48 && p[2] == 0x0F && p[3] == 0xC1 && p[4] >> 6 != 3 &&
	       r->target == s->rt->global[GLOBAL_SCHED];
}

static void find_singles(struct search *s)
{
	uint64_t *global = s->rt->global;

	find_allgs(s);
	for (size_t i = 0; i < s->functions->n; i++)
		s->rt->profiles_heap |= s->functions->functions[i].kind == FUNCTION_MEM_PROFILE;
	global[GLOBAL_MBUCKETS] = first_ref(s, FUNCTION_MPROF_FLUSH, is_wide_load);
	global[GLOBAL_MPROF_CYCLE] = first_ref(s, FUNCTION_MPROF_CYCLE, is_mprof_cycle);
	global[GLOBAL_WAIT_REASONS] = first_ref(s, FUNCTION_WAIT_REASON, is_wait_reasons);
	global[GLOBAL_MEM_PROFILE_RATE] = first_ref(s, FUNCTION_ALLOCMCACHE, is_wide_load);
	s->rt->rate_confirmed = first_ref(s, FUNCTION_DEBUG_VARS, is_rate_store) != 0;
	global[GLOBAL_MADVDONTNEED] = first_ref(s, FUNCTION_SYSUNUSED, is_flag_test);
	global[GLOBAL_FORCE_GC_PERIOD] = first_ref(s, FUNCTION_GC_TRIGGER_TEST, is_gc_period);
	s->rt->period_confirmed =
		global[GLOBAL_FORCE_GC_PERIOD] && first_ref(s, FUNCTION_SYSMON, is_same_gc_period);
	if (!global[GLOBAL_FORCE_GC_PERIOD])
		global[GLOBAL_FORCE_GC_PERIOD] = first_ref(s, FUNCTION_SYSMON, is_gc_period);
	if (global[GLOBAL_SCHED])
		global[GLOBAL_GOMAXPROCS] = first_ref(s, FUNCTION_STOP_THE_WORLD, is_gomaxprocs);
	if (global[GLOBAL_SCHED])
		global[GLOBAL_GOIDGEN] = first_ref(s, FUNCTION_NEWPROC1, is_goidgen);
	if (global[GLOBAL_GOMAXPROCS])
		global[GLOBAL_ALLP] = first_ref(s, FUNCTION_PROCRESIZE, is_allp);
}

int globals_locate(const struct memory *m, const struct go_image *image,
		   const struct function_list *functions, struct go_runtime *rt)
{
	_cleanup_(freep) struct search *s = calloc(1, sizeof(*s));
	_cleanup_(freep) struct election *e = calloc(1, sizeof(*e));
	const struct go_release_layout *release = go_release_layout_of(rt->minor);
	struct go_gate_result *gate = &rt->gates[GATE_GC_CONTROLLER];
	unsigned int votes, ignored;
	uint64_t lock;

	if (!s || !e)
		return -ENOMEM;
	s->memory = m;
	s->image = image;
	s->functions = functions;
	s->rt = rt;
	hold_election(s, e);
	rt->global[GLOBAL_GC_CONTROLLER] = ballot_winner(&e->controller, &votes);
	gate->asked = true;
	gate->ok = rt->global[GLOBAL_GC_CONTROLLER] && !(rt->global[GLOBAL_GC_CONTROLLER] & 7);
	snprintf(gate->detail, sizeof(gate->detail), "%u of %u call sites agree", votes,
		 e->controller.total);
	if (!gate->ok)
		return GO_UNPROVED;
	rt->global[GLOBAL_MHEAP] = ballot_winner(&e->mheap, &ignored);
	rt->global[GLOBAL_MEMSTATS] = ballot_winner(&e->memstats, &ignored);
	rt->global[GLOBAL_CPU_LIMITER] = ballot_winner(&e->limiter, &ignored);
	lock = ballot_winner(&e->lock2, &ignored);
	if (!lock)
		lock = ballot_winner(&e->lock, &ignored);
	if (lock && release)
		rt->global[GLOBAL_SCHED] = lock - release->sched_lock;
	find_fingerprint(s);
	gate = &rt->gates[GATE_LAYOUT];
	gate->asked = true;
	gate->ok = go_controller_layout_of(rt->last_goal_offset) && release &&
		   rt->global[GLOBAL_MEMSTATS];
	snprintf(gate->detail, sizeof(gate->detail), "lastHeapGoal at +%d, Go 1.%d, memstats %s",
		 rt->last_goal_offset, rt->minor,
		 rt->global[GLOBAL_MEMSTATS] ? "found" : "not found");
	if (!gate->ok)
		return GO_LAYOUT_UNKNOWN;
	find_singles(s);
	return 0;
}
