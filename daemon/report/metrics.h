/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "host/features.h"
#include "report/notify.h"
#include "report/tally.h"
#include "sense/totals.h"

/*
 * What the daemon knows as the text that Prometheus scrapes. The figures are plain data, which the caller fills; the families
 * are the rows of metrics_families.c, and gomemd-metrics(7) describes each.
 * Source: prometheus.io/docs/instrumenting/exposition_formats (0.0.4); the OpenMetrics specification, 1.0.
 */
enum metrics_format {
	METRICS_PROMETHEUS,
	METRICS_OPENMETRICS,
	METRICS_FORMAT_MAX_,
};

const char *metrics_content_type(enum metrics_format format);

/* By the Accept header of a request; NULL: there is none. */
enum metrics_format metrics_negotiate(const char *accept);

enum {
	METRICS_BYTES_MAX = 16 * 1024 * 1024, /* of an answer */
	METRICS_WORKLOADS_MAX = 2000,	      /* in an answer */
	METRICS_LABELS_MAX = 1600,
	METRICS_WORKLOADS_BYTES = METRICS_BYTES_MAX - 128 * 1024, /* for all workloads */
};

/* A figure that is not there leaves no series. */
#define METRICS_ABSENT	 INT64_MIN
#define METRICS_INFINITE INT64_MAX

/* Figures of one workload. Where it has several processes a comment says what becomes of them; bytes, or as the name says. */
struct metrics_workload {
	char labels[METRICS_LABELS_MAX]; /* by metrics_set_labels */
	const char *cgroup, *unit, *tier, *mode, *go_version;
	int32_t state, alert,
		forecast; /* enum policy_state, decide_alert, forecast_kind; -1: none */
	int64_t heap_alloc, heap_sys, heap_alloc_ppm, heap_live, heap_goal, mapped_ready; /* sums */
	int64_t soft_limit;	      /* the sum; absent where a process has none */
	int64_t soft_limit_floor;     /* sum */
	int64_t gogc, effective_gogc; /* the lowest */
	int64_t limit, room, usage, anon, current, high, nongo, swap;
	int64_t processes, proved, heard, goroutines; /* sums */
	int64_t endpoints, answering, contradicted;   /* sums; absent where none is asked */
	int64_t gc_cpu_permille;	/* of the CPU time that they used, in the last minute */
	int64_t alloc_bytes_per_second; /* sum, of the last ten seconds */
	int64_t to_oom_usec, to_distress_usec, confidence_permille;
	int64_t go_growth_per_second, nongo_growth_per_second;
	int64_t recommended_limit;
	int64_t age_usec; /* of these figures */
	int64_t events_high, events_max, events_oom, events_oom_kill;
	int64_t stalled_some_usec, stalled_full_usec, throttled_usec;
	int64_t swapped_in, swapped_out;
	const struct totals *totals; /* NULL: none of its processes was ever believed */
	const struct tally *tally;
};

/* Whom a workload's series are of; the strings may be a tenant's. Without a pod the last three have no length, and no label. */
struct metrics_name {
	const char *workload, *space, *pod, *container;
	int space_len, pod_len, container_len;
};

/* Escapes and puts them together. The same bytes for the same name. */
void metrics_set_labels(struct metrics_workload *w, const struct metrics_name *name);

/* Figures of the daemon itself. */
struct metrics_daemon {
	const char *version, *mode, *rights;
	const struct features *features;
	int64_t start_wall_usec;
	int64_t cpu_usec, resident, memory,
		unit_cpu_usec; /* the last two: of its unit, helpers with it */
	int64_t workloads, processes, refused, quarantined, goroutine_limits, writes_stopped,
		reloaded;
	int64_t looks, changes, kills, left_out, helpers_replaced, hostile;
	int64_t records_lost, events_lost, profiles, profile_cpu_usec, reloads;
	int64_t alerts_firing, alerts_left_out;
	struct notify_stats notify[NOTIFY_RECEIVER_MAX_];
	int64_t kube_up, kube_errors, kube_age_usec; /* absent where kube_api is off */
	int64_t scrapes, scrape_usec; /* before this one: how many, what all of them took */
	int64_t dropped;	      /* series that were left out of answers before this one */
};

struct metrics {
	struct metrics_daemon daemon;
	const struct metrics_workload *workloads;
	size_t n;
	uint64_t left_out; /* workloads that are not among them */
};

/*
 * Keeps of @f those whose series have room in @room bytes, *n of them in their order, those of the longest labels left out whole:
 * else the last families of everybody would be, and a tenant who chooses names could have them go. Returns 0 or -ENOMEM.
 */
int metrics_drop_longest(struct metrics_workload *f, size_t *n, size_t room);

/*
 * Writes all of it to @b, which has METRICS_BYTES_MAX as its cap. What has no room is left out series by series, each of them
 * whole, and *ret_dropped tells how many. Returns 0, or -ENOMEM where not even the daemon's own figures have room.
 */
int metrics_write(const struct metrics *m, enum metrics_format format, struct buffer *b,
		  uint64_t *ret_dropped);
