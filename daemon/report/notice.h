/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report/alert_text.h"
#include "report/audit.h"

/*
 * An alert as it is told to a receiver: plain data, which the caller fills, and the documents that are made of it. All text is
 * cut to its room; that of a tenant is escaped where a document is made.
 * Source: Alertmanager's api/v2/openapi.yaml (postableAlert); RFC 3339.
 */
enum {
	NOTICE_CULPRITS_MAX = 3,
	NOTICE_NODE_MAX = 256,
};

struct notice_culprit {
	char kind[16]; /* heap, goroutines */
	char function[128], file[192];
	uint32_t line;
	uint32_t impact_permille;
	uint64_t inuse_bytes;
	bool suspect; /* it only grows */
	char advice[224];
};

struct notice {
	uint64_t
		owner; /* the workload's token: whoever says that it fires says when it does not any more */
	/* Whose it is: these, the alert and its kind are one alert's, whatever its figures. */
	char workload[512]; /* as a person names it */
	char cgroup[512];   /* "" where it is a pod's: a container that starts anew has another */
	char space[64], pod[254], container[64]; /* "" outside Kubernetes, or not known */
	char pod_uid[40];			 /* the same */
	int32_t alert, kind;			 /* enum decide_alert, forecast_kind */

	char unit[256], tier[48], mode[16];
	usec_t started_wall, ended_wall; /* microseconds since 1970; ended 0: it still fires */
	uint64_t usage, room, limit, nongo, live; /* bytes; BYTES_UNLIMITED: there is none */
	uint64_t recommended_limit;		  /* 0: none */
	uint32_t forecast_permille;		  /* how sure */
	usec_t to_oom; /* from when this was written; FORECAST_NEVER: not in sight */
	int64_t go_slope_per_min, nongo_slope_per_min;
	char summary[ALERT_TEXT_MAX];
	uint32_t n_culprits;
	struct notice_culprit culprits[NOTICE_CULPRITS_MAX];
};

/* Are both of the same namespace of Kubernetes, or of the same user's slice (systemd's user-UID.slice)? */
bool notice_shares_tenant(const struct notice *a, const struct notice *b);

/* Is it of a pod of which all is known that another document has to name it by? */
bool notice_is_of_pod(const struct notice *n);

/* Are they one alert's? */
bool notice_is_same(const struct notice *a, const struct notice *b);

/* The alert's name, which is that of the rule for Prometheus of the same kind; "critical" or "warning". */
const char *notice_name(const struct notice *n);
const char *notice_severity(const struct notice *n);

/* Takes what is decided over: alert, kind, figures and words, for @n->workload. */
void notice_take_decision(struct notice *n, const struct decision *d);

/* The first of them that are of any weight; where there are none, those that it has stay. */
void notice_take_culprits(struct notice *n, const struct culprit *of, size_t n_of);

/*
 * The body of a POST to /api/v2/alerts: a JSON array of @n alerts. One that fires ends at @until_wall, unless it is told again
 * before: if this daemon ends, its alerts do. NULL without memory; the caller frees.
 */
char *notice_to_alertmanager(const struct notice *const *of, size_t n, const char *node,
			     usec_t until_wall);

/* One change as a JSON document, with an @id by which a receiver knows what it has had already. As above. */
char *notice_to_webhook(const struct notice *n, const char *node, const char *id);
