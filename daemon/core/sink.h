/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/manager.h"
#include "host/kube_api.h"
#include "host/post.h"
#include "report/event.h"
#include "report/notify.h"

/* sink.c: a receiver of alerts, and the helper by which it is told. Zeroed at first. */
struct sink {
	struct notices *of;
	enum notify_receiver which;
	char url[URL_TEXT_MAX]; /* as it is configured, or the API server's; "": not */
	struct poster *poster;	/* NULL: closed */
	sd_event_source *io, *timer;
	unsigned int generation;
	int32_t outcome; /* of the last that failed ... */
	uint32_t status;
	bool fails;	/* ... which was said, and no other since */
	bool forbidden; /* the same of 403, which is of one namespace maybe: it is said once */
	/* Of events alone. */
	struct kube_api api;
	struct event_log *log;
	struct event_series *series; /* of the request under way, ... */
	struct notice notice;	     /* ... of what it tells, ... */
	bool creates;		     /* ... and how */
};

/* notices.c: what receivers have in common. */
struct notices {
	struct manager *manager;
	struct notify *notify;
	struct sink sinks[NOTIFY_RECEIVER_MAX_];
	sd_event_source *timer;
	uint64_t left_out;   /* alerts that had no room */
	uint64_t began_wall; /* serial numbers begin anew with it */
	bool without_event;  /* that there are such was said */
	char node[NOTICE_NODE_MAX], token[POST_TOKEN_MAX];
};

/* After anything that may have changed what is to be done, or when. */
void notices_run(struct notices *x);

/* It is where the configuration says from now on, or nowhere; one that is there already goes on. 0 or -ENOMEM. */
int sink_open_url(struct notices *x, enum notify_receiver which, const char *url);
/* The same of events. Where there is no API server that is said, and is no failure. */
int sink_open_events(struct notices *x, bool wanted);
void sink_close(struct sink *s);

/* Reads alert_token_file; what is wrong with it is said. */
void sink_read_token(struct notices *x);

/* Sends what may be sent now. */
void sink_run(struct sink *s);

/* @at 0: not at all. What fails is said. */
void sink_set_timer(sd_event *event, sd_event_source **timer, usec_t at,
		    sd_event_time_handler_t handler, void *userdata);
