/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * A model of Go processes in a cgroup, to try decisions on: it fills a snapshot as the daemon would, and obeys the levers.
 * A function of its setup alone: no clock, no chance. What is modelled, and by which source:
 *   the heap goal                 heapmath.h, the runtime's own formula
 *   the trigger                   between 70 and 95 % of the way to the goal, by what marking takes (mgcpacer.go, trigger)
 *   marking                       a quarter of the CPUs, more by assists where the goal would be missed; what is
 *                                 allocated meanwhile survives (mgcmark.go)
 *   the CPU limiter               a bucket of a second per CPU, filled above one half (mgclimit.go)
 *   the scavenger                 in the background down to 10 % above the goal of GOGC, and to 95 % of the soft limit; inline
 *                                 at the soft limit (mgcscavenge.go); MADV_FREE leaves pages in anon
 *   the periodic collection       after two minutes without one (proc.go, forcegcperiod)
 *   memory.high and the limits    the page cache and lazily freed pages go first; then it stalls, or kills
 * Not modelled: swap, CPU throttling by quota, transparent huge pages, size classes (fragmentation is one share).
 */
enum {
	PLANT_PROCS_MAX = 4,
};

/* What a process does at one time; between two points all figures are on a straight line. */
struct plant_point {
	usec_t at; /* since the plant began */
	uint64_t live_bytes;
	uint64_t alloc_bytes_per_second;
	uint64_t rest_bytes; /* ready, but neither object nor free: stacks, the runtime's tables */
};

/* What happens around the processes. */
struct plant_around {
	usec_t at;
	uint64_t nongo_bytes;	  /* anonymous memory of the workload that is not Go's */
	uint64_t neighbour_bytes; /* used by others below the parent's limit */
};

struct plant_load {
	const struct plant_point *points; /* the caller's, in their order; at least one */
	size_t n_points;
	usec_t from, until;		 /* when it is there; until 0: to the end */
	uint64_t mark_bytes_per_second;	 /* of one CPU */
	uint32_t fragmentation_permille; /* of what is allocated */
	int32_t minor, gomaxprocs;
	int32_t gogc;		    /* the owner's */
	int64_t memory_limit_bytes; /* the owner's; VALUE_NONE */
	int32_t madvdontneed;
	bool owner_set_gogc, owner_set_limit;
	struct proc_key key; /* pid 0: one is made up */
};

struct plant_setup {
	uint64_t max_bytes,
		parent_bytes; /* memory.max of the cgroup and of its parent; BYTES_UNLIMITED */
	uint64_t file_bytes, shmem_bytes, kernel_bytes;
	uint64_t cpu_quota_permille;	    /* UINT64_MAX: none */
	uint64_t scavenge_bytes_per_second; /* in the background */
	const struct plant_around *around;  /* the caller's; none: nothing is around */
	size_t n_around;
	uint32_t n_loads;
	struct plant_load loads[PLANT_PROCS_MAX];
};

struct plant_process {
	bool there, marking;
	usec_t mark_left, cycle_at;
	size_t point; /* the last that has been passed */
	uint64_t live_bytes, live_at_mark, alloc_at_mark;
	uint32_t gc_permille; /* of its CPUs while it marks */
	uint64_t lazy_bytes;  /* freed by MADV_FREE, not yet taken */
	uint64_t limiter_ns;  /* of the bucket */
	uint64_t sys_bytes;   /* the heap's address space */
};

struct plant_totals {
	uint64_t peak_usage_bytes; /* [U] */
	uint64_t gc_cpu_ns;
	uint64_t cycles;
	uint64_t allocated_bytes;
	usec_t stalled;	  /* by memory.high */
	usec_t killed_at; /* since the plant began; 0: never */
};

struct plant {
	struct plant_setup setup;
	usec_t now;    /* since it began */
	size_t around; /* the last point that has been passed */
	uint64_t file_bytes, neighbour_bytes;
	uint32_t stall_permille; /* of the time, by memory.high */
	struct plant_process procs[PLANT_PROCS_MAX];
	struct snapshot snapshot; /* as it is now; its processes are those that are there */
	uint32_t load_of[PLANT_PROCS_MAX]; /* of each process of the snapshot */
	struct go_sample samples[PLANT_PROCS_MAX];
	struct lever_facts facts[PLANT_PROCS_MAX][LEVER_MAX_];
	struct plant_totals totals;
};

/* What plant time 0 is on the snapshot's clock: 0 would be "never" there. */
#define PLANT_EPOCH (1000 * USEC_SEC)

/* The setup's points stay the caller's and must outlive the plant. */
void plant_start(struct plant *p, const struct plant_setup *setup);

/* Lets @usec pass. Nothing more happens once the limit has killed it (totals.killed_at). */
void plant_run(struct plant *p, usec_t usec);

/* Does what a decision says, at once; the history is told of each change as after a verified write. Returns how many. */
uint32_t plant_apply(struct plant *p, const struct decision *d, struct history *h);

/* True live heap of all processes, garbage or not marked yet. */
uint64_t plant_live(const struct plant *p);
