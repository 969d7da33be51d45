/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/span.h"
#include "kube/record.h"

/*
 * What the API server says, as JSON: a page of a list (PodList, PartialObjectMetadataList), or one event of a watch. Every
 * word in it may be a tenant's; what has another form than the API server holds it to is left out and counted, an object
 * without names wholly.
 */
enum {
	KUBE_PAGE_BYTES_MAX = 8 * 1024 * 1024, /* an event is no larger */
	KUBE_VERSION_BYTES = 64,
	KUBE_CONTINUE_BYTES = 2048,
	KUBE_GONE = 410, /* of HTTP: what was asked for is too old */
};

typedef void (*kube_record_fn)(void *userdata, const struct kube_record *r);

struct kube_page {
	char version[KUBE_VERSION_BYTES]; /* from which a watch follows it */
	char next[KUBE_CONTINUE_BYTES];	  /* continue; "": that was the last */
	uint32_t left_out;		  /* objects */
};

/* Tells of each object. Returns 0, -EBADMSG, -EFBIG where it is too much for one page, -ENOMEM. */
int kube_page_read(struct span body, enum kube_resource resource, kube_record_fn tell,
		   void *userdata, struct kube_page *ret);

/*
 * The same of a page of one object that was too much, from its beginning: how to go on is said before the object, which is left
 * out. Returns 0 or -EBADMSG.
 */
int kube_page_skip(struct span beginning, enum kube_resource resource, struct kube_page *ret);

enum kube_event_type {
	KUBE_EVENT_OBJECT, /* `record` tells of it */
	KUBE_EVENT_BOOKMARK,
	KUBE_EVENT_LEFT_OUT, /* an object without names, or a type that is not known */
	KUBE_EVENT_ERROR,
};

struct kube_event {
	enum kube_event_type type;
	uint32_t code;			  /* ERROR: as HTTP's */
	char version[KUBE_VERSION_BYTES]; /* "" where it says none */
	struct kube_record record;
};

/* As kube_page_read. */
int kube_event_read(struct span line, enum kube_resource resource, struct kube_event *ret);
