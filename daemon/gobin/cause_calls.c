/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "gobin/cause_calls.h"
#include "gobin/go_name.h"

enum {
	CALL_OPCODE = 0xe8, /* call rel32 */
	CALL_BYTES = 5,
};

/* The calls at an address into c->frames, innermost first, at least one. */
static size_t frames_at(struct cause_calls *c, uint64_t pc)
{
	const uint32_t flags = SYMBOLS_RETURN | (c->expanded ? SYMBOLS_INNERMOST : 0);
	size_t n = 0;

	if (go_symbols_frames(c->symbols, pc, flags, c->frames, c->expanded ? 1 : GO_FRAMES_MAX,
			      &n) ||
	    n == 0) {
		struct call_site unnamed;

		call_site_unnamed(pc, &unnamed);
		c->frames[0] = (struct go_frame){ 0 };
		text_copy(c->frames[0].function, GO_NAME_MAX, unnamed.function);
		text_copy(c->frames[0].file, GO_NAME_MAX, unnamed.file);
		n = 1;
	}
	return n;
}

/* What the compiler made around a method is in no stack of Go's own. */
static bool is_skipped(const struct cause_calls *c, const struct go_frame *f)
{
	return !c->expanded && f->wrapper;
}

static bool is_site(const struct cause_calls *c, const struct go_frame *f)
{
	return !is_skipped(c, f) && !go_call_is_runtime(f->function, f->file);
}

static bool is_cause(const struct cause_calls *c, const struct go_frame *f)
{
	return !is_skipped(c, f) && go_call_is_main(f->function, f->file, c->module);
}

static uint64_t key_of(struct go_frame *f)
{
	struct call_site at;

	call_site_of(f, &at);
	return MAX(call_site_key(&at), (uint64_t)1);
}

void cause_calls_look_up(struct cause_calls *c, uint64_t pc, struct cause_address *ret)
{
	const size_t n = frames_at(c, pc);

	*ret = (struct cause_address){ .pc = pc };
	for (size_t i = 0; i < n && !ret->cause; i++) {
		if (!ret->site && is_site(c, &c->frames[i]))
			ret->site = key_of(&c->frames[i]);
		if (is_cause(c, &c->frames[i]))
			ret->cause = key_of(&c->frames[i]);
	}
}

/* The call number @k of those at the stack's address @i, which is in c->frames, and what that was inlined into. */
static void name_line(struct cause_calls *c, const uint64_t *pcs, uint32_t n_pcs, uint32_t i,
		      size_t k, size_t n, struct cause_line *ret)
{
	bool inlined = c->frames[k].inlined;

	call_site_of(&c->frames[k], &ret->call);
	ret->inlined = inlined;
	ret->into = ret->call;
	if (!inlined)
		return;
	if (!c->expanded) {
		call_site_of(&c->frames[n - 1], &ret->into);
		return;
	}
	/* The calls that it was inlined into are the next addresses. */
	while (inlined && ++i < n_pcs) {
		if (go_symbols_frames(c->symbols, pcs[i], SYMBOLS_RETURN | SYMBOLS_INNERMOST,
				      &c->outer, 1, &n) ||
		    n == 0)
			return;
		inlined = c->outer.inlined;
		call_site_of(&c->outer, &ret->into);
	}
}

/*
 * The runtime's profile of the heap leaves its own innermost calls out (mProf_Malloc skips as many as there are between it
 * and what a program calls, mprof.go), and with them what was called. It is in the call instruction that the innermost
 * address returns to.
 */
static void note_called(struct cause_calls *c, uint64_t pc)
{
	struct go_frame *f = &c->outer;
	uint8_t call[CALL_BYTES];
	int32_t distance;

	if (!c->expanded || pc < sizeof(call) ||
	    pages_read(go_symbols_pages(c->symbols), pc - sizeof(call), call, sizeof(call)) < 0 ||
	    call[0] != CALL_OPCODE)
		return;
	memcpy(&distance, call + 1, sizeof(distance));
	pc += (uint64_t)(int64_t)distance;
	if (go_symbols_function(c->symbols, pc, f) == 0 && f->entry == pc &&
	    go_call_is_runtime(f->function, f->file))
		alloc_calls_add(&c->inner, f->function);
}

/* From the innermost call to the site, and on to the cause. */
static void name_calls(struct cause_calls *c, const uint64_t *pcs, uint32_t n_pcs,
		       struct cause *ret)
{
	bool has_site = false;

	c->inner.n = 0;
	if (n_pcs > 0)
		note_called(c, pcs[0]);
	for (uint32_t i = 0; i < n_pcs; i++) {
		const size_t n = frames_at(c, pcs[i]);

		for (size_t k = 0; k < n; k++) {
			const struct go_frame *f = &c->frames[k];

			if (!has_site && !is_skipped(c, f))
				alloc_calls_add(&c->inner, f->function);
			if (!has_site && is_site(c, f)) {
				has_site = true;
				name_line(c, pcs, n_pcs, i, k, n, &ret->site);
			}
			if (is_cause(c, f)) {
				name_line(c, pcs, n_pcs, i, k, n, &ret->at);
				return;
			}
		}
	}
	if (!has_site) {
		const size_t n = frames_at(c, n_pcs ? pcs[0] : 0);

		name_line(c, pcs, n_pcs, 0, 0, n, &ret->site);
	}
	ret->at = ret->site;
}

void cause_calls_name(struct cause_calls *c, const uint64_t *pcs, uint32_t n_pcs, struct cause *ret)
{
	name_calls(c, pcs, n_pcs, ret);
	ret->class = alloc_calls_class(&c->inner);
}

uint64_t cause_calls_innermost(struct cause_calls *c, uint64_t pc)
{
	frames_at(c, pc);
	return key_of(&c->frames[0]);
}
