/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "bpf/throttle.h"
#include "gobin/runtime.h"
#include "host/process.h"

/*
 * A cap on the goroutines that a process creates: a probe at runtime.newproc counts them, and a thread that is ahead of the
 * rate is held where it is until its debt is paid. Whoever holds threads is their tracer, and a tracer that does not answer
 * keeps them: so a helper of its own for each process, replaced by nobody. Its death, by whatever, lets the process run:
 * the kernel detaches a tracer's threads and takes its probe away.
 */
enum throttle_outcome {
	THROTTLE_STARTING,
	THROTTLE_LIMITED, /* it is in force */
	THROTTLE_TRACED,  /* somebody else traces the process: `tracer`. It is left to him */
	THROTTLE_UNSUPPORTED, /* a right is missing, the kernel has not what it takes, or the program: `error` */
	THROTTLE_GONE, /* it has ended, or runs another image */
	THROTTLE_LOST, /* the helper was killed by somebody: `error` */
	THROTTLE_HUNG, /* the helper did not answer in time, and was killed */
	THROTTLE_OUTCOME_MAX_,
};

const char *throttle_outcome_name(int32_t outcome);

/* Plain words for an error of THROTTLE_UNSUPPORTED. */
const char *throttle_why(int error);

/* What a helper is told first. */
struct throttle_target {
	int32_t pid; /* 0: tries only whether it could, and then is GONE with no error */
	uint32_t rate_per_s;
	uint64_t start_ticks; /* of the process that is meant */
	struct go_site site;  /* SITE_NEWPROC */
	uint32_t site_bytes;  /* its instruction's */
	uint32_t n_own_calls;
	uint64_t own_calls[THROTTLE_OWN_CALLS_MAX];
};

/* ... and later. */
struct throttle_order {
	uint32_t rate_per_s;
};

/* What it says, several times a second and at each change of the outcome. Counts are since it came into force. */
struct throttle_report {
	uint32_t outcome; /* enum throttle_outcome */
	int32_t error;	  /* -errno or 0 */
	int32_t tracer;
	uint32_t threads;			   /* that it traces */
	uint64_t limited_ns;			   /* for which it has been in force */
	uint64_t calls, own_calls, over, forgiven; /* as struct throttle_state has them */
	uint64_t holds, held_ns; /* threads that were held, and for how long together */
	uint64_t longest_ns;	 /* one of them */
	uint64_t passed;	 /* other signals and stops, let through at once */
};

/*
 * Fills the addresses from what was located. Returns 0, or -ENOTSUP where this program's newproc has no place for a
 * probe.
 */
int throttle_target_of(const struct process_id *id, const struct go_sites *sites,
		       uint32_t rate_per_s, struct throttle_target *ret);

/* The helper's side (gomemd-throttle, a program of its own): serves on @fd until it is closed. Never returns. */
_Noreturn void throttle_serve(int fd);

/* The owner's side. Nothing here waits. */
struct throttler;

/* Starts the helper. @deadline: so long it may be silent, once it has come to the process. Returns 0 or -errno. */
int throttler_new(const struct throttle_target *t, usec_t deadline, struct throttler **ret);
/* Ends it, with all that it holds. */
struct throttler *throttler_free(struct throttler *t);

static inline void throttler_freep(struct throttler **t)
{
	throttler_free(*t);
}

/* Another rate, from now on. */
void throttler_set_rate(struct throttler *t, uint32_t rate_per_s);

/* The last that was heard, or that it hung; the throttler's own. Final but for STARTING and LIMITED. */
const struct throttle_report *throttler_report(const struct throttler *t);
bool throttler_ended(const struct throttler *t);

/* For a loop: the descriptor is -1 once it has ended. */
int throttler_fd(const struct throttler *t);
void throttler_dispatch(struct throttler *t);
/* By when it must have said something; 0 once it has ended. */
usec_t throttler_deadline(const struct throttler *t);
void throttler_expire(struct throttler *t, usec_t now);

/* For gomemctl, which has no loop: dispatches for @duration, or until it ends or, with @once, says something. */
void throttler_run(struct throttler *t, usec_t duration, bool once);
