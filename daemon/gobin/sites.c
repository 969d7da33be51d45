/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "gobin/functions.h"
#include "gobin/sites.h"

enum {
	PROLOGUE_BYTES = 64,
	CODE_MAX_BYTES = 16 * 1024, /* gcMarkTermination has 4 KB */
	RECEIVER_WINDOW = 40,	    /* bytes before a call in which its receiver is loaded */
	CALLS_MAX = 8,
	OPCODE_CALL = 0xE8,
	OPCODE_PUSH_RBP = 0x55,
	OPCODE_JBE = 0x76,
	OPCODE_LONG = 0x0F, /* of a long jbe: 0F 86 */
	OPCODE_INT3 = 0xCC,
	OPCODE_REX_WB = 0x49,
	CALL_BYTES = 5,
	REFILL_BYTES =
		128, /* the beginning of refill, where it looks at the span that has run out */
};

static const char *const names[] = {
	[SITE_GC_START] = "gc-start",		[SITE_PAUSE_GC] = "pause-gc",
	[SITE_PAUSE_GC_LAST] = "pause-gc-last", [SITE_PAUSE_OTHER] = "pause-other",
	[SITE_STOPPING_GC] = "stopping-gc",	[SITE_STOPPING_OTHER] = "stopping-other",
	[SITE_STOP_WORLD] = "stop-world",	[SITE_START_WORLD] = "start-world",
	[SITE_MPROF_MALLOC] = "mprof-malloc",	[SITE_REFILL] = "refill",
	[SITE_ALLOC_LARGE] = "alloc-large",	[SITE_NEWPROC] = "newproc",
};
_Static_assert(ARRAY_SIZE(names) == SITE_KIND_MAX_, "a name for each kind of site");

const char *go_site_name(enum go_site_kind kind)
{
	return kind < SITE_KIND_MAX_ ? names[kind] : "none";
}

const struct go_site *go_sites_get(const struct go_sites *s, enum go_site_kind kind)
{
	for (uint32_t i = 0; i < s->n && i < GO_SITES_MAX; i++)
		if (s->site[i].kind == kind)
			return &s->site[i];
	return NULL;
}

bool go_sites_have(const struct go_sites *s, enum go_site_kind kind)
{
	return go_sites_get(s, kind) != NULL;
}

uint32_t go_site_length(const struct go_site *s)
{
	switch (s->code[0]) {
	case OPCODE_PUSH_RBP:
		return 1;
	case OPCODE_JBE:
		return 2;
	case OPCODE_CALL:
		return 5;
	case OPCODE_LONG:
		return 6;
	default:
		return 0;
	}
}

/* Where a probe sits already, somebody's or our own, memory has its breakpoint in the place of the opcode. */
static bool is_opcode(uint8_t have, uint8_t want)
{
	return have == want || have == OPCODE_INT3;
}

static void add(struct go_sites *s, const struct memory *m, enum go_site_kind kind,
		uint64_t address, uint8_t opcode)
{
	const struct memory_region *region = memory_region_at(m, address);
	struct go_site *site = &s->site[s->n];

	/* A probe sits in a file: anonymous code cannot have one. */
	if (s->n == GO_SITES_MAX || !region || !region->file || !(region->flags & MEMORY_EXEC))
		return;
	*site = (struct go_site){
		.address = address,
		.file_offset = region->offset + (address - region->start),
		.kind = (uint8_t)kind,
	};
	if (memory_read(m, address, site->code, sizeof(site->code)) < 0)
		return;
	site->code[0] = opcode;
	s->n++;
}

/*
 * Behind the stack check: the push of rbp where the frame pointer is saved so (from 1.21), else the check's own jump.
 * At both the arguments are still in their registers, and the stack pointer is where the caller left it.
 */
static void add_entry(struct go_sites *s, const struct memory *m, const struct function *f,
		      enum go_site_kind kind)
{
	static const uint8_t save[] = { 0x48, 0x89, 0xE5 }; /* mov rbp, rsp */
	uint8_t code[PROLOGUE_BYTES];
	const size_t len = MIN(f->end - f->entry, sizeof(code));

	if (len < 8 || memory_read(m, f->entry, code, len) < 0)
		return;
	for (size_t i = 0; i + 1 + sizeof(save) <= len; i++)
		if (is_opcode(code[i], OPCODE_PUSH_RBP) &&
		    !memcmp(code + i + 1, save, sizeof(save))) {
			add(s, m, kind, f->entry + i, OPCODE_PUSH_RBP);
			return;
		}
	/* cmp rsp, [r14+16] or lea r12, [rsp-N]; cmp r12, [r14+16]; then jbe. */
	for (size_t i = 4; i + 2 <= len && i < 24; i++) {
		const bool is_long = is_opcode(code[i], OPCODE_LONG) && code[i + 1] == 0x86;

		if (code[i - 1] == 0x10 && (is_long || is_opcode(code[i], OPCODE_JBE))) {
			add(s, m, kind, f->entry + i, is_long ? OPCODE_LONG : OPCODE_JBE);
			return;
		}
	}
}

/* A call of timeHistogram.record, and the histogram that it is told of. */
struct call {
	uint64_t address, histogram;
};

static uint64_t receiver_of(const uint8_t *code, size_t at, uint64_t entry)
{
	for (size_t i = at; i-- > 0 && at - i <= RECEIVER_WINDOW;) {
		int32_t disp;

		if (i + 7 > at || code[i] != 0x48 || code[i + 1] != 0x8D || code[i + 2] != 0x05)
			continue;
		memcpy(&disp, code + i + 3, sizeof(disp));
		return entry + i + 7 + (uint64_t)(int64_t)disp;
	}
	return 0;
}

static size_t find_calls(const struct memory *m, const struct function *f, uint64_t record,
			 struct call ret[CALLS_MAX])
{
	static uint8_t code[CODE_MAX_BYTES];
	const size_t len = MIN(f->end - f->entry, sizeof(code));
	size_t n = 0;

	if (memory_read(m, f->entry, code, len) < 0)
		return 0;
	for (size_t i = 0; i + 5 <= len && n < CALLS_MAX; i++) {
		int32_t disp;

		if (!is_opcode(code[i], OPCODE_CALL))
			continue;
		memcpy(&disp, code + i + 1, sizeof(disp));
		if (f->entry + i + 5 + (uint64_t)(int64_t)disp == record)
			ret[n++] = (struct call){ .address = f->entry + i,
						  .histogram = receiver_of(code, i, f->entry) };
	}
	return n;
}

/* Functions that record twice: for the collector's stops, and for all others. */
static const struct pair {
	enum probed_function probed;
	enum go_site_kind gc, other;
} pairs[] = {
	{ PROBED_START_WORLD, SITE_PAUSE_GC, SITE_PAUSE_OTHER },
	{ PROBED_STOP_WORLD, SITE_STOPPING_GC, SITE_STOPPING_OTHER },
};

/* schedt has the two histograms in this order (src/runtime/runtime2.go). */
static void add_pair(struct go_sites *s, const struct memory *m, const struct function *f,
		     uint64_t record, const struct pair *pair)
{
	struct call calls[CALLS_MAX];
	size_t n = find_calls(m, f, record, calls);

	if (n != 2 || !calls[0].histogram || !calls[1].histogram ||
	    calls[0].histogram == calls[1].histogram)
		return;
	for (size_t i = 0; i < n; i++)
		add(s, m, calls[i].histogram < calls[!i].histogram ? pair->gc : pair->other,
		    calls[i].address, OPCODE_CALL);
}

static uint64_t record_entry(const struct function_list *functions)
{
	for (size_t i = 0; i < functions->n; i++)
		if (functions->functions[i].probed == PROBED_HISTOGRAM_RECORD)
			return functions->functions[i].entry;
	return 0;
}

static void add_pauses(struct go_sites *s, const struct memory *m, const struct function_list *list,
		       uint64_t record)
{
	struct call calls[CALLS_MAX];

	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(pairs); k++)
			if (list->functions[i].probed == pairs[k].probed)
				add_pair(s, m, &list->functions[i], record, &pairs[k]);
	if (go_sites_have(s, SITE_PAUSE_GC))
		return;
	/* To 1.21 the collector records its pauses where they end. */
	for (size_t i = 0; i < list->n; i++) {
		const enum probed_function probed = list->functions[i].probed;
		const bool last = probed == PROBED_MARK_TERMINATION;
		size_t n = 0;

		if (last || probed == PROBED_GC_PART)
			n = find_calls(m, &list->functions[i], record, calls);
		for (size_t k = 0; k < n; k++)
			add(s, m, last ? SITE_PAUSE_GC_LAST : SITE_PAUSE_GC, calls[k].address,
			    OPCODE_CALL);
	}
}

static void add_entries(struct go_sites *s, const struct memory *m,
			const struct function_list *list)
{
	static const struct {
		enum probed_function probed;
		enum go_site_kind kind;
		bool estimate; /* only where the exact pauses are not to be had */
	} entries[] = {
		{ PROBED_GC_START, SITE_GC_START, false },
		{ PROBED_MPROF_MALLOC, SITE_MPROF_MALLOC, false },
		{ PROBED_REFILL, SITE_REFILL, false },
		{ PROBED_ALLOC_LARGE, SITE_ALLOC_LARGE, false },
		{ PROBED_STOP_WORLD, SITE_STOP_WORLD, true },
		{ PROBED_START_WORLD, SITE_START_WORLD, true },
	};
	const bool exact = go_sites_have(s, SITE_PAUSE_GC);

	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(entries); k++)
			if (list->functions[i].probed == entries[k].probed &&
			    !(entries[k].estimate && exact) && !go_sites_have(s, entries[k].kind))
				add_entry(s, m, &list->functions[i], entries[k].kind);
}

/*
 * (*mcache).refill begins with s := c.alloc[spc]; if s.allocCount != s.nelems: mov span, [rax + class * 8 + slot], then
 * movzx count, word [span + counts]. Both displacements are a byte.
 */
static void find_span_counts(struct go_sites *s, const struct memory *m, const struct function *f)
{
	uint8_t code[REFILL_BYTES];
	const size_t len = MIN(f->end - f->entry, sizeof(code));

	if (len < 9 || memory_read(m, f->entry, code, len) < 0)
		return;
	for (size_t i = 0; i + 9 <= len; i++) {
		const uint8_t *c = code + i, span = c[2] >> 3 & 7;

		/* ModRM with a SIB and a byte; SIB of scale 8 and base rax; then ModRM of that register and a byte. */
		if (c[0] != 0x48 || c[1] != 0x8B || (c[2] & 0xC7) != 0x44 ||
		    (c[3] & 0xC7) != 0xC0 || c[5] != 0x0F || c[6] != 0xB7 ||
		    (c[7] & 0xC7) != (0x40 | span) || c[4] > 127 || c[8] > 127)
			continue;
		s->span_slot = c[4];
		s->span_counts = c[8];
		return;
	}
}

static void find_spans(struct go_sites *s, const struct memory *m, const struct function_list *list)
{
	for (size_t i = 0; i < list->n && !s->span_counts; i++)
		if (list->functions[i].probed == PROBED_REFILL)
			find_span_counts(s, m, &list->functions[i]);
}

/*
 * There are two of the name: what assembly calls, which loads g first, and what Go code does, which begins with the stack
 * check. The latter's callers within the runtime are found in their code.
 */
static const struct function *find_newproc(const struct memory *m, const struct function_list *list)
{
	static const uint8_t check[] = { 0x3B, 0x66,
					 0x10 }; /* cmp rsp, [r14+16], without its prefix */
	uint8_t code[1 + sizeof(check)];

	for (size_t i = 0; i < list->n; i++) {
		const struct function *f = &list->functions[i];

		if (f->probed == PROBED_NEWPROC && f->end - f->entry >= sizeof(code) &&
		    memory_read(m, f->entry, code, sizeof(code)) == 0 &&
		    is_opcode(code[0], OPCODE_REX_WB) && !memcmp(code + 1, check, sizeof(check)))
			return f;
	}
	return NULL;
}

/* Where in @code, which begins at @address, @target is called: what these calls return to. */
static void add_own_calls(struct go_sites *s, const uint8_t *code, size_t len, uint64_t address,
			  uint64_t target)
{
	const uint8_t *at = code, *end = code + len;

	while (end - at >= CALL_BYTES && (at = memchr(at, OPCODE_CALL, (size_t)(end - at))) &&
	       end - at >= CALL_BYTES) {
		const uint64_t next = address + (uint64_t)(at - code) + CALL_BYTES;
		int32_t disp;

		memcpy(&disp, at + 1, sizeof(disp));
		if (next + (uint64_t)(int64_t)disp == target && s->n_own_calls < GO_OWN_CALLS_MAX)
			s->own_calls[s->n_own_calls++] = next;
		at++;
	}
}

static void add_newproc(struct go_sites *s, const struct memory *m,
			const struct function_list *list)
{
	const struct function *newproc = find_newproc(m, list);
	_cleanup_(freep) struct memory_window *w = newproc ? malloc(sizeof(*w)) : NULL;

	if (!w)
		return;
	w->memory = m;
	w->start = w->filled = 0;
	add_entry(s, m, newproc, SITE_NEWPROC);
	for (size_t i = 0; i < list->n && go_sites_have(s, SITE_NEWPROC); i++) {
		const struct function *f = &list->functions[i];
		const size_t len = MIN(f->end - f->entry, (uint64_t)CODE_MAX_BYTES);
		const uint8_t *code;

		if (memory_window_get(w, f->entry, len, &code) == 0)
			add_own_calls(s, code, len, f->entry, newproc->entry);
	}
}

void go_sites_find(const struct memory *m, const struct function_list *functions,
		   struct go_sites *ret)
{
	const uint64_t record = record_entry(functions);

	*ret = (struct go_sites){ 0 };
	if (record)
		add_pauses(ret, m, functions, record);
	add_entries(ret, m, functions);
	find_spans(ret, m, functions);
	add_newproc(ret, m, functions);
}
