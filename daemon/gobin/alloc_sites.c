/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/table.h"
#include "base/text.h"
#include "base/util.h"
#include "gobin/alloc_sites.h"

/* A site while all are summed up: callers are resolved for those alone that are told. */
struct entry {
	struct call_site at;
	uint64_t bytes, samples;
	const struct alloc_stack *stack; /* the one with most bytes, */
	enum alloc_class class;		 /* and why it allocated */
	bool told;
};

struct summing {
	struct go_symbols *symbols;
	struct entry *entries;
	size_t n;
	struct table by_key;
	struct go_frame frames[GO_FRAMES_MAX];
	struct alloc_calls inner;
};

static void summing_done(struct summing *s)
{
	free(s->entries);
	table_done(&s->by_key);
}

static void summing_freep(struct summing **s)
{
	if (*s)
		summing_done(*s);
	free(*s);
}

/* Over the calls of a stack, innermost first, those inlined included. */
typedef bool (*each_call)(void *userdata, const struct call_site *call);

static void walk_calls(struct summing *s, const struct alloc_stack *stack, each_call each,
		       void *userdata)
{
	struct call_site call;

	for (uint32_t i = 0; i < stack->n_pcs; i++) {
		size_t n = 0;

		if (go_symbols_frames(s->symbols, stack->pcs[i], SYMBOLS_RETURN, s->frames,
				      GO_FRAMES_MAX, &n)) {
			call_site_unnamed(stack->pcs[i], &call);
			if (!each(userdata, &call))
				return;
			continue;
		}
		for (size_t k = 0; k < n; k++) {
			/* What the compiler made around a method is in no stack of Go's own. */
			if (s->frames[k].wrapper)
				continue;
			call_site_of(&s->frames[k], &call);
			if (!each(userdata, &call))
				return;
		}
	}
}

/* Up to the site. */
struct finding {
	struct summing *summing;
	struct call_site first, site;
	bool found, any;
};

static bool find_site(void *userdata, const struct call_site *call)
{
	struct finding *f = userdata;
	struct summing *s = f->summing;

	if (!f->any)
		f->first = *call;
	f->any = true;
	alloc_calls_add(&s->inner, call->function);
	f->found = !call_site_is_runtime(call);
	f->site = *call;
	return !f->found;
}

static struct entry *entry_of(struct summing *s, const struct call_site *at)
{
	const uint64_t key = call_site_key(at);
	struct entry *e = table_get(&s->by_key, key);

	if (e)
		return e;
	e = &s->entries[s->n];
	if (table_put(&s->by_key, key, e) < 0)
		return NULL;
	s->n++;
	*e = (struct entry){ .at = *at };
	return e;
}

static int sum_up(struct summing *s, const struct alloc_stack *stack)
{
	struct finding f = { .summing = s };
	struct entry *e;

	s->inner.n = 0;
	walk_calls(s, stack, find_site, &f);
	e = entry_of(s, f.found ? &f.site : &f.first);
	if (!e)
		return -ENOMEM;
	e->bytes = add_sat(e->bytes, stack->bytes);
	e->samples += stack->samples;
	if (!e->stack || stack->bytes > e->stack->bytes) {
		e->stack = stack;
		e->class = alloc_calls_class(&s->inner);
	}
	return 0;
}

/* The calls outside of the site, which is passed first. */
struct calling {
	const struct call_site *site;
	struct alloc_site *ret;
	bool passed;
};

static bool take_caller(void *userdata, const struct call_site *call)
{
	struct calling *c = userdata;

	if (c->passed)
		c->ret->callers[c->ret->n_callers++] = *call;
	else
		c->passed = call_site_key(call) == call_site_key(c->site);
	return c->ret->n_callers < CALL_SITE_CALLERS_MAX;
}

static void fill(struct summing *s, const struct entry *e, struct alloc_site *ret)
{
	struct calling c = { .site = &e->at, .ret = ret };

	*ret = (struct alloc_site){ .at = e->at,
				    .bytes = e->bytes,
				    .samples = e->samples,
				    .class = e->class };
	walk_calls(s, e->stack, take_caller, &c);
	alloc_stack_type(e->stack, s->symbols, ret->type);
}

/* No sort: the C library's may ask the system things that a helper without rights must not ask. */
static struct entry *take_biggest(struct summing *s)
{
	struct entry *best = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (!s->entries[i].told && (!best || s->entries[i].bytes > best->bytes))
			best = &s->entries[i];
	if (best)
		best->told = true;
	return best;
}

int alloc_sites_read(const struct alloc_stack *stacks, size_t n, struct go_symbols *symbols,
		     size_t top, struct alloc_sites *ret)
{
	_cleanup_(summing_freep) struct summing *s = calloc(1, sizeof(*s));
	_cleanup_(alloc_sites_done) struct alloc_sites sites = { 0 };
	int r = 0;

	if (!s || n > ALLOC_STACKS_MAX)
		return s ? -E2BIG : -ENOMEM;
	s->symbols = symbols;
	s->by_key.max = ALLOC_STACKS_MAX;
	s->entries = calloc(MAX(n, (size_t)1), sizeof(*s->entries));
	if (!s->entries)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = sum_up(s, &stacks[i]);
	if (r < 0)
		return r;
	top = MIN(MIN(top, (size_t)CALL_SITE_TOP_MAX), s->n);
	sites.sites = calloc(MAX(top, (size_t)1), sizeof(*sites.sites));
	if (!sites.sites)
		return -ENOMEM;
	while (sites.n < top)
		fill(s, take_biggest(s), &sites.sites[sites.n++]);
	sites.n_sites = s->n;
	*ret = sites;
	sites.sites = NULL;
	return 0;
}

void alloc_sites_done(struct alloc_sites *s)
{
	free(s->sites);
	*s = (struct alloc_sites){ 0 };
}

void alloc_stack_type(const struct alloc_stack *stack, struct go_symbols *symbols,
		      char ret[GO_TYPE_NAME_MAX])
{
	struct go_frame frame;
	struct go_type type;

	for (uint32_t i = 0; i < MIN(stack->n_pcs, (uint32_t)EVENT_FRAMES); i++) {
		const struct alloc_words *w = &stack->words[i];

		/* What is inlined into mallocgc has no frame of its own. */
		if (!w->type || go_symbols_function(symbols, stack->pcs[i] - 1, &frame) ||
		    strncmp(frame.function, "runtime.mallocgc", strlen("runtime.mallocgc")) ||
		    go_type_read(go_symbols_pages(symbols), go_symbols_module(symbols), w->type,
				 &type) ||
		    (type.size_bytes ? w->size_bytes % type.size_bytes : w->size_bytes))
			continue;
		text_copy(ret, GO_TYPE_NAME_MAX, type.name);
		return;
	}
}
