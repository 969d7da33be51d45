/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "bpf/event.h"
#include "host/probe_target.h"

/*
 * Uprobes in Go programs, by libbpf. Attaching reads the program's file, which may block on a hostile one: in a helper
 * (listen.h), never in the daemon's loop.
 */
struct probes;

/*
 * Loads the programs, with a ring of @ring_bytes (a power of two, of whole pages). Returns 0 or -errno: -EPERM without CAP_BPF (or CAP_SYS_ADMIN), -EINVAL or -ENOTSUP where the
 * kernel lacks what they need.
 */
int probes_open(uint32_t ring_bytes, struct probes **ret);
struct probes *probes_close(struct probes *p);

static inline void probes_closep(struct probes **p)
{
	probes_close(*p);
}

/*
 * Sets the probes that @t asks for, each with the process's pid and only where the file has the code that was found in
 * memory. *ret_kinds tells which kinds sit now. Returns 0, or -errno where none could be set: -ESTALE where file and
 * memory differ or the file gives rights to whoever runs it, -EPERM (uprobes need CAP_SYS_ADMIN), -ENOSPC over the cap,
 * -ESRCH.
 */
int probes_attach(struct probes *p, const struct probe_target *t, uint32_t *ret_kinds);

/* Takes the probes of a process away, all or (for a guard) those of @kinds. */
void probes_detach(struct probes *p, pid_t pid, uint32_t kinds);

/*
 * What is shared with the program at PROBES_SPANS: whose hits are counted and whether they are told is to be written, the
 * rest is read (span_watch.h).
 */
struct event_spans *probes_spans(struct probes *p);

/* Nanoseconds that a hit costs besides what is counted in the program itself: measured at this process. 0 or -errno. */
int probes_trap_cost(struct probes *p, uint64_t *ret_ns);

/* Is anybody listened to? */
bool probes_any(const struct probes *p);

/* Events since the last call, in their order; @alloc is NULL for events without a stack. */
/* At most some thousand at a time, so that requests are served between them. */
typedef void (*probes_event)(void *userdata, const struct event *e,
			     const struct event_alloc *alloc);
int probes_consume(struct probes *p, probes_event each, void *userdata);

/* Events that did not fit into the ring. */
uint64_t probes_lost(const struct probes *p);
