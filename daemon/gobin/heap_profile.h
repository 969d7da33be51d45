/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/util.h"
#include "gobin/runtime.h"

/*
 * The heap profile that the runtime keeps for itself (one allocation in MemProfileRate bytes, with its stack), read
 * from memory: what /debug/pprof/heap?debug=1 would print, without an endpoint. Source: Go src/runtime/mprof.go of
 * 1.19 to 1.27, runtime.MemProfile.
 *
 * The profile is that of the last finished collection: allocations count from the second collection after them on, as
 * do frees, so that both are told of the same objects. Before the first one all that was sampled is told.
 */

/* Outcomes above 0. */
enum {
	/* The rate is 0: by the linker, since nothing in the program reads a profile, or by itself from the start. */
	HEAP_PROFILE_OFF = 52,
	HEAP_PROFILE_UNKNOWN, /* where this runtime keeps it was not found */
};

enum {
	HEAP_BUCKETS_MAX = 64 * 1024,
	HEAP_STACK_MAX = 128,		/* addresses kept of one stack; Go's own default */
	HEAP_PCS_MAX = 2 * 1024 * 1024, /* of all stacks together */
};

/* One stack that allocated objects of one size. Counts are of sampled objects. */
struct heap_bucket {
	uint64_t size_bytes; /* of each object */
	uint64_t allocs, frees;
	uint64_t alloc_bytes, free_bytes;
	uint32_t first_pc,
		n_pcs; /* in the profile's pcs: one a call, as runtime.Callers gives them */
};

struct heap_profile {
	struct heap_bucket *buckets; /* as the runtime lists them: the newest first */
	size_t n;
	uint64_t *pcs;
	size_t n_pcs;
	int64_t rate;	/* runtime.MemProfileRate: bytes per sample; -1 where it was not found */
	bool published; /* false: no collection has finished yet, and everything sampled is told */
	bool torn;	/* a collection published anew at each try: the sums may mix two profiles */
	uint64_t buckets_left_out, pcs_left_out; /* over the caps */
};

/* Returns 0, an outcome above, -EBADMSG where the list is not one, or -errno. @ret is the caller's, to be ended with heap_profile_done. */
int heap_profile_read(const struct memory *m, const struct go_runtime *rt,
		      struct heap_profile *ret);
void heap_profile_done(struct heap_profile *p);

/* Its n_pcs addresses; NULL where there are none, as of a profile whose stacks are all empty. */
static inline const uint64_t *heap_bucket_pcs(const struct heap_profile *p,
					      const struct heap_bucket *b)
{
	return b->n_pcs ? &p->pcs[b->first_pc] : NULL;
}

/* In use: what was allocated and not freed. */
static inline uint64_t heap_bucket_inuse(const struct heap_bucket *b)
{
	return b->allocs > b->frees ? b->allocs - b->frees : 0;
}

static inline uint64_t heap_bucket_inuse_bytes(const struct heap_bucket *b)
{
	return b->alloc_bytes > b->free_bytes ? b->alloc_bytes - b->free_bytes : 0;
}

/*
 * What @sampled objects or bytes stand for, when each object had @size_bytes: an object is sampled with the
 * probability 1 - e^(-size / rate) (src/runtime/pprof/protomem.go, scaleHeapSample). A rate of 1 or less: as it is.
 */
uint64_t heap_profile_estimate(uint64_t sampled, uint64_t size_bytes, int64_t rate);

/* What a stack stands for, estimated in the same way. */
struct heap_figures {
	uint64_t inuse_objects, inuse_bytes, alloc_objects, alloc_bytes;
};

struct heap_figures heap_bucket_figures(const struct heap_bucket *b, int64_t rate);

static inline void heap_figures_add(struct heap_figures *to, const struct heap_figures *f)
{
	to->inuse_objects = add_sat(to->inuse_objects, f->inuse_objects);
	to->inuse_bytes = add_sat(to->inuse_bytes, f->inuse_bytes);
	to->alloc_objects = add_sat(to->alloc_objects, f->alloc_objects);
	to->alloc_bytes = add_sat(to->alloc_bytes, f->alloc_bytes);
}
