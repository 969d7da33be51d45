/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "decide/decide.h"

/*
 * What was seen of workloads, look by look, as text: a line with what all have in common, then one line a look, each a
 * JSON object that stands for itself. Names are those of gomemctl(1), "TRACES". Figures stand as they are in struct
 * snapshot; null is "no limit". A reader believes nothing: what is missing is 0, what is no figure refuses the line.
 */
#define TRACE_FORMAT  "gomemd-trace"
#define TRACE_VERSION 1

enum {
	TRACE_LINE_MAX = 64 * 1024, /* of a line, with its newline */
	TRACE_DEPTH_MAX = 8,
	TRACE_NAME_MAX = 256,
	TRACE_PAIRS_MAX = 2048,
};

struct trace_head {
	usec_t interval, look_min, look_max; /* as gomemd.conf(5) has them */
	uint64_t wall_usec;		     /* when it began */
};

struct trace_look {
	char workload[WORKLOAD_NAME_MAX];
	char label[TRACE_NAME_MAX], exe[TRACE_NAME_MAX], module[TRACE_NAME_MAX];
	char space[64], pod[TRACE_NAME_MAX], container[64]; /* "" outside Kubernetes */
	/* By the API server, "": not known. Of pairs (kube/record.h) those that policies can ask for. */
	char owner[TRACE_NAME_MAX], labels[TRACE_PAIRS_MAX], annotations[TRACE_PAIRS_MAX];
	char tier[48], mode[16];
	int32_t state; /* enum policy_state that the daemon decided on */
	uint64_t lost; /* looks so far that could not be told */
	usec_t now;
	struct snapshot snapshot;
};

/* The lines, without a newline; the caller's. NULL without memory. */
json_object *trace_head_json(const struct trace_head *head);
json_object *trace_look_json(const struct trace_look *look);

/* The way back: 0, -EBADMSG for what is no such line, -EPROTO for a head of another version, -ENOMEM. */
int trace_head_parse(const char *line, size_t len, struct trace_head *ret);
int trace_look_parse(const char *line, size_t len, struct trace_look *ret);
