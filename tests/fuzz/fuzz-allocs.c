/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gosymbols.h"
#include "gobin/alloc_sites.h"
#include "gobin/causes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SLICE = 0x11, /* of a record's first byte: what came before it is settled */
	PC_BYTES = 8,
};

/* What is left of the input, as numbers: 0 where it is at its end. */
struct input {
	const uint8_t *data;
	size_t size;
};

static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t v = 0;

	bytes = MIN(bytes, in->size);
	memcpy(&v, in->data, bytes);
	in->data += bytes;
	in->size -= bytes;
	return v;
}

/* Mostly addresses that lie in the tables: a byte says where, and 0xff that all eight of it follow. */
static uint64_t take_address(struct input *in, uint64_t near)
{
	const uint64_t v = take(in, 1);

	return v == 0xff ? take(in, PC_BYTES) : near + v;
}

/* What a process tells by its stack and registers: all of it is its own to choose, but not how the record is made. */
static void take_alloc(struct input *in, const struct gosymbols *gs, struct event_alloc *a)
{
	*a = (struct event_alloc){ 0 };
	a->head.kind = (uint32_t)(EVENT_MPROF_MALLOC + take(in, 1) % 3);
	a->head.value = take(in, 1 + take(in, 1) % 8);
	a->weight = (uint32_t)take(in, 1);
	a->given = (uint32_t)take(in, 3);
	a->caller = take_address(in, gosymbols_text(gs));
	a->n_pcs = (uint32_t)take(in, 1);
	a->n_frames = (uint32_t)take(in, 1);
	for (size_t i = 0; i < MIN(a->n_pcs, (uint32_t)EVENT_STACK_MAX) && in->size > 0; i++)
		a->pcs[i] = take_address(in, gosymbols_text(gs));
	for (size_t i = 0; i < EVENT_FRAMES; i++) {
		a->frame[i].pc = i ? a->pcs[i] : a->caller;
		a->frame[i].words[0] = take(in, 1);
		a->frame[i].words[1] = take_address(in, gosymbols_at(gs, SYM_TYPES));
	}
}

static void check_stacks(const struct alloc_stacks *s)
{
	uint64_t samples = s->samples_left_out;

	if (s->n > ALLOC_STACKS_MAX)
		abort();
	for (uint32_t i = 0; i < s->n; i++) {
		samples += s->stacks[i].samples;
		if (s->stacks[i].n_pcs < 1 || s->stacks[i].n_pcs > ALLOC_PCS_MAX ||
		    s->stacks[i].bytes > s->bytes)
			abort();
	}
	if (samples != s->samples)
		abort();
}

static void check_sites(const struct alloc_sites *s, size_t top)
{
	uint64_t bytes = UINT64_MAX;

	if (s->n > top || s->n > s->n_sites)
		abort();
	for (size_t i = 0; i < s->n; i++) {
		const struct alloc_site *site = &s->sites[i];

		if (site->bytes > bytes || site->n_callers > CALL_SITE_CALLERS_MAX ||
		    site->class >= ALLOC_CLASS_MAX_ || !memchr(site->type, 0, sizeof(site->type)) ||
		    !memchr(site->at.function, 0, sizeof(site->at.function)))
			abort();
		bytes = site->bytes;
	}
}

/* By cause samples are as many as by stack, but for those whose cause is not told; each figure has its own top. */
static void check_causes(const struct alloc_stacks *stacks, struct go_symbols *symbols, size_t top)
{
	const char *module = top % 2 ? "example.org/x" : "";
	uint64_t samples = 0, bytes = 0, told = 0;
	struct causes c;

	if (causes_of_stacks(stacks->stacks, stacks->n, symbols, module, top, &c) < 0)
		abort();
	for (uint32_t i = 0; i < stacks->n; i++) {
		samples = add_sat(samples, stacks->stacks[i].samples);
		bytes = add_sat(bytes, stacks->stacks[i].bytes);
	}
	if (c.n > top || c.n > c.summary.n_causes || c.summary.n_stacks != stacks->n ||
	    c.summary.figures.alloc_objects != samples || c.summary.figures.alloc_bytes != bytes ||
	    c.summary.figures.inuse_bytes || c.summary.left_out)
		abort();
	for (size_t i = 0; i < c.n; i++) {
		const struct cause *cause = &c.causes[i];

		told += cause->n_stacks;
		if (!cause->n_stacks || cause->class >= ALLOC_CLASS_MAX_ || !cause_key(cause) ||
		    !cause->at.call.function[0] || !cause->site.call.function[0] ||
		    !memchr(cause->at.into.function, 0, GO_NAME_MAX) ||
		    !memchr(cause->type, 0, sizeof(cause->type)) ||
		    (i > 0 && cause->figures.alloc_bytes > cause[-1].figures.alloc_bytes))
			abort();
	}
	if (told > stacks->n)
		abort();
	causes_done(&c);
}

/* The first byte: release, what samples there are, and how many sites are wanted; then samples. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct goimage g, *pristine[3];
	struct input in = { .data = data, .size = size };
	struct go_symbols *symbols = NULL;
	struct alloc_stacks stacks;
	struct alloc_sites sites = { 0 };
	struct event_alloc a;
	struct gosymbols gs;
	uint64_t how;

	if (size < 2)
		return 0;
	how = take(&in, 1);
	for (int i = 0; i < 3; i++)
		if (!pristine[i])
			pristine[i] = goimage_new(19 + 4 * i);
	memcpy(&g, pristine[how % 3], sizeof(g));
	goimage_regions(&g);
	gs = gosymbols_make(&g);
	gosymbols_rename_plain(&gs, how & 4 ? "runtime.mallocgc" : "runtime.(*mcache).nextFree");
	if (go_symbols_new(&g.memory, &gs.runtime, &symbols) < 0)
		abort();
	if (alloc_stacks_init(&stacks, how & 8 ? 0 : 512, gosymbols_at(&gs, SYM_TYPES),
			      gosymbols_at(&gs, SYM_TYPES + SYM_TYPES_BYTES)) < 0)
		abort();
	while (in.size > 0) {
		if ((in.data[0] & SLICE) == SLICE && how & 8)
			alloc_stacks_settle(&stacks, take(&in, 2), take(&in, 8));
		take_alloc(&in, &gs, &a);
		alloc_stacks_add(&stacks, &a);
	}
	alloc_stacks_finish(&stacks, how, how << 8);
	check_stacks(&stacks);
	if (alloc_sites_read(stacks.stacks, stacks.n, symbols, how >> 4, &sites) < 0)
		abort();
	check_sites(&sites, how >> 4);
	alloc_sites_done(&sites);
	check_causes(&stacks, symbols, how >> 4);
	alloc_stacks_done(&stacks);
	go_symbols_free(symbols);
	return 0;
}
