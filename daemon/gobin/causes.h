/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/alloc_class.h"
#include "gobin/alloc_stacks.h"
#include "gobin/goroutines.h"
#include "gobin/gotype.h"
#include "gobin/heap_sites.h"

/*
 * Allocations by their cause: the innermost call of a stack that is the main module's own (package main, or inside of
 * its module), which is where most of them have to be mended; where a stack has none, its site (call_site.h). Calls are
 * told with what they were inlined into, since compilers' reports name that one's line.
 */
enum {
	CAUSES_MAX = 16 * 1024,		  /* what falls out is counted */
	CAUSE_PARTS_MAX = 64 * 1024,	  /* sites of causes */
	CAUSE_ADDRESSES_MAX = 256 * 1024, /* resolved once; what falls out is resolved again */
};

struct cause_line {
	struct call_site call;
	bool inlined;
	struct call_site
		into; /* where it is: the machine function that has its code, at its own line of it */
};

struct cause {
	struct cause_line at;
	bool in_module; /* false: `at` is the site */
	struct heap_figures figures;
	uint32_t n_stacks;
	uint32_t
		site_permille; /* of what it has allocated (or holds), so much is its biggest site's ... */
	/* ... whose stack that has most is: */
	struct cause_line site;
	uint32_t class; /* enum alloc_class */
	uint64_t object_bytes;
	char type[GO_TYPE_NAME_MAX]; /* "": none, or not known */
};

/* The same for causes that are the same. */
uint64_t cause_key(const struct cause *c);

struct causes_summary {
	uint64_t n_stacks, n_causes, left_out; /* stacks that had no room */
	struct heap_figures figures;	       /* of all */
};

struct causes {
	struct causes_summary summary;
	struct cause
		*causes; /* the first @top by bytes in use, and by bytes allocated, in no order */
	size_t n;
};

/*
 * @module: path of the main module as a binary tells it; "" where it does not. Both return 0 or -errno; @ret is the
 * caller's, to be ended with causes_done. @top: at most CALL_SITE_TOP_MAX.
 */
int causes_of_heap(const struct heap_profile *profile, struct go_symbols *symbols,
		   const char *module, size_t top, struct causes *ret);
/* Of samples: their numbers stand in figures.alloc_objects, and nothing is in use. */
int causes_of_stacks(const struct alloc_stack *stacks, size_t n, struct go_symbols *symbols,
		     const char *module, size_t top, struct causes *ret);
/* Of goroutines, by the statements that made them: the stacks that they hold are in use, and they the objects. */
int causes_of_goroutines(const struct goroutines *g, struct go_symbols *symbols, const char *module,
			 size_t top, struct causes *ret);
void causes_done(struct causes *c);
