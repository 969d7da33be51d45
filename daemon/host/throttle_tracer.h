/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/throttle.h"

/*
 * The tracer of one process: every thread is seized, new ones as they are made, and nothing of it is stopped but what is
 * held. Signals are delivered on as they are; a thread that is to be held is at a signal of its own (bpf/throttle.h), at
 * the probed instruction. The end of the tracer, by whatever, detaches it.
 */
struct throttle_tracer;

/*
 * Seizes the threads. Returns 0, THROTTLE_TRACED (*ret_tracer traces one of them, and none is ours any more),
 * THROTTLE_GONE, or -errno: -EPERM where it may not be.
 */
int throttle_tracer_new(const struct throttle_target *t,
			const volatile struct throttle_state *state, struct throttle_tracer **ret,
			int32_t *ret_tracer);

/* What has stopped is looked at: held, or let go on at once. A bounded number of stops; returns whether there may be more. */
bool throttle_tracer_reap(struct throttle_tracer *tr);

/* Lets go who has paid by @now_ns (CLOCK_MONOTONIC). */
void throttle_tracer_release(struct throttle_tracer *tr, uint64_t now_ns);

/* When the next has; UINT64_MAX where nobody is held. */
uint64_t throttle_tracer_next_ns(const struct throttle_tracer *tr);

/* All of it has ended, or it has another image. */
bool throttle_tracer_gone(const struct throttle_tracer *tr);

/* Fills what is its own: threads, holds, held_ns, longest_ns, passed. */
void throttle_tracer_count(const struct throttle_tracer *tr, struct throttle_report *r);

/*
 * The process that traces a thread of @pid that is not this one's; 0: none. *ret_pid is written only on 0. Returns 0,
 * THROTTLE_GONE, or -errno.
 */
int throttle_tracer_of(pid_t pid, pid_t tid, int32_t *ret_pid);
