/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/symbols.h"

/*
 * What the goroutines of a program do, by the runtime's own list of them: how many are in each state, what those wait
 * for, where they began, which `go` statement made them and how much stack they hold.
 * Source: Go src/runtime/{runtime2,proc,stack,traceback}.go of 1.19 to 1.27.
 */
enum goroutine_state {
	GOROUTINE_IDLE,
	GOROUTINE_RUNNABLE,
	GOROUTINE_RUNNING,
	GOROUTINE_SYSCALL,
	GOROUTINE_WAITING,
	GOROUTINE_COPYSTACK,
	GOROUTINE_PREEMPTED,
	GOROUTINE_LEAKED, /* from 1.26: found to wait for what nobody can reach any more */
	GOROUTINE_STATE_MAX_,
};

/* As the runtime's own stack dumps have it. */
const char *goroutine_state_name(enum goroutine_state state);

/* Outcomes above 0. */
enum {
	GOROUTINES_UNKNOWN =
		56, /* where this runtime keeps them was not found, or not proved for its release */
};

enum {
	GOROUTINES_MAX = 1 << 20,    /* looked at; more are counted */
	GOROUTINE_GROUPS_MAX = 4096, /* what falls out is counted */
	GOROUTINE_REASONS_MAX = 64,
	GOROUTINE_REASON_MAX = 48,
};

/* Those in one state, for one reason, that began in one function and were made by one statement. */
struct goroutine_group {
	enum goroutine_state state;
	uint32_t reason;   /* of those that wait; 0: none is told */
	uint64_t start_pc; /* the function that `go` was said to; 0: no function of the program's */
	/* Where the `go` statement goes on, so a return address; 0: none of the program's. */
	uint64_t created_pc;
	bool system; /* the runtime's own, which runtime.NumGoroutine leaves out */
	uint64_t n;
	uint64_t
		stack_bytes; /* that they hold, used or not; one that no stack can be counts as 0 */
	/* Where those that are blocked were asked for. */
	uint64_t n_dated;		       /* of which it is known since when */
	uint64_t waited_p50_ns, waited_max_ns; /* of them */
};

/* Of all of them, whatever group they are in. */
struct goroutine_summary {
	uint64_t listed; /* by the runtime, the dead included, which it keeps for new ones */
	uint64_t alive;	 /* of those looked at: neither dead nor the runtime's own */
	uint64_t system, dead;
	uint64_t unreadable; /* no goroutine where the list has one */
	uint64_t left_out;   /* alive, but without a group of their own */
	uint64_t not_looked_at;
	int64_t counted; /* as runtime.NumGoroutine counts; -1: unknown. It differs from `alive` by what came and went meanwhile. */
	bool torn;	 /* the list moved at each try: it has grown */
	uint64_t
		collection_age_ns; /* since the last collection began to mark; 0: unknown. Where blocked ones were asked for. */
};

struct goroutines {
	struct goroutine_summary summary;
	struct goroutine_group *groups;
	size_t n;
	char reasons[GOROUTINE_REASONS_MAX]
		    [GOROUTINE_REASON_MAX]; /* tenant's text; "" where it was not found */
};

/*
 * Only those that are blocked: that wait, or are in a system call, for as long at least. Since when is what the runtime
 * remembers, and its own stack dumps tell in minutes (g.waitsince; markroot in mgcmark.go, gcMark in mgc.go): the first
 * collection that finds a goroutine blocked dates it by the end of the one before. So it has waited for that long at
 * most, and at least since the collection that found it; what none has found yet, or only the program's first, has no
 * date and counts as none. Clock: CLOCK_MONOTONIC.
 */
struct goroutines_blocked {
	uint64_t now_ns;
	uint64_t at_least_ns; /* 0: any, those that are not dated with them */
};

/* @blocked: NULL for all. Returns 0, GOROUTINES_UNKNOWN, -EBADMSG where the list is none, or -errno. @ret is the caller's, to be ended with goroutines_done. */
int goroutines_read(const struct memory *m, const struct go_runtime *rt, struct go_symbols *symbols,
		    const struct goroutines_blocked *blocked, struct goroutines *ret);
void goroutines_done(struct goroutines *g);

/* What a group does: the reason that it waits for, else its state. */
const char *goroutines_doing(const struct goroutines *g, const struct goroutine_group *group);
