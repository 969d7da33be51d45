/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/util.h"
#include "cli/listening.h"

/*
 * Listening to what one process allocates: by the runtime's own samples, or where it has none by the spans that it takes.
 * Shared by allocs and culprits. To be zeroed but for `between`; ended with hearing_done.
 */
enum {
	HEARING_PARTS = 8,
};

struct hearing {
	/* Called so many times while it hears; NULL: nothing is. */
	void (*between)(void *userdata);
	void *userdata;
	struct process_info info;
	struct alloc_stacks stacks;
	struct listening listening;
	usec_t from, to;
	uint64_t lost;
	bool guarded;		 /* the probe was hit too often and taken away */
	bool settled;		 /* all that was heard is scaled */
	bool counted;		 /* by the runtime: bytes are what it says, shared out by samples */
	const char *why_spans;	 /* NULL: the runtime's own samples */
	struct span_slice slice; /* the last one */
	struct profile_summary summary;
	union profile_row *rows; /* summary.n_rows of them */
};

/* Listens for --for to the process of @verb's operand. Returns an exit code; what went wrong is said. */
int hear(struct hearing *h, const char *verb, const struct options *o);

/*
 * What the addresses mean, by the tables of the program, which has to be there still: the @top sites, or causes, into
 * h->summary and h->rows. @index: of the report on it, of causes; NULL for the one that is filed. Returns an exit code;
 * what went wrong is said.
 */
int hearing_resolve(struct hearing *h, enum profile_kind kind, uint32_t top, const char *index);

/* For how long it was heard. */
static inline usec_t hearing_usec(const struct hearing *h)
{
	return MAX(sub_sat(h->to, h->from), (uint64_t)1);
}

void hearing_done(struct hearing *h);
