/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/escape.h"
#include "wire/json.h"

enum {
	PACKAGES_MAX = 1 << 16,
};

struct count {
	uint64_t sites, leaks;
	char package[];
};

struct listing {
	const struct options *o;
	uint64_t kinds[ESCAPE_MAX_], classes[CLASS_MAX_], sites, leaks;
	struct table
		packages; /* of struct count, by hash: of two packages with one hash the counts are one */
	json_object *top;
	size_t n_top;
};

int escape_check_filter(const struct options *o)
{
	enum escape_class class;

	if (!o->class || (strlen(o->class) == 1 && strchr("0123456", *o->class)) ||
	    escape_class_parse(o->class, &class) == 0)
		return EXIT_DONE;
	fprintf(stderr, "gomemctl: --class wants one of 0 to 6, or");
	for (class = 0; class < CLASS_MAX_; class ++)
		fprintf(stderr, " %s", escape_class_name(class));
	fprintf(stderr, "\n");
	return EXIT_UNUSABLE;
}

bool escape_wanted(const struct options *o, const struct escape_site *site)
{
	const char *name = escape_class_name(site->class);

	/* A layer's number stands for all of its classes. */
	if (o->class && strcmp(o->class, name) != 0 &&
	    (o->class[1] || o->class[0] != name[0] || strlen(name) > 2))
		return false;
	return !o->package || text_match_path(o->package, site->package);
}

static json_object *step_json(const struct escape_step *s)
{
	json_object *o = json_object_new_object();

	json_put_text(o, "file", s->file);
	json_put_u64(o, "line", s->line);
	json_put_u64(o, "column", s->column);
	json_put_text(o, "expression", s->text);
	json_put_text(o, "reason", s->reason_text);
	json_put_text(o, "to", s->to);
	return o;
}

json_object *escape_site_json(const struct escape_site *site, bool path)
{
	json_object *o = json_object_new_object(), *steps;

	json_put_text(o, "package", site->package);
	json_object_object_add(o, "function",
			       *site->function ? json_object_new_string(site->function) : NULL);
	json_put_text(o, "expression", site->text);
	json_put_text(o, "kind", escape_kind_name(site->kind));
	json_put_text(o, "class", escape_class_name(site->class));
	json_put_text(o, "level", escape_class_level(site->class));
	json_put_text(o, "file", site->file);
	json_put_u64(o, "line", site->line);
	json_put_u64(o, "column", site->column);
	if (!path)
		return o;
	json_put_text(o, "about", escape_class_about(site->class));
	json_put_text(o, "advice", escape_class_advice(site->class));
	json_object_object_add(o, "cause",
			       site->cause < site->path.n_steps ?
				       step_json(&site->path.steps[site->cause]) :
				       NULL);
	steps = json_object_new_array();
	for (size_t i = 0; i < site->path.n_steps; i++)
		json_object_array_add(steps, step_json(&site->path.steps[i]));
	json_object_object_add(o, "path", steps);
	return o;
}

void escape_put_stats(json_object *o, const struct escape_report *r)
{
	const struct escape_stats *stats = escape_report_stats(r);
	json_object *list = json_object_new_array();

	json_put_u64(o, "bytes", stats->bytes);
	json_put_u64(o, "lines", stats->lines);
	json_put_u64(o, "unknown_lines", stats->kinds[LINE_UNKNOWN]);
	json_put_u64(o, "long_lines", stats->long_lines);
	json_object_object_add(o, "go_version",
			       stats->go_version[0] ? json_object_new_string(stats->go_version) :
						      NULL);
	json_put_text(o, "format", stats->json_lines ? "json" : stats->arrow ? "1.25" : "1.19");
	json_put_bool(o, "explained", stats->detailed);
	json_put_bool(o, "made_with_l", escape_stats_made_with_l(stats));
	for (size_t i = 0; i < stats->n_unknown; i++) {
		json_object *line = json_object_new_object();

		json_put_u64(line, "line", stats->unknown_at[i]);
		json_put_text(line, "text", stats->unknown[i]);
		json_object_array_add(list, line);
	}
	json_object_object_add(o, "unknown", list);
}

void escape_warn_unknown(const struct escape_report *r)
{
	const struct escape_stats *stats = escape_report_stats(r);

	for (size_t i = 0; i < stats->n_unknown; i++)
		fprintf(stderr, "  line %" PRIu64 ": %s\n", stats->unknown_at[i],
			stats->unknown[i]);
}

void escape_warn(const char *path, const struct escape_report *r)
{
	const struct escape_stats *stats = escape_report_stats(r);
	char name[512];

	text_escape(name, sizeof(name), path);
	if (stats->kinds[LINE_UNKNOWN])
		fprintf(stderr,
			"gomemctl: %s: %" PRIu64 " of %" PRIu64 " lines are not understood\n", name,
			stats->kinds[LINE_UNKNOWN], stats->lines);
	escape_warn_unknown(r);
	if (stats->long_lines)
		fprintf(stderr,
			"gomemctl: %s: %" PRIu64 " lines were longer than %d bytes and cut\n", name,
			stats->long_lines,
			stats->json_lines ? REPORT_JSON_LINE_MAX : REPORT_LINE_MAX);
	if (escape_stats_made_with_l(stats))
		fprintf(stderr,
			"gomemctl: %s: made with -l, which switches inlining off: more escapes, and "
			"elsewhere, than in the program as it is usually built; build without -l\n",
			name);
	if (!stats->detailed)
		fprintf(stderr,
			"gomemctl: %s: made with -m, which does not say why; build with -gcflags=-m=2\n",
			name);
}

static int count_package(struct listing *l, const struct escape_site *site)
{
	const uint64_t h = text_hash(TEXT_HASH_START, site->package);
	struct count *c = table_get(&l->packages, h);
	int r;

	if (!c) {
		c = calloc(1, sizeof(*c) + strlen(site->package) + 1);
		if (!c)
			return -ENOMEM;
		memcpy(c->package, site->package, strlen(site->package) + 1);
		r = table_put(&l->packages, h, c);
		if (r < 0) {
			free(c);
			/* Beyond the cap a package is not listed; its sites are counted all the same. */
			return r == -ENOSPC ? 0 : r;
		}
	}
	if (escape_kind_allocates(site->kind))
		c->sites++;
	else
		c->leaks++;
	return 0;
}

static int list_site(void *userdata, const struct escape_site *site)
{
	struct listing *l = userdata;

	if (!escape_wanted(l->o, site))
		return 0;
	l->kinds[site->kind]++;
	if (escape_kind_allocates(site->kind)) {
		l->sites++;
		l->classes[site->class]++;
	} else {
		l->leaks++;
	}
	/* Parameters are listed where they are asked for. */
	if (l->n_top < l->o->top && (escape_kind_allocates(site->kind) || l->o->class)) {
		json_object_array_add(l->top, escape_site_json(site, false));
		l->n_top++;
	}
	return count_package(l, site);
}

static int by_sites(const void *a, const void *b)
{
	const struct count *x = *(struct count *const *)a, *y = *(struct count *const *)b;

	if (x->sites != y->sites)
		return x->sites < y->sites ? 1 : -1;
	return strcmp(x->package, y->package);
}

/* Sorted by the number of sites; the caller frees the array. */
static struct count **sort_packages(const struct listing *l)
{
	struct count **all = calloc(l->packages.n + 1, sizeof(*all));
	size_t cursor = 0;

	for (size_t i = 0; all && i < l->packages.n; i++)
		all[i] = table_next(&l->packages, &cursor);
	if (all)
		qsort(all, l->packages.n, sizeof(*all), by_sites);
	return all;
}

static json_object *listing_json(struct listing *l, const char *path, const struct escape_report *r)
{
	json_object *o = json_object_new_object(), *kinds = json_object_new_object();
	json_object *classes = json_object_new_object(), *packages = json_object_new_object();
	_cleanup_(freep) struct count **all = sort_packages(l);

	json_put_u64(o, "schema", 1);
	json_put_text(o, "report", path);
	escape_put_stats(o, r);
	json_put_u64(o, "sites", l->sites);
	json_put_u64(o, "leaks", l->leaks);
	json_put_u64(o, "unexplained", l->classes[CLASS_UNEXPLAINED]);
	for (enum escape_kind k = 0; k < ESCAPE_MAX_; k++)
		json_put_u64(kinds, escape_kind_name(k), l->kinds[k]);
	for (enum escape_class c = 0; c < CLASS_MAX_; c++)
		if (l->classes[c])
			json_put_u64(classes, escape_class_name(c), l->classes[c]);
	for (size_t i = 0; all && i < l->packages.n; i++)
		json_put_u64(packages, all[i]->package, all[i]->sites);
	json_object_object_add(o, "by_kind", kinds);
	json_object_object_add(o, "by_class", classes);
	json_object_object_add(o, "by_package", packages);
	json_object_object_add(o, "top", json_object_get(l->top));
	return o;
}

static void print_classes(const struct listing *l)
{
	static const char *const headings[] = { "CLASS", "LEVEL", "SITES", "WHAT" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	for (enum escape_class c = 0; c < CLASS_MAX_; c++) {
		if (!l->classes[c])
			continue;
		grid_add(g, "%s", escape_class_name(c));
		grid_add(g, "%s", escape_class_level(c));
		grid_add(g, "%" PRIu64, l->classes[c]);
		grid_add(g, "%s", escape_class_about(c));
	}
	grid_print(g);
}

static void print_packages(const struct listing *l)
{
	static const char *const headings[] = { "PACKAGE", "SITES", "LEAKS" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));
	_cleanup_(freep) struct count **all = sort_packages(l);

	for (size_t i = 0; all && i < MIN(l->packages.n, (size_t)l->o->top); i++) {
		grid_add(g, "%s", *all[i]->package ? all[i]->package : "-");
		grid_add(g, "%" PRIu64, all[i]->sites);
		grid_add(g, "%" PRIu64, all[i]->leaks);
	}
	grid_print(g);
}

static void print_sites(const struct listing *l)
{
	static const char *const headings[] = { "WHERE", "CLASS", "FUNCTION", "WHAT" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	for (size_t i = 0; i < l->n_top; i++) {
		json_object *s = json_object_array_get_idx(l->top, i);

		grid_add(g, "%s:%" PRId64 ":%" PRId64, member_text(s, "file"),
			 member_int(s, "line", 0), member_int(s, "column", 0));
		grid_add(g, "%s", member_text(s, "class"));
		grid_add(g, "%s", member_text(s, "function"));
		grid_add(g, "%.100s", member_text(s, "expression"));
	}
	grid_print(g);
}

static void print_listing(const struct listing *l, const struct escape_report *r)
{
	const struct escape_stats *stats = escape_report_stats(r);
	char size[TEXT_BYTES_MAX];

	printf("%" PRIu64 " lines, %s, Go %s%s\n", stats->lines, text_bytes(size, stats->bytes),
	       stats->go_version[0] ? stats->go_version :
	       stats->arrow	    ? "1.25 or later" :
				      "of a release that the report does not tell",
	       stats->detailed ? "" : ", without explanations");
	printf("%" PRIu64 " allocations on the heap, %" PRIu64 " parameters that leak\n\n",
	       l->sites, l->leaks);
	if (l->sites)
		print_classes(l);
	printf("\n");
	print_packages(l);
	printf("\nThe first %zu; gomemctl escape why FILE:LINE REPORT tells the way of each\n",
	       l->n_top);
	print_sites(l);
}

int escape_report_verb(const struct options *o)
{
	_cleanup_(escape_report_freep) struct escape_report *report = NULL;
	struct listing l = { .o = o, .packages.max = PACKAGES_MAX };
	const char *path = o->n_operands > 1 ? o->operands[1] : "-";
	size_t cursor = 0;
	struct count *c;
	json_object *answer;
	int r = escape_check_filter(o);

	if (r != EXIT_DONE)
		return r;
	l.top = json_object_new_array();
	r = escape_read(path, list_site, &l, &report);
	if (r == EXIT_DONE && o->json) {
		answer = listing_json(&l, path, report);
		print_json(answer);
		json_object_put(answer);
	} else if (r == EXIT_DONE) {
		escape_warn(path, report);
		print_listing(&l, report);
	}
	json_object_put(l.top);
	while ((c = table_next(&l.packages, &cursor)))
		free(c);
	table_done(&l.packages);
	return r;
}

static const struct {
	const char *name;
	int (*run)(const struct options *o);
	int least, most;
	const char *usage;
} verbs_of_escape[] = {
	{ "report", escape_report_verb, 0, 1,
	  "report [FILE|DIR] [--class C] [--package PATTERN] [--top N]" },
	{ "why", escape_why_verb, 1, 2, "why FILE:LINE [REPORT]" },
	{ "baseline", escape_baseline_verb, 0, 1, "baseline [REPORT] [--output FILE]" },
	{ "gate", escape_gate_verb, 0, 1,
	  "gate [REPORT] --baseline FILE [--rules FILE] [--sarif FILE] [--junit FILE]" },
	{ "diff", escape_diff_verb, 2, 2, "diff OLD NEW" },
	{ "build", escape_build_verb, 0, 1, "build [PACKAGE] [--binary FILE] [--output FILE]" },
	{ "import", escape_import_verb, 1, 1,
	  "import --binary FILE [--dir DIRECTORY] [--output FILE] REPORT" },
	{ "join", escape_join_verb, 0, 0,
	  "join --profile FILE|URL --report FILE [--binary FILE] [--dir DIRECTORY] [--values TYPE] [--top N]" },
};

int verb_escape(const struct options *o)
{
	const int n = o->n_operands - 1;

	for (size_t i = 0; o->operand && i < ARRAY_SIZE(verbs_of_escape); i++) {
		if (strcmp(o->operand, verbs_of_escape[i].name))
			continue;
		if (n >= verbs_of_escape[i].least && n <= verbs_of_escape[i].most)
			return verbs_of_escape[i].run(o);
		fprintf(stderr, "gomemctl: escape %s\n", verbs_of_escape[i].usage);
		return EXIT_UNUSABLE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs_of_escape); i++)
		fprintf(stderr, "gomemctl: escape %s\n", verbs_of_escape[i].usage);
	return EXIT_UNUSABLE;
}
