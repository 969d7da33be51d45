/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"
#include "bpf/event.h"

/*
 * Sampled allocations, summed up by stack while they are heard. Nothing of the program is read for that: what the
 * addresses mean is found out afterwards (alloc_sites.h).
 */
enum {
	ALLOC_STACKS_MAX = 4096,
	ALLOC_PCS_MAX = EVENT_STACK_MAX + 1,
};

/* What the two words above a frame's return address would be, if it were that of mallocgc. */
struct alloc_words {
	uint64_t size_bytes, type; /* 0: no type, or none that could be one */
};

struct alloc_stack {
	uint64_t bytes, samples; /* estimated bytes that the samples stand for */
	uint32_t n_pcs, unused;
	struct alloc_words words[EVENT_FRAMES]; /* of the frame that pcs[i] lies in */
	uint64_t pcs
		[ALLOC_PCS_MAX]; /* return addresses, from that of the sampler's caller outwards */
};

struct alloc_stacks {
	struct alloc_stack *stacks;
	uint64_t *pending; /* of each, bytes that were observed and are not scaled yet ... */
	uint64_t pending_left_out; /* ... and those of stacks that had no room */
	uint32_t n;
	struct table by_key;
	uint64_t types_from, types_to; /* where the addresses of types may lie */
	int64_t rate;
	bool spans;
	uint64_t bytes, samples;	 /* of all */
	uint64_t samples_left_out;	 /* of stacks that had no room */
	uint64_t observed_ns, missed_ns; /* of all that was settled */
};

/*
 * @rate: runtime.MemProfileRate; 0: samples are not those of the runtime's profiler but spans that are taken (span_class.h),
 * and count from the next alloc_stacks_settle on. Returns 0 or -ENOMEM. To be ended with alloc_stacks_done.
 */
int alloc_stacks_init(struct alloc_stacks *s, int64_t rate, uint64_t types_from, uint64_t types_to);
void alloc_stacks_done(struct alloc_stacks *s);

/*
 * The stack of a sample without the sampler itself: frame pointers miss its caller, or (where the kernel knows of
 * that) they do not. Returns how many addresses are in @ret.
 */
uint32_t alloc_stack_mend(const struct event_alloc *a, uint64_t ret[ALLOC_PCS_MAX]);

void alloc_stacks_add(struct alloc_stacks *s, const struct event_alloc *a);

/*
 * What has been added since the last call was heard in @observed_ns of the program's CPU time, and stands for the
 * @missed_ns before it as well.
 */
void alloc_stacks_settle(struct alloc_stacks *s, uint64_t observed_ns, uint64_t missed_ns);

/* The same at the end, where it may be too little to be scaled by: what was missed then was as all the rest was. */
void alloc_stacks_finish(struct alloc_stacks *s, uint64_t observed_ns, uint64_t missed_ns);

/*
 * All of it counts as @bytes together from here on: what the runtime itself has counted in the same time, where samples
 * tell the shares alone. Nothing where no sample was heard.
 */
void alloc_stacks_calibrate(struct alloc_stacks *s, uint64_t bytes);
