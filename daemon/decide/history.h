/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/snapshot.h"
#include "decide/trend.h"

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
	bool tighter; /* than before: more collection; a looser lever can only cost memory, and stalls for it */
	usec_t since;
	uint32_t num_gc;
	uint32_t gc_cpu_permille; /* UINT32_MAX: not known then, so that nothing is dearer */
	uint64_t mapped_bytes, usage_bytes, cpu_throttled, cpu_periods, psi_full_us;
};

/* What one of several processes under a limit does, in windows of time, and what it is to have (balance.h). */
struct proc_balance {
	usec_t at; /* the window's beginning, and what the counters were then */
	uint64_t alloc_bytes;
	uint32_t num_gc;
	uint32_t windows;
	uint32_t steady;		  /* of them in a row in which it marked about the same */
	uint64_t rate;			  /* bytes allocated a second, smoothed */
	uint64_t marks;			  /* [R], smoothed */
	uint64_t marked_rate;		  /* bytes marked a second in the last window */
	int32_t gogc;			  /* percent; 0: nothing is wished */
	uint64_t peak_bytes;		  /* mapped at most with that */
	uint64_t base_mapped, base_marks; /* [T] and [R] when it was first balanced; 0: it is not */
};

struct balance {
	bool on;
	usec_t at;
	uint32_t
		scale_permille; /* of what the owners' GOGC gives, so that as much is mapped as before */
	uint32_t worse;		/* windows in a row in which nothing was saved */
	usec_t rest_until;
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
	usec_t paced_at; /* when `paced_alloc` was what it had allocated: a minute ago at most, or the last look */
	uint64_t paced_alloc;
	usec_t idle_since; /* it allocates next to nothing since then; 0: it does not */
	bool idled;	   /* its soft limit was stepped down for that, and not up again */
	struct proc_balance balance;
	struct cycle running, finished[HISTORY_CYCLES];
	uint64_t live_at_start_bytes; /* [R] soon after its start; 0: not known (yet) */
	bool tight;		      /* latched */
	uint32_t tight_percent; /* room that a tight collector gets: 0, or 10 to 100 % of R ... */
	uint32_t tight_cycles;	/* ... since this many cycles */
	struct {
		usec_t changed;	   /* last write of this lever */
		uint32_t num_gc;   /* at that write */
		usec_t rest_until; /* rolled back: leave it alone until then */
		struct lever_watch watch;
	} lever[LEVER_MAX_];
};

/* A state that was entered stays until its way out has held for its dwell, in time and in cycles. */
struct latch {
	bool on;
	uint32_t entries; /* returns soon after leaving: each makes the dwell longer */
	usec_t since, left;
	usec_t below_since;    /* since when the way out holds; 0: it does not */
	uint64_t below_cycles; /* GC cycles of the workload then */
};

/* The last time that memory was asked back of an idle workload, and what the counters were then. */
struct reclaim {
	uint32_t times; /* since it is idle */
	usec_t asked;	/* 0: not since the last rest */
	usec_t rest, rest_until;
	uint64_t bytes, current, psi_some_us, swapped_in_bytes, refault_file;
};

struct history {
	struct latch latch[STATE_MAX_];
	struct latch
		throttled; /* the CPU quota holds it up: collecting more is paid for by stalls */
	struct latch
		swapped; /* what cannot be collected is more than the room, and swap has the rest */
	usec_t quota_at; /* when the counters were as follows: ten seconds ago, or more */
	uint64_t quota_periods, quota_throttled;
	uint32_t throttled_permille; /* of the periods between the last two such looks */
	struct balance balance;
	struct reclaim reclaim;
	uint64_t allotted; /* of the room, when a soft limit was last written */
	uint32_t n_nongo;
	usec_t nongo_at;
	uint64_t
		nongo_kept; /* the quantile as it was at its highest, on its way down to what it is now */
	bool nongo_known;	       /* from an earlier run of the workload: no cautious start */
	uint64_t nongo[HISTORY_NONGO]; /* ring, newest at nongo_at's end */
	struct trend go_trend; /* what the runtimes hold without garbage, after each collection */
	struct trend nongo_trend;  /* [N] as it was */
	uint64_t trend_cycles;	   /* collections by the last point of go_trend */
	int32_t growth_alert;	   /* enum decide_alert: raised by the forecast, ... */
	usec_t growth_alert_until; /* ... and until when, if nothing renews it */
	usec_t no_fit_since; /* since when the live data of a workload in distress does not fit; 0: it does */
	bool restart_refused; /* there was a reason to restart it, and one not to */
	usec_t high_changed;  /* memory.high: last write */
	uint64_t high_psi_full_us, high_mapped; /* then */
	usec_t high_rest_until;
	uint32_t n_procs;
	struct proc_history procs[SNAPSHOT_PROCS_MAX];
};

/* Takes over what the snapshot adds: cycles, peaks, GC CPU, the non-Go share. Processes that have gone are dropped. */
void history_observe(struct history *h, const struct snapshot *s);

/* All of it. What no process has used is not even touched: most workloads have one, and a node has many workloads. */
void history_forget(struct history *h);

/* GC cycles of all processes that were seen. */
uint64_t history_cycles(const struct history *h);

/* The process's own, or NULL. */
struct proc_history *history_proc(struct history *h, const struct proc_key *key);

/*
 * [N] learned: a high quantile of what was seen, which is followed at once where it rises and by and by where it falls;
 * never below what is now. With little seen, and nothing known of before, a cautious start.
 */
uint64_t history_nongo(const struct history *h, const struct snapshot *s);

/* What an earlier run of the same workload had learned, before the first look. */
void history_recall_nongo(struct history *h, uint64_t bytes);

/* [R] of all its processes soon after their start; 0 where it is not known of each. */
uint64_t history_live_at_start(const struct history *h);

/* What a later run may be told; 0 where too little was seen. */
uint64_t history_learned_nongo(const struct history *h);

/* Tells the history that a lever was written (by act, after it was verified); starts its watch. */
void history_applied(struct history *h, const struct snapshot *s, const struct proc_key *key,
		     enum policy_lever lever, int64_t from, int64_t to, usec_t now);
