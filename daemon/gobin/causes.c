/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/table.h"
#include "base/util.h"
#include "gobin/alloc_sites.h"
#include "gobin/cause_calls.h"

/* A stack, wherever it was seen. */
struct stack {
	const uint64_t *pcs;
	uint32_t n_pcs;
	struct heap_figures figures;
	uint64_t object_bytes;
	const struct alloc_stack *sampled; /* NULL: of the heap profile, or of goroutines */
	bool is_goroutines;
};

/* A cause while all are summed up: calls are named for those alone that are told. */
struct entry {
	uint64_t key;
	bool in_module;
	struct heap_figures figures;
	uint32_t n_stacks;
	bool told, passed; /* passed: among the top of the figure that is looked at */
};

/* What of a cause is allocated at one site. */
struct part {
	uint32_t entry;
	uint64_t weight;
	struct stack most; /* the stack that has most of it */
};

struct summing {
	struct cause_calls calls;
	struct entry *entries;
	size_t n, entries_room;
	struct table by_key; /* place + 1 */
	struct part *parts;
	size_t n_parts, parts_room;
	struct table by_part; /* place + 1 */
	struct cause_address *addresses;
	size_t n_addresses, addresses_room;
	struct table by_pc; /* place + 1 */
	struct causes_summary summary;
};

static void summing_freep(struct summing **s)
{
	if (!*s)
		return;
	free((*s)->entries);
	free((*s)->parts);
	free((*s)->addresses);
	table_done(&(*s)->by_part);
	table_done(&(*s)->by_key);
	table_done(&(*s)->by_pc);
	free(*s);
}

/* Each address is looked up once; at the cap, and without memory, again. */
static struct cause_address address_of(struct summing *s, uint64_t pc)
{
	const void *found = table_get(&s->by_pc, pc);
	struct cause_address a;

	if (found)
		return s->addresses[(uintptr_t)found - 1];
	cause_calls_look_up(&s->calls, pc, &a);
	if (array_make_room(&s->addresses, &s->addresses_room, s->n_addresses, CAUSE_ADDRESSES_MAX,
			    sizeof(a)) == 0 &&
	    table_put(&s->by_pc, pc, (void *)(uintptr_t)(s->n_addresses + 1)) == 0)
		s->addresses[s->n_addresses++] = a;
	return a;
}

static struct entry *entry_of(struct summing *s, uint64_t key)
{
	const void *found = table_get(&s->by_key, key);

	if (found)
		return &s->entries[(uintptr_t)found - 1];
	if (array_make_room(&s->entries, &s->entries_room, s->n, CAUSES_MAX, sizeof(*s->entries)) <
		    0 ||
	    table_put(&s->by_key, key, (void *)(uintptr_t)(s->n + 1)) < 0)
		return NULL;
	s->entries[s->n] = (struct entry){ .key = key };
	return &s->entries[s->n++];
}

/* Where all of it is the runtime's the innermost call stands for it. */
static struct entry *find_entry(struct summing *s, const struct stack *stack, uint64_t *ret_site)
{
	uint64_t site = 0;
	struct entry *e;

	for (uint32_t i = 0; i < stack->n_pcs; i++) {
		const struct cause_address a = address_of(s, stack->pcs[i]);

		if (!site)
			site = a.site;
		if (!a.cause)
			continue;
		*ret_site = site;
		e = entry_of(s, a.cause);
		if (e)
			e->in_module = true;
		return e;
	}
	if (!site)
		site = cause_calls_innermost(&s->calls, stack->n_pcs ? stack->pcs[0] : 0);
	*ret_site = site;
	return entry_of(s, site);
}

/* Goroutines allocate nothing: they hold. */
static uint64_t weight_of(const struct heap_figures *f)
{
	return f->alloc_bytes ? f->alloc_bytes : f->inuse_bytes;
}

/* Without room the parts that there are stand for the cause. */
static struct part *part_of(struct summing *s, uint32_t entry, uint64_t site)
{
	const uint64_t key = hash_mix(hash_mix(0, site), entry);
	const void *found = table_get(&s->by_part, key);

	if (found)
		return &s->parts[(uintptr_t)found - 1];
	if (array_make_room(&s->parts, &s->parts_room, s->n_parts, CAUSE_PARTS_MAX,
			    sizeof(*s->parts)) < 0 ||
	    table_put(&s->by_part, key, (void *)(uintptr_t)(s->n_parts + 1)) < 0)
		return NULL;
	s->parts[s->n_parts] = (struct part){ .entry = entry };
	return &s->parts[s->n_parts++];
}

static void add_part(struct summing *s, const struct entry *e, uint64_t site,
		     const struct stack *stack)
{
	struct part *part = part_of(s, (uint32_t)(e - s->entries), site);

	if (!part)
		return;
	if (part->weight == 0 || weight_of(&stack->figures) > weight_of(&part->most.figures))
		part->most = *stack;
	part->weight = add_sat(part->weight, weight_of(&stack->figures));
}

/* The site that has most of a cause; NULL where there was no room for any. */
static const struct part *biggest_part(const struct summing *s, const struct entry *e)
{
	const uint32_t entry = (uint32_t)(e - s->entries);
	const struct part *best = NULL;

	for (size_t i = 0; i < s->n_parts; i++)
		if (s->parts[i].entry == entry && (!best || s->parts[i].weight > best->weight))
			best = &s->parts[i];
	return best;
}

static void sum_up(struct summing *s, const struct stack *stack)
{
	uint64_t site;
	struct entry *e = find_entry(s, stack, &site);

	s->summary.n_stacks++;
	heap_figures_add(&s->summary.figures, &stack->figures);
	if (!e) {
		s->summary.left_out++;
		return;
	}
	heap_figures_add(&e->figures, &stack->figures);
	e->n_stacks++;
	add_part(s, e, site, stack);
}

static void tell(struct summing *s, const struct entry *e, struct cause *ret)
{
	static const struct stack none;
	const struct part *part = biggest_part(s, e);
	const struct stack *stack = part ? &part->most : &none;

	*ret = (struct cause){ .in_module = e->in_module,
			       .figures = e->figures,
			       .n_stacks = e->n_stacks,
			       .object_bytes = stack->object_bytes };
	if (part)
		ret->site_permille = (uint32_t)mul_div(part->weight, 1000,
						       MAX(weight_of(&e->figures), UINT64_C(1)));
	cause_calls_name(&s->calls, stack->pcs, stack->n_pcs, ret);
	if (stack->is_goroutines)
		ret->class = ALLOC_GOROUTINE;
	if (stack->sampled)
		alloc_stack_type(stack->sampled, s->calls.symbols, ret->type);
}

static uint64_t inuse_of(const struct entry *e)
{
	return e->figures.inuse_bytes;
}

static uint64_t allocated_of(const struct entry *e)
{
	return e->figures.alloc_bytes;
}

/* No sort: the C library's may ask the system things that a helper without rights must not ask. */
static struct entry *biggest(struct summing *s, uint64_t (*figure)(const struct entry *e))
{
	struct entry *best = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (!s->entries[i].passed && figure(&s->entries[i]) > 0 &&
		    (!best || figure(&s->entries[i]) > figure(best)))
			best = &s->entries[i];
	return best;
}

/* The @top by @figure that are not told yet are told. Those that are count as well: each figure has its own top. */
static void tell_top(struct summing *s, size_t top, uint64_t (*figure)(const struct entry *e),
		     struct causes *ret)
{
	struct entry *e;

	for (size_t i = 0; i < s->n; i++)
		s->entries[i].passed = false;
	for (size_t k = 0; k < top && (e = biggest(s, figure)) != NULL; k++) {
		if (!e->told)
			tell(s, e, &ret->causes[ret->n++]);
		e->told = e->passed = true;
	}
}

static int finish(struct summing *s, size_t top, struct causes *ret)
{
	struct causes causes = { .summary = s->summary };

	top = MIN(MIN(top, (size_t)CALL_SITE_TOP_MAX), s->n);
	causes.summary.n_causes = s->n;
	causes.causes = calloc(MAX(2 * top, (size_t)1), sizeof(*causes.causes));
	if (!causes.causes)
		return -ENOMEM;
	tell_top(s, top, inuse_of, &causes);
	tell_top(s, top, allocated_of, &causes);
	*ret = causes;
	return 0;
}

static struct summing *begin(struct go_symbols *symbols, const char *module, bool expanded)
{
	struct summing *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->calls.symbols = symbols;
	s->calls.module = module;
	s->calls.expanded = expanded;
	s->by_key.max = CAUSES_MAX;
	s->by_pc.max = CAUSE_ADDRESSES_MAX;
	s->by_part.max = CAUSE_PARTS_MAX;
	return s;
}

int causes_of_heap(const struct heap_profile *profile, struct go_symbols *symbols,
		   const char *module, size_t top, struct causes *ret)
{
	_cleanup_(summing_freep) struct summing *s = begin(symbols, module, true);

	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n; i++) {
		const struct heap_bucket *b = &profile->buckets[i];
		const struct stack stack = { .pcs = heap_bucket_pcs(profile, b),
					     .n_pcs = b->n_pcs,
					     .object_bytes = b->size_bytes,
					     .figures = heap_bucket_figures(b, profile->rate) };

		/* What the profile has not published yet has nothing to tell. */
		if (b->allocs || b->frees)
			sum_up(s, &stack);
	}
	return finish(s, top, ret);
}

int causes_of_stacks(const struct alloc_stack *stacks, size_t n, struct go_symbols *symbols,
		     const char *module, size_t top, struct causes *ret)
{
	_cleanup_(summing_freep) struct summing *s = begin(symbols, module, false);

	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sum_up(s, &(struct stack){ .pcs = stacks[i].pcs,
					   .n_pcs = MIN(stacks[i].n_pcs, (uint32_t)ALLOC_PCS_MAX),
					   .figures = { .alloc_bytes = stacks[i].bytes,
							.alloc_objects = stacks[i].samples },
					   .sampled = &stacks[i] });
	return finish(s, top, ret);
}

int causes_of_goroutines(const struct goroutines *g, struct go_symbols *symbols, const char *module,
			 size_t top, struct causes *ret)
{
	_cleanup_(summing_freep) struct summing *s = begin(symbols, module, false);

	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		const struct goroutine_group *group = &g->groups[i];

		/* The runtime's own statement made the main goroutine, and some more. */
		if (!group->system && group->created_pc && address_of(s, group->created_pc).site)
			sum_up(s, &(struct stack){ .pcs = &group->created_pc,
						   .n_pcs = 1,
						   .figures = { .inuse_bytes = group->stack_bytes,
								.inuse_objects = group->n },
						   .is_goroutines = true });
	}
	return finish(s, top, ret);
}

void causes_done(struct causes *c)
{
	free(c->causes);
	*c = (struct causes){ 0 };
}

uint64_t cause_key(const struct cause *c)
{
	return MAX(call_site_key(&c->at.call), (uint64_t)1);
}
