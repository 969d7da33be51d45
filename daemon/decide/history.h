/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/snapshot.h"

/*
 * What a decision remembers of a workload between two looks: plain data, handed in and out, so that a decision is
 * a function of (snapshot, history, rules, now) and can be replayed.
 */
enum {
	HISTORY_CYCLES = 4, /* how many GC cycles a trigger is judged over */
	HISTORY_NONGO = 32, /* samples of the non-Go share */
};

/* The figures of one finished (or the running) GC cycle. */
struct cycle {
	uint64_t heap_alloc_peak, heap_inuse_peak, heap_sys_peak;
	int32_t effective_gogc; /* lowest seen */
	bool limit_sets_goal;
};

/* A change that is being watched: what was before it. */
struct lever_watch {
	bool active;
	int32_t lever;
	usec_t since;
	uint32_t num_gc;
	uint32_t gc_cpu_permille; /* UINT32_MAX: not known then, so that nothing is dearer */
	uint64_t mapped_bytes, usage_bytes, cpu_throttled, cpu_periods, psi_full_us;
};

struct proc_history {
	struct proc_key key;
	usec_t seen; /* of the last sample */
	usec_t cycle_seen; /* of the sample that showed the last end of a cycle; the first sample until then */
	uint32_t num_gc;
	uint32_t cycles;		       /* seen since the process was */
	uint32_t n_finished;		       /* in `finished`, newest first */
	uint64_t total_alloc, heap_live, goal; /* at the last look */
	uint32_t
		gc_cpu_permille; /* of one CPU, from end of cycle to end of cycle; 0 until `cycles` */
	struct cycle running, finished[HISTORY_CYCLES];
	bool tight;		/* latched */
	uint32_t tight_percent; /* room that a tight collector gets: 0, or 10 to 100 % of R ... */
	uint32_t tight_cycles;	/* ... since this many cycles */
	struct {
		usec_t changed;	   /* last write of this lever */
		uint32_t num_gc;   /* at that write */
		usec_t rest_until; /* rolled back: leave it alone until then */
	} lever[LEVER_MAX_];
	struct lever_watch watch;
};

/* A state that was entered stays until its way out has held for its dwell, in time and in cycles. */
struct latch {
	bool on;
	uint32_t entries; /* returns soon after leaving: each makes the dwell longer */
	usec_t since, left;
	usec_t below_since;    /* since when the way out holds; 0: it does not */
	uint64_t below_cycles; /* GC cycles of the workload then */
};

struct history {
	struct latch latch[STATE_MAX_];
	uint64_t room; /* [M] when a soft limit was last written */
	uint32_t n_nongo;
	usec_t nongo_at;
	uint64_t nongo[HISTORY_NONGO];		/* ring, newest at nongo_at's end */
	usec_t high_changed;			/* memory.high: last write */
	uint64_t high_psi_full_us, high_mapped; /* then */
	usec_t high_rest_until;
	uint32_t n_procs;
	struct proc_history procs[SNAPSHOT_PROCS_MAX];
};

/* Takes over what the snapshot adds: cycles, peaks, GC CPU, the non-Go share. Processes that have gone are dropped. */
void history_observe(struct history *h, const struct snapshot *s);

/* The process's own, or NULL. */
struct proc_history *history_proc(struct history *h, const struct proc_key *key);

/* [N] learned: a high quantile of what was seen, never below what is now; with little seen, a cautious start. */
uint64_t history_nongo(const struct history *h, const struct snapshot *s);

/* Tells the history that a lever was written (by act, after it was verified); starts its watch. */
void history_applied(struct history *h, const struct snapshot *s, const struct proc_key *key,
		     enum policy_lever lever, usec_t now);
