/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Exec and exit of processes, by the kernel's process connector (include/uapi/linux/cn_proc.h). Forks and threads are
 * filtered out in the kernel, so that a host that forks all day does not wake the daemon.
 */
struct proc_events;

enum process_event {
	PROC_EXEC,
	PROC_EXIT,
	PROC_OVERFLOW, /* events were lost: look at everything */
};

/*
 * Does the kernel, which names processes by the numbers of its first PID namespace, mean ours by them? Elsewhere the
 * connector takes a subscription and never says a word (drivers/connector/cn_proc.c, cn_proc_mcast_ctl).
 */
bool proc_events_named_here(void);

/*
 * Subscribes. Returns 0, or -errno: -EPERM without CAP_NET_ADMIN (before Linux 6.6), -ECONNREFUSED outside the first
 * network namespace, -ENOTSUP outside the first PID or user namespace, -EPROTONOSUPPORT where the kernel has no connector.
 */
int proc_events_new(struct proc_events **ret);
struct proc_events *proc_events_free(struct proc_events *pe);

static inline void proc_events_freep(struct proc_events **pe)
{
	proc_events_free(*pe);
}

int proc_events_fd(const struct proc_events *pe);

/* Reads what there is, at most a few hundred events, and calls @each. */
void proc_events_dispatch(struct proc_events *pe,
			  void (*each)(void *userdata, enum process_event event, pid_t pid),
			  void *userdata);
