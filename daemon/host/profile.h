/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/told.h"
#include "gobin/alloc_sites.h"
#include "gobin/goroutines.h"

/*
 * A profile of a process as it crosses from the helper that reads it: a summary, and rows one by one, all plain data of
 * fixed size. Names in them are a tenant's text, cut and terminated.
 */
enum profile_kind {
	PROFILE_HEAP,
	PROFILE_GOROUTINES,
	PROFILE_ALLOCS, /* of stacks that were heard; only their names are read */
	PROFILE_CAUSES, /* the heap, or stacks that were heard, by cause, with what the compiler said of it */
	PROFILE_GO_STATEMENTS, /* the same of goroutines, by what made them */
	PROFILE_KIND_MAX_,
};

struct goroutine_row {
	char doing[GOROUTINE_REASON_MAX];
	struct call_site
		start; /* the function that `go` was said to; "?" where it is none of the program's */
	struct call_site created; /* the `go` statement; "?" where it is none of the program's */
	bool system;
	uint64_t n, stack_bytes, n_dated;
	uint64_t waited_p50_ns, waited_max_ns;
};

struct allocs_summary {
	uint64_t n_sites, n_stacks;
};

struct cause_row {
	struct cause cause;
	struct escape_told_cause told;
};

/* Of causes, and of go statements. */
struct profile_causes {
	struct heap_summary heap; /* of a heap alone */
	struct causes_summary causes;
	uint32_t report; /* enum escape_report_state */
};

/* A row of causes without its names: enough where the cause (its cause_key) is known already. */
struct profile_figures {
	uint64_t cause;
	uint64_t
		site; /* where most of it is allocated: what its name tells may be another site's */
	struct heap_figures figures;
};

enum {
	PROFILE_FIGURES_MAX = 48,
};

struct profile_summary {
	uint32_t kind, n_rows;
	struct profile_figures
		figures[PROFILE_FIGURES_MAX]; /* of causes and go statements: of the first rows */
	union {
		struct heap_summary heap;
		struct goroutine_summary goroutines;
		struct allocs_summary allocs;
		struct profile_causes causes;
	};
};

union profile_row {
	struct heap_site heap;
	struct goroutine_row goroutine;
	struct alloc_site alloc;
	struct cause_row cause;
};

struct profile {
	struct profile_summary summary;
	union profile_row
		*rows; /* summary.n_rows of them; in no order, but for those of allocations */
};

/*
 * What a profile is asked for: @top sites of a heap, with so many callers each, or of allocations, for which the stacks
 * come along; causes, of stacks where some come along; of goroutines all groups, or with `is_blocked` of those that are.
 */
struct profile_order {
	enum profile_kind kind;
	uint32_t top, callers;
	bool is_blocked;
	struct goroutines_blocked blocked;
	const struct alloc_stack *stacks;
	uint32_t n_stacks;
	const struct escape_index
		*index; /* of causes: the compiler's report on this program, or NULL */
};

/*
 * Reads one. Returns 0, HEAP_PROFILE_*, GOROUTINES_UNKNOWN, or -errno.
 * For the helper that has no rights: nothing but @m is touched. @ret is the caller's, to be ended with profile_done.
 */
int profile_take(const struct profile_order *order, const struct memory *m,
		 const struct go_runtime *rt, struct profile *ret);
void profile_done(struct profile *p);

/* What one sample of a heap's causes stands for, about; 0 where they are counted, as goroutines are. */
static inline uint64_t profile_sample_bytes(const struct profile_summary *s)
{
	return s->kind == PROFILE_CAUSES && s->causes.heap.rate > 0 ?
		       (uint64_t)s->causes.heap.rate :
		       0;
}
