/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/calls.h"
#include "cli/hearing.h"
#include "wire/json.h"

static double seconds_of(const struct hearing *h)
{
	return (double)hearing_usec(h) / (double)USEC_SEC;
}

static uint64_t per_second(const struct hearing *h, uint64_t bytes)
{
	return (uint64_t)((double)bytes / seconds_of(h));
}

/* Of its CPU time, the part that was observed. */
static double observed(const struct hearing *h)
{
	const uint64_t all = h->stacks.observed_ns + h->stacks.missed_ns;

	return h->why_spans && all ? (double)h->stacks.observed_ns / (double)all : 1;
}

static double cost(const struct hearing *h)
{
	return h->slice.cpu_ns ? (double)h->slice.cost_ns / (double)h->slice.cpu_ns : 0;
}

static double share_of(const struct hearing *h, uint64_t bytes)
{
	return h->stacks.bytes ? (double)bytes / (double)h->stacks.bytes : 0;
}

static json_object *site_json(const struct hearing *h, const struct alloc_site *site)
{
	json_object *o = json_object_new_object();

	calls_put_one(o, &site->at);
	json_put_text(o, "class", alloc_class_name((enum alloc_class)site->class));
	json_object_object_add(o, "type", site->type[0] ? json_escaped(site->type) : NULL);
	json_put_u64(o, "bytes", site->bytes);
	json_put_u64(o, "bytes_per_second", per_second(h, site->bytes));
	json_put_double(o, "share", share_of(h, site->bytes));
	json_put_u64(o, "samples", site->samples);
	calls_put_callers(o, site->callers, MIN(site->n_callers, (uint32_t)CALL_SITE_CALLERS_MAX));
	return o;
}

static void print_allocs_json(const struct hearing *h)
{
	json_object *o = json_object_new_object(), *sites = json_object_new_array();

	json_put_u64(o, "schema", 1);
	json_put_u64(o, "pid", (uint64_t)h->info.stat.id.pid);
	json_put_double(o, "seconds", seconds_of(h));
	json_put_u64(o, "samples", h->stacks.samples);
	json_put_u64(o, "lost", h->lost);
	json_put_u64(o, "left_out", h->stacks.samples_left_out);
	json_put_bool(o, "guarded", h->guarded);
	json_put_text(o, "sampler", h->why_spans ? "spans" : "profile");
	json_object_object_add(o, "why_spans",
			       h->why_spans ? json_object_new_string(h->why_spans) : NULL);
	json_object_object_add(o, "rate",
			       h->why_spans ? NULL : json_object_new_int64(h->stacks.rate));
	json_put_double(o, "observed", observed(h));
	if (h->why_spans)
		json_put_double(o, "cost", cost(h));
	else
		json_object_object_add(o, "cost", NULL);
	json_put_bool(o, "counted", h->counted);
	json_put_u64(o, "bytes_per_second", per_second(h, h->stacks.bytes));
	json_put_u64(o, "site_count", h->summary.allocs.n_sites);
	for (uint32_t i = 0; i < h->summary.n_rows; i++)
		json_object_array_add(sites, site_json(h, &h->rows[i].alloc));
	json_object_object_add(o, "sites", sites);
	print_json(o);
	json_object_put(o);
}

/* What it means for the figures that they are not the runtime's own. */
static void print_spans(const struct hearing *h)
{
	if (!h->why_spans)
		return;
	printf("its runtime samples no allocations: %s\n", h->why_spans);
	printf("so whoever finds a span used up stands for all of it: small shares are coarse, and sites that allocate one\n"
	       "size in turn may be taken for one another\n");
	printf("observed %.1f %% of its CPU time, at a cost of %.1f %% of it\n", 100 * observed(h),
	       100 * cost(h));
}

static void print_caveats(const struct hearing *h)
{
	if (h->guarded && h->why_spans)
		printf("it took spans faster than the probes could be taken away, and is not listened to any more\n");
	else if (h->guarded)
		printf("its sampler was too busy and is not listened to any more: runtime.MemProfileRate is low\n");
	if (h->lost)
		printf("%" PRIu64 " samples were lost\n", h->lost);
	if (h->stacks.samples_left_out)
		printf("%" PRIu64 " samples were of stacks over the first %d and left out below\n",
		       h->stacks.samples_left_out, ALLOC_STACKS_MAX);
}

static void print_allocs(const struct hearing *h)
{
	static const char *const headings[] = { "BYTES/S", "SHARE",    "SAMPLES", "CLASS",
						"TYPE",	   "FUNCTION", "AT" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));
	char bytes[TEXT_BYTES_MAX];

	printf("%s a second over %.1f s, from %" PRIu64 " samples, ",
	       text_bytes(bytes, per_second(h, h->stacks.bytes)), seconds_of(h), h->stacks.samples);
	if (h->why_spans)
		printf("each a span that ran out or a large object\n");
	else
		printf("one in %" PRId64 " bytes\n", h->stacks.rate);
	print_spans(h);
	print_caveats(h);
	putchar('\n');
	for (uint32_t i = 0; i < h->summary.n_rows; i++) {
		const struct alloc_site *site = &h->rows[i].alloc;

		grid_add(g, "%s", text_bytes(bytes, per_second(h, site->bytes)));
		grid_add(g, "%.1f %%", 100 * share_of(h, site->bytes));
		grid_add(g, "%" PRIu64, site->samples);
		grid_add(g, "%s", alloc_class_name((enum alloc_class)site->class));
		grid_add(g, "%s", site->type[0] ? site->type : "-");
		grid_add(g, "%s", site->at.function);
		grid_add(g, "%s:%" PRIu32, site->at.file, site->at.line);
	}
	grid_print(g);
}

int verb_allocs(const struct options *o)
{
	static struct hearing h;
	int r;

	if (!o->for_usec) {
		fprintf(stderr, "gomemctl: how long shall it listen? allocs PID --for 10s\n");
		return EXIT_UNUSABLE;
	}
	r = hear(&h, "allocs", o);
	if (r == EXIT_DONE)
		r = hearing_resolve(&h, PROFILE_ALLOCS, o->top, NULL);
	if (r == EXIT_DONE) {
		if (o->json)
			print_allocs_json(&h);
		else
			print_allocs(&h);
	}
	hearing_done(&h);
	return r;
}
