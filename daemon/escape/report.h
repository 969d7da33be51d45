/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/sites.h"

/*
 * A report, as the compiler prints it (text) or writes it (-json=0,DIR: one file a source file, told apart by its
 * first byte), pushed in pieces of any size. Memory does not grow with its length. Any bytes will do: lines that are
 * not understood are counted, the first few are kept, lines beyond the cap are cut.
 */
enum {
	REPORT_LINE_MAX = 256 << 10,	/* of text */
	REPORT_JSON_LINE_MAX = 4 << 20, /* of JSON, where an explanation is one line */
	REPORT_UNKNOWN_KEPT = 8,
	REPORT_UNKNOWN_BYTES = 160,
	REPORT_VERSION_MAX = 32,
};

struct escape_stats {
	uint64_t bytes, lines, kinds[LINE_MAX_];
	uint64_t long_lines; /* longer than the cap: the rest of the line was not looked at */
	uint64_t json_lines;
	bool detailed; /* made with -m=2, -m=3 or -json: explanations are in it */
	bool arrow;    /* as Go 1.25 and later write */
	char go_version[REPORT_VERSION_MAX];	  /* "1.24", "1.24.4"; "" where nothing told */
	uint64_t unknown_at[REPORT_UNKNOWN_KEPT]; /* numbers of the lines */
	char unknown[REPORT_UNKNOWN_KEPT][REPORT_UNKNOWN_BYTES];
	size_t n_unknown; /* that are kept */
};

/*
 * True where inlining was switched off (-l): the compiler, which otherwise tells of it for every function, says
 * nothing of it at all. Such a report has other escapes than the program as it is usually built.
 */
bool escape_stats_made_with_l(const struct escape_stats *stats);

struct escape_report;

int escape_report_new(escape_site_handler handler, void *userdata, struct escape_report **ret);
/* Returns 0, -ENOMEM, or what the handler returned. */
int escape_report_push(struct escape_report *r, const void *data, size_t len);
/* The end of one file: a last line without its end counts. More may be pushed, of another file. */
int escape_report_end(struct escape_report *r);
const struct escape_stats *escape_report_stats(const struct escape_report *r);
const struct escape_sites_stats *escape_report_sites(const struct escape_report *r);
void escape_report_free(struct escape_report *r);

static inline void escape_report_freep(struct escape_report **r)
{
	escape_report_free(*r);
}
