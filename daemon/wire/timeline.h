/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/*
 * What happened to a workload, one entry each, so that a latency spike can be laid beside it: in the order in which it
 * was known, which is when it ended; `at_ns` tells when it began.
 * Plain data; one JSON form for the daemon's answer and for gomemctl's own listening.
 */
enum timeline_kind {
	TIMELINE_GC,	     /* a cycle of the collector */
	TIMELINE_PAUSE,	     /* a stop-the-world that is not the collector's */
	TIMELINE_RECLAIM,    /* a thread had to reclaim memory of its cgroup itself */
	TIMELINE_THROTTLED,  /* stalled for memory (PSI some) between two looks */
	TIMELINE_SWAP,	     /* memory went to swap or came back between two looks */
	TIMELINE_OOM,	     /* the kernel chose a victim */
	TIMELINE_EXIT,	     /* a process ended */
	TIMELINE_ADJUSTMENT, /* gomemd changed a lever */
	TIMELINE_GUARD,	     /* a probe was hit too often, and has been taken away */
	TIMELINE_KIND_MAX_,
};

enum timeline_trigger {
	TRIGGER_HEAP,	/* the heap reached its goal's trigger */
	TRIGGER_TIME,	/* two minutes without a cycle */
	TRIGGER_FORCED, /* runtime.GC, debug.FreeOSMemory */
	TRIGGER_UNKNOWN,
	TRIGGER_MAX_,
};

struct timeline_entry {
	enum timeline_kind kind;
	int32_t pid;
	uint64_t at_ns;	      /* when it began: CLOCK_MONOTONIC */
	uint64_t duration_ns; /* 0: a moment */
	union {
		struct {
			enum timeline_trigger trigger;
			uint32_t num_gc; /* as MemStats.NumGC counts: the first is 1 */
			uint32_t pauses;
			bool estimate; /* pauses between two probes, not the runtime's own figure */
			uint64_t pause_ns;    /* of all its pauses: MemStats.PauseNs */
			uint64_t stopping_ns; /* of it until all had stopped; 0: not known */
			uint64_t heap_before_bytes, heap_after_bytes, heap_goal_bytes;
			uint64_t
				allocated_bytes; /* since the end of the cycle before; 0: not known */
		} gc;
		struct {
			int32_t lever, reason; /* names are the caller's */
			int64_t from, to;
		} adjustment;
		struct {
			uint64_t in_bytes, out_bytes; /* within duration_ns */
			uint64_t current_bytes;	      /* in swap at its end */
		} swap;
		uint64_t value; /* EXIT: wait status, GUARD: the site, OOM: bytes in use */
	};
};

const char *timeline_kind_name(enum timeline_kind kind);
const char *timeline_trigger_name(enum timeline_trigger trigger);

/* The JSON object of an entry, the caller's. @wall_offset_ns: CLOCK_REALTIME minus CLOCK_MONOTONIC. */
json_object *timeline_entry_json(const struct timeline_entry *e, uint64_t wall_offset_ns);

/* The last entries, oldest first; what falls out is counted. Zeroed is empty; memory is taken as they come. */
enum {
	TIMELINE_MAX = 128,
};

struct timeline {
	struct timeline_entry *entries;
	uint32_t first, n, room; /* a ring once `room` is TIMELINE_MAX */
	uint64_t dropped;
};

void timeline_add(struct timeline *t, const struct timeline_entry *e);
/* The i-th, oldest first; NULL beyond. */
const struct timeline_entry *timeline_get(const struct timeline *t, uint32_t i);
void timeline_done(struct timeline *t);
