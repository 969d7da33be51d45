/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <ncursesw/curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/top.h"

enum {
	ROWS_FROM = 3, /* lines above the rows: two of the head, one of headings */
	ESCAPE_MS = 25,
	KEY_ESCAPE = 27,
};

enum pair {
	PAIR_GREEN = 1,
	PAIR_YELLOW,
	PAIR_RED,
	PAIR_CYAN,
};

enum view {
	VIEW_LIST,
	VIEW_DETAIL,
	VIEW_HELP,
};

struct screen {
	struct top_source *source;
	struct top_model *model;
	usec_t delay, refreshed;
	enum view view;
	size_t selected, first; /* of the rows shown: the one with the mark, the one at the top */
	size_t scrolled;	/* lines of the detail view that are above it */
	char cgroup[512]; /* of the selected: what is marked stays marked when the order changes */
	bool editing;	  /* the filter */
	bool colours, failed;
	struct top_lines lines;
};

static attr_t colour(const struct screen *s, enum pair pair)
{
	return s->colours ? (attr_t)COLOR_PAIR(pair) : A_NORMAL;
}

static attr_t tone_attribute(const struct screen *s, enum top_tone tone)
{
	switch (tone) {
	case TOP_ALARM:
		return A_BOLD | colour(s, PAIR_RED);
	case TOP_WARN:
		return A_BOLD | colour(s, PAIR_YELLOW);
	default:
		return A_NORMAL;
	}
}

static attr_t part_attribute(const struct screen *s, enum top_part part)
{
	switch (part) {
	case TOP_PART_LIVE:
		return colour(s, PAIR_GREEN);
	case TOP_PART_GARBAGE:
		return colour(s, PAIR_YELLOW);
	case TOP_PART_NONGO:
		return colour(s, PAIR_CYAN);
	default:
		return A_NORMAL;
	}
}

/* All that is drawn goes through here: cut at the width, and nothing of it moves a cursor. */
static void draw(int y, int x, int width, const char *text)
{
	char clean[1024];

	if (width > 0)
		mvaddnstr(y, x, top_clean(clean, sizeof(clean), text), width);
}

static void draw_line(int y, attr_t attribute, const char *text)
{
	attron(attribute);
	move(y, 0);
	clrtoeol();
	draw(y, 0, COLS, text);
	attroff(attribute);
}

static void draw_bar(const struct screen *s, int y, int x, int width, const struct top_row *row,
		     attr_t mark)
{
	int cells[TOP_PART_MAX_];

	top_bar(row, width, cells);
	if (row->limit == BYTES_UNLIMITED) {
		draw(y, x, width, "no limit");
		return;
	}
	move(y, x);
	for (enum top_part p = 0; p < TOP_PART_MAX_; p++) {
		const attr_t attribute = part_attribute(s, p) | mark;

		attron(attribute);
		for (int i = 0; i < cells[p]; i++)
			addch((chtype)top_part_sign(p));
		attroff(attribute);
	}
}

static void draw_row(const struct screen *s, int y, const struct top_row *row, bool marked,
		     const int widths[TOP_COLUMNS_MAX])
{
	const attr_t mark = marked ? A_REVERSE : A_NORMAL;
	char text[TOP_CELL_MAX];
	int x = 1;

	attron(mark);
	mvprintw(y, 0, "%c%*s", marked ? '>' : ' ', COLS - 1, "");
	for (size_t i = 0; i < top_columns_max; i++) {
		const struct top_column *c = &top_columns[i];
		const attr_t tone =
			c->sort == TOP_BY_RISK ? tone_attribute(s, top_tone_of(row)) : A_NORMAL;
		const char *cell = c->text(row, text);
		const int len = MIN((int)strlen(cell), widths[i]);

		if (!widths[i])
			continue;
		attron(tone);
		if (c->is_bar)
			draw_bar(s, y, x, widths[i], row, mark);
		else
			draw(y, c->right ? x + widths[i] - len : x, widths[i], cell);
		attroff(tone);
		attron(mark);
		x += widths[i] + 1;
	}
	attroff(mark);
}

static void draw_headings(const struct screen *s, const int widths[TOP_COLUMNS_MAX])
{
	int x = 1;

	attron(A_BOLD | A_UNDERLINE);
	mvprintw(ROWS_FROM - 1, 0, "%*s", COLS, "");
	for (size_t i = 0; i < top_columns_max; i++) {
		const struct top_column *c = &top_columns[i];
		const bool sorts = c->sort == s->model->sort;
		char text[32];
		int len;

		if (!widths[i])
			continue;
		/* The bar's own heading is its legend. */
		snprintf(text, sizeof(text), "%s%s", c->heading, sorts ? "*" : "");
		len = MIN((int)strlen(text), widths[i] + (sorts && c->right));
		draw(ROWS_FROM - 1, c->right ? x + widths[i] - len : x, len, text);
		x += widths[i] + 1;
	}
	attroff(A_BOLD | A_UNDERLINE);
}

static void draw_head(const struct screen *s)
{
	const struct top_model *m = s->model;
	char text[512], clock[16] = "";
	const time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "gomemd %s  %zu workload%s, %zu shown  sort: %s  mode: %s%s%s",
		 clock, m->n, m->n == 1 ? "" : "s", m->n_shown, top_sort_name(m->sort),
		 m->mode[0] ? m->mode : "all", m->filter[0] || s->editing ? "  filter: " : "",
		 m->filter);
	draw_line(0, A_BOLD, text);
	if (s->failed)
		snprintf(text, sizeof(text), "NOTHING CAN BE READ: %s", s->source->why);
	else if (s->source->by_scan)
		snprintf(text, sizeof(text), "NO DAEMON, by scan (%s)", s->source->why);
	else
		snprintf(text, sizeof(text),
			 "daemon: %s%s, %" PRId64 " changes   # live  = garbage  %% non-Go  . free",
			 member_text(s->source->daemon, "mode"),
			 json_object_get_boolean(
				 json_object_object_get(s->source->daemon, "writes_stopped")) ?
				 ", WRITES STOPPED" :
				 "",
			 member_int(s->source->daemon, "changes", 0));
	draw_line(1, s->failed || s->source->by_scan ? A_BOLD | colour(s, PAIR_RED) : A_NORMAL,
		  text);
}

static size_t page(void)
{
	return LINES > ROWS_FROM + 1 ? (size_t)(LINES - ROWS_FROM - 1) : 1;
}

static void draw_list(struct screen *s)
{
	int widths[TOP_COLUMNS_MAX];
	const struct top_row *row;

	top_layout(COLS - 1, widths);
	draw_head(s);
	draw_headings(s, widths);
	for (size_t i = 0; i < page() && (row = top_model_row(s->model, s->first + i)); i++)
		draw_row(s, ROWS_FROM + (int)i, row, s->first + i == s->selected, widths);
	if (!s->model->n_shown)
		draw(ROWS_FROM + 1, 2, COLS - 2,
		     s->model->n ? "no workload matches: / changes the filter, m the mode" :
				   "no Go workload is known here");
	if (s->editing)
		draw_line(LINES - 1, A_BOLD,
			  "filter by name, tier or state; Enter keeps, Esc ends it");
	else
		draw_line(LINES - 1, A_REVERSE,
			  "q quit  Enter detail  s sort  / filter  m mode  ? help");
}

static void draw_lines(struct screen *s, const char *keys)
{
	const size_t lines = LINES > 1 ? (size_t)LINES - 1 : 1;

	if (s->scrolled + lines > s->lines.n)
		s->scrolled = s->lines.n > lines ? s->lines.n - lines : 0;
	for (size_t i = 0; i < lines && s->scrolled + i < s->lines.n; i++) {
		const char *text = s->lines.line[s->scrolled + i];
		/* Headings are words of capitals. */
		const bool bold = s->scrolled + i == 0 || (text[0] >= 'A' && text[1] >= 'A' &&
							   text[0] <= 'Z' && text[1] <= 'Z');

		attron(bold ? A_BOLD : A_NORMAL);
		draw((int)i, 0, COLS, text);
		attroff(A_BOLD);
	}
	draw_line(LINES - 1, A_REVERSE, keys);
}

static void draw_all(struct screen *s)
{
	erase();
	if (s->view != VIEW_LIST)
		draw_lines(s, s->view == VIEW_HELP ? "any key: back" : "q back  Up Down scroll");
	else
		draw_list(s);
	refresh();
}

/* The mark goes with its workload, and stays in sight. */
static void keep_in_sight(struct screen *s)
{
	const size_t n = s->model->n_shown;

	s->selected = n ? MIN(s->selected, n - 1) : 0;
	if (s->selected < s->first)
		s->first = s->selected;
	if (s->selected >= s->first + page())
		s->first = s->selected - page() + 1;
	if (s->first + page() > n)
		s->first = n > page() ? n - page() : 0;
}

static void mark(struct screen *s, size_t place)
{
	const struct top_row *row;

	s->selected = place;
	keep_in_sight(s);
	row = top_model_row(s->model, s->selected);
	text_copy(s->cgroup, sizeof(s->cgroup), row ? row->cgroup : "");
}

static void fetch(struct screen *s)
{
	const struct top_row *row;
	const struct top_row *marked = top_model_row(s->model, s->selected);

	/* The detail view asks for its workload alone: one request each time. */
	if (s->view == VIEW_DETAIL && marked) {
		s->lines.width = COLS;
		if (top_fetch_detail(s->source, marked, &s->lines) < 0) {
			s->lines.n = 0;
			top_line(&s->lines, "%s", marked->workload);
			top_line(&s->lines, " ");
			top_line(&s->lines, "It has ended, or cannot be asked for: %s",
				 s->source->why);
		}
	} else {
		s->failed = top_fetch(s->source, s->model) < 0;
		row = top_model_row(s->model, top_model_find(s->model, s->cgroup));
		if (row && !strcmp(row->cgroup, s->cgroup))
			s->selected = top_model_find(s->model, s->cgroup);
		mark(s, s->selected);
	}
	s->refreshed = clock_now();
}

static void arranged(struct screen *s)
{
	top_model_arrange(s->model);
	mark(s, top_model_find(s->model, s->cgroup));
}

static void key_editing(struct screen *s, int key)
{
	char *filter = s->model->filter;
	const size_t len = strlen(filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		s->editing = false;
	} else if (key == KEY_ESCAPE) {
		s->editing = false;
		filter[0] = '\0';
	} else if ((key == KEY_BACKSPACE || key == '\b' || key == 0x7f) && len) {
		filter[len - 1] = '\0';
	} else if (key >= ' ' && key < 0x7f && len + 1 < TOP_FILTER_MAX) {
		filter[len] = (char)key;
		filter[len + 1] = '\0';
	}
	arranged(s);
}

/* True where the key moves: by how much, of so many. */
static bool step_of(int key, int64_t n, int64_t *ret)
{
	switch (key) {
	case KEY_UP:
	case 'k':
		*ret = -1;
		return true;
	case KEY_DOWN:
	case 'j':
		*ret = 1;
		return true;
	case KEY_PPAGE:
		*ret = -(int64_t)page();
		return true;
	case KEY_NPAGE:
		*ret = (int64_t)page();
		return true;
	case KEY_HOME:
	case 'g':
		*ret = -n;
		return true;
	case KEY_END:
	case 'G':
		*ret = n;
		return true;
	default:
		return false;
	}
}

static size_t moved(size_t from, int64_t step, size_t n)
{
	const int64_t to = (int64_t)from + step;

	return to < 0 || !n ? 0 : MIN((size_t)to, n - 1);
}

static void key_detail(struct screen *s, int key)
{
	int64_t step;

	if (step_of(key, (int64_t)s->lines.n, &step)) {
		s->scrolled = moved(s->scrolled, step, s->lines.n);
	} else if (key == 'q' || key == KEY_ESCAPE || key == KEY_LEFT || key == '\n') {
		s->view = VIEW_LIST;
		fetch(s);
	}
}

/* False: that was the end. */
static bool key_list(struct screen *s, int key)
{
	int64_t step;

	if (step_of(key, (int64_t)s->model->n_shown, &step)) {
		mark(s, moved(s->selected, step, s->model->n_shown));
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 's':
		s->model->sort = (s->model->sort + 1) % TOP_SORT_MAX_;
		top_model_arrange(s->model);
		mark(s, 0);
		break;
	case 'm':
		top_model_next_mode(s->model);
		arranged(s);
		break;
	case '/':
		s->editing = true;
		break;
	case '?':
	case 'h':
		s->view = VIEW_HELP;
		s->scrolled = 0;
		s->lines.width = COLS;
		top_help_lines(&s->lines);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		if (!top_model_row(s->model, s->selected))
			break;
		s->view = VIEW_DETAIL;
		s->scrolled = 0;
		fetch(s);
		break;
	default:
		break;
	}
	return true;
}

static bool press(struct screen *s, int key)
{
	if (key == KEY_RESIZE) {
		mark(s, s->selected);
	} else if (s->editing) {
		key_editing(s, key);
	} else if (s->view == VIEW_HELP) {
		s->view = VIEW_LIST;
	} else if (s->view == VIEW_DETAIL) {
		key_detail(s, key);
	} else {
		return key_list(s, key);
	}
	return true;
}

static void start_colours(struct screen *s)
{
	const char *no = getenv("NO_COLOR");

	s->colours = !(no && *no) && has_colors() && start_color() == OK;
	if (!s->colours)
		return;
	use_default_colors();
	init_pair(PAIR_GREEN, COLOR_GREEN, -1);
	init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
	init_pair(PAIR_RED, COLOR_RED, -1);
	init_pair(PAIR_CYAN, COLOR_CYAN, -1);
}

static void loop(struct screen *s)
{
	int key = ERR;

	do {
		usec_t passed = clock_now() - s->refreshed;

		/* Nothing behind a help page or a half-typed filter needs to be asked for. */
		if (passed >= s->delay && s->view != VIEW_HELP) {
			fetch(s);
			passed = 0;
		}
		draw_all(s);
		timeout((int)((s->delay - MIN(passed, s->delay)) / USEC_MSEC) + 1);
		key = getch();
	} while (key == ERR || press(s, key));
}

int top_screen_run(struct top_source *source, struct top_model *model, usec_t delay)
{
	static struct screen s;
	SCREEN *terminal;

	s = (struct screen){ .source = source, .model = model, .delay = delay };
	mark(&s, 0);
	s.refreshed = clock_now();
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		fprintf(stderr,
			"gomemctl: this terminal is not known (TERM=%s); top --batch needs none\n",
			getenv("TERM") ? getenv("TERM") : "");
		return EXIT_UNUSABLE;
	}
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	start_colours(&s);
	loop(&s);
	endwin();
	delscreen(terminal);
	return EXIT_DONE;
}
