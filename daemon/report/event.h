/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "report/notice.h"
#include "report/notify.h"

/*
 * An alert as Events of Kubernetes on its pod: of type Warning while it fires, of type Normal when it is over. One that the
 * server has is told again by its count, its last time and its message (PATCH), as the kubelet does, and no second one is made.
 *
 * core/v1 and not events.k8s.io/v1: of the latter nothing but the series may change, so that figures would stay those of the
 * first time; both are views of the same objects.
 *
 * Source: k8s.io/api/core/v1 types.go (Event), pkg/apis/core/validation/events.go, client-go tools/record/events_cache.go.
 */
enum {
	EVENT_MESSAGE_MAX = 1024, /* bytes that the server takes */
	EVENT_PATH_MAX = 384,
	EVENT_SERIES_MAX =
		512, /* that are remembered; what falls out is told of by another event */
};

/* What the server has of this daemon, as far as it has said so. */
struct event_log; /* opaque */

/* @seed: any number that another daemon has not, that no two call different events the same. 0 or -ENOMEM. */
int event_log_new(uint64_t seed, struct event_log **ret);
struct event_log *event_log_free(struct event_log *l);

static inline void event_log_freep(struct event_log **l)
{
	event_log_free(*l);
}

struct event_series; /* opaque: an event, told of so many times */

/*
 * That of @n (notice_is_of_pod), which fires or is over; a new one in place of that which nothing was told of for longest. The
 * log's, until it is freed or another series is asked for. NULL without memory.
 */
struct event_series *event_log_find(struct event_log *l, const struct notice *n);

struct event_request {
	bool create;		   /* POST, else PATCH by a merge patch */
	char path[EVENT_PATH_MAX]; /* of the API; nothing in it has to be escaped */
	char *body;		   /* JSON; the caller frees */
};

/* What to ask the server for. @wall: now. 0 or -ENOMEM. */
int event_request(const struct event_series *s, const struct notice *n, const char *node,
		  usec_t wall, struct event_request *ret);

/* What the server has said to that, by its HTTP status, is remembered. Returns what became of it. */
enum notify_result event_answered(struct event_series *s, const struct notice *n, bool create,
				  uint32_t status);
