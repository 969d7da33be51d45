/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What gomemctl asks the daemon: one JSON object on a line, {"verb": "set", "workload": "...", ...}; the daemon answers
 * with one JSON object and closes. Pure: where the bytes come from is not its business.
 */
enum control_verb {
	CONTROL_STATUS,
	CONTROL_EXPLAIN,
	CONTROL_SET,
	CONTROL_RELEASE,
	CONTROL_STOP_WRITES,
	CONTROL_RESUME,
	CONTROL_SHOW_CONFIG,
	CONTROL_TIMELINE,
	CONTROL_FEATURES,
	CONTROL_HEAP,
	CONTROL_RECORD, /* answered by a trace that goes on until the other end closes */
	CONTROL_VERB_MAX_,
};

enum {
	CONTROL_REQUEST_MAX = 16 * 1024,
	CONTROL_DEPTH_MAX = 4,
};

struct control_request {
	enum control_verb verb;
	char workload[512]; /* "" where none was named */
	bool has_gogc, has_memory_limit;
	int64_t gogc;		    /* percent, -1: off */
	int64_t memory_limit_bytes; /* INT64_MAX: none */
	uint64_t for_usec;	    /* 0: until release */
	bool force, dry_run;
};

const char *control_verb_name(enum control_verb verb);

/* Does this verb change anything? Those are for root alone. */
bool control_verb_writes(enum control_verb verb);

/* Returns 0, -EINVAL where it is no request (*ret_why then says what is wrong), -ENOMEM. */
int control_parse(const char *text, size_t len, struct control_request *ret, const char **ret_why);

/* Text of a request, with a newline; the caller frees it. NULL without memory. */
char *control_format(const struct control_request *req);
