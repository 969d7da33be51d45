/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "report/health.h"
#include "report/notice.h"

/*
 * Which alerts fire, and what of that each receiver has yet to be told. No clock, no network: whoever has both asks for the
 * next batch, and says what became of it.
 *
 * - One alert is one, however often it is said to fire; one that comes and goes within `hold` has fired all along.
 * - Changes (it fires, it is resolved) wait in a queue for each receiver, in their order, until the receiver has taken them.
 *   One that has no room is counted; once there is room, the receiver is told what is so then.
 * - A receiver that expects it is told again of all that fire, as often as it is to be, when nothing else waits.
 * - A receiver that fails is left alone for a while, longer each time.
 */
enum notify_receiver {
	NOTIFY_ALERTMANAGER,
	NOTIFY_WEBHOOK,
	NOTIFY_EVENTS, /* of Kubernetes, on the pod */
	NOTIFY_RECEIVER_MAX_,
};

/* "alertmanager", "webhook", "events" */
const char *notify_receiver_name(int32_t receiver);

/* What became of a request. */
enum notify_result {
	NOTIFY_SENT,
	NOTIFY_FAILED,	 /* to be tried again */
	NOTIFY_REJECTED, /* the receiver has it, and does not want it: not again */
	NOTIFY_RESULT_MAX_,
};

/* What a server would say of the same document the next time, by the HTTP status that it has answered. */
enum notify_result notify_result_of(uint32_t status);

enum {
	NOTIFY_BATCH_MAX = 16,
	NOTIFY_KNOWN = 1, /* it fires already */
};

/* So many in a row, then one an interval. */
struct notify_rate {
	uint32_t burst;
	usec_t interval;
};

struct notify_settings {
	size_t alerts_max; /* that fire, or are not told to all as resolved */
	size_t queue_max;  /* changes that wait, for each receiver */
	usec_t hold;	   /* an alert is resolved when it was gone for so long */
	usec_t repeat;
	usec_t backoff_min, backoff_max;
	struct notify_rate each, all; /* requests to a receiver, and to all of them */
};

struct notify_stats {
	bool on;
	uint64_t sent, failed, rejected; /* alerts taken; requests that failed; alerts refused */
	uint64_t dropped;		 /* changes that had no room when they came */
	size_t queued;
	uint32_t failures; /* in a row */
	struct health health;
};

struct notify; /* opaque */

/* 0 or -ENOMEM. */
int notify_new(const struct notify_settings *settings, struct notify **ret);
struct notify *notify_free(struct notify *n);

static inline void notify_freep(struct notify **n)
{
	notify_free(*n);
}

/* Others from now on; what waits beyond a smaller queue_max stays. */
void notify_set(struct notify *n, const struct notify_settings *settings);

/* How a receiver is told. */
struct notify_way {
	size_t batch;	  /* so many changes in a request, 1 to NOTIFY_BATCH_MAX */
	uint32_t repeats; /* again of what fires every so many times `repeat`; 0: never */
	bool pods;	  /* of what notice_is_of_pod alone */
};

/* A receiver is there from now on, and is told of all that fire; @way NULL: it is there no more. */
void notify_set_receiver(struct notify *n, enum notify_receiver r, const struct notify_way *way);

/*
 * It fires, or still does; @notice's time of start is used where that is new. @wait: it is told of in so long at the latest,
 * when more will be known of it (notify_complete). 0, NOTIFY_KNOWN with the figures taken over, -ENOSPC where the table is
 * full, or the half of it that a tenant may have (notice_shares_tenant), or -ENOMEM.
 */
int notify_fire(struct notify *n, const struct notice *notice, usec_t now, usec_t wait);

/* The alerts of this owner but @but (NULL: all of them) do not fire any more. */
void notify_clear(struct notify *n, uint64_t owner, const struct notice *but, usec_t now);

/* What the alerts of this owner are caused by is known: they wait no longer. */
void notify_complete(struct notify *n, uint64_t owner, const struct culprit *of, size_t n_of,
		     usec_t now);

/* Does nothing fire, and nothing wait? */
bool notify_is_idle(const struct notify *n);

/* Takes what time brings. @wall: now, by the wall clock. To be called before notify_next and notify_due. */
void notify_run(struct notify *n, usec_t now, usec_t wall);

/* What is to be sent in one request, in this order; valid until the next call for this room. */
struct notify_batch {
	size_t n;
	const struct notice *of[NOTIFY_BATCH_MAX];
	uint64_t serial; /* of the first, the same however often it is tried */
};

/* False where nothing is to be sent now, or a request is under way. True begins one, which notify_done ends. */
bool notify_next(struct notify *n, enum notify_receiver r, usec_t now, struct notify_batch *ret);

/* @random: any number, so that not all come back at once after an outage. */
void notify_done(struct notify *n, enum notify_receiver r, enum notify_result result, usec_t now,
		 uint64_t random);

/* Why the request that notify_done is about to end was not taken. */
void notify_note_error(struct notify *n, enum notify_receiver r, const char *why);

/* When there is something to do next; 0: nothing but for what is under way. */
usec_t notify_due(const struct notify *n, usec_t now);

void notify_get_stats(const struct notify *n, enum notify_receiver r, struct notify_stats *ret);

/* How many fire. */
size_t notify_firing(const struct notify *n);
