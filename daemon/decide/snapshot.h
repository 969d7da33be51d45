/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
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
	usec_t at; /* when the sample was taken; 0: there is none */
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
	uint64_t current, high, max, min, low, swap_current;
	uint64_t anon, file, shmem, inactive_file, active_file, kernel_unreclaimable;
	uint64_t refault_file;
	uint64_t events_high, events_max, events_oom, events_oom_kill;
	uint64_t psi_some_us, psi_full_us; /* memory.pressure totals */
	uint64_t cpu_usage_us, cpu_periods, cpu_throttled, cpu_throttled_us;
	uint64_t cpu_quota_permille; /* cpu.max as permille of one CPU; UINT64_MAX: none */
	bool can_swap;		     /* anon memory of this workload could be swapped out */
	struct lever_facts memory_high;
};

struct snapshot {
	struct snapshot_cgroup cgroup;
	uint32_t n_procs;
	uint32_t procs_left_out; /* over SNAPSHOT_PROCS_MAX */
	struct snapshot_proc procs[SNAPSHOT_PROCS_MAX];
};

/* [lazyfree] Pages freed by MADV_FREE: on the file lists, but still counted as anon. */
uint64_t snapshot_lazyfree(const struct snapshot_cgroup *c);

/* [U] What can kill: anon - lazyfree + shmem + unreclaimable kernel memory. Never memory.current. */
uint64_t snapshot_usage(const struct snapshot_cgroup *c);

/* [T] of all proved processes. */
uint64_t snapshot_mapped(const struct snapshot *s);

/* [N] as it is now: U and swap without what the Go runtimes hold ready. */
uint64_t snapshot_nongo(const struct snapshot *s);
