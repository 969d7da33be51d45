/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "host/inspect.h"

/*
 * The daemon's side of a helper: one process, one request under way, more in a queue. A helper that has not
 * answered by its deadline is killed and replaced; its request ends with -ETIMEDOUT, and what it held is stale.
 */
struct inspector;

typedef void (*inspect_done)(void *userdata, const struct inspect_request *req,
			     const struct inspect_reply *reply);

/* Forks the first helper. The struct and the process belong to the caller; @host must outlive it. */
int inspector_new(const struct hostroot *host, bool writable, usec_t deadline,
		  struct inspector **ret);
struct inspector *inspector_free(struct inspector *in);

static inline void inspector_freep(struct inspector **in)
{
	inspector_free(*in);
}

/* Queues a request; @done is called from inspector_dispatch or inspector_expire, once. -ENOSPC when the queue is full. */
int inspector_request(struct inspector *in, const struct inspect_request *req, inspect_done done,
		      void *userdata);

/* The same, waiting: for gomemctl, which has no loop. Nothing else may be queued. */
int inspector_call(struct inspector *in, const struct inspect_request *req,
		   struct inspect_reply *ret);

/* For the loop: readable when there is an answer. Changes when the helper is replaced (inspector_generation). */
int inspector_fd(const struct inspector *in);
unsigned int inspector_generation(const struct inspector *in);
void inspector_dispatch(struct inspector *in);

/* When the running request must have been answered; 0 where there is none. Call inspector_expire then. */
usec_t inspector_deadline(const struct inspector *in);
void inspector_expire(struct inspector *in, usec_t now);

/*
 * How long whoever has made a helper hang is left alone, after so many times (0: the first): a minute, then ten, then an
 * hour. A helper that a busy machine kept from running looks as if it hung, so nobody is left alone for ever.
 */
usec_t inspector_rest(unsigned int times);

/* How many helpers had to be replaced, and how many requests wait. */
unsigned int inspector_replaced(const struct inspector *in);
unsigned int inspector_queued(const struct inspector *in);
