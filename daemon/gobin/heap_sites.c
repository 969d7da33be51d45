/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/table.h"
#include "base/util.h"
#include "gobin/heap_sites.h"

/* A site while all are summed up: callers are resolved for those alone that are told. */
struct entry {
	struct call_site at;
	struct heap_figures figures;
	uint32_t n_stacks;
	uint32_t bucket; /* the one that has most in use, */
	uint32_t pc;	 /* its address of the site, */
	uint64_t most;	 /* and how much that is */
	bool told;
	bool passed; /* among the top of the figure that is looked at */
};

struct summing {
	const struct heap_profile *profile;
	struct go_symbols *symbols;
	struct entry *entries;
	size_t n;
	struct table by_key;
	struct table by_pc; /* what an address was found to be: its entry, or `of_runtime` */
	struct heap_summary summary;
};

/* In the place of an entry: the runtime's own code, and the site lies further out. */
static char of_runtime;

static void summing_done(struct summing *s)
{
	free(s->entries);
	table_done(&s->by_key);
	table_done(&s->by_pc);
}

static void resolve(struct go_symbols *symbols, uint64_t pc, struct call_site *ret)
{
	struct go_frame frame;
	size_t n;

	if (go_symbols_frames(symbols, pc, SYMBOLS_RETURN | SYMBOLS_INNERMOST, &frame, 1, &n))
		call_site_unnamed(pc, ret);
	else
		call_site_of(&frame, ret);
}

static struct entry *entry_of(struct summing *s, const struct call_site *at)
{
	const uint64_t key = call_site_key(at);
	struct entry *e = table_get(&s->by_key, key);

	if (e || s->n == HEAP_SITES_MAX)
		return e;
	e = &s->entries[s->n];
	if (table_put(&s->by_key, key, e) < 0)
		return NULL;
	s->n++;
	*e = (struct entry){ .at = *at };
	return e;
}

/* The site at an address, or `of_runtime`; NULL where it has no room. Each address is resolved once. */
static void *site_at(struct summing *s, uint64_t pc)
{
	void *found = table_get(&s->by_pc, pc);
	struct call_site at;

	if (found)
		return found;
	resolve(s->symbols, pc, &at);
	found = call_site_is_runtime(&at) ? (void *)&of_runtime : (void *)entry_of(s, &at);
	if (found)
		(void)table_put(&s->by_pc, pc, found); /* at the cap it is resolved again */
	return found;
}

/* The site of a bucket, and which of its addresses that is; the innermost where all of it is the runtime's. */
static struct entry *find_site(struct summing *s, const struct heap_bucket *b, uint32_t *ret_pc)
{
	const uint64_t *pcs = heap_bucket_pcs(s->profile, b);
	struct call_site at;

	for (*ret_pc = 0; *ret_pc < b->n_pcs; ++*ret_pc) {
		void *found = site_at(s, pcs[*ret_pc]);

		if (found != &of_runtime)
			return found;
	}
	*ret_pc = 0;
	resolve(s->symbols, b->n_pcs ? pcs[0] : 0, &at);
	return entry_of(s, &at);
}

static void sum_up(struct summing *s)
{
	const struct heap_profile *p = s->profile;

	for (uint32_t i = 0; i < p->n; i++) {
		const struct heap_figures f = heap_bucket_figures(&p->buckets[i], p->rate);
		uint32_t pc;
		struct entry *e;

		heap_figures_add(&s->summary.figures, &f);
		/* What the profile has not published yet has nothing to tell. */
		if (!p->buckets[i].allocs && !p->buckets[i].frees)
			continue;
		e = find_site(s, &p->buckets[i], &pc);
		if (!e) {
			s->summary.sites_left_out++;
			continue;
		}
		heap_figures_add(&e->figures, &f);
		if (e->n_stacks++ == 0 || f.inuse_bytes > e->most) {
			e->bucket = i;
			e->pc = pc;
			e->most = f.inuse_bytes;
		}
	}
	s->summary.n_sites = s->n;
}

static uint64_t inuse_of(const struct entry *e)
{
	return e->figures.inuse_bytes;
}

static uint64_t allocated_of(const struct entry *e)
{
	return e->figures.alloc_bytes;
}

static void fill(struct summing *s, const struct entry *e, uint32_t callers, struct heap_site *ret)
{
	const struct heap_bucket *b = &s->profile->buckets[e->bucket];

	*ret = (struct heap_site){ .at = e->at, .figures = e->figures, .n_stacks = e->n_stacks };
	for (uint32_t i = e->pc + 1; i < b->n_pcs && ret->n_callers < callers; i++)
		resolve(s->symbols, s->profile->pcs[b->first_pc + i],
			&ret->callers[ret->n_callers++]);
}

/* No sort: the C library's may ask the system things that a helper without rights must not ask. */
static struct entry *biggest(struct summing *s, uint64_t (*figure)(const struct entry *e))
{
	struct entry *best = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (!s->entries[i].passed && (!best || figure(&s->entries[i]) > figure(best)))
			best = &s->entries[i];
	return best;
}

/* The @top by @figure that are not told yet are told. Those that are count as well: each figure has its own top. */
static void tell_top(struct summing *s, const struct heap_sites_order *order,
		     uint64_t (*figure)(const struct entry *e), struct heap_sites *ret)
{
	struct entry *e;

	for (size_t i = 0; i < s->n; i++)
		s->entries[i].passed = false;
	for (size_t k = 0; k < order->top && (e = biggest(s, figure)) != NULL; k++) {
		if (!e->told)
			fill(s, e, order->callers, &ret->sites[ret->n++]);
		e->told = e->passed = true;
	}
}

int heap_sites_read(const struct heap_profile *profile, struct go_symbols *symbols,
		    const struct heap_sites_order *wanted, struct heap_sites *ret)
{
	struct heap_sites_order order = *wanted;
	_cleanup_(summing_done) struct summing s = { .profile = profile,
						     .symbols = symbols,
						     .by_key = { .max = HEAP_SITES_MAX },
						     .by_pc = { .max = HEAP_ADDRESSES_MAX } };
	_cleanup_(heap_sites_done) struct heap_sites sites = { 0 };

	s.entries = calloc(HEAP_SITES_MAX, sizeof(*s.entries));
	if (!s.entries)
		return -ENOMEM;
	s.summary = (struct heap_summary){
		.rate = profile->rate,
		.published = profile->published,
		.torn = profile->torn,
		.n_buckets = profile->n,
		.buckets_left_out = profile->buckets_left_out,
	};
	sum_up(&s);
	order.top = MIN(MIN(order.top, (size_t)CALL_SITE_TOP_MAX), s.n);
	order.callers = MIN(order.callers, (uint32_t)CALL_SITE_CALLERS_MAX);
	sites.sites = calloc(MAX(2 * order.top, (size_t)1), sizeof(*sites.sites));
	if (!sites.sites)
		return -ENOMEM;
	tell_top(&s, &order, inuse_of, &sites);
	tell_top(&s, &order, allocated_of, &sites);
	sites.summary = s.summary;
	*ret = sites;
	sites = (struct heap_sites){ 0 };
	return 0;
}

void heap_sites_done(struct heap_sites *s)
{
	free(s->sites);
	*s = (struct heap_sites){ 0 };
}
