/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/alloc_class.h"
#include "gobin/alloc_stacks.h"
#include "gobin/call_site.h"
#include "gobin/gotype.h"

/* Stacks that allocations were sampled at, by site. */
struct alloc_site {
	struct call_site at;
	uint64_t bytes, samples;
	/* Of the stack with most bytes: */
	uint32_t class; /* enum alloc_class */
	uint32_t n_callers;
	char type[GO_TYPE_NAME_MAX]; /* "": none, or not known */
	struct call_site callers[CALL_SITE_CALLERS_MAX];
};

struct alloc_sites {
	struct alloc_site *sites;
	size_t n;
	uint64_t n_sites; /* told or not */
};

/*
 * The @top (at most CALL_SITE_TOP_MAX) by bytes, the first has most. Returns 0 or -errno. @ret is the caller's, to be ended
 * with alloc_sites_done.
 */
int alloc_sites_read(const struct alloc_stack *stacks, size_t n, struct go_symbols *symbols,
		     size_t top, struct alloc_sites *ret);
void alloc_sites_done(struct alloc_sites *s);

/* The type that a sampled stack allocated, by what mallocgc was called with; untouched where that is not known. */
void alloc_stack_type(const struct alloc_stack *stack, struct go_symbols *symbols,
		      char ret[GO_TYPE_NAME_MAX]);
