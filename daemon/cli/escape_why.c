/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/escape.h"
#include "wire/json.h"

enum {
	SITES_MAX = 200,
	FILE_MAX = 4096,
	CLEAN_MAX = 1024,
};

struct question {
	char file[FILE_MAX];
	uint64_t line, column; /* column 0: any */
	json_object *sites;
	size_t n;
	uint64_t dropped;
};

/* The same file: one may be written from the root and the other from some directory below. */
static bool same_file(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	const char *longer = n > m ? a : b, *shorter = n > m ? b : a;
	const size_t more = n > m ? n - m : m - n;

	return *shorter && !strcmp(longer + more, shorter) && (!more || longer[more - 1] == '/');
}

static bool is_at(const struct question *q, const char *file, uint32_t line, uint32_t column)
{
	return line == q->line && (!q->column || column == q->column) && same_file(q->file, file);
}

static bool leads_through(const struct question *q, const struct escape_site *site)
{
	for (size_t i = 0; i < site->path.n_steps; i++) {
		const struct escape_step *s = &site->path.steps[i];

		if (is_at(q, s->file, s->line, s->column))
			return true;
	}
	return false;
}

static int ask_site(void *userdata, const struct escape_site *site)
{
	struct question *q = userdata;
	const bool here = is_at(q, site->file, site->line, site->column);
	json_object *o;

	if (!here && !leads_through(q, site))
		return 0;
	if (q->n == SITES_MAX) {
		q->dropped++;
		return 0;
	}
	o = escape_site_json(site, true);
	json_put_bool(o, "through", !here);
	json_object_array_add(q->sites, o);
	q->n++;
	return 0;
}

/* "FILE:LINE" or "FILE:LINE:COLUMN", from the right. */
static bool parse_question(const char *text, struct question *q)
{
	uint64_t numbers[2] = { 0 };
	size_t n = 0;
	char *colon;

	if (!text_copy(q->file, sizeof(q->file), strncmp(text, "./", 2) ? text : text + 2))
		return false;
	while (n < 2 && (colon = strrchr(q->file, ':')) &&
	       text_parse_u64(colon + 1, &numbers[n]) == 0) {
		*colon = '\0';
		n++;
	}
	q->line = n ? numbers[n - 1] : 0;
	q->column = n == 2 ? numbers[0] : 0;
	return q->line && q->file[0];
}

static const char *clean_member(json_object *o, const char *key, char buf[CLEAN_MAX])
{
	text_escape(buf, CLEAN_MAX, member_text(o, key));
	return buf;
}

static void print_place(json_object *o)
{
	char file[CLEAN_MAX];

	printf("%s:%" PRId64 ":%" PRId64, clean_member(o, "file", file), member_int(o, "line", 0),
	       member_int(o, "column", 0));
}

static const char *said(const char *kind)
{
	return !strcmp(kind, "variable")    ? "is moved to the heap" :
	       !strcmp(kind, "leak")	    ? "leaks: its function keeps it" :
	       strcmp(kind, "leak-content") ? "escapes to the heap" :
					      "leaks: its function keeps what it points to";
}

static void print_answer(json_object *s)
{
	json_object *path = json_object_object_get(s, "path"), *through;
	char text[CLEAN_MAX], function[CLEAN_MAX], reason[CLEAN_MAX];
	const size_t n = json_object_array_length(path);

	print_place(s);
	printf(": %s %s", clean_member(s, "expression", text), said(member_text(s, "kind")));
	if (json_object_object_get(s, "function"))
		printf(", in %s", clean_member(s, "function", function));
	through = json_object_object_get(s, "through");
	printf("%s\n", json_object_get_boolean(through) ? ", by way of this line" : "");
	printf("  why      class %s (%s): %s\n", member_text(s, "class"), member_text(s, "level"),
	       member_text(s, "about"));
	if (json_object_object_get(s, "cause")) {
		json_object *cause = json_object_object_get(s, "cause");

		printf("  cause    ");
		print_place(cause);
		printf(": %s (%s)\n", clean_member(cause, "expression", text),
		       clean_member(cause, "reason", reason));
	}
	for (size_t i = 0; i < n; i++) {
		json_object *step = json_object_array_get_idx(path, i);

		printf("  %-8s ", i ? "" : "way");
		print_place(step);
		printf(": %s", clean_member(step, "expression", text));
		printf(" (%s) -> %s\n", clean_member(step, "reason", reason),
		       clean_member(step, "to", text));
	}
	printf("  advice   %s\n", member_text(s, "advice"));
}

static void print_answers(const struct question *q)
{
	for (size_t i = 0; i < q->n; i++) {
		if (i)
			printf("\n");
		print_answer(json_object_array_get_idx(q->sites, i));
	}
	if (q->dropped)
		printf("\n%" PRIu64 " more; FILE:LINE:COLUMN asks for one\n", q->dropped);
}

static void print_question(const struct question *q, const struct escape_report *report)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "schema", json_object_new_int(1));
	escape_put_stats(o, report);
	json_object_object_add(o, "sites", json_object_get(q->sites));
	json_object_object_add(o, "dropped", json_object_new_int64((int64_t)q->dropped));
	print_json(o);
	json_object_put(o);
}

static int answer_question(struct question *q, const struct options *o, const char *path)
{
	_cleanup_(escape_report_freep) struct escape_report *report = NULL;
	char file[CLEAN_MAX];
	int r = escape_read(path, ask_site, q, &report);

	if (r != EXIT_DONE)
		return r;
	if (o->json) {
		print_question(q, report);
	} else {
		escape_warn(path, report);
		print_answers(q);
	}
	if (q->n)
		return EXIT_DONE;
	text_escape(file, sizeof(file), q->file);
	fprintf(stderr,
		"gomemctl: nothing escapes at %s:%" PRIu64 ", as the report says; what the runtime "
		"allocates on its own (make(chan), map inserts, append, +) has no line in it\n",
		file, q->line);
	return EXIT_REFUSED;
}

int escape_why_verb(const struct options *o)
{
	struct question q = { 0 };
	int r;

	if (!parse_question(o->operands[1], &q)) {
		fprintf(stderr,
			"gomemctl: escape why wants FILE:LINE, as server/handler.go:42 (a column may follow)\n");
		return EXIT_UNUSABLE;
	}
	q.sites = json_object_new_array();
	r = answer_question(&q, o, o->n_operands > 2 ? o->operands[2] : "-");
	json_object_put(q.sites);
	return r;
}
