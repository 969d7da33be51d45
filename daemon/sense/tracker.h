/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "host/inspector.h"

/*
 * Which processes of this host are Go's. Told of execs and exits (or looking by itself), it asks a helper about each
 * process once; one that has only just started is asked again after 2 ms, and ever less often, until its runtime runs.
 * Nothing here scales with processes that are not Go's after the first look at each.
 */
struct tracker;

/* A process that was found. The pointers hold during the call. */
struct tracker_found {
	uint32_t slot;
	unsigned int generation; /* of the helper that holds the slot */
	bool refused; /* a Go program that is not governed: its gates in `runtime` say why */
	const struct process_info *info;
	const struct go_runtime *runtime;
	const struct inspect_row *row; /* the first sample; NULL where it is refused */
};

struct tracker_callbacks {
	void (*found)(void *userdata, const struct tracker_found *found);
	void (*gone)(void *userdata, pid_t pid);
	/* A helper had to be killed over this process: it is left alone, until `excluded` does not say so any more. */
	void (*hostile)(void *userdata, pid_t pid);
	/* Not to be looked at: it is of a tenant that is left alone. */
	bool (*excluded)(void *userdata, pid_t pid);
	void *userdata;
};

int tracker_new(const struct hostroot *host, struct inspector *in,
		const struct tracker_callbacks *callbacks, size_t processes_max,
		struct tracker **ret);
struct tracker *tracker_free(struct tracker *t);

static inline void tracker_freep(struct tracker **t)
{
	tracker_free(*t);
}

/* An exec: whatever was known of this pid is forgotten. */
void tracker_exec(struct tracker *t, pid_t pid, usec_t now);
void tracker_exit(struct tracker *t, pid_t pid);

/* Looks at all of /proc: new processes are asked about, those that are no more are told as gone. */
int tracker_scan(struct tracker *t, usec_t now);

/* Asks again about a process whose slot went stale with its helper. */
void tracker_reopen(struct tracker *t, pid_t pid, usec_t now);

/* When the next retry is due; 0: none. Call tracker_run then. */
usec_t tracker_due(const struct tracker *t);
void tracker_run(struct tracker *t, usec_t now);

struct tracker_stats {
	size_t processes, not_go, refused, waiting;
	uint64_t dropped, hostile;
};

struct tracker_stats tracker_get_stats(const struct tracker *t);
