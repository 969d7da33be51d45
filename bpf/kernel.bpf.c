// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tracepoints of the kernel about memory and processes. The few fields of its structs that are needed are named here,
 * and found by the kernel's own type information: one object for all kernels.
 */
#include "tell.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define RECLAIM_LEAST_NS 1000000ull /* what is shorter is nobody's latency */
#define SIGNAL_MASK	 0x7f
#define PF_FORKNOEXEC	 0x40 /* include/linux/sched.h: since its fork it has not called exec */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define CORE __attribute__((preserve_access_index))

typedef struct {
	int counter;
} atomic_t;

struct kernfs_node {
	__u64 id;
} CORE;

struct cgroup {
	struct kernfs_node *kn;
} CORE;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
} CORE;

struct css_set {
	struct cgroup_subsys_state *subsys[16];
} CORE;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
} CORE;

struct task_struct {
	unsigned int flags;
	int tgid, pid, exit_code;
	struct signal_struct *signal;
	struct css_set *cgroups;
} CORE;

enum cgroup_subsys_id {
	memory_cgrp_id = 4,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} reclaiming SEC(".maps");

/* Set before loading: whether every exec and exit is told, or deaths by a signal alone. */
const volatile bool tell_processes;

static __always_inline __u64 memory_cgroup_of(struct task_struct *t)
{
	int id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);

	return BPF_CORE_READ(t, cgroups, subsys[id], cgroup, kn, id);
}

static __always_inline void say_of(__u32 kind, struct task_struct *t, __u64 value, __u64 cgroup_id)
{
	struct event e = { .kind = kind,
			   .pid = (__u32)BPF_CORE_READ(t, tgid),
			   .tid = (__u32)BPF_CORE_READ(t, pid),
			   .value = value,
			   .cgroup_id = cgroup_id };

	say(&e);
}

/* The kernel's choice of a victim is always told; of all else only so much. */
static __always_inline bool admit(__u64 cgroup_id)
{
	return told_one(cgroup_id, BUDGET_MEMORY).before < MEMORY_TOLD_MAX;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *t)
{
	say_process(EVENT_EXEC, (__u32)BPF_CORE_READ(t, tgid), memory_cgroup_of(t));
	return 0;
}

/*
 * Once for a process, with the last of its threads. Deaths by a signal, with their memory cgroup's figures; of all else
 * only that it is gone, and not of what was forked and never called exec: nobody was told that it came.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *t)
{
	int code = BPF_CORE_READ(t, signal, group_exit_code);

	if (BPF_CORE_READ(t, signal, live.counter) != 0)
		return 0;
	if (!code)
		code = BPF_CORE_READ(t, exit_code);
	if ((code & SIGNAL_MASK) && admit(memory_cgroup_of(t)))
		say_of(EVENT_EXIT, t, (__u64)(__u32)code, memory_cgroup_of(t));
	else if (tell_processes && !(BPF_CORE_READ(t, flags) & PF_FORKNOEXEC))
		say_process(EVENT_EXIT, (__u32)BPF_CORE_READ(t, tgid), memory_cgroup_of(t));
	return 0;
}

/* A raw tracepoint, since it needs no tracefs. Its argument is the victim's pid, in newer kernels the victim. */
SEC("raw_tp/mark_victim")
int on_victim(struct bpf_raw_tracepoint_args *c)
{
	struct task_struct *t = (struct task_struct *)c->args[0];

	/* The current task is whoever asked for memory, perhaps of another cgroup: it tells nothing of the victim. */
	if (c->args[0] >> 32)
		say_of(EVENT_OOM_VICTIM, t, (__u64)(__u32)BPF_CORE_READ(t, tgid),
		       memory_cgroup_of(t));
	else
		say_of(EVENT_OOM_VICTIM, (struct task_struct *)bpf_get_current_task(),
		       (__u64)(__u32)c->args[0], 0);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(on_reclaim_begin)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&reclaiming, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(on_reclaim_end)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 *since = bpf_map_lookup_elem(&reclaiming, &tid), took;

	if (!since)
		return 0;
	took = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&reclaiming, &tid);
	if (took >= RECLAIM_LEAST_NS) {
		struct task_struct *t = (struct task_struct *)bpf_get_current_task();

		if (admit(memory_cgroup_of(t)))
			say_of(EVENT_RECLAIM, t, took, memory_cgroup_of(t));
	}
	return 0;
}
