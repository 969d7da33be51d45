/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/scan.h"

/*
 * gomemctl top: what is fetched (top_fetch.c) becomes rows in an order (top_model.c), these become texts (top_cells.c,
 * top_detail.c), and texts become a screen (top_screen.c) or plain tables (top.c). Model and texts are functions of
 * their arguments. A text that leaves them has nothing but printable ASCII, whoever chose the words.
 */
enum {
	TOP_CELL_MAX = 544, /* bytes of a cell's text */
	TOP_ROWS_MAX = 8192,
	TOP_FILTER_MAX = 64,
	TOP_DETAIL_LINES_MAX = 256,
	TOP_DETAIL_LINE_MAX = 256,
	TOP_WHY_MAX = 256,
	TOP_COLUMNS_MAX = 16,
};

#define TOP_NEVER INT64_MAX

/* What the rows are in order of. */
enum top_sort {
	TOP_BY_RISK,
	TOP_BY_USED, /* share of the limit */
	TOP_BY_LIVE,
	TOP_BY_NONGO,
	TOP_BY_ALLOC,
	TOP_BY_NAME,
	TOP_SORT_MAX_,
};

const char *top_sort_name(enum top_sort sort);

/* One workload; bytes. */
struct top_row {
	char workload[256], cgroup[512], tier[48], mode[16], state[16], alert[24], forecast[16];
	uint32_t processes;
	uint32_t refused; /* of them: seen, but not believed */
	int32_t pid;	  /* the first */
	uint64_t limit;	  /* that memory is short of: limit and room, the lower; BYTES_UNLIMITED */
	uint64_t used;	  /* what can kill */
	uint64_t live, garbage, nongo; /* of `used`: marked; what runtimes hold beside; the rest */
	int64_t gogc, soft_limit;      /* -1: off; INT64_MAX: none */
	bool gogc_varies, soft_limit_varies; /* from process to process: the first one's is shown */
	uint64_t alloc_per_s;
	int64_t to_oom_usec; /* TOP_NEVER: not in sight */
};

/* Used of the limit; 0 without one. */
uint32_t top_used_permille(const struct top_row *row);

struct top_model {
	struct top_row *rows;
	size_t n, room;
	uint64_t left_out; /* over TOP_ROWS_MAX */
	size_t *shown;	   /* places in `rows`, in order, of those that the filters let through */
	size_t n_shown;
	enum top_sort sort;
	char filter[TOP_FILTER_MAX]; /* part of a name, tier or state; "": all */
	char mode[16];		     /* of this mode alone; "": all */
};

void top_model_done(struct top_model *m);

/* Takes the answer to `status` in; rows of before are forgotten. Returns 0 or -ENOMEM. */
int top_model_status(struct top_model *m, json_object *answer);

/* The same of a list of processes as `scan --json` has it: those of a cgroup become one row. */
int top_model_scan(struct top_model *m, json_object *processes);

/* Filters and orders anew, after `sort`, `filter` or `mode` have changed. */
void top_model_arrange(struct top_model *m);

/* The i-th shown, or NULL. */
const struct top_row *top_model_row(const struct top_model *m, size_t i);
/* Where in the order a workload is by its cgroup; 0 where it is not shown. */
size_t top_model_find(const struct top_model *m, const char *cgroup);
/* The next of the modes to be shown: all, enforce, recommend, observe. */
void top_model_next_mode(struct top_model *m);

/* A row as the object that `top --json` prints, the caller's. */
json_object *top_row_json(const struct top_row *row);

/* What a cell is about, so that it can be coloured. */
enum top_tone {
	TOP_PLAIN,
	TOP_CALM,
	TOP_WARN,
	TOP_ALARM,
};

enum top_tone top_tone_of(const struct top_row *row);

/* A column; those that a screen is too narrow for are left out by `from_width`. */
struct top_column {
	const char *heading;
	int width;	/* 0: shares what is left with the other of 0 */
	int from_width; /* of the screen */
	bool right;	/* aligned */
	bool is_bar;
	enum top_sort sort; /* TOP_SORT_MAX_: it is in no order */
	const char *(*text)(const struct top_row *row, char buf[TOP_CELL_MAX]);
};

extern const struct top_column top_columns[];
extern const size_t top_columns_max;

/*
 * The widths of all columns on a screen of @width; 0: not on it. A blank stands between two. *widths has
 * top_columns_max members.
 */
void top_layout(int width, int *widths);

/* Parts of a bar, in their order; the character of each is told by top_part_sign: colours only repeat it. */
enum top_part {
	TOP_PART_LIVE,
	TOP_PART_GARBAGE,
	TOP_PART_NONGO,
	TOP_PART_FREE,
	TOP_PART_MAX_,
};

char top_part_sign(enum top_part part);

/*
 * How many cells of @width each part gets: their sum is @width, what there is has at least one. Without a limit all
 * is 0.
 */
void top_bar(const struct top_row *row, int width, int cells[TOP_PART_MAX_]);

/* @text with nothing but printable ASCII, "?" for the rest, cut at @size. Returns @buf. */
const char *top_clean(char *buf, size_t size, const char *text);

/* A detail view's lines, broken at `width` where that is 40 or more. */
struct top_lines {
	int width;
	size_t n;
	char line[TOP_DETAIL_LINES_MAX][TOP_DETAIL_LINE_MAX];
};

void top_line(struct top_lines *to, const char *format, ...) _printf_(2, 3);

/* What `explain` answered, @audit the last records of the journal about it (an array of texts; NULL: there are none). */
void top_detail_lines(struct top_lines *to, json_object *explain, json_object *audit);
/* The same of a row that only a scan has told of. */
void top_detail_scan(struct top_lines *to, const struct top_row *row);

/* The keys, and what is what. */
void top_help_lines(struct top_lines *to);

/* Who tells what is shown. */
struct top_source {
	const struct options *options;
	struct scanner *scanner; /* NULL until the daemon is missing */
	bool by_scan;		 /* the last time */
	char why[TOP_WHY_MAX];	 /* no daemon, or no answer at all */
	json_object *daemon;	 /* its own figures; NULL */
};

/* One request to the daemon; without one, a scan. Returns 0 or -errno (`why` says what). */
int top_fetch(struct top_source *s, struct top_model *m);
/* What there is of one workload. */
int top_fetch_detail(struct top_source *s, const struct top_row *row, struct top_lines *ret);
void top_source_done(struct top_source *s);

/* The screen, until q. Returns an exit code. */
int top_screen_run(struct top_source *s, struct top_model *m, usec_t delay);
