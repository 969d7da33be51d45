/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * Where a figure is going: points over time, plain data of fixed size. The older it is the sparser: at the cap every
 * second point goes, so that a trend begins with seconds and ends with hours.
 */
enum {
	TREND_POINTS = 32,
};

#define TREND_INTERVAL_MIN USEC_SEC
#define TREND_INTERVAL_MAX (10 * USEC_MIN) /* from there on the oldest goes */

struct trend_point {
	usec_t at;
	uint64_t value;
};

/* A straight line through some of the latest points. */
struct trend_line {
	int64_t slope_per_min; /* the median over all pairs of points (Theil and Sen); 0: there is no line */
	uint32_t confidence_permille; /* of these pairs, as many have the slope's sign */
	usec_t span;		      /* from the first to the last of the points */
	uint64_t noise;		      /* how far the points are from the line: the median */
};

struct trend {
	uint32_t n;
	usec_t interval;			 /* between two points at least */
	struct trend_point points[TREND_POINTS]; /* the oldest first */
	/*
	 * The line that holds: over as many of the latest points as it can, where their later half goes about as fast as
	 * all of them. What rises and falls has none, nor has what was seen for too short.
	 */
	struct trend_line line;
};

/* Takes a value over, where it is time for one. True where it did. Time that goes back begins anew. */
bool trend_add(struct trend *t, usec_t at, uint64_t value);
