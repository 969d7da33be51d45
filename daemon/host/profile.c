/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/text.h"
#include "base/util.h"
#include "host/profile.h"

static int make_rows(struct profile *p, size_t n)
{
	p->rows = calloc(MAX(n, (size_t)1), sizeof(*p->rows));
	p->summary.n_rows = (uint32_t)n;
	return p->rows ? 0 : -ENOMEM;
}

static int take_heap(const struct memory *m, const struct go_runtime *rt,
		     struct go_symbols *symbols, const struct profile_order *order,
		     struct profile *p)
{
	const struct heap_sites_order wanted = { .top = order->top, .callers = order->callers };
	_cleanup_(heap_profile_done) struct heap_profile heap = { 0 };
	_cleanup_(heap_sites_done) struct heap_sites sites = { 0 };
	int r = heap_profile_read(m, rt, &heap);

	if (r == 0)
		r = heap_sites_read(&heap, symbols, &wanted, &sites);
	if (r == 0)
		r = make_rows(p, sites.n);
	if (r)
		return r;
	for (size_t i = 0; i < sites.n; i++)
		p->rows[i].heap = sites.sites[i];
	p->summary.heap = sites.summary;
	return 0;
}

/* A `go` statement, by where it goes on. */
static void name_created(struct go_symbols *symbols, uint64_t pc, struct call_site *ret)
{
	struct go_frame frame;
	size_t n = 0;

	*ret = (struct call_site){ .function = "?", .file = "?" };
	if (pc &&
	    go_symbols_frames(symbols, pc, SYMBOLS_RETURN | SYMBOLS_INNERMOST, &frame, 1, &n) == 0)
		call_site_of(&frame, ret);
}

static void name_group(const struct goroutines *g, const struct goroutine_group *group,
		       struct go_symbols *symbols, struct goroutine_row *row)
{
	struct go_frame frame;

	*row = (struct goroutine_row){ .system = group->system,
				       .n = group->n,
				       .stack_bytes = group->stack_bytes,
				       .n_dated = group->n_dated,
				       .waited_p50_ns = group->waited_p50_ns,
				       .waited_max_ns = group->waited_max_ns,
				       .start = { .function = "?", .file = "?" } };
	text_copy(row->doing, sizeof(row->doing), goroutines_doing(g, group));
	if (group->start_pc && go_symbols_function(symbols, group->start_pc, &frame) == 0)
		call_site_of(&frame, &row->start);
	name_created(symbols, group->created_pc, &row->created);
}

static int take_goroutines(const struct profile_order *order, const struct memory *m,
			   const struct go_runtime *rt, struct go_symbols *symbols,
			   struct profile *p)
{
	_cleanup_(goroutines_done) struct goroutines g = { 0 };
	int r = goroutines_read(m, rt, symbols, order->is_blocked ? &order->blocked : NULL, &g);

	if (r == 0)
		r = make_rows(p, g.n);
	if (r)
		return r;
	for (size_t i = 0; i < g.n; i++)
		name_group(&g, &g.groups[i], symbols, &p->rows[i].goroutine);
	p->summary.goroutines = g.summary;
	return 0;
}

static int take_allocs(const struct profile_order *order, struct go_symbols *symbols,
		       struct profile *p)
{
	_cleanup_(alloc_sites_done) struct alloc_sites sites = { 0 };
	int r = alloc_sites_read(order->stacks, order->n_stacks, symbols, order->top, &sites);

	if (r == 0)
		r = make_rows(p, sites.n);
	if (r)
		return r;
	for (size_t i = 0; i < sites.n; i++)
		p->rows[i].alloc = sites.sites[i];
	p->summary.allocs =
		(struct allocs_summary){ .n_sites = sites.n_sites, .n_stacks = order->n_stacks };
	return 0;
}

static struct heap_summary heap_summary_of(const struct heap_profile *heap)
{
	return (struct heap_summary){ .rate = heap->rate,
				      .published = heap->published,
				      .torn = heap->torn,
				      .n_buckets = heap->n,
				      .buckets_left_out = heap->buckets_left_out };
}

static int read_causes(const struct memory *m, const struct go_runtime *rt,
		       struct go_symbols *symbols, const struct profile_order *order,
		       struct profile *p, struct causes *ret)
{
	_cleanup_(heap_profile_done) struct heap_profile heap = { 0 };
	_cleanup_(goroutines_done) struct goroutines goroutines = { 0 };
	int r;

	if (order->kind == PROFILE_GO_STATEMENTS) {
		r = goroutines_read(m, rt, symbols, NULL, &goroutines);
		return r ? r :
			   causes_of_goroutines(&goroutines, symbols, rt->info.module, order->top,
						ret);
	}
	if (order->n_stacks > 0)
		return causes_of_stacks(order->stacks, order->n_stacks, symbols, rt->info.module,
					order->top, ret);
	r = heap_profile_read(m, rt, &heap);
	if (r)
		return r;
	p->summary.causes.heap = heap_summary_of(&heap);
	return causes_of_heap(&heap, symbols, rt->info.module, order->top, ret);
}

static int take_causes(const struct memory *m, const struct go_runtime *rt,
		       struct go_symbols *symbols, const struct profile_order *order,
		       struct profile *p)
{
	_cleanup_(causes_done) struct causes causes = { 0 };
	int r = read_causes(m, rt, symbols, order, p, &causes);

	if (r == 0)
		r = make_rows(p, causes.n);
	if (r)
		return r;
	for (size_t i = 0; i < causes.n; i++) {
		p->rows[i].cause.cause = causes.causes[i];
		escape_tell(order->index, &causes.causes[i], &p->rows[i].cause.told);
	}
	for (size_t i = 0; i < MIN(causes.n, (size_t)PROFILE_FIGURES_MAX); i++)
		p->summary.figures[i] = (struct profile_figures){
			.cause = cause_key(&causes.causes[i]),
			.site = call_site_key(&causes.causes[i].site.call),
			.figures = causes.causes[i].figures,
		};
	p->summary.causes.causes = causes.summary;
	return 0;
}

int profile_take(const struct profile_order *order, const struct memory *m,
		 const struct go_runtime *rt, struct profile *ret)
{
	_cleanup_(go_symbols_freep) struct go_symbols *symbols = NULL;
	_cleanup_(profile_done) struct profile p = { .summary.kind = order->kind };
	int r = order->kind < PROFILE_KIND_MAX_ ? go_symbols_new(m, rt, &symbols) : -EINVAL;

	if (r)
		return r;
	if (order->kind == PROFILE_HEAP)
		r = take_heap(m, rt, symbols, order, &p);
	else if (order->kind == PROFILE_GOROUTINES)
		r = take_goroutines(order, m, rt, symbols, &p);
	else if (order->kind == PROFILE_CAUSES || order->kind == PROFILE_GO_STATEMENTS)
		r = take_causes(m, rt, symbols, order, &p);
	else
		r = take_allocs(order, symbols, &p);
	if (r)
		return r;
	*ret = p;
	p.rows = NULL;
	return 0;
}

void profile_done(struct profile *p)
{
	free(p->rows);
	*p = (struct profile){ 0 };
}
