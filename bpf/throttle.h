/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/*
 * A bucket of tokens at one process's go statements (the generic cell rate algorithm): each call moves the moment at which
 * it is due on by a period; where that moment is further ahead than the slack, the thread that calls is in debt, and gets
 * a signal at which the tracer holds it. Whoever traces reads how far ahead it is.
 */
enum {
	THROTTLE_OWN_CALLS_MAX = 32,
	THROTTLE_SIGNAL =
		23, /* SIGURG: Go's own for preemption, and harmless where it is not Go's */
};

/* Read-only for the program, and filled before it is loaded. */
struct throttle_rules {
	__u32 pid;
	__u32 jump; /* it sits on a jump that is taken where the stack is to grow: that call comes again */
	__u64 burst_ns;	   /* what may have been saved up */
	__u64 slack_ns;	   /* debt that nobody is held for */
	__u64 debt_max_ns; /* beyond that nothing is added: what could not be held is forgiven */
	__u32 n_own_calls, unused;
	__u64 own_calls
		[THROTTLE_OWN_CALLS_MAX]; /* return addresses within the runtime: let through */
};
_Static_assert(sizeof(struct throttle_rules) == 40 + 8 * THROTTLE_OWN_CALLS_MAX,
	       "the same on both sides");

struct throttle_state {
	__u64 period_ns; /* written by the other side; 0: nothing is counted or held */
	__u64 due_ns;	 /* CLOCK_MONOTONIC, when the next token falls due */
	__u64 calls;	 /* counted against the rate */
	__u64 own_calls; /* the runtime's own, let through */
	__u64 over;	 /* of `calls`: in debt, and signalled */
	__u64 failed;	 /* of `over`: could not be signalled */
	__u64 forgiven;
};
_Static_assert(sizeof(struct throttle_state) == 56, "the same on both sides");
