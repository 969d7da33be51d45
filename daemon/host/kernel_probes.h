/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/event.h"

/*
 * What the kernel does to a workload's memory, by tracepoints: direct reclaim in its memory cgroup, the choice of an
 * OOM victim, deaths by a signal; and exec and exit of processes. All of it needs the kernel's own type information
 * (BTF); exec and exit alone do not.
 */
struct kernel_probes;

/*
 * Loads and attaches: @memory, what is done to memory, and deaths by a signal; @processes, exec and exit. Returns 0 or
 * -errno: -EPERM without CAP_BPF and CAP_PERFMON, -ESRCH or -ENOENT without BTF.
 */
int kernel_probes_open(bool memory, bool processes, struct kernel_probes **ret);
/* Exec and exit alone, without BTF. */
int kernel_probes_open_processes(struct kernel_probes **ret);
struct kernel_probes *kernel_probes_close(struct kernel_probes *p);

static inline void kernel_probes_closep(struct kernel_probes **p)
{
	kernel_probes_close(*p);
}

/*
 * EVENT_OOM_VICTIM, EVENT_RECLAIM, EVENT_EXIT (of processes that were killed by a signal; with @processes of all that
 * ever called exec), EVENT_EXEC and EVENT_UNTOLD since the last call.
 */
typedef void (*kernel_event)(void *userdata, const struct event *e);
int kernel_probes_consume(struct kernel_probes *p, kernel_event each, void *userdata);

/* Readable when there are events. */
int kernel_probes_fd(const struct kernel_probes *p);
uint64_t kernel_probes_lost(const struct kernel_probes *p);
