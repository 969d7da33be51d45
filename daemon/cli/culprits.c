/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/culprits.h"
#include "cli/escape_index.h"
#include "cli/hearing.h"
#include "cli/output.h"
#include "cli/series.h"
#include "decide/heapmath.h"
#include "sense/culprits_json.h"
#include "wire/json.h"

#define LOOK_AGAIN_MIN (200 * USEC_MSEC)

/* One process, watched without the daemon. */
struct watching {
	const struct options *o;
	struct looker l;
	pid_t pid;
	struct inspect_reply first;
	struct escape_indexed indexed; /* of --report */
	int index_fd;
	char index[64]; /* "": the one that is filed */
	struct heap_series *heap, *goroutines;
	struct hearing hearing;
	enum escape_report_state report;
	bool by_spans;
	bool ended; /* before the time was over */
	uint32_t n_goroutine_points;
};

static void watching_done(struct watching *w)
{
	escape_indexed_done(&w->indexed);
	closep(&w->index_fd);
	heap_series_free(w->heap);
	heap_series_free(w->goroutines);
	hearing_done(&w->hearing);
	looker_close(&w->l);
}

/* A report that was given is made an index of here, and handed to the helper by a descriptor of ours. */
static int prepare_report(struct watching *w)
{
	struct go_binary binary;
	char exe[32];
	int r;

	if (!w->o->report)
		return EXIT_DONE;
	snprintf(exe, sizeof(exe), "/proc/%d/exe", w->pid);
	r = escape_read_binary(exe, &binary);
	if (r == EXIT_DONE)
		r = escape_index_read(w->o, w->o->report, &binary, &w->indexed);
	if (r != EXIT_DONE)
		return r;
	w->index_fd = memfd_create("index", MFD_CLOEXEC);
	if (w->index_fd < 0)
		return escape_unusable(w->o->report, strerror(errno));
	r = w->indexed.made ?
		    fd_write_all(w->index_fd, w->indexed.made, w->indexed.made_bytes) :
		    fd_write_all(w->index_fd, w->indexed.file.bytes.p, w->indexed.file.bytes.len);
	if (r < 0)
		return escape_unusable(w->o->report, strerror(-r));
	snprintf(w->index, sizeof(w->index), "/proc/%d/fd/%d", getpid(), w->index_fd);
	return EXIT_DONE;
}

static const char *index_of(const struct watching *w)
{
	return w->index[0] ? w->index : NULL;
}

/* Names those of a profile's first rows that the series has no name of yet. */
static void name_rows(struct heap_series *s, const struct profile_summary *p,
		      const union profile_row *rows)
{
	for (uint32_t i = 0; i < MIN(p->n_rows, (uint32_t)PROFILE_FIGURES_MAX); i++)
		if (heap_series_wants_name(s, p->figures[i].cause))
			(void)heap_series_name(s, p->figures[i].cause, &rows[i].cause);
}

static void add_point(struct heap_series *s, const struct profile_summary *p, uint32_t num_gc,
		      usec_t at)
{
	const struct heap_series_profile point = {
		.num_gc = num_gc,
		.at = at,
		.total = p->causes.causes.figures,
		.sample_bytes = profile_sample_bytes(p),
		.figures = p->figures,
		.n = MIN(p->n_rows, (uint32_t)PROFILE_FIGURES_MAX),
	};

	(void)heap_series_add(s, &point);
}

static int add_profile(struct watching *w, struct heap_series *s, const struct inspect_reply *reply,
		       uint32_t num_gc, usec_t at)
{
	_cleanup_(freep) union profile_row *rows = NULL;
	int r = looker_profile_rows(&w->l, reply->profile.n_rows, &rows);

	if (r)
		return r;
	w->report = (enum escape_report_state)reply->profile.causes.report;
	add_point(s, &reply->profile, num_gc, at);
	name_rows(s, &reply->profile, rows);
	return 0;
}

/* One more profile of the heap, where a collection has published one. Returns as looker_profile. */
static int take_heap(struct watching *w)
{
	static struct inspect_reply reply;
	const usec_t now = clock_now();
	int r = looker_causes(&w->l, w->pid, PROFILE_CAUSES, INSPECT_OF_HEAP, HEAP_SERIES_TOP,
			      index_of(w), &reply);

	if (r || !reply.profile.causes.heap.published || reply.profile.causes.heap.torn)
		return r;
	return add_profile(w, w->heap, &reply, reply.num_gc, now);
}

/* Goroutines do not wait for a collection: their points are numbered one by one. A runtime may not show them. */
static void take_goroutines(struct watching *w)
{
	static struct inspect_reply reply;
	const usec_t now = clock_now();
	int r = looker_causes(&w->l, w->pid, PROFILE_GO_STATEMENTS, INSPECT_OF_HEAP,
			      HEAP_SERIES_TOP, index_of(w), &reply);

	if (r == 0)
		(void)add_profile(w, w->goroutines, &reply, w->n_goroutine_points++, now);
}

static int refuse(const struct watching *w, int result)
{
	char why[512];

	look_refusal(&w->first, result, why, sizeof(why));
	fprintf(stderr, "gomemctl: process %d %s\n", w->pid, why);
	return EXIT_REFUSED;
}

static bool has_points(const struct watching *w)
{
	struct heap_series_info info;

	heap_series_info(w->heap, &info);
	return info.points > 0;
}

static int watch_heap(struct watching *w)
{
	const usec_t until = clock_now() + w->o->for_usec;
	const usec_t pause = MAX(w->o->for_usec / HEAP_SERIES_POINTS, LOOK_AGAIN_MIN);
	usec_t now;

	do {
		int r = take_heap(w);

		/* What was seen until it ended is still worth telling. */
		w->ended = r != 0;
		if (w->ended)
			return has_points(w) ? EXIT_DONE : refuse(w, r);
		take_goroutines(w);
		now = clock_now();
		if (now < until)
			poll(NULL, 0, (int)(MIN(pause, until - now) / USEC_MSEC));
	} while (now < until);
	if (has_points(w))
		return EXIT_DONE;
	fprintf(stderr,
		"gomemctl: process %d has finished no collection in that time, and its heap profile is as of its last: --for longer\n",
		w->pid);
	return EXIT_REFUSED;
}

static void between(void *userdata)
{
	take_goroutines(userdata);
}

/* What was heard stands between a beginning, when each of its causes had allocated nothing, and the end. */
static int watch_spans(struct watching *w)
{
	struct hearing *h = &w->hearing;
	struct profile_summary beginning = { 0 };
	int r;

	h->between = between;
	h->userdata = w;
	r = hear(h, "culprits", w->o);
	if (r == EXIT_DONE)
		r = hearing_resolve(h, PROFILE_CAUSES, HEAP_SERIES_TOP, index_of(w));
	if (r != EXIT_DONE || h->summary.n_rows == 0)
		return r;
	w->report = (enum escape_report_state)h->summary.causes.report;
	beginning.n_rows = h->summary.n_rows;
	for (size_t i = 0; i < PROFILE_FIGURES_MAX; i++)
		beginning.figures[i].cause = h->summary.figures[i].cause;
	add_point(w->heap, &beginning, 0, h->from);
	add_point(w->heap, &h->summary, 1, h->from + hearing_usec(h));
	name_rows(w->heap, &h->summary, h->rows);
	return EXIT_DONE;
}

/* --- what is shown --- */

/* Spans tell bytes that are allocated. What is in use, how many objects, and what follows from these is not 0 but not known. */
static void forget_inuse(json_object *culprits)
{
	static const char *const unknown[] = { "inuse_bytes",		"inuse_objects",
					       "inuse_share",		"lifetime_cycles",
					       "slope_bytes_per_min",	"grown_bytes",
					       "alloc_bytes_per_cycle", "allocs_per_sec",
					       "object_bytes" };

	for (size_t i = 0; i < json_object_array_length(culprits); i++) {
		json_object *c = json_object_array_get_idx(culprits, i);

		if (strcmp(member_text(c, "kind"), culprit_kind_name(CULPRIT_HEAP)) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(unknown); k++)
			json_object_object_add(c, unknown[k], NULL);
	}
}

/* What is live by the runtime's own count: where nothing is sampled, all that is known of it. */
static uint64_t live_bytes(const struct inspect_reply *reply)
{
	return heap_mark_bytes(&reply->rows[0].sample);
}

static json_object *answer_of(const struct watching *w)
{
	json_object *o = json_object_new_object(), *culprits;
	struct heap_series_info info;

	heap_series_info(w->heap, &info);
	json_put_u64(o, "schema", 1);
	json_put_u64(o, "pid", (uint64_t)w->pid);
	json_put_escaped(o, "exe", w->first.info.exe);
	json_put_escaped(o, "go_version", w->first.runtime.info.version);
	json_put_text(o, "source", w->by_spans ? "spans" : "profile");
	json_put_text(o, "report", escape_report_state_name(w->report));
	json_put_u64(o, "points", info.points);
	json_put_u64(o, "cycles", w->by_spans ? 0 : info.cycles);
	json_put_u64(o, "span_usec", info.span);
	json_put_bool(o, "ended", w->ended);
	json_put_u64(o, "lost", w->hearing.lost);
	json_put_bool(o, "guarded", w->hearing.guarded);
	culprits = culprits_json(&(struct culprit_sources){ .heap = w->heap,
							    .goroutines = w->goroutines,
							    .live_bytes = live_bytes(&w->first) },
				 (size_t)w->o->top);
	if (w->by_spans)
		forget_inuse(culprits);
	json_object_object_add(o, "culprits", culprits);
	return o;
}

static int watch(struct watching *w)
{
	int r = prepare_report(w);

	/* The helper is forked after the report has its descriptor. */
	if (r == EXIT_DONE)
		r = looker_open(&w->l);
	if (r != EXIT_DONE)
		return r;
	r = looker_look(&w->l, w->pid, &w->first);
	if (r)
		return refuse(w, r);
	w->heap = heap_series_new();
	w->goroutines = heap_series_new();
	if (!w->heap || !w->goroutines)
		return escape_unusable("memory", strerror(ENOMEM));
	w->by_spans = w->first.rows[0].sample.mem_profile_rate <= 0;
	return w->by_spans ? watch_spans(w) : watch_heap(w);
}

static int of_process(const struct options *o, pid_t pid)
{
	static struct watching w;
	int r;

	if (!o->for_usec) {
		fprintf(stderr,
			"gomemctl: how long shall it watch? culprits PID --for 10s [--report FILE]\n");
		return EXIT_UNUSABLE;
	}
	w.o = o;
	w.pid = pid;
	w.index_fd = -1;
	w.l.host = HOSTROOT_NONE;
	r = watch(&w);
	if (r == EXIT_DONE) {
		json_object *answer = answer_of(&w);

		if (o->json)
			print_json(answer);
		else
			culprits_print(answer, o->top);
		json_object_put(answer);
	}
	watching_done(&w);
	return r;
}

int verb_culprits(const struct options *o)
{
	uint64_t number;
	pid_t pid;

	if (o->operand && text_parse_u64(o->operand, &number) == -EINVAL)
		return series_show_culprits(o);
	if (!look_pid(o->operand, &pid)) {
		fprintf(stderr,
			"gomemctl: whose? culprits WORKLOAD, or culprits PID --for 10s without the daemon\n");
		return EXIT_UNUSABLE;
	}
	return of_process(o, pid);
}
