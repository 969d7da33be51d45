/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <json-c/json.h>

#include "host/listen.h"

/* What the daemon can do without: tried at the start, and said where it is missing, with what is lost and the mend. */
enum feature {
	FEATURE_CGROUP2,
	FEATURE_PROCESS_EVENTS,
	FEATURE_LIMIT_EVENTS,
	FEATURE_BUS,
	FEATURE_DECISION_FILE,
	FEATURE_RUNTIME_PROBES,
	FEATURE_KERNEL_EVENTS,
	FEATURE_GOROUTINE_LIMIT,
	FEATURE_METRICS,
	FEATURE_ENDPOINTS,
	FEATURE_MAX_,
};

struct feature_info {
	const char *name;
	const char *lost; /* without it */
	const char *mend;
};

const struct feature_info *feature_info(enum feature feature);

struct features {
	struct {
		bool tried;
		int error; /* -errno; 0: it works */
	} of[FEATURE_MAX_];
	const char *
		processes_by; /* where FEATURE_PROCESS_EVENTS works: connector, btf-tracepoint, raw-tracepoint */
};

void feature_set(struct features *f, enum feature feature, int error);

/* FEATURE_PROCESS_EVENTS by eBPF, by what the helper that listens says of it. */
void feature_set_processes(struct features *f, const struct listen_ready *ready);

struct fetch_reply;

/* What an answer of gomemd-fetch says of FEATURE_ENDPOINTS: 0 or -errno. */
int feature_endpoints_error(const struct fetch_reply *reply);

/* The feature as an object, the caller's: name, works (null where it was not tried), by, error, lost, mend. */
json_object *feature_json(const struct features *f, enum feature feature);

/* Tries here and now those that need no daemon; what needs one stays untried. */
void features_try(struct features *f);
