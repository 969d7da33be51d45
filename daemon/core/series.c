/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "core/manager.h"

#define COST_SHARE 1000 /* all profiles together take at most so small a part of one CPU */
#define COST_REST  (60 * USEC_MIN)
#define HANG_REST                                                                                  \
	USEC_MIN /* of everybody, for one that hung: it may have waited more than it worked */
#define LOCATE_REST	(10 * USEC_SEC) /* for what is done once for each executable */
#define LOOK_FOR_DUE	USEC_SEC
#define REST_MAX	(2 * COST_REST)
#define UNPAID_INTERVAL (10 * USEC_MIN)
#define UNPAID_MAX                                                                                 \
	16 /* profiles in that time that were taken though others were not paid for yet */
#define SERIES_MAX 128 /* of all processes together: some 15 KiB each, and names */

void series_drop(struct manager *m, struct goproc *p)
{
	m->walk.series -= (p->series ? 1u : 0u) + (p->goroutines ? 1u : 0u);
	p->series = heap_series_free(p->series);
	p->goroutines = heap_series_free(p->goroutines);
	p->walked = 0;
}

static bool samples(const struct goproc *p)
{
	return p->row.sample.mem_profile_rate > 0 && p->row.sample.num_gc > 0;
}

/* Since when profiles of it are due; 0: none is. One of the heap for each cycle at most. */
static usec_t due_since(const struct goproc *p, usec_t interval, usec_t now)
{
	struct heap_series_info info;

	if (p->refused || !p->row.proved)
		return 0;
	if (now < p->evidence_until)
		return 1;
	if (!interval || now < p->walked + interval)
		return 0;
	if (!p->series || !samples(p))
		return MAX(p->walked + interval, (usec_t)2);
	heap_series_info(p->series, &info);
	return info.points && info.num_gc == p->row.sample.num_gc ? 0 : p->walked + interval;
}

/* The process that has waited longest. Series that the policy no longer asks for go on the way. */
static struct goproc *most_overdue(struct manager *m, usec_t now, struct workload **ret)
{
	struct goproc *best = NULL;
	usec_t best_since = 0;
	size_t cursor = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor)) {
		const usec_t interval = culprits_interval(w);
		const bool rests = now < w->walk_rest;

		for (size_t i = 0; i < w->n_procs; i++) {
			struct goproc *p = &w->procs[i];
			const usec_t since = rests ? 0 : due_since(p, interval, now);

			if (!interval && now >= p->evidence_until && (p->series || p->goroutines))
				series_drop(m, p);
			if (!since || (best && since >= best_since))
				continue;
			best = p;
			best_since = since;
			*ret = w;
		}
	}
	return best;
}

static struct workload *walked_workload(struct manager *m)
{
	return table_get(&m->workloads, m->walk.token);
}

/* The process that the walk is about, where it is still there and still the same. */
static struct goproc *walked_proc(struct manager *m)
{
	struct workload *w = walked_workload(m);
	struct goproc *p = w ? workload_proc(w, m->walk.process.pid) : NULL;

	return p && process_id_equal(&p->id, &m->walk.process) ? p : NULL;
}

/* What it took is paid for by a rest. */
static void end_walk(struct manager *m)
{
	struct goproc *p = walked_proc(m);
	const usec_t now = clock_now();

	m->walk.under_way = false;
	m->walk.walks++;
	m->walk.cost_usec += m->walk.took;
	m->walk.rest_until =
		MIN(MAX(m->walk.rest_until, now) + MIN(m->walk.took * COST_SHARE, m->walk.rest_max),
		    now + REST_MAX);
	if (p)
		culprits_walked(walked_workload(m), p);
}

/* The series that the phase is about. */
static struct heap_series **walked_series(struct manager *m)
{
	struct goproc *p = walked_proc(m);

	if (!p)
		return NULL;
	return m->walk.phase == WALK_HEAP ? &p->series : &p->goroutines;
}

static void ask_profile(struct manager *m);

/* The names of a profile are known, or there is none. */
static void end_phase(struct manager *m)
{
	if (++m->walk.phase < WALK_PHASE_MAX_ && walked_proc(m))
		ask_profile(m);
	else
		end_walk(m);
}

static void ask_name(struct manager *m);

static void on_name(void *userdata, const struct inspect_request *req,
		    const struct inspect_reply *reply)
{
	struct manager *m = userdata;
	struct heap_series **series = walked_series(m);
	const uint32_t row = req->slots[0];
	int r = reply->result;

	m->walk.took += reply->cpu_usec;
	if (r == 0 && series && *series && row < m->walk.n)
		r = heap_series_name(*series, m->walk.causes[row], &reply->profile_row.cause);
	if (r) {
		log_debug("Row %u of a profile of process %d: %d, ignoring", row,
			  m->walk.process.pid, r);
		end_phase(m);
		return;
	}
	m->walk.next = row + 1;
	ask_name(m);
}

/* Names cross once for each cause: the next profile has figures alone. */
static void ask_name(struct manager *m)
{
	struct heap_series **series = walked_series(m);
	struct inspect_request req = { .op = INSPECT_PROFILE_ROW, .n = 1 };
	uint32_t i = m->walk.next;

	while (series && *series && i < m->walk.n &&
	       !heap_series_wants_name(*series, m->walk.causes[i]))
		i++;
	req.slots[0] = i;
	if (!series || !*series || i >= m->walk.n ||
	    inspector_request(m->walker, &req, on_name, m) < 0)
		end_phase(m);
}

/*
 * A heap that takes longer to walk than a helper may: its workload is left alone, longer each time, whatever it starts
 * meanwhile.
 */
static void on_failed(struct manager *m, int result)
{
	struct workload *w = walked_workload(m);

	log_debug("No heap profile of process %d: %d, ignoring", m->walk.process.pid, result);
	if (w && (result == -ETIMEDOUT || result == -EPIPE)) {
		/* What it used of the CPU is not known: all the time that it had, then. */
		m->walk.took = clock_now() - m->walk.began;
		m->walk.rest_max = HANG_REST;
		w->walk_rest = clock_now() + inspector_rest(w->walk_hangs++);
		m->walk.phase = WALK_PHASE_MAX_ - 1; /* it is not asked for more */
	}
}

/* Of a heap: before the first cycle everything counts, and between two the sums mix: neither belongs into one row. */
static bool is_settled(const struct profile_summary *s)
{
	return s->kind == PROFILE_GO_STATEMENTS ||
	       (s->kind == PROFILE_CAUSES && s->causes.heap.published && !s->causes.heap.torn);
}

/* Of all processes the one whose profiles are the oldest, but for @p; NULL where none has any. */
static struct goproc *least_recent(struct manager *m, const struct goproc *p)
{
	struct goproc *best = NULL;
	size_t cursor = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		for (size_t i = 0; i < w->n_procs; i++) {
			struct goproc *other = &w->procs[i];

			if (other != p && (other->series || other->goroutines) &&
			    (!best || other->walked < best->walked))
				best = other;
		}
	return best;
}

/* At the cap there is none, but for evidence, which is worth more than what somebody else's heap did all day. */
static struct heap_series *new_series(struct manager *m, const struct goproc *p)
{
	struct goproc *other = m->walk.series >= SERIES_MAX && m->walk.began < p->evidence_until ?
				       least_recent(m, p) :
				       NULL;
	struct heap_series *s;

	if (other)
		series_drop(m, other);
	s = m->walk.series < SERIES_MAX ? heap_series_new() : NULL;
	if (s)
		m->walk.series++;
	else
		m->walk.left_out++;
	return s;
}

/* A report that has come, gone or changed says something else of causes that have their names. */
static void note_report(struct goproc *p, enum escape_report_state report)
{
	if (report == p->report)
		return;
	p->report = report;
	if (p->series)
		heap_series_forget_names(p->series);
	if (p->goroutines)
		heap_series_forget_names(p->goroutines);
}

static void take_profile(struct manager *m, struct goproc *p, const struct inspect_reply *reply)
{
	const struct profile_summary *s = &reply->profile;
	struct heap_series **series = walked_series(m);
	const struct heap_series_profile point = {
		.num_gc = m->walk.phase == WALK_HEAP ? reply->num_gc : p->goroutine_points++,
		.at = m->walk.began,
		.total = s->causes.causes.figures,
		.sample_bytes = profile_sample_bytes(s),
		.figures = s->figures,
		.n = MIN(s->n_rows, (uint32_t)PROFILE_FIGURES_MAX),
	};

	if (!series || !is_settled(s))
		return;
	if (!*series)
		*series = new_series(m, p);
	if (!*series || heap_series_add(*series, &point))
		return;
	note_report(p, (enum escape_report_state)s->causes.report);
	m->walk.n = (uint32_t)point.n;
	for (uint32_t i = 0; i < m->walk.n; i++)
		m->walk.causes[i] = s->figures[i].cause;
}

/*
 * What locating in an executable took is excused once for each workload, and again when a new helper knows of none: a
 * tenant can have a new executable each time, or one that is never known.
 */
static bool may_excuse(const struct manager *m, struct workload *w)
{
	const unsigned int generation = inspector_generation(m->walker);

	if (!w || w->walk_located == generation)
		return false;
	w->walk_located = generation;
	return true;
}

static void on_profile(void *userdata, const struct inspect_request *req,
		       const struct inspect_reply *reply)
{
	struct manager *m = userdata;
	struct goproc *p = walked_proc(m);

	(void)req;
	m->walk.took += reply->cpu_usec;
	if (reply->located && may_excuse(m, walked_workload(m)))
		m->walk.rest_max = LOCATE_REST;
	if (reply->result)
		on_failed(m, reply->result);
	else if (p && process_id_equal(&reply->info.stat.id, &p->id))
		take_profile(m, p, reply);
	ask_name(m);
}

/* Of the phase, from @began on. A process that samples nothing has no profile of its heap. */
static void ask_profile(struct manager *m)
{
	const struct goproc *p = walked_proc(m);
	struct inspect_request req = { .op = INSPECT_PROFILE,
				       .pid = m->walk.process.pid,
				       .n = 4,
				       .slots = { PROFILE_CAUSES, HEAP_SERIES_TOP, 0,
						  INSPECT_OF_HEAP } };

	m->walk.n = m->walk.next = 0;
	if (m->walk.phase == WALK_HEAP && p && !samples(p))
		m->walk.phase = WALK_GOROUTINES;
	if (m->walk.phase == WALK_GOROUTINES)
		req.slots[0] = PROFILE_GO_STATEMENTS;
	if (inspector_request(m->walker, &req, on_profile, m) < 0)
		end_walk(m);
}

/* Evidence does not wait for what other profiles owe, but only so often: alarms are what tenants can make. */
static bool may_start(struct manager *m, const struct goproc *p, usec_t now)
{
	if (now >= m->walk.rest_until)
		return true;
	if (now >= p->evidence_until)
		return false;
	if (now - m->walk.unpaid_since >= UNPAID_INTERVAL) {
		m->walk.unpaid_since = now;
		m->walk.unpaid = 0;
	}
	return m->walk.unpaid++ < UNPAID_MAX;
}

void series_run(struct manager *m)
{
	const usec_t now = clock_now();
	struct workload *w = NULL;
	struct goproc *p;

	if (m->walk.under_way || m->stopping || (now < m->walk.rest_until && !m->walk.urgent))
		return;
	p = most_overdue(m, now, &w);
	m->walk.urgent = p && now < p->evidence_until;
	if (!p || !may_start(m, p, now) || !manager_walker(m)) {
		m->walk.rest_until = MAX(m->walk.rest_until, now + LOOK_FOR_DUE);
		m->walk.urgent = false;
		return;
	}
	p->walked = now;
	m->walk.token = w->token;
	m->walk.process = p->id;
	m->walk.began = now;
	m->walk.took = 0;
	m->walk.phase = WALK_HEAP;
	m->walk.rest_max = COST_REST;
	m->walk.under_way = true;
	ask_profile(m);
	manager_arm(m);
}
