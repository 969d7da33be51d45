/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/top.h"

static const char signs[] = {
	[TOP_PART_LIVE] = '#',
	[TOP_PART_GARBAGE] = '=',
	[TOP_PART_NONGO] = '%',
	[TOP_PART_FREE] = '.',
};
_Static_assert(ARRAY_SIZE(signs) == TOP_PART_MAX_, "a sign for each part");

char top_part_sign(enum top_part part)
{
	return part < TOP_PART_MAX_ ? signs[part] : '?';
}

/* What is too small to be seen gets its cell of this one. */
static int largest(const int cells[TOP_PART_MAX_])
{
	int best = 0;

	for (int i = 1; i < TOP_PART_MAX_; i++)
		if (cells[i] > cells[best])
			best = i;
	return best;
}

void top_bar(const struct top_row *row, int width, int cells[TOP_PART_MAX_])
{
	const bool over = row->used > row->limit;
	const uint64_t parts[TOP_PART_MAX_] = {
		[TOP_PART_LIVE] = row->live,
		[TOP_PART_GARBAGE] = row->garbage,
		[TOP_PART_NONGO] = row->nongo,
		[TOP_PART_FREE] = over ? 0 : row->limit - row->used,
	};
	const uint64_t whole = over ? row->used : row->limit;
	uint64_t sum = 0;
	int at = 0;

	memset(cells, 0, TOP_PART_MAX_ * sizeof(*cells));
	if (row->limit == BYTES_UNLIMITED || !whole || width < TOP_PART_MAX_)
		return;
	/* Where each part ends is rounded, not how long it is: so they add up. */
	for (int i = 0; i < TOP_PART_MAX_; i++) {
		int end;

		sum = add_sat(sum, parts[i]);
		end = MIN((int)mul_div(add_sat(mul_div(sum, 2 * (uint64_t)width, whole), 1), 1, 2),
			  width);
		cells[i] = end - at;
		at = end;
	}
	for (int i = 0; i < TOP_PART_MAX_; i++)
		if (parts[i] && !cells[i]) {
			cells[largest(cells)]--;
			cells[i]++;
		}
}

static const char *workload_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	text_copy(buf, TOP_CELL_MAX, row->workload);
	return buf;
}

static const char *state_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	/* An alert that says more than the state does takes its place. */
	const bool alert = strcmp(row->alert, "none") != 0 && strcmp(row->alert, "-") != 0 &&
			   strcmp(row->alert, "does-not-fit") != 0;

	if (!strcmp(row->alert, "does-not-fit"))
		snprintf(buf, TOP_CELL_MAX, "no-fit!");
	else
		snprintf(buf, TOP_CELL_MAX, "%s%s", alert ? row->alert : row->state,
			 top_tone_of(row) == TOP_ALARM ? "!" : "");
	return buf;
}

static const char *tier_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	snprintf(buf, TOP_CELL_MAX, "%s", row->tier);
	return buf;
}

static const char *mode_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	snprintf(buf, TOP_CELL_MAX, "%s", row->mode);
	return buf;
}

static const char *bar_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	enum { BATCH_WIDTH = 20 };
	int cells[TOP_PART_MAX_], at = 0;

	top_bar(row, BATCH_WIDTH, cells);
	for (enum top_part p = 0; p < TOP_PART_MAX_; p++)
		for (int i = 0; i < cells[p]; i++)
			buf[at++] = top_part_sign(p);
	buf[at] = '\0';
	if (!at)
		snprintf(buf, TOP_CELL_MAX, "no limit");
	return buf;
}

/* Of at most five characters: the digits behind the point where there are few before it. */
static const char *bytes_text(uint64_t v, char buf[TOP_CELL_MAX])
{
	char *point;

	text_bytes(buf, v);
	point = strchr(buf, '.');
	if (point && point - buf > 2)
		memmove(point, point + 2, strlen(point + 2) + 1);
	return buf;
}

static const char *percent_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	if (row->limit == BYTES_UNLIMITED)
		snprintf(buf, TOP_CELL_MAX, "-");
	else
		snprintf(buf, TOP_CELL_MAX, "%" PRIu32 "%%", top_used_permille(row) / 10);
	return buf;
}

static const char *used_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	return bytes_text(row->used, buf);
}

static const char *limit_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	return bytes_text(row->limit, buf);
}

static const char *live_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	return bytes_text(row->live, buf);
}

static const char *garbage_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	return bytes_text(row->garbage, buf);
}

static const char *nongo_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	return bytes_text(row->nongo, buf);
}

static const char *gogc_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	const char *more = row->gogc_varies ? "+" : "";

	if (row->processes == row->refused)
		snprintf(buf, TOP_CELL_MAX, "?");
	else if (row->gogc < 0)
		snprintf(buf, TOP_CELL_MAX, "off%s", more);
	else
		snprintf(buf, TOP_CELL_MAX, "%" PRId64 "%s", row->gogc, more);
	return buf;
}

static const char *soft_limit_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	bytes_text(row->soft_limit == INT64_MAX ? BYTES_UNLIMITED : (uint64_t)row->soft_limit, buf);
	if (row->soft_limit_varies)
		snprintf(buf + strlen(buf), TOP_CELL_MAX - strlen(buf), "+");
	return buf;
}

static const char *alloc_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	return bytes_text(row->alloc_per_s, buf);
}

/* In the two largest units: what is far away needs no seconds. */
static const char *oom_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	const int64_t s = row->to_oom_usec / (int64_t)USEC_SEC;

	if (row->to_oom_usec == TOP_NEVER)
		snprintf(buf, TOP_CELL_MAX, "-");
	else if (s < 100)
		snprintf(buf, TOP_CELL_MAX, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(buf, TOP_CELL_MAX, "%" PRId64 "m%02" PRId64, s / 60, s % 60);
	else if (s < 99 * 3600)
		snprintf(buf, TOP_CELL_MAX, "%" PRId64 "h%02" PRId64, s / 3600, s / 60 % 60);
	else
		snprintf(buf, TOP_CELL_MAX, "%" PRId64 "d", s / 86400);
	return buf;
}

static const char *pids_text(const struct top_row *row, char buf[TOP_CELL_MAX])
{
	snprintf(buf, TOP_CELL_MAX, "%" PRIu32, row->processes);
	return buf;
}

enum {
	WIDE = 110, /* columns of a screen from which figures stand beside the bar */
	WIDER = 132,
};

const struct top_column top_columns[] = {
	{ "WORKLOAD", 0, 0, false, false, TOP_BY_NAME, workload_text },
	{ "TIER", 9, WIDER, false, false, TOP_SORT_MAX_, tier_text },
	{ "MODE", 9, WIDE, false, false, TOP_SORT_MAX_, mode_text },
	{ "STATE", 10, 0, false, false, TOP_BY_RISK, state_text },
	{ "OOM IN", 6, 0, true, false, TOP_SORT_MAX_, oom_text },
	{ "OF THE LIMIT", 0, 0, false, true, TOP_SORT_MAX_, bar_text },
	{ "%USE", 4, 0, true, false, TOP_BY_USED, percent_text },
	{ "USED", 5, WIDE, true, false, TOP_SORT_MAX_, used_text },
	{ "LIMIT", 5, 0, true, false, TOP_SORT_MAX_, limit_text },
	{ "LIVE", 5, WIDE, true, false, TOP_BY_LIVE, live_text },
	{ "GARBAGE", 7, WIDER, true, false, TOP_SORT_MAX_, garbage_text },
	{ "NON-GO", 7, WIDER, true, false, TOP_BY_NONGO, nongo_text },
	{ "GOGC", 4, 0, true, false, TOP_SORT_MAX_, gogc_text },
	{ "SOFT", 6, 0, true, false, TOP_SORT_MAX_, soft_limit_text },
	{ "ALLOC/S", 7, 0, true, false, TOP_BY_ALLOC, alloc_text },
	{ "PROC", 4, WIDER, true, false, TOP_SORT_MAX_, pids_text },
};
const size_t top_columns_max = ARRAY_SIZE(top_columns);
_Static_assert(ARRAY_SIZE(top_columns) <= TOP_COLUMNS_MAX, "a width for each column");

enum {
	NAME_MIN = 12,
	NAME_MAX = 48,
};

void top_layout(int width, int *widths)
{
	int left = width, name;

	for (size_t i = 0; i < top_columns_max; i++) {
		const struct top_column *c = &top_columns[i];

		widths[i] = c->from_width <= width ? c->width : 0;
		if (widths[i])
			left -= widths[i] + 1;
	}
	/* One blank between the two that share the rest. */
	left = MAX(left - 1, 2);
	name = MIN(MIN(MAX(left * 3 / 5, NAME_MIN), NAME_MAX), left - 1);
	for (size_t i = 0; i < top_columns_max; i++)
		if (!top_columns[i].width)
			widths[i] = top_columns[i].is_bar ? left - name : name;
}
