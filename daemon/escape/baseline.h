/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "escape/report.h"

/*
 * A baseline: what a build lets escape, counted by package, function, expression and class, and not by line or column,
 * which change with every edit above. Where a report does not name functions (-m, and -l up to Go 1.24) the base name
 * of the file stands in the place of the function, in parentheses. It is a text file, so that a change of it can be
 * read in a review: a head of "# key value" lines, then a line for each key, sorted:
 *
 *	PACKAGE TAB FUNCTION TAB CLASS TAB KIND TAB COUNT TAB EXPRESSION
 */
enum {
	BASELINE_KEYS_MAX = 1 << 20,
	BASELINE_TEXT_MAX = 192 << 20,
	BASELINE_FILE_MAX = 256 << 20,
	BASELINE_FUNCTION_MAX = 320,
};

struct escape_key {
	const char *package, *function, *text;
	enum escape_class class;
	enum escape_kind kind;
};

struct escape_entry {
	struct escape_key key;
	uint64_t count; /* in the baseline */
	uint64_t met;	/* by escape_baseline_meet */
};

/* How a report was made: only reports that agree in it can be compared. */
struct escape_make {
	char go_version[REPORT_VERSION_MAX]; /* "" where it is not known */
	bool made_with_l, detailed;
};

struct escape_baseline;

int escape_baseline_new(struct escape_baseline **ret);
void escape_baseline_free(struct escape_baseline *b);

static inline void escape_baseline_freep(struct escape_baseline **b)
{
	escape_baseline_free(*b);
}

/* @buf has BASELINE_FUNCTION_MAX bytes, for the name that stands in for a function's. Texts are the site's. */
struct escape_key escape_key_of(const struct escape_site *site, char *buf);

/* Counts @count more. Returns 0, -ENOMEM, or -EFBIG at the cap. */
int escape_baseline_add(struct escape_baseline *b, const struct escape_key *key, uint64_t count);
/* How many there are of @key. */
uint64_t escape_baseline_count(const struct escape_baseline *b, const struct escape_key *key);
/* Meets one more of @key: 1 where the baseline has so many, 0 where this one is new. */
int escape_baseline_meet(struct escape_baseline *b, const struct escape_key *key);

void escape_baseline_set_make(struct escape_baseline *b, const struct escape_make *make);
const struct escape_make *escape_baseline_make(const struct escape_baseline *b);
void escape_make_of(const struct escape_stats *stats, struct escape_make *ret);

/* Entries sorted by package, function, class, expression; valid until one is added. */
size_t escape_baseline_entries(struct escape_baseline *b, struct escape_entry *const **ret);

/* Returns 0, or -EIO. */
int escape_baseline_write(struct escape_baseline *b, FILE *f);
/* True where @text begins as a baseline does. */
bool escape_baseline_is(struct span text);
/* Reads what was written. -EBADMSG: *ret_line is the first line that is not understood, and *ret_why says how. */
int escape_baseline_read(struct span text, struct escape_baseline **ret, uint64_t *ret_line,
			 const char **ret_why);
