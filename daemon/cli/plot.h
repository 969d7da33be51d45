/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "decide/decide.h"

/*
 * Memory over time as a picture: usage, room, soft limits, live heaps and goals as lines, the state as a coloured band,
 * each change as a mark in the row of its lever. A series is capped: at its cap every second point goes.
 */
enum {
	PLOT_POINTS = 4096,
	PLOT_CHANGES = 1024,
};

struct plot_point {
	usec_t at;				      /* since the first */
	uint64_t usage, room, soft_limit, live, goal; /* bytes; BYTES_UNLIMITED: not drawn */
	int32_t state;
};

struct plot_change {
	usec_t at;
	int32_t lever, pid, reason, verdict;
	int64_t from, to;
};

struct plot {
	char title[256];
	size_t n, n_changes;
	uint64_t more_changes; /* beyond the cap */
	usec_t interval;       /* between two points */
	struct plot_point points[PLOT_POINTS];
	struct plot_change changes[PLOT_CHANGES];
};

void plot_point_add(struct plot *p, const struct plot_point *point);
void plot_change_add(struct plot *p, const struct plot_change *change);

/* What is drawn of a look. */
struct plot_point plot_point_of(const struct snapshot *s, const struct decision *d, usec_t at);

enum {
	PLOT_WIDTH = 1100,
	PLOT_HEIGHT = 430,
};

/* Draws at @top of an SVG file. @beside, if not NULL, is a second usage to compare with: without gomemd. */
void plot_draw(FILE *f, double top, const struct plot *p, const struct plot *beside);
