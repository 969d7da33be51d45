/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "base/util.h"
#include "gobin/runtime.h"
#include "policy/policy.h"

/*
 * What was seen of one workload at one moment: plain data. Symbols in brackets are those of the governor's terms
 * (gomemd(8), "Terms"). All sizes in bytes.
 */
enum {
	SNAPSHOT_PROCS_MAX =
		16, /* Go processes of one workload that are decided on; more are counted */
	WORKLOAD_NAME_MAX = 512,
};

#define SAFE_PERMILLE 920 /* of the room: what soft limits and non-Go share may fill together */

/* "No soft limit", and for memory.high "max". */
#define VALUE_NONE INT64_MAX

/* Bytes as the value of a limit, which is never 0. */
static inline int64_t limit_value(uint64_t bytes)
{
	return bytes >= INT64_MAX ? VALUE_NONE : (int64_t)MAX(bytes, 1u);
}

/* What runtime.forcegcperiod is (src/runtime/proc.go), in ns. */
#define GC_PERIOD_DEFAULT INT64_C(120000000000)

/* What runtime.MemProfileRate is where nobody said otherwise (src/runtime/mprof.go), in bytes a sample. */
#define PROFILE_RATE_DEFAULT (512 * 1024)

struct proc_key {
	int32_t pid;
	uint32_t unused;
	uint64_t start_ticks;
};

/* What is known of one lever of a process, from the undo records and the operator. */
struct lever_facts {
	int64_t owner;	/* the owner's value: what was there before the first write */
	int64_t pin;	/* the operator's value, where `pinned` */
	bool owner_set; /* the owner said so explicitly */
	bool ours;	/* gomemd has written it: an undo record exists */
	bool manual;	/* somebody else wrote after us: hands off */
	bool pinned;
};

struct snapshot_proc {
	struct proc_key key;
	usec_t at;	/* when the sample was taken; 0: there is none */
	usec_t started; /* 0: not known */
	uint64_t rss_bytes;
	bool proved;   /* every gate holds: the figures are believed and may be acted on */
	int32_t minor; /* Go release */
	struct go_sample sample;
	struct lever_facts lever[LEVER_MAX_];
};

struct snapshot_cgroup {
	usec_t at;
	uint64_t limit; /* [limit] min(memory.max) over the ancestors; BYTES_UNLIMITED */
	uint64_t room;	/* [M] */
	uint64_t
		allotted; /* of the room: what others below the same limit, or its namespace's share, leave it; 0: all */
	uint64_t current, high, max, min, low, swap_current;
	uint64_t anon, file, shmem, inactive_file, active_file, kernel_unreclaimable;
	uint64_t refault_file;
	uint64_t
		swapped_in_bytes; /* since the cgroup was made: anonymous pages that were read back ... */
	uint64_t
		swapped_out_bytes; /* ... and that were written; UINT64_MAX: this kernel does not count them */
	uint64_t events_high, events_max, events_oom, events_oom_kill;
	uint64_t psi_some_us, psi_full_us; /* memory.pressure totals */
	uint64_t cpu_usage_us, cpu_periods, cpu_throttled, cpu_throttled_us;
	uint64_t cpu_quota_permille; /* cpu.max as permille of one CPU; UINT64_MAX: none */
	bool can_swap;		     /* anon memory of this workload could be swapped out */
	uint64_t swap_left;	     /* so much more of it, if nobody else takes it; 0: none */
	struct lever_facts memory_high;
};

/* What is known of the unit by its name and by its earlier runs. */
struct snapshot_unit {
	bool is_service; /* a system service: it can be restarted, and has an environment at start */
	usec_t restart_from; /* restarted before: not again before then; 0: at any time */
	uint64_t
		live_at_start_bytes; /* [R] that an earlier run had after its start; 0: not known */
};

struct snapshot {
	struct snapshot_cgroup cgroup;
	struct snapshot_unit unit;
	uint32_t n_procs;
	uint32_t procs_left_out; /* over SNAPSHOT_PROCS_MAX */
	struct snapshot_proc procs[SNAPSHOT_PROCS_MAX];
};

/*
 * Is @a of @lever at least as tight as @b? More collection, less memory is tighter; GOGC=off is the loosest. Of the heap
 * profile fewer samples are, and none at all.
 */
bool lever_is_tighter(enum policy_lever lever, int64_t a, int64_t b);

/* [lazyfree] Pages freed by MADV_FREE: on the file lists, but still counted as anon. */
uint64_t snapshot_lazyfree(const struct snapshot_cgroup *c);

/* [U] What can kill: anon - lazyfree + shmem + unreclaimable kernel memory. Never memory.current. */
uint64_t snapshot_usage(const struct snapshot_cgroup *c);

/* How much of the room may be promised to the workload's soft limits and to what is not Go. */
uint64_t snapshot_allotted(const struct snapshot_cgroup *c);

/*
 * What was swapped in and out between two looks. Where the kernel does not count what goes out, it is what swap holds
 * more than before and what has come back: the least that it can have been.
 */
void snapshot_swapped(const struct snapshot_cgroup *now, const struct snapshot_cgroup *before,
		      uint64_t *ret_in_bytes, uint64_t *ret_out_bytes);

/* [T] of all proved processes. */
uint64_t snapshot_mapped(const struct snapshot *s);

/* What the proved processes' runtimes hold when all garbage is gone: live heap, stacks, spans' rests, tables. */
uint64_t snapshot_least(const struct snapshot *s);

/* [N] as it is now: U and swap without what the Go runtimes hold ready. */
uint64_t snapshot_nongo(const struct snapshot *s);
