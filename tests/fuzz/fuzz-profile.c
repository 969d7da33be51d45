/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gosymbols.h"
#include "gobin/causes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	HEADER = 2, /* release, mProfCycle; the latter is how many causes are wanted as well */
	TOP_MAX = 20,
};

static void check_heap(const struct heap_profile *p)
{
	if (p->n > HEAP_BUCKETS_MAX || p->n_pcs > HEAP_PCS_MAX)
		abort();
	for (size_t i = 0; i < p->n; i++)
		if ((size_t)p->buckets[i].first_pc + p->buckets[i].n_pcs > p->n_pcs ||
		    p->buckets[i].n_pcs > HEAP_STACK_MAX)
			abort();
}

static void check_pc(const struct go_symbols *symbols, uint64_t pc)
{
	const struct go_module *module = go_symbols_module(symbols);

	if (pc && (pc < module->text || pc >= module->etext))
		abort();
}

/* Texts that end, figures that are parts of the whole, and no more of them than were asked for. */
static void check_causes(const struct causes *c, size_t top)
{
	const struct causes_summary *all = &c->summary;
	uint64_t stacks = all->left_out;

	if (c->n > 2 * top || c->n > all->n_causes || all->n_causes > CAUSES_MAX)
		abort();
	for (size_t i = 0; i < c->n; i++) {
		const struct cause *cause = &c->causes[i];

		stacks += cause->n_stacks;
		if (!cause->n_stacks || cause->class >= ALLOC_CLASS_MAX_ || !cause_key(cause) ||
		    cause->figures.inuse_bytes > all->figures.inuse_bytes ||
		    cause->figures.alloc_bytes > all->figures.alloc_bytes ||
		    !memchr(cause->at.call.function, 0, GO_NAME_MAX) ||
		    !memchr(cause->at.into.file, 0, GO_NAME_MAX) ||
		    !memchr(cause->site.call.file, 0, GO_NAME_MAX) ||
		    !memchr(cause->type, 0, GO_TYPE_NAME_MAX))
			abort();
		for (size_t k = 0; k < i; k++)
			if (cause_key(&c->causes[k]) == cause_key(cause))
				abort();
	}
	if (stacks > all->n_stacks)
		abort();
}

/* Of a heap by cause it is as much as by stack. */
static void check_causes_of_heap(const struct heap_profile *p, struct go_symbols *symbols,
				 size_t top)
{
	struct heap_figures sum = { 0 };
	struct causes c;

	if (causes_of_heap(p, symbols, "example.org/x", top, &c) < 0)
		abort();
	check_causes(&c, top);
	for (size_t i = 0; i < p->n; i++) {
		const struct heap_figures f = heap_bucket_figures(&p->buckets[i], p->rate);

		if (!p->buckets[i].allocs && !p->buckets[i].frees)
			continue;
		sum.inuse_bytes = add_sat(sum.inuse_bytes, f.inuse_bytes);
		sum.alloc_bytes = add_sat(sum.alloc_bytes, f.alloc_bytes);
	}
	if (sum.inuse_bytes != c.summary.figures.inuse_bytes ||
	    sum.alloc_bytes != c.summary.figures.alloc_bytes)
		abort();
	causes_done(&c);
}

/* By statement they are as many as by group, and hold as much; the system's and those of none are left out. */
static void check_causes_of_goroutines(const struct goroutines *g, struct go_symbols *symbols,
				       size_t top)
{
	uint64_t objects = 0, bytes = 0;
	struct causes c;

	if (causes_of_goroutines(g, symbols, "", top, &c) < 0)
		abort();
	check_causes(&c, top);
	for (size_t i = 0; i < g->n; i++)
		if (!g->groups[i].system && g->groups[i].created_pc) {
			objects += g->groups[i].n;
			bytes += g->groups[i].stack_bytes;
		}
	if (c.summary.figures.inuse_objects != objects || c.summary.figures.inuse_bytes != bytes ||
	    c.summary.figures.alloc_bytes)
		abort();
	for (size_t i = 0; i < c.n; i++)
		if (c.causes[i].class != ALLOC_GOROUTINE)
			abort();
	causes_done(&c);
}

static void check_goroutines(const struct go_symbols *symbols, const struct goroutines *g, bool all)
{
	uint64_t in_groups = 0;

	if (g->n > GOROUTINE_GROUPS_MAX)
		abort();
	for (size_t i = 0; i < g->n; i++) {
		in_groups += g->groups[i].n;
		check_pc(symbols, g->groups[i].start_pc);
		check_pc(symbols, g->groups[i].created_pc);
		if (g->groups[i].stack_bytes > g->groups[i].n * GIB)
			abort();
		if (g->groups[i].n_dated > g->groups[i].n ||
		    g->groups[i].waited_p50_ns > g->groups[i].waited_max_ns)
			abort();
		if (!goroutines_doing(g, &g->groups[i])[0])
			abort();
	}
	if (all && in_groups + g->summary.left_out != g->summary.alive + g->summary.system)
		abort();
	if (in_groups + g->summary.left_out > g->summary.alive + g->summary.system ||
	    g->summary.alive + g->summary.system + g->summary.dead + g->summary.unreadable +
			    g->summary.not_looked_at !=
		    g->summary.listed)
		abort();
}

/* The input is the heap, where buckets, goroutines and their list lie; both walks begin at its start. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct goimage g, *pristine[9];
	const int minor = size ? 19 + data[0] % 9 : 0;
	const struct goroutines_blocked blocked = { .now_ns = UINT64_C(1) << 60 };
	struct heap_profile heap = { 0 };
	struct goroutines goroutines = { 0 };
	struct go_symbols *symbols = NULL;
	struct gosymbols gs;

	if (size < HEADER || minor == 20)
		return 0;
	if (!pristine[minor - 19])
		pristine[minor - 19] = goimage_new(minor);
	memcpy(&g, pristine[minor - 19], sizeof(g));
	goimage_regions(&g);
	gs = gosymbols_make(&g);
	goimage_put(&g, REGION_HEAP, 0, data + HEADER, MIN(size - HEADER, (size_t)GOIMAGE_REGION));
	goimage_put_u64(&g, REGION_DATA, AT_MBUCKETS, GOIMAGE_HEAP);
	g.bytes[REGION_DATA][AT_MPROF_CYCLE] = data[1];
	for (size_t i = 0; i < 3; i++)
		goimage_put_u64(&g, REGION_DATA, AT_ALLGS + 8 * i, i ? 64 : GOIMAGE_HEAP);
	gs.runtime.global[GLOBAL_MBUCKETS] = goimage_data(&g, AT_MBUCKETS);
	gs.runtime.global[GLOBAL_MPROF_CYCLE] = goimage_data(&g, AT_MPROF_CYCLE);
	gs.runtime.global[GLOBAL_MEM_PROFILE_RATE] = goimage_data(&g, AT_PROFILE_RATE);
	gs.runtime.global[GLOBAL_ALLGS] = goimage_data(&g, AT_ALLGS);
	gs.runtime.global[GLOBAL_WAIT_REASONS] = GOIMAGE_HEAP;
	if (go_symbols_new(&g.memory, &gs.runtime, &symbols) < 0)
		abort();
	if (heap_profile_read(&g.memory, &gs.runtime, &heap) == 0) {
		check_heap(&heap);
		check_causes_of_heap(&heap, symbols, data[1] % TOP_MAX);
	}
	if (goroutines_read(&g.memory, &gs.runtime, symbols, size % 2 ? &blocked : NULL,
			    &goroutines) == 0) {
		check_goroutines(symbols, &goroutines, size % 2 == 0);
		check_causes_of_goroutines(&goroutines, symbols, data[1] % TOP_MAX);
	}
	heap_profile_done(&heap);
	goroutines_done(&goroutines);
	go_symbols_free(symbols);
	return 0;
}
