/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/util.h"
#include "wire/endpoint.h"

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
	LEVER_HEAP_PROFILE, /* runtime.MemProfileRate */
	LEVER_GC_PERIOD,    /* runtime.forcegcperiod */
	LEVER_MEMORY_HIGH,  /* of the workload's cgroup; the others are of a process */
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

/* What may be asked back of a workload that is idle. */
enum policy_reclaim {
	RECLAIM_NO,
	RECLAIM_FILE, /* page cache */
	RECLAIM_ALL,  /* what can be swapped as well */
	RECLAIM_MAX_,
};

/* Where memory.high may be lowered. */
enum policy_high {
	HIGH_NO,
	HIGH_AUTO, /* after garbage collection did not help, and where nothing is swapped for it */
	HIGH_SWAP, /* the same, even where anonymous memory can be swapped */
	HIGH_MAX_,
};

/* "heap_alloc > 70% limit", "heap_alloc > 64Mi": a metric above a share of another, or above a figure. */
struct policy_trigger {
	bool set;
	enum policy_metric metric;
	uint32_t permille; /* of @base, where it is not 0 */
	enum policy_metric base;
	uint64_t bytes; /* where permille is 0 */
};

/* Where a process says of itself what its runtime does. */
enum policy_endpoint_kind {
	POLICY_ENDPOINT_OFF,
	POLICY_ENDPOINT_AUTO, /* by what it listens on */
	POLICY_ENDPOINT_AT,
};

struct policy_endpoint {
	int32_t kind; /* enum policy_endpoint_kind */
	struct endpoint at;
};

#define POLICY_UNSET INT32_MIN
#define POLICY_NEVER UINT64_MAX

#define POLICY_IDLE_DEFAULT (5 * USEC_MIN)

/* What a state applies; plain data, so that a decision can be replayed from a file. */
struct policy_action {
	struct policy_trigger when; /* pressed and emergency only */
	int32_t gogc;		    /* percent; POLICY_UNSET: leave */
	int32_t madvdontneed;	    /* 0, 1, POLICY_UNSET */
	bool soft_limit_off; /* soft_limit = off: this state sets none; otherwise it is worked out (auto) */
	int32_t memory_high; /* enum policy_high */
	uint32_t
		goroutine_rate; /* that each process may create, per second; 0: as many as it likes */
	char file[128];		/* of the section: a drop-in may hold it; cut at the left */
	uint32_t line;		/* of the section; 0: the tier has none for this state */
};

/* Everything that a decision needs to know of a tier. */
struct policy_rules {
	char tier[48];
	char file[128]; /* where the tier is written; cut at the left */
	uint32_t line;
	int32_t mode;		       /* enum policy_mode or MODE_UNSET */
	int32_t ownership[LEVER_MAX_]; /* enum policy_ownership */
	bool heap_profile; /* heap_profile = on: sampling is switched on where the program has none */
	usec_t heap_series; /* how often the heap profile of a process is taken, at most; 0: never */
	usec_t culprits; /* how often culprits are told in the journal: 0 on an alarm alone, POLICY_NEVER */
	usec_t idle; /* what does next to nothing for so long gives memory back; POLICY_NEVER: not */
	usec_t gc_period; /* so long after the last a collection is forced where a process is idle; 0: the runtime's */
	int32_t reclaim; /* enum policy_reclaim */
	bool balance; /* balance = auto: several processes share their extra heap by what it saves */
	bool tight_restart; /* tight = restart: the unit, where relaxing is no way out */
	usec_t environment; /* levers that were the same so long are the unit's environment at its next start; 0: never */
	struct policy_endpoint endpoint;
	struct policy_action state[STATE_MAX_];
};

enum {
	POLICY_PATTERNS_MAX = 16,
	POLICY_PATTERN_BYTES = 192,
	POLICY_TIERS_MAX = 64,
	POLICY_SCOPES_MAX = 64,
	POLICY_SHARES_MAX = 64,
};

struct policy_patterns {
	size_t n;
	char pattern[POLICY_PATTERNS_MAX][POLICY_PATTERN_BYTES];
};

/* Where a workload is. A list without a pattern takes every one. */
struct policy_place {
	struct policy_patterns cgroup, space, pod, container, qos;
	struct policy_patterns label, annotation; /* KEY=PATTERN */
};

struct policy_tier {
	struct policy_rules rules;
	bool unlimited; /* limit = none: workloads without a limit */
	uint64_t limit_from,
		limit_to; /* [from, to) bytes; 0 and BYTES_UNLIMITED where the file does not say */
	int32_t priority; /* the highest matches first; equal ones in the order they were read */
	struct policy_place place;
	struct policy_patterns owner, exe, module; /* none: every one */
};

/* [scope NAME]: where a mode holds, whatever the tier. Checked before a tier's own mode. */
struct policy_scope {
	char name[48];
	char file[128];
	uint32_t line;
	int32_t mode;
	struct policy_place place;
};

/* [namespace-share NAME]: what the Go workloads of each namespace that matches are to use together. */
struct policy_share {
	char name[48];
	char file[128];
	uint32_t line;
	struct policy_patterns space;
	uint64_t memory_bytes; /* 0: not said */
};

struct policy_set {
	size_t n_tiers, n_scopes, n_shares;
	struct policy_tier *tiers; /* in the order of matching */
	struct policy_scope *scopes;
	struct policy_share *shares;
	bool no_enforce; /* the daemon has not the rights to write: enforce is recommend */
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
