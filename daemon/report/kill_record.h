/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "decide/trail.h"
#include "report/audit.h"

/*
 * What is kept of a kill, as one JSON object: gomemctl(1), postmortem, has its members. It stands for itself: whoever
 * reads it needs neither the daemon nor the workload. What a tenant chose is escaped.
 */
#define KILL_RECORD_FORMAT  "gomemd-kill"
#define KILL_RECORD_VERSION 1

struct kill_record {
	const struct audit_subject *subject;
	const char *name; /* of the record */
	const char *unit, *mode, *limit_origin;
	const char *
		told_by; /* cgroup or ancestor: whose memory.events; event: the kernel's own word */
	pid_t pid;	 /* whom the kernel chose; 0: not known */
	uint64_t wall_usec; /* when, or soon after */
	usec_t killed;	    /* the same by the clock of the trail */
	uint64_t kills, oom_kill_events,
		max_events;	    /* by the kernel: since the look before, and in all */
	uint64_t memory_max;	    /* BYTES_UNLIMITED */
	uint64_t kills_left_out;    /* of this workload, since its last record */
	uint64_t recommended_limit; /* 0: none */
	const struct trail *trail;
	struct trail_verdict verdict;
	json_object *processes; /* each with its culprits; taken over */
};

/* The caller's; NULL without memory. */
json_object *kill_record_json(const struct kill_record *k);
