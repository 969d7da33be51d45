/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/join.h"
#include "gobin/causes.h"

/*
 * What the compiler said of a cause, with its texts, so that it can leave the process that has the index. Where the
 * report has no line for it, or there is no report, the class is told by the runtime's function that was called for it; where
 * that is not known, and the report has the file and nothing of the line, it is CLASS_RUNTIME.
 */
enum {
	ESCAPE_TOLD_TEXT_MAX = 160, /* a longer one is cut */
};

/* Is there a report for this program? */
enum escape_report_state {
	REPORT_NONE,
	REPORT_MATCHES,
	REPORT_DIFFERS,	 /* it was imported for another build */
	REPORT_UNUSABLE, /* damaged, or larger than there is room for */
	REPORT_STATE_MAX_,
};

/* "none", "matches", "does not match", "unusable" */
const char *escape_report_state_name(enum escape_report_state state);

/* Who says of what class it is. */
enum escape_teller {
	TOLD_BY_RUNTIME, /* the runtime's function that was called */
	TOLD_BY_REPORT,	 /* the compiler, of this line */
	TOLD_BY_SITE, /* of a cause: the compiler, of the line that allocates, where nothing else is known */
	TOLD_BY_MAX_,
};

/* "report", "runtime", "site" */
const char *escape_teller_name(uint32_t by);

struct escape_told {
	uint32_t class;	  /* enum escape_class */
	uint32_t outcome; /* enum escape_outcome; JOIN_NO_FILE without a report */
	uint32_t by;	  /* enum escape_teller */
	bool ambiguous;
	char expression[ESCAPE_TOLD_TEXT_MAX], reason[ESCAPE_TOLD_TEXT_MAX];
	/* The step of the way to the heap that decides: what, and where. "": none. */
	char step[ESCAPE_TOLD_TEXT_MAX], step_file[ESCAPE_TOLD_TEXT_MAX];
	uint32_t step_line;
};

struct escape_told_cause {
	struct escape_told at;	 /* of the line that is to be mended, */
	struct escape_told site; /* and of the one that allocates; the same where they are one */
};

/* @index: NULL where there is none that belongs to this program. */
void escape_tell(const struct escape_index *index, const struct cause *cause,
		 struct escape_told_cause *ret);

/* By the runtime's function alone; CLASS_UNEXPLAINED where that says nothing. */
enum escape_class escape_class_of_alloc(enum alloc_class alloc);
