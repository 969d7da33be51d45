/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/image.h"
#include "gobin/sites.h"

/*
 * The Go runtime of a program, found in its memory alone: no symbols, no section headers, no cooperation.
 * Locating takes some ten milliseconds and its result holds for the executable file; a sample takes microseconds.
 * Both structs are plain data of fixed size: they cross a socket.
 */

/* Offsets of one release's structs, in bytes; source: the Go sources of each release, proved against processes. */
struct go_layout;

/* Outcomes above 0: ordinary, never logged as an error. */
enum {
	GO_NONE = 32,	   /* no Go runtime here */
	GO_TOO_OLD,	   /* before 1.19: no soft limit to govern by */
	GO_LAYOUT_UNKNOWN, /* its code reads fields where no known release has them */
	GO_UNPROVED,	   /* a global of the runtime was not found for certain */
};

/* What must hold before a figure is believed or a byte written, in the order in which it is asked. */
enum go_gate {
	GATE_MODULEDATA,
	GATE_VERSION,
	GATE_FUNCTIONS,
	GATE_GC_CONTROLLER,
	GATE_LAYOUT,
	GATE_SINGLE_RUNTIME, /* only for writing: several runtimes in one process are observed */
	GATE_ENABLEGC,
	GATE_GC_PERCENT,
	GATE_MEMORY_LIMIT,
	GATE_HEAP_GOAL,
	GATE_MAPPED_READY,
	GATE_ALIVE,
	GATE_MAX_,
};

struct go_gate_result {
	bool asked, ok;
	char detail[100];
};

const char *go_gate_name(enum go_gate gate);

enum go_global {
	GLOBAL_GC_CONTROLLER,
	GLOBAL_MEMSTATS,
	GLOBAL_MHEAP,
	GLOBAL_SCHED,
	GLOBAL_GOIDGEN, /* sched.goidgen: the numbers that goroutines have been given */
	GLOBAL_ALLGS,
	GLOBAL_ALLP,
	GLOBAL_GOMAXPROCS,
	GLOBAL_CPU_LIMITER,
	GLOBAL_MBUCKETS,
	GLOBAL_MPROF_CYCLE,
	GLOBAL_WAIT_REASONS, /* waitReasonStrings, an array of strings */
	GLOBAL_MEM_PROFILE_RATE,
	GLOBAL_MADVDONTNEED,
	GLOBAL_FORCE_GC_PERIOD,
	GLOBAL_MAX_,
};

struct go_runtime {
	struct go_buildinfo info;
	int32_t minor;		  /* 22 for Go 1.22 */
	int32_t last_goal_offset; /* the code's own fingerprint of gcControllerState */
	uint32_t runtimes;	  /* how many runtimes the process holds; 1 is the rule */
	uint32_t magic;
	uint64_t image_file; /* the region file that the image is mapped from ... */
	uint64_t image_base; /* ... and its lowest address: what a cached result is moved by */
	uint64_t moduledata, pclntab;
	uint64_t global[GLOBAL_MAX_]; /* addresses; 0 where this one was not found */
	struct go_sites sites;	      /* where probes may sit */
	bool rate_confirmed; /* what loads MemProfileRate and what stores it name the same address */
	bool period_confirmed; /* forcegcperiod is the same word to gcTrigger.test and to sysmon */
	bool marked; /* no moduledata, and yet build information: its loader may not have finished */
	bool profiles_heap; /* something in it reads the heap profile: else its linker has switched that off */
	struct go_gate_result gates[GATE_MAX_];
};

/*
 * Finds the runtime. Returns 0, an outcome above (gates in *ret say which refused and why; the rest of *ret is
 * what was found so far), or -errno. Source: go-runtime facts proved per release, see doc/HACKING.md.
 */
int go_runtime_locate(const struct memory *m, struct go_runtime *ret);

/*
 * Moves a result that was found in another process of the same executable to this one's load address. Returns
 * false where @m does not hold that image.
 */
bool go_runtime_rebase(struct go_runtime *rt, const struct memory *m);

/* One look at the runtime's own figures. */
struct go_sample {
	int32_t gc_percent;	    /* -1: off */
	int32_t gomaxprocs;	    /* 0: unknown */
	int64_t memory_limit_bytes; /* INT64_MAX: none */
	uint64_t heap_minimum_bytes;
	uint64_t gc_percent_goal_bytes; /* UINT64_MAX with GOGC=off */
	uint64_t sweep_min_trigger_bytes;
	uint64_t triggered_bytes; /* UINT64_MAX where no cycle is under way */
	uint64_t heap_live_bytes;
	uint64_t heap_marked_bytes;
	uint64_t stack_scan_bytes, globals_scan_bytes;
	uint64_t heap_inuse_bytes, heap_released_bytes, heap_free_bytes;
	uint64_t total_alloc_bytes, total_free_bytes;
	uint64_t mapped_ready_bytes;
	uint64_t
		mark_work_ns; /* assist, dedicated and fractional marking of the last or current cycle */
	uint64_t mark_start_ns;
	uint64_t pause_total_ns;
	uint64_t last_gc_unix_ns; /* 0: never */
	uint32_t num_gc, num_forced_gc;
	uint32_t limiter_last_cycle;
	int32_t madvdontneed;	  /* 0, 1; -1: unknown */
	int64_t mem_profile_rate; /* bytes a sample, 0: none are taken; -1: not known for certain */
	int64_t gc_period_ns; /* a collection is forced so long after the last; -1: not known for certain */
	int64_t goroutines; /* -1: not asked for, or unknown */
	bool enablegc;
	bool limiter_known, limiter_enabled;
};

enum {
	GO_SAMPLE_GOROUTINES = 1 << 0, /* reads each P as well: microseconds more per P */
};

/* Returns 0 or -errno (-EIO or 0 bytes: the process is gone or has another image). */
int go_runtime_sample(const struct memory *m, const struct go_runtime *rt, uint32_t flags,
		      struct go_sample *ret);

/*
 * Judges a sample: does this behave like the runtime that the layout promises? @virtual_bytes is all that
 * the process maps, 0 where it is not known. Fills the gates from GATE_SINGLE_RUNTIME on; returns whether all of them hold.
 */
bool go_runtime_judge(struct go_runtime *rt, const struct go_sample *s, uint64_t virtual_bytes);

/*
 * Judges whether the runtime runs in this process at all: a C program that holds a Go library and forks leaves the child
 * a copy of the runtime's memory and none of its threads. @started_ns is when the process was made, on the clock of
 * mark_start_ns; 0 for either where it is not known.
 */
bool go_runtime_judge_alive(struct go_runtime *rt, const struct go_sample *s, uint32_t threads,
			    uint64_t started_ns);

/* Do all gates hold but for the heap goal's? So does a GOGC of which only some fields were stored look. */
bool go_runtime_is_torn(const struct go_runtime *rt);

/* The first gate that refused, or GATE_MAX_. */
enum go_gate go_runtime_refusal(const struct go_runtime *rt);

/* MemStats.HeapAlloc and HeapSys of a sample, in bytes. */
static inline uint64_t go_sample_heap_alloc(const struct go_sample *s)
{
	return s->total_alloc_bytes > s->total_free_bytes ?
		       s->total_alloc_bytes - s->total_free_bytes :
		       0;
}

static inline uint64_t go_sample_heap_sys(const struct go_sample *s)
{
	return s->heap_inuse_bytes + s->heap_free_bytes + s->heap_released_bytes;
}

/* The fields that can be written, each one aligned store. */
enum go_field {
	FIELD_GC_PERCENT,      /* int32 */
	FIELD_MEMORY_LIMIT,    /* int64 */
	FIELD_HEAP_MINIMUM,    /* uint64 */
	FIELD_GC_PERCENT_GOAL, /* uint64 */
	FIELD_MADVDONTNEED,    /* int32 */
	FIELD_PROFILE_RATE,    /* int64 */
	FIELD_GC_PERIOD,       /* int64 */
	FIELD_MAX_,
};

/* Where a field lies and how many bytes it has (4 or 8). Returns false where this runtime's is not known. */
bool go_runtime_field(const struct go_runtime *rt, enum go_field field, uint64_t *ret_addr,
		      size_t *ret_size);
