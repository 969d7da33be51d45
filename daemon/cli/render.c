/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"

enum {
	COLUMNS_MAX = 20,
	CELL_MAX = 200,
};

struct grid {
	size_t columns, n, room;
	size_t width[COLUMNS_MAX];
	char **cells;
};

void print_json(json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
}

struct grid *grid_new(const char *const *headings, size_t n)
{
	struct grid *g = calloc(1, sizeof(*g));

	if (!g)
		abort();
	g->columns = MIN(n, (size_t)COLUMNS_MAX);
	for (size_t i = 0; i < n; i++)
		grid_add(g, "%s", headings[i]);
	return g;
}

void grid_add(struct grid *g, const char *format, ...)
{
	char raw[CELL_MAX], clean[CELL_MAX];
	va_list ap;
	size_t column = g->n % g->columns;

	va_start(ap, format);
	vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	text_escape(clean, sizeof(clean), raw);
	if (g->n == g->room) {
		char **grown;

		g->room = g->room ? 2 * g->room : 64;
		grown = reallocarray(g->cells, g->room, sizeof(*grown));
		if (!grown)
			abort();
		g->cells = grown;
	}
	g->cells[g->n] = strdup(clean);
	if (!g->cells[g->n])
		abort();
	g->width[column] = MAX(g->width[column], strlen(clean));
	g->n++;
}

void grid_print(struct grid *g)
{
	for (size_t i = 0; i < g->n; i++) {
		bool last = (i + 1) % g->columns == 0;

		if (last)
			printf("%s\n", g->cells[i]);
		else
			printf("%-*s  ", (int)g->width[i % g->columns], g->cells[i]);
		free(g->cells[i]);
	}
	free(g->cells);
	free(g);
	fflush(stdout);
}

const char *member_text(json_object *o, const char *key)
{
	json_object *v;

	return json_object_object_get_ex(o, key, &v) && v ? json_object_get_string(v) : "-";
}

int64_t member_int(json_object *o, const char *key, int64_t missing)
{
	json_object *v;

	return json_object_object_get_ex(o, key, &v) && v ? json_object_get_int64(v) : missing;
}

const char *member_bytes(json_object *o, const char *key, char buf[24])
{
	int64_t v = member_int(o, key, -1);

	return text_bytes(buf, v < 0 ? BYTES_UNLIMITED : (uint64_t)v);
}
