/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/table.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/escape_index.h"
#include "cli/look.h"
#include "cli/profile_source.h"
#include "escape/join.h"
#include "gobin/go_name.h"
#include "wire/json.h"
#include "wire/pprof.h"

#define VALUES_DEFAULT "alloc_space"

enum {
	FRAMES_MAX = 512, /* of a stack; what is further out is not looked at */
	SITES_MAX = 1 << 18,
};

/* Allocations of one site with one entry of the report. */
struct joined_site {
	struct escape_frame site, cause; /* a function of NULL: there is none */
	enum escape_outcome outcome;
	const struct index_entry *entry, *cause_entry;
	bool ambiguous;
	uint64_t bytes;
};

struct joining {
	const struct options *o;
	struct go_binary binary;
	struct escape_indexed indexed;
	struct mapped_file file;
	struct pprof profile;
	uint32_t value; /* which of a sample's */
	struct joined_site *sites;
	size_t n_sites, room_sites;
	struct table by_key; /* place + 1 */
	uint64_t total, outcome[JOIN_MAX_], ambiguous;
};

static void joining_done(struct joining *j)
{
	escape_indexed_done(&j->indexed);
	mapped_file_close(&j->file);
	pprof_done(&j->profile);
	table_done(&j->by_key);
	free(j->sites);
}

static size_t frames_of(const struct pprof *p, const struct pprof_sample *s,
			struct escape_frame frames[FRAMES_MAX])
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct pprof_location *l = &p->locations[p->stacks[s->first + i]];

		for (uint32_t k = 0; k < l->n_lines && n < FRAMES_MAX; k++) {
			const struct pprof_line *line = &p->lines[l->first_line + k];
			const struct pprof_function *f = &p->functions[line->function];

			frames[n++] = (struct escape_frame){ .function = f->name,
							     .file = f->file,
							     .line = line->line,
							     .outermost = k + 1 == l->n_lines };
		}
	}
	return n;
}

/* What the report says of the line of the cause, where that is another than the site. */
static const struct index_entry *entry_of_cause(const struct escape_index *index,
						const struct escape_frame *frames, size_t n,
						size_t cause)
{
	const struct escape_allocation unknown = { .type = "" };
	struct escape_joined joined;

	if (cause >= n)
		return NULL;
	escape_join(index, frames + cause, n - cause, &unknown, &joined);
	return joined.entry;
}

/* Values stand in pairs: so many objects, then their bytes. */
static uint64_t object_bytes(const struct joining *j, const struct pprof_sample *s)
{
	if (j->value == 0 || s->value[j->value - 1] <= 0 ||
	    strcmp(j->profile.types[j->value - 1].unit, "count") != 0)
		return 0;
	return (uint64_t)(s->value[j->value] / s->value[j->value - 1]);
}

static void join_stack(const struct joining *j, const struct pprof_sample *s,
		       const struct escape_frame *frames, size_t n, struct joined_site *ret)
{
	const struct escape_index *index = &j->indexed.index;
	const size_t cause = escape_cause(frames, n, j->binary.build.module);
	const struct escape_allocation of = { .type = "", .object_bytes = object_bytes(j, s) };
	struct escape_joined joined;

	escape_join(index, frames, n, &of, &joined);
	*ret = (struct joined_site){ .outcome = joined.outcome,
				     .entry = joined.entry,
				     .ambiguous = joined.ambiguous };
	if (joined.site < n)
		ret->site = frames[joined.site];
	if (cause < n)
		ret->cause = frames[cause];
	ret->cause_entry = entry_of_cause(index, frames, n, cause);
}

static uint64_t key_of(const struct joining *j, const struct joined_site *s)
{
	const uint64_t place = s->entry ? (uint64_t)(s->entry - j->indexed.index.entries) + 1 : 0;
	uint64_t h = TEXT_HASH_START ^ s->site.line ^ (uint64_t)s->cause.line << 32 ^ place << 20;

	h = text_hash(h, s->site.function ? s->site.function : "");
	return text_hash(h, s->cause.function ? s->cause.function : "");
}

/* Two of one key are summed up as one: the chance of it is that of two hashes of 64 bits. */
static int add_site(struct joining *j, const struct joined_site *s)
{
	const uint64_t key = key_of(j, s);
	void *found = table_get(&j->by_key, key);
	struct joined_site *known;
	int r;

	if (found) {
		known = &j->sites[(uintptr_t)found - 1];
		known->bytes = add_sat(known->bytes, s->bytes);
		return 0;
	}
	r = array_make_room(&j->sites, &j->room_sites, j->n_sites, SITES_MAX, sizeof(*s));
	if (r == 0)
		r = table_put(&j->by_key, key, (void *)(uintptr_t)(j->n_sites + 1));
	if (r == 0)
		j->sites[j->n_sites++] = *s;
	return r;
}

static int join_all(struct joining *j)
{
	static struct escape_frame frames[FRAMES_MAX];

	j->by_key.max = SITES_MAX;
	for (size_t i = 0; i < j->profile.n_samples; i++) {
		const struct pprof_sample *s = &j->profile.samples[i];
		struct joined_site site;
		int r;

		if (s->value[j->value] <= 0)
			continue;
		join_stack(j, s, frames, frames_of(&j->profile, s, frames), &site);
		site.bytes = (uint64_t)s->value[j->value];
		j->total = add_sat(j->total, site.bytes);
		j->outcome[site.outcome] = add_sat(j->outcome[site.outcome], site.bytes);
		if (site.ambiguous)
			j->ambiguous = add_sat(j->ambiguous, site.bytes);
		r = add_site(j, &site);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_bytes(const void *one, const void *other)
{
	const struct joined_site *a = one, *b = other;

	return (a->bytes < b->bytes) - (a->bytes > b->bytes);
}

static double share_of(const struct joining *j, uint64_t bytes)
{
	return j->total ? (double)bytes / (double)j->total : 0;
}

static uint64_t with_implicit(const struct joining *j)
{
	return add_sat(j->outcome[JOIN_SITE], j->outcome[JOIN_IMPLICIT]);
}

/* Values that are no bytes (alloc_objects) are numbers. */
static const char *value_text(const struct joining *j, char buf[TEXT_BYTES_MAX], uint64_t v)
{
	if (!strcmp(j->profile.types[j->value].unit, "bytes"))
		return text_bytes(buf, v);
	snprintf(buf, TEXT_BYTES_MAX, "%" PRIu64, v);
	return buf;
}

static void put_frame(json_object *o, const struct escape_frame *f)
{
	json_object_object_add(o, "function", json_escaped(f->function));
	json_object_object_add(o, "file", json_escaped(f->file));
	json_put_u64(o, "line", f->line);
}

/* What the compiler said: null members where it said nothing. */
static void put_entry(json_object *o, const struct escape_index *index, const struct index_entry *e)
{
	const enum escape_class class = e ? (enum escape_class)e->class : CLASS_RUNTIME;

	json_put_text(o, "class", escape_class_name(class));
	json_put_text(o, "level", escape_class_level(class));
	json_object_object_add(o, "expression",
			       e ? json_escaped(escape_index_text(index, e->text)) : NULL);
	json_object_object_add(o, "reason",
			       e && e->reason ? json_escaped(escape_index_text(index, e->reason)) :
						NULL);
	json_put_text(o, "advice", escape_class_advice(class));
}

static json_object *site_json(const struct joining *j, const struct joined_site *s)
{
	const struct escape_index *index = &j->indexed.index;
	json_object *o = json_object_new_object(), *cause;

	if (s->site.function)
		put_frame(o, &s->site);
	json_put_text(o, "outcome", escape_outcome_name(s->outcome));
	json_put_bool(o, "ambiguous", s->ambiguous);
	json_put_u64(o, "bytes", s->bytes);
	json_put_double(o, "share", share_of(j, s->bytes));
	put_entry(o, index, s->entry);
	if (!s->cause.function)
		return o;
	cause = json_object_new_object();
	put_frame(cause, &s->cause);
	put_entry(cause, index, s->cause_entry);
	json_object_object_add(o, "cause", cause);
	return o;
}

static void print_json_of(const struct joining *j)
{
	json_object *o = json_object_new_object(), *list = json_object_new_array();
	json_object *unjoined = json_object_new_object();

	json_put_u64(o, "schema", 1);
	json_object_object_add(o, "values", json_escaped(j->profile.types[j->value].name));
	json_put_u64(o, "bytes_total", j->total);
	json_put_u64(o, "bytes_joined", j->outcome[JOIN_SITE]);
	json_put_u64(o, "bytes_ambiguous", j->ambiguous);
	json_put_double(o, "share", share_of(j, j->outcome[JOIN_SITE]));
	json_put_double(o, "share_with_implicit", share_of(j, with_implicit(j)));
	for (enum escape_outcome i = JOIN_SITE + 1; i < JOIN_MAX_; i++)
		json_put_u64(unjoined, escape_outcome_name(i), j->outcome[i]);
	json_object_object_add(o, "unjoined", unjoined);
	json_put_u64(o, "site_count", j->n_sites);
	for (size_t i = 0; i < MIN(j->n_sites, (size_t)j->o->top); i++)
		json_object_array_add(list, site_json(j, &j->sites[i]));
	json_object_object_add(o, "sites", list);
	print_json(o);
	json_object_put(o);
}

static void print_table(const struct joining *j)
{
	const bool is_bytes = !strcmp(j->profile.types[j->value].unit, "bytes");
	const char *const headings[] = {
		is_bytes ? "BYTES" : "VALUE", "SHARE", "CLASS", "EXPRESSION", "SITE", "CAUSE"
	};
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));
	char value[TEXT_BYTES_MAX], type[64];

	text_escape(type, sizeof(type), j->profile.types[j->value].name);
	printf("%s of %s: %.1f %% joined, %.1f %% with what no line is printed for\n\n",
	       value_text(j, value, j->total), type, 100 * share_of(j, j->outcome[JOIN_SITE]),
	       100 * share_of(j, with_implicit(j)));
	for (size_t i = 0; i < MIN(j->n_sites, (size_t)j->o->top); i++) {
		const struct joined_site *s = &j->sites[i];

		grid_add(g, "%s", value_text(j, value, s->bytes));
		grid_add(g, "%.1f %%", 100 * share_of(j, s->bytes));
		grid_add(g, "%s",
			 s->entry ? escape_class_name((enum escape_class)s->entry->class) :
			 s->outcome == JOIN_IMPLICIT ? escape_class_name(CLASS_RUNTIME) :
						       escape_outcome_name(s->outcome));
		grid_add(g, "%s",
			 s->entry ? escape_index_text(&j->indexed.index, s->entry->text) : "-");
		grid_add(g, "%s:%" PRIu32, s->site.function ? s->site.file : "?", s->site.line);
		grid_add(g, "%s:%" PRIu32, s->cause.function ? s->cause.file : "?", s->cause.line);
	}
	grid_print(g);
}

static int read_profile(struct joining *j)
{
	const char *values = j->o->values ? j->o->values : VALUES_DEFAULT;
	char name[512];
	int r = profile_source_open(j->o->profile, &j->file);

	if (r != EXIT_DONE)
		return r;
	text_escape(name, sizeof(name), j->o->profile);
	r = pprof_read(j->file.bytes, &j->profile);
	if (r < 0) {
		fprintf(stderr, "gomemctl: %s: %s\n", name,
			r == -EFBIG ?
				"is larger than any program's profile" :
			r == -ENOMEM ?
				strerror(ENOMEM) :
				"is no profile as pprof has it (neither the text of ?debug=1 nor a page is); a program serves one at /debug/pprof/allocs");
		return EXIT_UNUSABLE;
	}
	r = pprof_type(&j->profile, values);
	if (r < 0) {
		fprintf(stderr, "gomemctl: %s: has no %s; it has", name, values);
		for (uint32_t i = 0; i < j->profile.n_types; i++) {
			text_escape(name, sizeof(name), j->profile.types[i].name);
			fprintf(stderr, " %s", name);
		}
		fprintf(stderr, " (--values)\n");
		return EXIT_UNUSABLE;
	}
	j->value = (uint32_t)r;
	return EXIT_DONE;
}

int escape_join_verb(const struct options *o)
{
	_cleanup_(joining_done) struct joining j = { .o = o };
	int r = EXIT_DONE;

	if (!o->profile || !o->report) {
		fprintf(stderr,
			"gomemctl: what with what? escape join --profile FILE|URL --report FILE [--binary FILE]\n");
		return EXIT_UNUSABLE;
	}
	if (o->binary)
		r = escape_read_binary(o->binary, &j.binary);
	if (r == EXIT_DONE)
		r = escape_index_read(o, o->report, o->binary ? &j.binary : NULL, &j.indexed);
	if (r == EXIT_DONE)
		r = read_profile(&j);
	if (r != EXIT_DONE)
		return r;
	if (join_all(&j) < 0) {
		fprintf(stderr, "gomemctl: more sites than memory, or than any program has\n");
		return EXIT_REFUSED;
	}
	if (j.n_sites)
		qsort(j.sites, j.n_sites, sizeof(*j.sites), by_bytes);
	if (o->json)
		print_json_of(&j);
	else
		print_table(&j);
	return EXIT_DONE;
}
