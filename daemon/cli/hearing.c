/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/hearing.h"

static void on_alloc(void *userdata, const struct event_alloc *a)
{
	struct hearing *h = userdata;

	alloc_stacks_add(&h->stacks, a);
}

static void on_event(void *userdata, const struct event *e)
{
	struct hearing *h = userdata;

	if (e->kind != EVENT_GUARD)
		return;
	h->guarded = true;
	h->to = clock_now();
}

static void on_slice(void *userdata, const struct span_slice *slice)
{
	struct hearing *h = userdata;

	if (slice->last)
		alloc_stacks_finish(&h->stacks, slice->observed_ns, slice->missed_ns);
	else
		alloc_stacks_settle(&h->stacks, slice->observed_ns, slice->missed_ns);
	h->settled = slice->last;
	h->slice = *slice;
}

/*
 * The runtime's own samples say most and cost least. Where it has none, or what they stand for is not known: why it
 * listens to the spans that it takes. NULL: it samples.
 */
static const char *why_spans(const struct inspect_reply *reply)
{
	const int64_t rate = reply->rows[0].sample.mem_profile_rate;

	if (rate == 0 && !reply->runtime.profiles_heap)
		return "nothing in it reads a heap profile, so its linker left that out";
	if (rate == 0)
		return "its runtime.MemProfileRate is 0";
	if (rate < 0)
		return "its runtime.MemProfileRate is not above 0, or was not found";
	if (!go_sites_have(&reply->runtime.sites, SITE_MPROF_MALLOC))
		return "runtime.mProf_Malloc has no place for a probe";
	return NULL;
}

static int check_sites(const struct inspect_reply *reply, bool spans)
{
	const struct go_sites *sites = &reply->runtime.sites;

	if (!spans || (go_sites_have(sites, SITE_REFILL) && go_sites_have(sites, SITE_ALLOC_LARGE)))
		return EXIT_DONE;
	fprintf(stderr,
		"gomemctl: process %d samples no allocations, and where it takes spans there is no place for a probe\n",
		reply->info.stat.id.pid);
	return EXIT_REFUSED;
}

static int prepare(struct hearing *h, const struct inspect_reply *reply)
{
	struct listening *l = &h->listening;
	bool spans;

	h->info = reply->info;
	h->why_spans = why_spans(reply);
	spans = h->why_spans != NULL;
	/* Types lie in the image's constants, which end before its variables begin. */
	if (alloc_stacks_init(&h->stacks, spans ? 0 : reply->rows[0].sample.mem_profile_rate,
			      reply->runtime.image_base, reply->runtime.moduledata) < 0) {
		fprintf(stderr, "gomemctl: %s\n", strerror(ENOMEM));
		return EXIT_REFUSED;
	}
	*l = (struct listening){ .event = on_event,
				 .alloc = on_alloc,
				 .slice = spans ? on_slice : NULL,
				 .userdata = h };
	probe_target_of(reply->info.stat.id.pid, &reply->runtime,
			spans ? PROBES_SPANS : PROBES_ALLOCATIONS, &l->target);
	return check_sites(reply, spans);
}

/*
 * Slices of the time say who takes what share, and only roughly how much it is in all. That the runtime counts itself:
 * TotalAlloc, before and after.
 */
static void calibrate(struct hearing *h, uint64_t before, usec_t since)
{
	static struct inspect_reply reply;
	struct looker l;
	uint64_t after;
	usec_t now;

	if (!h->why_spans || h->guarded || looker_open(&l) != EXIT_DONE)
		return;
	if (looker_look(&l, h->info.stat.id.pid, &reply) == INSPECT_OK &&
	    reply.info.stat.id.start_ticks == h->info.stat.id.start_ticks) {
		now = clock_now();
		after = reply.rows[0].sample.total_alloc_bytes;
		h->counted = after > before && now > since;
		if (h->counted)
			alloc_stacks_calibrate(
				&h->stacks, mul_div(after - before, h->to - h->from, now - since));
	}
	looker_close(&l);
}

int hear(struct hearing *h, const char *verb, const struct options *o)
{
	static struct inspect_reply reply;
	int r = listening_look(verb, o, &reply);
	const usec_t looked = clock_now();

	if (r == EXIT_DONE)
		r = prepare(h, &reply);
	if (r == EXIT_DONE)
		r = listening_start(&h->listening);
	if (r != EXIT_DONE)
		return r;
	h->from = clock_now();
	for (int i = 0; i < HEARING_PARTS; i++) {
		if (h->between)
			h->between(h->userdata);
		listener_run(h->listening.listener, o->for_usec / HEARING_PARTS);
	}
	if (!h->guarded)
		h->to = clock_now();
	h->lost = listening_stop(&h->listening);
	/* A helper that ended before it said so: what was heard last is scaled as all before it. */
	if (h->why_spans && !h->settled)
		alloc_stacks_finish(&h->stacks, 0, 0);
	calibrate(h, reply.rows[0].sample.total_alloc_bytes, looked);
	return EXIT_DONE;
}

/* What a profile of the stacks that were heard is to be. */
struct wanted {
	enum profile_kind kind;
	uint32_t top;
	const char *index;
};

static int ask_profile(struct looker *l, pid_t pid, const struct wanted *w,
		       struct inspect_reply *reply)
{
	return w->kind == PROFILE_CAUSES ?
		       looker_causes(l, pid, w->kind, INSPECT_OF_STACKS, w->top, w->index, reply) :
		       looker_profile(l, pid, w->kind, w->top, reply);
}

static int name_stacks(struct hearing *h, struct looker *l, const struct wanted *w,
		       struct inspect_reply *reply)
{
	int r = 0;

	for (uint32_t i = 0; i < h->stacks.n && r == 0; i++)
		r = looker_put_stack(l, i, &h->stacks.stacks[i]);
	if (r == 0)
		r = ask_profile(l, h->info.stat.id.pid, w, reply);
	if (r)
		return r;
	if (reply->info.exe_key != h->info.exe_key ||
	    reply->info.stat.id.start_ticks != h->info.stat.id.start_ticks)
		return INSPECT_GONE;
	h->summary = reply->profile;
	if (w->kind == PROFILE_ALLOCS && h->summary.allocs.n_stacks != h->stacks.n)
		return -EPIPE;
	return looker_profile_rows(l, h->summary.n_rows, &h->rows);
}

int hearing_resolve(struct hearing *h, enum profile_kind kind, uint32_t top, const char *index)
{
	const struct wanted wanted = { .kind = kind, .top = top, .index = index };
	static struct inspect_reply reply;
	struct looker l;
	char why[512];
	int r = looker_open(&l);

	if (r != EXIT_DONE)
		return r;
	if (h->stacks.n > 0)
		r = name_stacks(h, &l, &wanted, &reply);
	looker_close(&l);
	if (r == 0)
		return EXIT_DONE;
	look_refusal(&reply, r, why, sizeof(why));
	fprintf(stderr,
		"gomemctl: %" PRIu64
		" samples of process %d were heard, but what they mean is not known: it is %s\n",
		h->stacks.samples, h->info.stat.id.pid, why);
	return EXIT_REFUSED;
}

void hearing_done(struct hearing *h)
{
	alloc_stacks_done(&h->stacks);
	free(h->rows);
	h->rows = NULL;
}
