/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/baseline.h"

/*
 * The gate of a build: what escapes now and not in the baseline, each with the level of the first rule that is about it.
 * Without a rule it is logged. Pure: where rules come from, and what is printed, is the caller's.
 */
enum escape_level {
	ESCAPE_IGNORE,
	ESCAPE_LOG,
	ESCAPE_FAIL,
	ESCAPE_LEVEL_MAX_,
};

const char *escape_level_name(enum escape_level level);
int escape_level_parse(const char *name, enum escape_level *ret);

enum {
	GATE_RULES_MAX = 64,
	GATE_PATTERNS_MAX = 16,
	GATE_NAME_MAX = 64,
	GATE_PATTERN_MAX = 192,
	GATE_FINDINGS_MAX = 10000,
};

struct escape_rule {
	char name[GATE_NAME_MAX];
	char packages[GATE_PATTERNS_MAX]
		     [GATE_PATTERN_MAX]; /* shell patterns; none: every package */
	size_t n_packages;
	char functions[GATE_PATTERNS_MAX][GATE_PATTERN_MAX];
	size_t n_functions;
	uint32_t classes; /* a bit each; 0: every class */
	enum escape_level level;
};

struct escape_rules {
	struct escape_rule rules[GATE_RULES_MAX];
	size_t n;
};

/* The first rule that is about @key, or NULL. */
const struct escape_rule *escape_rules_find(const struct escape_rules *rules,
					    const struct escape_key *key);

/* One new escape; texts are its own. */
struct escape_finding {
	struct escape_key key;
	enum escape_level level;
	const char *rule; /* the rules' own text; "" for none */
	const char *file;
	uint32_t line, column;
	const char *path; /* the way as text, a step a line */
};

struct escape_findings {
	struct escape_finding **items;
	size_t n, room, n_failing;
	uint64_t counts[ESCAPE_LEVEL_MAX_]; /* all, those beyond the cap too */
};

/*
 * Takes the next site of the build: met in @b, or added to what is found. Returns 0, or -ENOMEM. Those that are ignored
 * are counted alone.
 */
int escape_gate_take(struct escape_baseline *b, const struct escape_rules *rules,
		     const struct escape_site *site, struct escape_findings *found);
void escape_findings_done(struct escape_findings *found);

/*
 * Why reports of @was and @now cannot be compared, with the mend; NULL where they can. *ret_warning is what is to be
 * known all the same, or NULL.
 */
const char *escape_make_differs(const struct escape_make *was, const struct escape_make *now,
				const char **ret_warning);

/* The way to the heap, a step a line: "file.go:1:2: expression (reason)". The caller frees it; NULL without memory. */
char *escape_path_text(const struct escape_site *site);
