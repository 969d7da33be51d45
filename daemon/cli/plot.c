/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/plot.h"
#include "cli/svg.h"
#include "decide/heapmath.h"

#define LEFT	   90.0
#define RIGHT	   870.0
#define LEGEND	   895.0
#define UNDER	   46.0 /* the title */
#define HEIGHT	   250.0
#define BAND	   14.0
#define ROW	   15.0
#define TICKS_MAX  8
#define GRID	   "#e6e6e6"
#define DASHES	   "6,4"
#define DOTS	   "2,3"
#define SMALL_TEXT 11

/* In the order of the states. */
static const char *const state_colours[] = { "#c7e9c0", "#fee08b", "#d7301f", "#9e6bb5",
					     "#fc8d59" };
_Static_assert(ARRAY_SIZE(state_colours) == STATE_MAX_, "a colour for each state");

/* The lines, in the order in which they are drawn. */
static const struct line {
	const char *name, *colour, *dash;
	size_t offset;
	double width;
} lines[] = {
	{ "usage", "#2b7bba", NULL, offsetof(struct plot_point, usage), 1.5 },
	{ "heap goal", "#8c6bb1", DOTS, offsetof(struct plot_point, goal), 1.2 },
	{ "live heap", "#238b45", NULL, offsetof(struct plot_point, live), 1.5 },
	{ "soft limits", "#e6850e", DASHES, offsetof(struct plot_point, soft_limit), 1.6 },
	{ "room", "#cb181d", NULL, offsetof(struct plot_point, room), 2.0 },
};

static const struct {
	const char *name;
	uint32_t levers;
} rows[] = {
	{ "soft limit", 1u << LEVER_SOFT_LIMIT },
	{ "GOGC", 1u << LEVER_GOGC },
	{ "others", 1u << LEVER_MADVDONTNEED | 1u << LEVER_HEAP_PROFILE | 1u << LEVER_MEMORY_HIGH },
};

struct axes {
	double top; /* of the field */
	usec_t span;
	uint64_t most;
};

void plot_point_add(struct plot *p, const struct plot_point *point)
{
	size_t kept = 0;

	if (p->n && point->at - p->points[p->n - 1].at < p->interval &&
	    point->state == p->points[p->n - 1].state)
		return;
	if (p->n == PLOT_POINTS) {
		for (size_t i = 0; i < p->n; i += 2)
			p->points[kept++] = p->points[i];
		p->n = kept;
		p->interval = p->interval ? 2 * p->interval : 50 * USEC_MSEC;
	}
	p->points[p->n++] = *point;
}

void plot_change_add(struct plot *p, const struct plot_change *change)
{
	if (p->n_changes < PLOT_CHANGES)
		p->changes[p->n_changes++] = *change;
	else
		p->more_changes++;
}

struct plot_point plot_point_of(const struct snapshot *s, const struct decision *d, usec_t at)
{
	struct plot_point p = { .at = at,
				.usage = snapshot_usage(&s->cgroup),
				.room = s->cgroup.room,
				.state = d->state };

	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *sp = &s->procs[i];

		if (!sp->proved)
			continue;
		p.live = add_sat(p.live, sp->sample.heap_marked_bytes);
		p.goal = add_sat(p.goal, heap_goal(&sp->sample, sp->minor));
		p.soft_limit =
			add_sat(p.soft_limit, sp->sample.memory_limit_bytes == VALUE_NONE ?
						      BYTES_UNLIMITED :
						      (uint64_t)sp->sample.memory_limit_bytes);
	}
	return p;
}

static uint64_t value_of(const struct plot_point *p, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)p + offset);
}

/* Usage and room are all in the picture; what is far above them is cut. */
static uint64_t most_of(const struct plot *p)
{
	uint64_t most = MIB;

	for (size_t i = 0; p && i < p->n; i++) {
		most = MAX(most, p->points[i].usage);
		if (p->points[i].room < INT64_MAX)
			most = MAX(most, p->points[i].room);
	}
	return most + most / 12;
}

static double x_of(const struct axes *a, usec_t at)
{
	return LEFT + (RIGHT - LEFT) * (double)MIN(at, a->span) / (double)MAX(a->span, 1u);
}

static double y_of(const struct axes *a, uint64_t bytes)
{
	return a->top + HEIGHT - HEIGHT * (double)MIN(bytes, a->most) / (double)a->most;
}

/* Bytes between two ticks: a power of two, so that the labels are round. */
static void draw_bytes(FILE *f, const struct axes *a)
{
	uint64_t step = MIB;

	while (a->most / step > TICKS_MAX)
		step *= 2;
	for (uint64_t at = 0; at <= a->most; at += step) {
		char label[32];

		if (step >= GIB / 2)
			snprintf(label, sizeof(label), "%.1f GiB", (double)at / (double)GIB);
		else
			snprintf(label, sizeof(label), "%.0f MiB", (double)at / (double)MIB);
		svg_line(f, LEFT, y_of(a, at), RIGHT, y_of(a, at), GRID, NULL);
		svg_text(f, LEFT - 8, y_of(a, at) + 4, SVG_END, SMALL_TEXT, label);
	}
}

static void label_time(char *buf, size_t size, usec_t at, usec_t step)
{
	if (step < USEC_MIN)
		snprintf(buf, size, "%.0f s", (double)at / (double)USEC_SEC);
	else if (step < 60 * USEC_MIN)
		snprintf(buf, size, "%.0f min", (double)at / (double)USEC_MIN);
	else
		snprintf(buf, size, "%.0f h", (double)at / (double)(60 * USEC_MIN));
}

static void draw_time(FILE *f, const struct axes *a, double bottom)
{
	static const usec_t steps[] = { 1,   2,	  5,	10,   30,   60,	   120,
					300, 600, 1800, 3600, 7200, 21600, 86400 };
	usec_t step = steps[ARRAY_SIZE(steps) - 1] * USEC_SEC;
	char label[32];

	for (size_t i = ARRAY_SIZE(steps); i-- > 0;)
		if (a->span / (steps[i] * USEC_SEC) <= TICKS_MAX + 2)
			step = steps[i] * USEC_SEC;
	while (a->span / step > TICKS_MAX + 2)
		step *= 2;
	for (usec_t at = 0; at <= a->span; at += step) {
		label_time(label, sizeof(label), at, step);
		svg_line(f, x_of(a, at), a->top, x_of(a, at), bottom, GRID, NULL);
		svg_text(f, x_of(a, at), bottom + 16, SVG_MIDDLE, SMALL_TEXT, label);
	}
}

/* One line; where it has no value it is interrupted. */
static void draw_line(FILE *f, const struct axes *a, const struct plot *p, const struct line *line)
{
	bool open = false;

	svg_path_begin(f);
	for (size_t i = 0; i < p->n; i++) {
		const uint64_t v = value_of(&p->points[i], line->offset);

		if (v >= INT64_MAX || v > a->most) {
			open = false;
			continue;
		}
		svg_path_to(f, x_of(a, p->points[i].at), y_of(a, v), !open);
		open = true;
	}
	svg_path_end(f, line->colour, line->width, "none", line->dash);
}

static void draw_area(FILE *f, const struct axes *a, const struct plot *p)
{
	if (!p->n)
		return;
	svg_path_begin(f);
	svg_path_to(f, x_of(a, p->points[0].at), a->top + HEIGHT, true);
	for (size_t i = 0; i < p->n; i++)
		svg_path_to(f, x_of(a, p->points[i].at), y_of(a, p->points[i].usage), false);
	svg_path_to(f, x_of(a, p->points[p->n - 1].at), a->top + HEIGHT, false);
	svg_path_end(f, "none", 0, "#d6e8f5", NULL);
}

static void draw_states(FILE *f, const struct axes *a, const struct plot *p, double y)
{
	svg_text(f, LEFT - 8, y + BAND - 3, SVG_END, SMALL_TEXT, "state");
	for (size_t i = 0; i + 1 < p->n;) {
		size_t k = i + 1;

		while (k + 1 < p->n && p->points[k].state == p->points[i].state)
			k++;
		svg_rect(f, x_of(a, p->points[i].at), y,
			 x_of(a, p->points[k].at) - x_of(a, p->points[i].at), BAND,
			 state_colours[p->points[i].state]);
		i = k;
	}
}

/* A mark up for what gives memory, down for what takes it; back to the owner is a bar. */
static void draw_change(FILE *f, double x, double y, const struct plot_change *c)
{
	const enum policy_lever lever = (enum policy_lever)c->lever;
	const double way = lever_is_tighter(lever, c->to, c->from) ? 4 : -4;

	if (c->verdict == VERDICT_RESTORE) {
		svg_rect(f, x - 1, y - 5, 2, 10, "#555555");
		return;
	}
	svg_path_begin(f);
	svg_path_to(f, x - 4, y - way, true);
	svg_path_to(f, x + 4, y - way, false);
	svg_path_to(f, x, y + way, false);
	svg_path_end(f, "none", 0, "#222222", NULL);
}

static void draw_changes(FILE *f, const struct axes *a, const struct plot *p, double y)
{
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		svg_text(f, LEFT - 8, y + 4, SVG_END, SMALL_TEXT, rows[row].name);
		svg_line(f, LEFT, y, RIGHT, y, GRID, NULL);
		for (size_t i = 0; i < p->n_changes; i++)
			if (rows[row].levers & (1u << p->changes[i].lever))
				draw_change(f, x_of(a, p->changes[i].at), y, &p->changes[i]);
		y += ROW;
	}
}

static double legend_line(FILE *f, double y, const char *colour, const char *dash, const char *name)
{
	svg_line(f, LEGEND, y - 4, LEGEND + 28, y - 4, colour, dash);
	svg_text(f, LEGEND + 36, y, SVG_START, SMALL_TEXT, name);
	return y + 18;
}

static void draw_legend(FILE *f, double y, bool beside)
{
	for (size_t i = ARRAY_SIZE(lines); i-- > 0;)
		y = legend_line(f, y, lines[i].colour, lines[i].dash, lines[i].name);
	if (beside)
		y = legend_line(f, y, "#777777", DASHES, "usage without gomemd");
	y += 6;
	for (int s = 0; s < STATE_MAX_; s++) {
		svg_rect(f, LEGEND, y - 10, 28, 12, state_colours[s]);
		svg_text(f, LEGEND + 36, y, SVG_START, SMALL_TEXT,
			 policy_state_name((enum policy_state)s));
		y += 18;
	}
	y += 6;
	draw_change(f, LEGEND + 14, y - 4,
		    &(struct plot_change){ .verdict = VERDICT_SET, .from = 2, .to = 1 });
	svg_text(f, LEGEND + 36, y, SVG_START, SMALL_TEXT, "tightened");
	draw_change(f, LEGEND + 14, y + 14,
		    &(struct plot_change){ .verdict = VERDICT_SET, .from = 1, .to = 2 });
	svg_text(f, LEGEND + 36, y + 18, SVG_START, SMALL_TEXT, "loosened");
	draw_change(f, LEGEND + 14, y + 32, &(struct plot_change){ .verdict = VERDICT_RESTORE });
	svg_text(f, LEGEND + 36, y + 36, SVG_START, SMALL_TEXT, "given back");
}

void plot_draw(FILE *f, double top, const struct plot *p, const struct plot *beside)
{
	static const struct line without = { .colour = "#777777",
					     .dash = DASHES,
					     .offset = offsetof(struct plot_point, usage),
					     .width = 1.3 };
	struct axes a = { .top = top + UNDER, .most = MAX(most_of(p), most_of(beside)) };
	const double band = a.top + HEIGHT + 8, row = band + BAND + 14;
	const int n_rows = (int)ARRAY_SIZE(rows);
	const double bottom = row + ROW * n_rows - 4;

	a.span = p->n ? p->points[p->n - 1].at : 0;
	if (beside && beside->n)
		a.span = MAX(a.span, beside->points[beside->n - 1].at);
	svg_text(f, LEFT, top + 26, SVG_START, 15, p->title);
	draw_bytes(f, &a);
	draw_time(f, &a, bottom);
	draw_area(f, &a, p);
	if (beside)
		draw_line(f, &a, beside, &without);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		draw_line(f, &a, p, &lines[i]);
	svg_line(f, LEFT, a.top, LEFT, a.top + HEIGHT, "#444444", NULL);
	svg_line(f, LEFT, a.top + HEIGHT, RIGHT, a.top + HEIGHT, "#444444", NULL);
	draw_states(f, &a, p, band);
	draw_changes(f, &a, p, row);
	draw_legend(f, a.top + 8, beside != NULL);
}
