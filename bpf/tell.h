/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "event.h"

/*
 * How the programs of one object tell of what the kernel does: one ring, what did not fit into it counted, and a budget
 * for each cgroup, so that a tenant can neither drown the others nor keep the listener awake.
 */
#define WINDOW_NS 1000000000ull

enum budget_kind {
	BUDGET_MEMORY,
	BUDGET_PROCESSES,
	BUDGET_MAX_,
};

/* In one window. Of processes more: each is an exec or an exit that the daemon would have to look for. */
#define MEMORY_TOLD_MAX	   100
#define PROCESSES_TOLD_MAX 500

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 17);
} events SEC(".maps");

struct budget {
	__u64 window_ns;
	__u64 told[BUDGET_MAX_];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct budget);
} budgets SEC(".maps");

__u64 lost;

struct told {
	__u64 before;  /* in this window, of this kind */
	__u64 left_ns; /* of the window */
};

/* One more of this kind of this cgroup. */
static __always_inline struct told told_one(__u64 cgroup_id, enum budget_kind kind)
{
	__u64 now = bpf_ktime_get_ns();
	struct budget fresh = { .window_ns = now };
	struct budget *b = bpf_map_lookup_elem(&budgets, &cgroup_id);

	if (b && now - b->window_ns < WINDOW_NS)
		return (struct told){ __sync_fetch_and_add(&b->told[kind], 1),
				      b->window_ns + WINDOW_NS - now };
	fresh.told[kind] = 1;
	bpf_map_update_elem(&budgets, &cgroup_id, &fresh, BPF_ANY);
	return (struct told){ 0, WINDOW_NS };
}

static __always_inline void say(const struct event *what)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	__builtin_memcpy(e, what, sizeof(*e));
	e->at_ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(e, 0);
}

/* An exec or an exit; or, once in a window, that this cgroup has more of them than are told. */
static __always_inline void say_process(__u32 kind, __u32 tgid, __u64 cgroup_id)
{
	struct told told = told_one(cgroup_id, BUDGET_PROCESSES);
	struct event e = { .kind = kind, .pid = tgid, .tid = tgid, .cgroup_id = cgroup_id };

	if (told.before > PROCESSES_TOLD_MAX)
		return;
	if (told.before == PROCESSES_TOLD_MAX) {
		e.kind = EVENT_UNTOLD;
		e.value = told.left_ns;
	}
	say(&e);
}
