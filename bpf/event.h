/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/*
 * What the BPF programs and the daemon say to each other: fixed-width structs, the same on both sides.
 */

/* What happened: the first ones are where a uprobe sits (daemon/gobin/sites.h has the same numbers). */
enum event_kind {
	EVENT_GC_START, /* value: kind of trigger; 0 heap, 1 time, 2 forced (gcTriggerKind, mgc.go) */
	EVENT_PAUSE_GC,	      /* value: nanoseconds */
	EVENT_PAUSE_GC_LAST,  /* value: nanoseconds; known to be the last of its cycle */
	EVENT_PAUSE_OTHER,    /* value: nanoseconds */
	EVENT_STOPPING_GC,    /* value: nanoseconds until all had stopped */
	EVENT_STOPPING_OTHER, /* value: nanoseconds until all had stopped */
	EVENT_STOP_WORLD,
	EVENT_START_WORLD,
	EVENT_MPROF_MALLOC, /* struct event_alloc; value: bytes of the object */
	EVENT_REFILL,	    /* struct event_alloc; value: span class, in its lowest byte */
	EVENT_ALLOC_LARGE,  /* struct event_alloc; value: bytes */
	EVENT_SITE_MAX_,
	EVENT_GUARD =
		EVENT_SITE_MAX_, /* value: the kind that was hit too often, and is silent now */
	EVENT_EXEC,
	EVENT_EXIT, /* value: exit code as wait(2) has it, 0 where it is not known */
	EVENT_UNTOLD, /* its cgroup has more execs and exits than are told; value: nanoseconds for which that holds */
	EVENT_OOM_VICTIM, /* value: pid of the victim */
	EVENT_RECLAIM,	  /* value: nanoseconds that direct reclaim for its memory cgroup took */
	EVENT_KIND_MAX_,
};

struct event {
	__u32 kind;
	__u32 pid, tid;
	__u32 num_gc;	 /* memstats.numgc at that moment ... */
	__u64 at_ns;	 /* CLOCK_MONOTONIC */
	__u64 value;	 /* by kind */
	__u64 heap_live; /* ... and gcController's figures */
	__u64 heap_marked;
	__u64 heap_goal; /* at the end of the last cycle */
	__u64 total_alloc;
	__u64 cgroup_id; /* of kernel events: the memory cgroup's directory */
	__u32 num_forced;
	__u32 unused;
};
_Static_assert(sizeof(struct event) == 80, "the same on both sides");

enum {
	EVENT_STACK_MAX = 64,
	EVENT_FRAMES = 4,
};

/* Objects that the span which has run out gave since it was the cache's, or: */
enum {
	EVENT_GIVEN_NONE = 0,	       /* there was no span */
	EVENT_GIVEN_UNKNOWN = 1 << 16, /* where the runtime counts them is not known */
};

/* An allocation that was sampled. */
struct event_alloc {
	struct event head;
	__u32 weight; /* hits that this one stands for; 0 is read as 1 */
	__u32 given;  /* of a refill: EVENT_GIVEN_* */
	__u64 caller; /* what the stack pointer points to: the frame that the frame pointers miss */
	__u32 n_pcs, n_frames;
	/* Of the innermost frames: return address and the two words above, among them size and type of mallocgc. */
	struct {
		__u64 pc, words[2];
	} frame[EVENT_FRAMES];
	__u64 pcs[EVENT_STACK_MAX];
};
_Static_assert(sizeof(struct event_alloc) == 80 + 24 + EVENT_FRAMES * 24 + EVENT_STACK_MAX * 8,
	       "the same on both sides");

/* A process that is listened to, by its pid. Addresses are its own; 0: not known. */
struct event_target {
	__u64 heap_live, heap_marked, heap_goal, total_alloc; /* addresses in gcController */
	__u64 num_gc;					      /* address of numgc, numforcedgc */
	__u64 window_ns;
	__u64 muted;	   /* bit a kind: hit more often than `limit` in a second */
	__u32 span_slot;   /* in a P's cache: its spans by class */
	__u32 span_counts; /* in a span: objects that are taken; 0: not known */
	__u32 hits[EVENT_SITE_MAX_];
	__u32 limit[EVENT_SITE_MAX_];
};
_Static_assert(sizeof(struct event_target) % 8 == 0, "no padding");

/*
 * The one process whose spans are listened to, a variable of the programs that is shared. Its probes cost as long as they
 * sit, so that hits are counted whether anything is told of them or not.
 */
struct event_spans {
	__u32 pid;	   /* whose hits are counted */
	__u32 open;	   /* whether they are told */
	__u64 hits;	   /* since the start */
	__u64 spent_ns;	   /* in the program, of all hits */
	__u64 burst_at_ns; /* of the hits that are thinned out together */
	__u64 burst_hits;
};
