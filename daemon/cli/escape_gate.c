/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/escape.h"
#include "cli/output.h"
#include "escape/ci.h"
#include "wire/json.h"

enum {
	CLEAN_MAX = 1024,
	ROOT_MAX = 4096,
};

/* What a gate goes by, and what it has found. */
struct gate {
	struct escape_baseline *baseline;
	struct escape_rules rules;
	struct escape_findings found;
	struct escape_report *report;
	struct escape_make now;
	const char *warning; /* of escape_make_differs */
	size_t gone; /* keys of the baseline that are met less often than they stand there */
};

static void gate_done(struct gate *g)
{
	escape_baseline_free(g->baseline);
	escape_findings_done(&g->found);
	escape_report_free(g->report);
}

/* @path "-" is standard output. */
static int write_out(const char *path, const void *userdata,
		     int (*write)(FILE *f, const void *userdata))
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int r = f ? write(f, userdata) : -ENOMEM;

	if (f && fclose(f) && r == 0)
		r = -ENOMEM;
	if (r < 0)
		return escape_unusable(path, strerror(-r));
	if (!strcmp(path, "-")) {
		r = fd_write_all(STDOUT_FILENO, text, size);
		return r < 0 ? escape_unusable("standard output", strerror(-r)) : EXIT_DONE;
	}
	r = output_write(path, text, size, 0644);
	return r < 0 ? escape_unusable(path, strerror(-r)) : EXIT_DONE;
}

static int write_baseline(FILE *f, const void *userdata)
{
	struct escape_baseline *b = (struct escape_baseline *)(uintptr_t)userdata;

	return escape_baseline_write(b, f);
}

int escape_baseline_verb(const struct options *o)
{
	_cleanup_(escape_baseline_freep) struct escape_baseline *b = NULL;
	const char *path = o->n_operands > 1 ? o->operands[1] : "-";
	struct escape_entry *const *entries;
	json_object *answer;
	int r = escape_read_baseline(path, &b);

	if (r != EXIT_DONE)
		return r;
	r = write_out(o->output ? o->output : "-", b, write_baseline);
	if (r == EXIT_DONE && o->output && strcmp(o->output, "-") != 0 && o->json) {
		answer = json_object_new_object();
		json_object_object_add(answer, "schema", json_object_new_int(1));
		json_put_text(answer, "output", o->output);
		json_object_object_add(
			answer, "keys",
			json_object_new_int64((int64_t)escape_baseline_entries(b, &entries)));
		print_json(answer);
		json_object_put(answer);
	}
	return r;
}

static int take_site(void *userdata, const struct escape_site *site)
{
	struct gate *g = userdata;

	return escape_gate_take(g->baseline, &g->rules, site, &g->found);
}

/* What fails first, then by place. */
static int by_level(const void *a, const void *b)
{
	const struct escape_finding *x = *(struct escape_finding *const *)a;
	const struct escape_finding *y = *(struct escape_finding *const *)b;
	int r = (int)y->level - (int)x->level;

	if (r == 0)
		r = strcmp(x->key.package, y->key.package);
	if (r == 0)
		r = strcmp(x->file, y->file);
	if (r == 0)
		r = (x->line > y->line) - (x->line < y->line);
	return r ? r : (x->column > y->column) - (x->column < y->column);
}

static int gate_run(struct gate *g, const struct options *o, const char *path)
{
	struct escape_entry *const *entries;
	const char *why;
	size_t n;
	int r = escape_read_baseline(o->baseline, &g->baseline);

	if (r == EXIT_DONE && o->rules)
		r = escape_read_rules(o->rules, &g->rules);
	if (r == EXIT_DONE)
		r = escape_read(path, take_site, g, &g->report);
	if (r != EXIT_DONE)
		return r;
	escape_warn(path, g->report);
	escape_make_of(escape_report_stats(g->report), &g->now);
	why = escape_make_differs(escape_baseline_make(g->baseline), &g->now, &g->warning);
	if (why) {
		fprintf(stderr, "gomemctl: %s\n", why);
		return EXIT_UNUSABLE;
	}
	if (g->warning)
		fprintf(stderr, "gomemctl: %s\n", g->warning);
	n = escape_baseline_entries(g->baseline, &entries);
	for (size_t i = 0; i < n; i++)
		g->gone += entries[i]->met < entries[i]->count;
	if (g->found.n)
		qsort(g->found.items, g->found.n, sizeof(*g->found.items), by_level);
	return EXIT_DONE;
}

static void print_indented(const char *text)
{
	_cleanup_(freep) char *copy = strdup(text);
	char clean[CLEAN_MAX], *save = NULL;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		text_escape(clean, sizeof(clean), line);
		printf("           %s\n", clean);
	}
}

static void print_finding(const struct escape_finding *f)
{
	char file[CLEAN_MAX], function[CLEAN_MAX], text[CLEAN_MAX], rule[CLEAN_MAX];

	text_escape(file, sizeof(file), f->file);
	text_escape(function, sizeof(function), f->key.function);
	text_escape(text, sizeof(text), f->key.text);
	text_escape(rule, sizeof(rule), f->rule);
	printf("%s: %s:%" PRIu32 ":%" PRIu32 ": %s in %s (%s%s%s)\n", escape_level_name(f->level),
	       file, f->line, f->column, text, function, escape_kind_name(f->key.kind),
	       *rule ? ", rule " : "", rule);
	printf("  why      class %s (%s): %s\n", escape_class_name(f->key.class),
	       escape_class_level(f->key.class), escape_class_about(f->key.class));
	if (*f->path) {
		printf("  way\n");
		print_indented(f->path);
	}
	printf("  advice   %s\n\n", escape_class_advice(f->key.class));
}

static void print_gate(const struct gate *g)
{
	const struct escape_findings *found = &g->found;

	for (size_t i = 0; i < found->n; i++)
		print_finding(found->items[i]);
	if (found->n < found->counts[ESCAPE_FAIL] + found->counts[ESCAPE_LOG])
		printf("(and %" PRIu64 " more)\n",
		       found->counts[ESCAPE_FAIL] + found->counts[ESCAPE_LOG] - found->n);
	printf("%" PRIu64 " fail, %" PRIu64 " logged, %" PRIu64
	       " ignored; %zu of the baseline are gone\n",
	       found->counts[ESCAPE_FAIL], found->counts[ESCAPE_LOG], found->counts[ESCAPE_IGNORE],
	       g->gone);
	if (found->counts[ESCAPE_FAIL])
		printf("Where they are meant: make the baseline anew (gomemctl escape baseline) and have "
		       "the change of it reviewed\n");
}

static json_object *finding_json(const struct escape_finding *f)
{
	json_object *o = json_object_new_object();

	json_put_text(o, "verdict", escape_level_name(f->level));
	json_object_object_add(o, "rule", *f->rule ? json_object_new_string(f->rule) : NULL);
	json_put_text(o, "package", f->key.package);
	json_put_text(o, "function", f->key.function);
	json_put_text(o, "expression", f->key.text);
	json_put_text(o, "kind", escape_kind_name(f->key.kind));
	json_put_text(o, "class", escape_class_name(f->key.class));
	json_put_text(o, "level", escape_class_level(f->key.class));
	json_put_text(o, "file", f->file);
	json_object_object_add(o, "line", json_object_new_int64(f->line));
	json_object_object_add(o, "column", json_object_new_int64(f->column));
	json_put_text(o, "advice", escape_class_advice(f->key.class));
	json_put_text(o, "path", f->path);
	return o;
}

static void print_gate_json(const struct gate *g)
{
	json_object *o = json_object_new_object(), *new = json_object_new_array();
	const char *was = escape_baseline_make(g->baseline)->go_version;

	json_object_object_add(o, "schema", json_object_new_int(1));
	escape_put_stats(o, g->report);
	json_object_object_add(o, "baseline_go_version", *was ? json_object_new_string(was) : NULL);
	json_object_object_add(o, "warning",
			       g->warning ? json_object_new_string(g->warning) : NULL);
	json_object_object_add(o, "failed",
			       json_object_new_int64((int64_t)g->found.counts[ESCAPE_FAIL]));
	json_object_object_add(o, "logged",
			       json_object_new_int64((int64_t)g->found.counts[ESCAPE_LOG]));
	json_object_object_add(o, "ignored",
			       json_object_new_int64((int64_t)g->found.counts[ESCAPE_IGNORE]));
	json_object_object_add(o, "gone", json_object_new_int64((int64_t)g->gone));
	for (size_t i = 0; i < g->found.n; i++)
		json_object_array_add(new, finding_json(g->found.items[i]));
	json_object_object_add(o, "new", new);
	print_json(o);
	json_object_put(o);
}

static const char *root_of(char buf[ROOT_MAX])
{
	if (!getcwd(buf, ROOT_MAX) || !strcmp(buf, "/"))
		buf[0] = '\0';
	return buf;
}

static int write_sarif(FILE *f, const void *userdata)
{
	char root[ROOT_MAX];

	return escape_write_sarif(f, userdata, root_of(root));
}

static int write_junit(FILE *f, const void *userdata)
{
	char root[ROOT_MAX];

	return escape_write_junit(f, userdata, root_of(root));
}

int escape_gate_verb(const struct options *o)
{
	_cleanup_(gate_done) struct gate g = { 0 };
	int r;

	if (!o->baseline) {
		fprintf(stderr,
			"gomemctl: escape gate wants --baseline FILE; gomemctl escape baseline "
			"REPORT --output FILE makes one\n");
		return EXIT_UNUSABLE;
	}
	r = gate_run(&g, o, o->n_operands > 1 ? o->operands[1] : "-");
	if (r == EXIT_DONE && o->sarif)
		r = write_out(o->sarif, &g.found, write_sarif);
	if (r == EXIT_DONE && o->junit)
		r = write_out(o->junit, &g.found, write_junit);
	if (r != EXIT_DONE)
		return r;
	if (o->json)
		print_gate_json(&g);
	else
		print_gate(&g);
	return g.found.counts[ESCAPE_FAIL] ? EXIT_REFUSED : EXIT_DONE;
}

/* Entries of @a that are in @b less often, or not at all. */
static json_object *missing_in(struct escape_baseline *a, const struct escape_baseline *b,
			       const struct options *o)
{
	json_object *list = json_object_new_array();
	struct escape_entry *const *entries;
	const size_t n = escape_baseline_entries(a, &entries);

	for (size_t i = 0; i < n; i++) {
		const struct escape_key *k = &entries[i]->key;
		const struct escape_site site = { .class = k->class, .package = k->package };
		const uint64_t other = escape_baseline_count(b, k);
		json_object *e;

		if (other >= entries[i]->count || !escape_wanted(o, &site))
			continue;
		e = json_object_new_object();
		json_put_text(e, "package", k->package);
		json_put_text(e, "function", k->function);
		json_put_text(e, "expression", k->text);
		json_put_text(e, "kind", escape_kind_name(k->kind));
		json_put_text(e, "class", escape_class_name(k->class));
		json_object_object_add(e, "times",
				       json_object_new_int64((int64_t)(entries[i]->count - other)));
		json_object_array_add(list, e);
	}
	return list;
}

static void print_side(const char *sign, json_object *list)
{
	static const char *const headings[] = {
		"", "TIMES", "CLASS", "PACKAGE", "FUNCTION", "WHAT"
	};
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *e = json_object_array_get_idx(list, i);

		grid_add(g, "%s", sign);
		grid_add(g, "%" PRId64, member_int(e, "times", 0));
		grid_add(g, "%s", member_text(e, "class"));
		grid_add(g, "%s", member_text(e, "package"));
		grid_add(g, "%s", member_text(e, "function"));
		grid_add(g, "%.100s", member_text(e, "expression"));
	}
	grid_print(g);
}

static void print_diff(const struct options *o, json_object *answer)
{
	json_object *new = json_object_object_get(answer, "new");
	json_object *gone = json_object_object_get(answer, "gone");

	if (o->json) {
		print_json(answer);
		return;
	}
	if (json_object_array_length(new))
		print_side("+", new);
	if (json_object_array_length(gone))
		print_side("-", gone);
	printf("%zu new, %zu gone\n", json_object_array_length(new),
	       json_object_array_length(gone));
}

int escape_diff_verb(const struct options *o)
{
	_cleanup_(escape_baseline_freep) struct escape_baseline *was = NULL, *now = NULL;
	const char *why, *warning = NULL;
	json_object *answer;
	int r = escape_check_filter(o);

	if (r == EXIT_DONE)
		r = escape_read_baseline(o->operands[1], &was);
	if (r == EXIT_DONE)
		r = escape_read_baseline(o->operands[2], &now);
	if (r != EXIT_DONE)
		return r;
	why = escape_make_differs(escape_baseline_make(was), escape_baseline_make(now), &warning);
	/* A person who compares may want to see just that; a gate may not. */
	if (why || warning)
		fprintf(stderr, "gomemctl: %s\n", why ? why : warning);
	answer = json_object_new_object();
	json_object_object_add(answer, "schema", json_object_new_int(1));
	json_object_object_add(answer, "warning",
			       why || warning ? json_object_new_string(why ? why : warning) : NULL);
	json_object_object_add(answer, "new", missing_in(now, was, o));
	json_object_object_add(answer, "gone", missing_in(was, now, o));
	print_diff(o, answer);
	json_object_put(answer);
	return EXIT_DONE;
}
