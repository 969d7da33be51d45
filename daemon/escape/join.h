/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/index.h"
#include "gobin/alloc_class.h"

/*
 * Joins an allocation that was seen at run time with what the compiler said of it. The site is the innermost call
 * that is not the runtime's, by the line of the function it was inlined into (which is what the compiler's text
 * names), or else by its own.
 */
struct escape_frame {
	const char *function, *file;
	uint32_t line;
	bool outermost; /* not inlined: the next frame is of another function's code */
};

enum escape_outcome {
	JOIN_SITE,	   /* a line of the report says it */
	JOIN_IMPLICIT,	   /* the report has the file and says nothing of the line: class 0 */
	JOIN_NO_FILE,	   /* the report has no such file: the package was not in it */
	JOIN_ONLY_RUNTIME, /* no frame that is not the runtime's */
	JOIN_MAX_,
};

/* "site", "implicit", "file-not-in-report", "only-runtime" */
const char *escape_outcome_name(enum escape_outcome outcome);

struct escape_joined {
	enum escape_outcome outcome;
	const struct index_entry *entry; /* NULL but for JOIN_SITE */
	bool ambiguous;			 /* other entries of the line are as likely */
	size_t site;			 /* the frame that is the site; n where there is none */
};

/* What is known of it beside its stack: which of a line's entries it is. */
struct escape_allocation {
	enum alloc_class
		alloc; /* how the runtime was called for it; ALLOC_OTHER where that is not known */
	const char *type;      /* "" where that is not known */
	uint64_t object_bytes; /* of one, on average; 0 where that is not known */
};

/* @frames innermost first. Pure. */
void escape_join(const struct escape_index *index, const struct escape_frame *frames, size_t n,
		 const struct escape_allocation *of, struct escape_joined *ret);

/*
 * The frame where it has to be mended: the innermost of the main module (package main, or inside of @module). Returns its
 * place, or @n.
 */
size_t escape_cause(const struct escape_frame *frames, size_t n, const char *module);
