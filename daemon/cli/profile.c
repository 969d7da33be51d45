/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/calls.h"
#include "cli/look.h"
#include "cli/series.h"
#include "wire/json.h"

/* A profile as it came from the helper: what a verb prints. */
struct taken {
	pid_t pid;
	int result; /* 0, or an outcome that is told as such */
	struct inspect_reply reply;
	union profile_row *rows;
	uint32_t n;
};

/* Returns an exit code; what went wrong is said. */
static int take(const struct options *o, enum profile_kind kind, const char *verb, struct taken *t)
{
	struct looker l;
	char why[512];
	int r;

	if (!look_pid(o->operand, &t->pid)) {
		fprintf(stderr, "gomemctl: %s needs a process id: gomemctl %s PID\n", verb, verb);
		return EXIT_UNUSABLE;
	}
	r = looker_open(&l);
	if (r != EXIT_DONE)
		return r;
	if (kind == PROFILE_GOROUTINES)
		r = looker_goroutines(&l, t->pid,
				      &(const struct look_goroutines){
					      .blocked = o->blocked, .at_least = o->blocked_usec },
				      &t->reply);
	else
		r = looker_profile(&l, t->pid, kind, o->top, &t->reply);
	t->result = r;
	if (r == 0)
		r = looker_profile_rows(&l, t->reply.profile.n_rows, &t->rows);
	if (r == 0)
		t->n = t->reply.profile.n_rows;
	looker_close(&l);
	if (r == 0 || r == HEAP_PROFILE_OFF)
		return EXIT_DONE;
	if (r == HEAP_PROFILE_UNKNOWN || r == GOROUTINES_UNKNOWN)
		snprintf(why, sizeof(why), "its runtime (%.47s) does not show where it keeps that",
			 t->reply.runtime.info.version);
	else
		look_refusal(&t->reply, r, why, sizeof(why));
	fprintf(stderr, "gomemctl: process %d %s\n", t->pid, why);
	return EXIT_UNUSABLE;
}

static json_object *new_answer(const struct taken *t)
{
	json_object *o = json_object_new_object();

	json_put_u64(o, "schema", 1);
	json_put_u64(o, "pid", (uint64_t)t->pid);
	json_object_object_add(o, "exe", json_escaped(t->reply.info.exe));
	json_object_object_add(o, "go_version", json_escaped(t->reply.runtime.info.version));
	return o;
}

/* --- heap --- */

static int by_inuse(const void *a, const void *b)
{
	const union profile_row *x = a, *y = b;

	return (x->heap.figures.inuse_bytes < y->heap.figures.inuse_bytes) -
	       (x->heap.figures.inuse_bytes > y->heap.figures.inuse_bytes);
}

static int by_allocated(const void *a, const void *b)
{
	const union profile_row *x = a, *y = b;

	return (x->heap.figures.alloc_bytes < y->heap.figures.alloc_bytes) -
	       (x->heap.figures.alloc_bytes > y->heap.figures.alloc_bytes);
}

static void put_figures(json_object *o, const struct heap_figures *f)
{
	json_put_u64(o, "inuse_bytes", f->inuse_bytes);
	json_put_u64(o, "inuse_objects", f->inuse_objects);
	json_put_u64(o, "alloc_bytes", f->alloc_bytes);
	json_put_u64(o, "alloc_objects", f->alloc_objects);
}

static json_object *site_json(const struct heap_site *site)
{
	json_object *o = json_object_new_object();

	calls_put_one(o, &site->at);
	put_figures(o, &site->figures);
	json_put_u64(o, "stacks", site->n_stacks);
	calls_put_callers(o, site->callers, MIN(site->n_callers, (uint32_t)CALL_SITE_CALLERS_MAX));
	return o;
}

static void print_heap_json(struct taken *t)
{
	const struct heap_summary *s = &t->reply.profile.heap;
	json_object *o = new_answer(t), *sites = json_object_new_array();
	const bool off = t->result == HEAP_PROFILE_OFF;

	json_put_text(o, "profiling", off ? "off" : "on");
	if (!off) {
		json_object_object_add(o, "mem_profile_rate",
				       s->rate < 0 ? NULL : json_object_new_int64(s->rate));
		json_put_bool(o, "published", s->published);
		json_put_bool(o, "torn", s->torn);
		put_figures(o, &s->figures);
		json_put_u64(o, "stacks", s->n_buckets);
		json_put_u64(o, "site_count", s->n_sites);
		json_put_u64(o, "left_out", s->buckets_left_out + s->sites_left_out);
	}
	for (uint32_t i = 0; i < t->n; i++)
		json_object_array_add(sites, site_json(&t->rows[i].heap));
	json_object_object_add(o, "sites", sites);
	print_json(o);
	json_object_put(o);
}

static void print_sites(struct taken *t, uint32_t top, const char *title, bool allocated)
{
	static const char *const headings[] = { "BYTES", "OBJECTS", "FUNCTION", "AT" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	printf("\n%s\n", title);
	qsort(t->rows, t->n, sizeof(*t->rows), allocated ? by_allocated : by_inuse);
	for (uint32_t i = 0; i < MIN(t->n, top); i++) {
		const struct heap_site *site = &t->rows[i].heap;
		const struct heap_figures *f = &site->figures;
		char bytes[TEXT_BYTES_MAX];

		grid_add(g, "%s", text_bytes(bytes, allocated ? f->alloc_bytes : f->inuse_bytes));
		grid_add(g, "%" PRIu64, allocated ? f->alloc_objects : f->inuse_objects);
		grid_add(g, "%s", site->at.function);
		grid_add(g, "%s:%" PRIu32, site->at.file, site->at.line);
	}
	grid_print(g);
}

static void print_heap(struct taken *t, uint32_t top)
{
	const struct heap_summary *s = &t->reply.profile.heap;
	char inuse[TEXT_BYTES_MAX], allocated[TEXT_BYTES_MAX];

	if (t->result == HEAP_PROFILE_OFF) {
		printf("heap profiling is off in this program: %s\n",
		       t->reply.runtime.profiles_heap ?
			       "runtime.MemProfileRate is 0" :
			       "nothing in it reads a heap profile, so its linker left that out");
		return;
	}
	printf("in use %s, allocated %s, from the samples of %" PRIu64 " stacks",
	       text_bytes(inuse, s->figures.inuse_bytes),
	       text_bytes(allocated, s->figures.alloc_bytes), s->n_buckets);
	if (s->rate > 0)
		printf(", one in %" PRId64 " bytes\n", s->rate);
	else
		printf("; sampling is off now, so figures are of the samples alone\n");
	if (!s->published)
		printf("no collection has finished yet: all that was sampled is counted\n");
	if (s->torn)
		printf("collections were faster than this look: sums may mix two of them\n");
	if (s->buckets_left_out + s->sites_left_out)
		printf("%" PRIu64 " stacks were too many and left out\n",
		       s->buckets_left_out + s->sites_left_out);
	print_sites(t, top, "in use", false);
	print_sites(t, top, "allocated since the start", true);
}

int verb_heap(const struct options *o)
{
	static struct taken t;
	uint64_t number;
	int r;

	/* A number is a process, whether or not there can be such a one; a workload has a name. */
	if (o->operand && text_parse_u64(o->operand, &number) == -EINVAL)
		return series_show(o);
	r = take(o, PROFILE_HEAP, "heap", &t);

	if (r == EXIT_DONE) {
		if (o->json) {
			qsort(t.rows, t.n, sizeof(*t.rows), by_inuse);
			print_heap_json(&t);
		} else {
			print_heap(&t, o->top);
		}
	}
	free(t.rows);
	return r;
}

/* --- goroutines --- */

static int by_number(const void *a, const void *b)
{
	const union profile_row *x = a, *y = b;

	if (x->goroutine.system != y->goroutine.system)
		return x->goroutine.system ? 1 : -1;
	return (x->goroutine.n < y->goroutine.n) - (x->goroutine.n > y->goroutine.n);
}

static int by_wait(const void *a, const void *b)
{
	const union profile_row *x = a, *y = b;
	const uint64_t p = x->goroutine.waited_max_ns, q = y->goroutine.waited_max_ns;

	if (x->goroutine.system != y->goroutine.system || p == q)
		return by_number(a, b);
	return (p < q) - (p > q);
}

static void put_waited(json_object *group, const struct goroutine_row *row)
{
	json_put_u64(group, "dated", row->n_dated);
	json_object_object_add(group, "waited_p50_ns", NULL);
	json_object_object_add(group, "waited_max_ns", NULL);
	if (!row->n_dated)
		return;
	json_put_u64(group, "waited_p50_ns", row->waited_p50_ns);
	json_put_u64(group, "waited_max_ns", row->waited_max_ns);
}

static void print_goroutines_json(const struct taken *t, bool blocked)
{
	const struct goroutine_summary *s = &t->reply.profile.goroutines;
	json_object *o = new_answer(t), *groups = json_object_new_array();

	json_put_u64(o, "goroutines", s->alive);
	json_object_object_add(o, "counted",
			       s->counted < 0 ? NULL : json_object_new_int64(s->counted));
	json_put_u64(o, "system", s->system);
	json_put_u64(o, "dead", s->dead);
	json_put_u64(o, "unreadable", s->unreadable);
	json_put_u64(o, "left_out", s->left_out + s->not_looked_at);
	json_put_bool(o, "torn", s->torn);
	if (blocked)
		json_object_object_add(o, "collection_age_ns",
				       s->collection_age_ns ?
					       json_object_new_int64((int64_t)MIN(
						       s->collection_age_ns, (uint64_t)INT64_MAX)) :
					       NULL);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct goroutine_row *row = &t->rows[i].goroutine;
		json_object *group = json_object_new_object(), *created = json_object_new_object();

		json_put_u64(group, "count", row->n);
		if (blocked)
			put_waited(group, row);
		json_object_object_add(group, "doing", json_escaped(row->doing));
		calls_put_one(group, &row->start);
		calls_put_one(created, &row->created);
		json_object_object_add(group, "created", created);
		json_put_u64(group, "stack_bytes", row->stack_bytes);
		json_put_bool(group, "runtime", row->system);
		json_object_array_add(groups, group);
	}
	json_object_object_add(o, "groups", groups);
	print_json(o);
	json_object_put(o);
}

/* What both tables end with. */
static void add_group(struct grid *g, const struct goroutine_row *row)
{
	char stack[TEXT_BYTES_MAX];

	grid_add(g, "%s", text_bytes(stack, row->stack_bytes));
	grid_add(g, "%s", row->doing);
	grid_add(g, "%s", row->start.function);
	grid_add(g, "%s:%" PRIu32, row->start.file, row->start.line);
	grid_add(g, "%s:%" PRIu32, row->created.file, row->created.line);
}

static void print_goroutines(const struct taken *t, uint32_t top)
{
	static const char *const headings[] = { "GOROUTINES", "STACK", "DOING",
						"BEGAN IN",   "AT",    "STARTED AT" };
	const struct goroutine_summary *s = &t->reply.profile.goroutines;
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	printf("%" PRIu64 " goroutines, and %" PRIu64 " of the runtime's own\n", s->alive,
	       s->system);
	if (s->left_out + s->not_looked_at)
		printf("%" PRIu64 " were too many and left out below\n",
		       s->left_out + s->not_looked_at);
	if (s->unreadable)
		printf("%" PRIu64 " could not be read\n", s->unreadable);
	putchar('\n');
	for (uint32_t i = 0; i < t->n && i < top; i++) {
		const struct goroutine_row *row = &t->rows[i].goroutine;

		if (row->system)
			break;
		grid_add(g, "%" PRIu64, row->n);
		add_group(g, row);
	}
	grid_print(g);
}

static const char *seconds_text(char buf[32], uint64_t ns)
{
	snprintf(buf, 32, "%.1f s", (double)ns / 1e9);
	return buf;
}

static void print_blocked_heading(const struct taken *t, usec_t at_least)
{
	const struct goroutine_summary *s = &t->reply.profile.goroutines;
	uint64_t n = 0, dated = 0;
	char age[32];

	for (uint32_t i = 0; i < t->n; i++) {
		n += t->rows[i].goroutine.system ? 0 : t->rows[i].goroutine.n;
		dated += t->rows[i].goroutine.system ? 0 : t->rows[i].goroutine.n_dated;
	}
	printf("%" PRIu64 " of %" PRIu64 " goroutines are blocked", n, s->alive);
	if (at_least)
		printf(" for %s at least", seconds_text(age, at_least * 1000));
	printf(", %" PRIu64
	       " of them with a date: the end of the collection before the one that found it so\n",
	       dated);
	if (s->collection_age_ns)
		printf("the last collection began %s ago: what waits for less has no date\n",
		       seconds_text(age, s->collection_age_ns));
	else
		printf("no collection has run yet: none has a date\n");
}

static void print_blocked(const struct taken *t, const struct options *o)
{
	static const char *const headings[] = { "GOROUTINES", "DATED", "HALF",
						"LONGEST",    "STACK", "DOING",
						"BEGAN IN",   "AT",    "STARTED AT" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	print_blocked_heading(t, o->blocked_usec);
	putchar('\n');
	for (uint32_t i = 0; i < t->n && i < o->top; i++) {
		const struct goroutine_row *row = &t->rows[i].goroutine;
		char half[32], longest[32];

		if (row->system)
			break;
		grid_add(g, "%" PRIu64, row->n);
		grid_add(g, "%" PRIu64, row->n_dated);
		grid_add(g, "%s", row->n_dated ? seconds_text(half, row->waited_p50_ns) : "-");
		grid_add(g, "%s", row->n_dated ? seconds_text(longest, row->waited_max_ns) : "-");
		add_group(g, row);
	}
	grid_print(g);
}

int verb_goroutines(const struct options *o)
{
	static struct taken t;
	int r = take(o, PROFILE_GOROUTINES, "goroutines", &t);

	if (r == EXIT_DONE) {
		qsort(t.rows, t.n, sizeof(*t.rows), o->blocked ? by_wait : by_number);
		if (o->json)
			print_goroutines_json(&t, o->blocked);
		else if (o->blocked)
			print_blocked(&t, o);
		else
			print_goroutines(&t, o->top);
	}
	free(t.rows);
	return r;
}
