/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/*
 * Tier policies: what a workload of a given size and place is to get, in which state. A policy set is immutable
 * once loaded; whoever holds it reads it, a reload makes another. Everything about processes stays outside.
 */

enum policy_mode {
	MODE_OBSERVE,	/* look, never decide aloud */
	MODE_RECOMMEND, /* decide everything, write nothing */
	MODE_ENFORCE,
	MODE_MAX_,
	MODE_UNSET = -1,
};

enum policy_lever {
	LEVER_SOFT_LIMIT,
	LEVER_GOGC,
	LEVER_MADVDONTNEED,
	LEVER_MEMORY_HIGH, /* of the workload's cgroup; the others are of a process */
	LEVER_MAX_,
};

/* What an owner's own setting means for a lever. */
enum policy_ownership {
	OWNERSHIP_YIELD,    /* leave it alone */
	OWNERSHIP_TIGHTEN,  /* never looser than the owner's */
	OWNERSHIP_OVERRIDE, /* the policy's word */
	OWNERSHIP_MAX_,
};

enum policy_state {
	STATE_CALM,
	STATE_PRESSED,
	STATE_EMERGENCY,
	STATE_TIGHT,
	STATE_HOT,
	STATE_MAX_,
};

enum policy_metric {
	METRIC_HEAP_ALLOC,
	METRIC_HEAP_INUSE,
	METRIC_HEAP_SYS,
	METRIC_USAGE,
	METRIC_LIMIT, /* only to compare with */
	METRIC_MAX_,
};

/* "heap_alloc > 70% limit", "heap_alloc > 64Mi": a metric above a share of another, or above a figure. */
struct policy_trigger {
	bool set;
	enum policy_metric metric;
	uint32_t permille; /* of @base, where it is not 0 */
	enum policy_metric base;
	uint64_t bytes; /* where permille is 0 */
};

#define POLICY_UNSET INT32_MIN

/* What a state applies; plain data, so that a decision can be replayed from a file. */
struct policy_action {
	struct policy_trigger when; /* pressed and emergency only */
	int32_t gogc;		    /* percent; POLICY_UNSET: leave */
	int32_t madvdontneed;	    /* 0, 1, POLICY_UNSET */
	bool soft_limit_off; /* soft_limit = off: this state sets none; otherwise it is worked out (auto) */
	bool memory_high;	 /* memory_high = auto: after garbage collection did not help */
	uint32_t goroutine_rate; /* per second, 0: none. Read and shown; the limiter comes later */
	char file[128];		 /* of the section: a drop-in may hold it; cut at the left */
	uint32_t line;		 /* of the section; 0: the tier has none for this state */
};

/* Everything that a decision needs to know of a tier. */
struct policy_rules {
	char tier[48];
	char file[128]; /* where the tier is written; cut at the left */
	uint32_t line;
	int32_t mode;		       /* enum policy_mode or MODE_UNSET */
	int32_t ownership[LEVER_MAX_]; /* enum policy_ownership */
	bool tight_restart; /* tight = restart (read and shown; unit restarts come later) */
	struct policy_action state[STATE_MAX_];
};

enum {
	POLICY_PATTERNS_MAX = 16,
	POLICY_PATTERN_BYTES = 192,
	POLICY_TIERS_MAX = 64,
	POLICY_SCOPES_MAX = 64,
};

struct policy_patterns {
	size_t n;
	char pattern[POLICY_PATTERNS_MAX][POLICY_PATTERN_BYTES];
};

struct policy_tier {
	struct policy_rules rules;
	bool unlimited; /* limit = none: workloads without a limit */
	uint64_t limit_from,
		limit_to; /* [from, to) bytes; 0 and BYTES_UNLIMITED where the file does not say */
	int32_t priority; /* the highest matches first; equal ones in the order they were read */
	struct policy_patterns cgroup, exe, module; /* none: every one */
};

/* [scope NAME]: where a mode holds, whatever the tier. Checked before a tier's own mode. */
struct policy_scope {
	char name[48];
	char file[128];
	uint32_t line;
	int32_t mode;
	struct policy_patterns cgroup;
};

struct policy_set {
	size_t n_tiers, n_scopes;
	struct policy_tier *tiers; /* in the order of matching */
	struct policy_scope *scopes;
};

/* Names as the files have them; "unset" for MODE_UNSET. */
const char *policy_mode_name(int32_t mode);
const char *policy_state_name(enum policy_state state);
const char *policy_lever_name(enum policy_lever lever);
const char *policy_ownership_name(enum policy_ownership ownership);
const char *policy_metric_name(enum policy_metric metric);

/* The way back: 0, or -EINVAL for a word that is none; *ret is touched only on 0. */
int policy_mode_parse(const char *name, int32_t *ret);
int policy_state_parse(const char *name, enum policy_state *ret);
int policy_ownership_parse(const char *name, int32_t *ret);
int policy_metric_parse(const char *name, enum policy_metric *ret);

/* "heap_alloc > 70% limit" again, for a person; "-" where it is not set. Returns @buf. */
#define POLICY_TRIGGER_TEXT_MAX 64
const char *policy_trigger_text(char buf[POLICY_TRIGGER_TEXT_MAX], const struct policy_trigger *t);
