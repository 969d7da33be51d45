/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "report/metrics.h"

/* The table of families: what each is called and means, and where its figure is. */
enum metrics_type {
	METRICS_GAUGE,
	METRICS_COUNTER, /* its series are NAME_total */
	METRICS_HISTOGRAM,
	METRICS_INFO, /* its series are NAME_info, with the value 1 */
	METRICS_TYPE_MAX_,
};

/* Writes series of a family, one by one. */
struct metrics_series {
	struct buffer *b;
	enum metrics_format format;
	const struct metrics_family *family;
	const char *labels; /* of whom they are; "" for the daemon */
	uint64_t written, dropped;
	size_t mark;
};

struct metrics_family {
	const char *name;
	enum metrics_type type;
	const char *unit;   /* "": none */
	const char *labels; /* its own, beside the workload's; "" none */
	const char *help;
	size_t offset;	       /* of an int64_t, where there is no `write`; ... */
	unsigned int decimals; /* ... it is in millionths for 6 */
	void (*write)(struct metrics_series *s, const void *of);
};

/* NULL beyond the last. Those of a workload are written for each; the daemon's once, after them. */
const struct metrics_family *metrics_family_of_workload(size_t i);
const struct metrics_family *metrics_family_of_daemon(size_t i);

/* One series: begin, labels, value (or value and exemplar). The suffix is added to the family's name: "_total", "_bucket". */
void series_begin(struct metrics_series *s, const char *suffix);
/* @value is a tenant's, or anybody's: it is escaped. */
void series_label(struct metrics_series *s, const char *name, const char *value);
void series_end(struct metrics_series *s, int64_t value, unsigned int decimals);

/* After the value, in OpenMetrics: when something that it counts came to pass, and by which name it is found. */
struct metrics_exemplar {
	const char *label, *value;
	int64_t figure;
	unsigned int decimals;
	uint64_t wall_usec;
};

void series_end_with(struct metrics_series *s, int64_t value, const struct metrics_exemplar *e);

/* The figure at the family's offset in @of; nothing where it is absent. */
void series_figure(struct metrics_series *s, const void *of);
