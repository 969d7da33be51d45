/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/top.h"
#include "wire/json.h"

#define DELAY_DEFAULT (2 * USEC_SEC)

static void print_rows(const struct top_source *s, const struct top_model *m)
{
	const char *headings[TOP_COLUMNS_MAX];
	char text[TOP_CELL_MAX];
	const struct top_row *row;
	struct grid *g;

	if (s->by_scan)
		printf("No daemon, by scan: %s\n", s->why);
	for (size_t i = 0; i < top_columns_max; i++)
		headings[i] = top_columns[i].heading;
	g = grid_new(headings, top_columns_max);
	for (size_t i = 0; (row = top_model_row(m, i)); i++)
		for (size_t c = 0; c < top_columns_max; c++)
			grid_add(g, "%s", top_columns[c].text(row, text));
	grid_print(g);
	if (m->left_out)
		printf("%llu more are not shown\n", (unsigned long long)m->left_out);
}

static void print_rows_json(const struct top_source *s, const struct top_model *m)
{
	json_object *o = json_object_new_object(), *list = json_object_new_array();
	const struct top_row *row;

	json_put_u64(o, "schema", 1);
	json_put_text(o, "source", s->by_scan ? "scan" : "daemon");
	json_object_object_add(o, "why", s->why[0] ? json_object_new_string(s->why) : NULL);
	for (size_t i = 0; (row = top_model_row(m, i)); i++)
		json_object_array_add(list, top_row_json(row));
	json_object_object_add(o, "workloads", list);
	json_put_u64(o, "left_out", m->left_out);
	print_json(o);
	json_object_put(o);
}

static int refuse(const struct top_source *s)
{
	fprintf(stderr, "gomemctl: there is no daemon, and nothing can be scanned: %s\n", s->why);
	return EXIT_REFUSED;
}

/* One table after the other; 0 rounds: without end. */
static int batch(struct top_source *s, struct top_model *m, const struct options *o, usec_t delay)
{
	for (uint32_t i = 0;; i++) {
		if (i > 0) {
			poll(NULL, 0, (int)(delay / USEC_MSEC));
			if (top_fetch(s, m) < 0)
				return refuse(s);
		}
		if (o->json) {
			print_rows_json(s, m);
		} else {
			if (i > 0)
				putchar('\n');
			print_rows(s, m);
		}
		/* A reader that has gone is the end. */
		if (fflush(stdout) == EOF || ferror(stdout))
			return EXIT_REFUSED;
		if (i + 1 == (o->once ? 1 : o->rounds))
			return EXIT_DONE;
	}
}

int verb_top(const struct options *o)
{
	const usec_t delay = o->delay ? o->delay : DELAY_DEFAULT;
	const bool tables = o->batch || o->once || o->json || o->rounds;
	struct top_source s = { .options = o };
	struct top_model m = { 0 };
	int r;

	if (!tables && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
		fprintf(stderr,
			"gomemctl: top wants a terminal; top --once or --batch prints tables\n");
		return EXIT_UNUSABLE;
	}
	if (top_fetch(&s, &m) < 0)
		r = refuse(&s);
	else if (tables)
		r = batch(&s, &m, o, delay);
	else
		r = top_screen_run(&s, &m, delay);
	top_source_done(&s);
	top_model_done(&m);
	return r;
}
