/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/call_site.h"
#include "gobin/heap_profile.h"

/* A heap profile by allocation site. Figures are estimates, made from the samples as pprof makes them. */
enum {
	HEAP_SITES_MAX = 16 * 1024,	/* what falls out is counted */
	HEAP_ADDRESSES_MAX = 64 * 1024, /* resolved once; what falls out is resolved again */
};

struct heap_site {
	struct call_site at;
	struct heap_figures figures;
	uint32_t n_stacks; /* buckets that are summed up here */
	uint32_t n_callers;
	struct call_site
		callers[CALL_SITE_CALLERS_MAX]; /* of the stack that has most in use, outwards */
};

/* Of the whole profile, whatever of it is told. */
struct heap_summary {
	int64_t rate;
	bool published, torn;
	uint64_t n_buckets, buckets_left_out;
	uint64_t n_sites, sites_left_out; /* buckets of sites that had no room */
	struct heap_figures figures;
};

struct heap_sites {
	struct heap_summary summary;
	struct heap_site *sites;
	size_t n;
};

/* How many are told (at most CALL_SITE_TOP_MAX), and of each how many callers (CALL_SITE_CALLERS_MAX). */
struct heap_sites_order {
	size_t top;
	uint32_t callers;
};

/*
 * The first `top` sites by bytes in use, and those that are among the first by bytes allocated, in no order. Returns 0 or -errno; an address without a symbol is a site of its own, named by its number. @ret is the
 * caller's, to be ended with heap_sites_done.
 */
int heap_sites_read(const struct heap_profile *profile, struct go_symbols *symbols,
		    const struct heap_sites_order *wanted, struct heap_sites *ret);
void heap_sites_done(struct heap_sites *s);
