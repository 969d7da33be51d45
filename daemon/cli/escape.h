/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"
#include "escape/gate.h"

/*
 * gomemctl escape: reports of the compiler's escape analysis, read from files. Neither daemon nor rights are needed,
 * and what is read is nobody's but the user's; it may still hold anything.
 */

int escape_report_verb(const struct options *o);
int escape_why_verb(const struct options *o);
int escape_baseline_verb(const struct options *o);
int escape_gate_verb(const struct options *o);
int escape_diff_verb(const struct options *o);
int escape_build_verb(const struct options *o);
int escape_import_verb(const struct options *o);
int escape_join_verb(const struct options *o);

/* Says that a file cannot be used, and why; EXIT_UNUSABLE. */
int escape_unusable(const char *path, const char *why);

/*
 * Reads a report: a file, "-" for standard input, or a directory of files (what -json=0,DIR has made). Returns an exit
 * code; what is wrong has been said. *ret is the caller's, who asks it for its figures.
 */
int escape_read(const char *path, escape_site_handler handler, void *userdata,
		struct escape_report **ret);

/* The same for a report, of which a baseline is made, or a baseline: told apart by the first line. */
int escape_read_baseline(const char *path, struct escape_baseline **ret);

/* Rules of a gate. Returns an exit code; what is wrong has been said. */
int escape_read_rules(const char *path, struct escape_rules *ret);

/*
 * What was read, for --json: lines, unknown_lines and so on. The unknown lines are among it; without --json they are
 * said on standard error by escape_warn.
 */
void escape_put_stats(json_object *o, const struct escape_report *r);
void escape_warn(const char *path, const struct escape_report *r);
/* The first of the unknown lines alone. */
void escape_warn_unknown(const struct escape_report *r);

/* One site as an object, with its way where @path. */
json_object *escape_site_json(const struct escape_site *site, bool path);

/* --class and --package hold of it. */
bool escape_wanted(const struct options *o, const struct escape_site *site);
/* EXIT_UNUSABLE, said, where --class is no class. */
int escape_check_filter(const struct options *o);
