/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/pages.h"
#include "gobin/runtime.h"

/*
 * The read-only tables of a Go image: where its moduledata says that they lie, each range readable as a whole.
 * Source: Go src/runtime/symtab.go, struct moduledata, of 1.19 to 1.27: slices from word 1 on, text at word 22,
 * types at word 35 (to 1.19) or 37, and gofunc three words behind it, from 1.27 on six.
 */
struct go_range {
	uint64_t start, bytes;
};

struct go_module {
	uint64_t text, etext;
	uint64_t n_funcs;
	struct go_range names; /* text, each ended by NUL */
	struct go_range
		units; /* cutab: u32 offsets into files, a run of them per compilation unit */
	struct go_range files; /* text, each ended by NUL */
	struct go_range pctab; /* {value delta, pc delta} varints */
	struct go_range
		funcs; /* pclntable: {u32 entry, u32 offset from here} x n_funcs, a sentinel; then the _funcs */
	struct go_range funcdata; /* go:func.*, to the end of its region */
	struct go_range types;
	bool is_119; /* the records of 1.18 and 1.19: no start lines, inlined calls of 20 bytes */
};

/* Needs @m's regions. Returns 0, -EBADMSG where the moduledata contradicts itself, or -errno. */
int go_module_read(const struct memory *m, const struct go_runtime *rt, struct go_module *ret);

/* A number in a table, at @off from its start; -EBADMSG beyond its end. */
int go_range_u32(struct memory_pages *p, const struct go_range *range, uint64_t off, uint32_t *ret);
