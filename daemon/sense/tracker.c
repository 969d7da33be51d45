/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/table.h"
#include "base/text.h"
#include "base/util.h"
#include "sense/tracker.h"

enum tracked_state {
	TRACKED_NEW, /* a look is due, or under way */
	TRACKED_GO,
	TRACKED_REFUSED, /* Go, but not proved */
	TRACKED_NOT_GO,
	TRACKED_HOSTILE,
};

/* So many at once: what one answer tells of a tenant holds for the others that wait. */
#define ASKED_MAX 2

struct tracked {
	struct tracked *next, *previous; /* in the queue of those that wait to be asked about */
	bool queued;
	pid_t pid;
	struct process_id id; /* as it was looked at; pid 0: not yet */
	enum tracked_state state;
	bool asked;	/* a look is under way */
	bool again;	/* exec'd meanwhile: its answer is about another image */
	bool marked;	/* seen by the running scan */
	bool told;	/* the callback `found` was called: `gone` is owed */
	usec_t retried; /* when it was first to be asked again, since its runtime had not started */
	unsigned int hung; /* made a helper hang so often ... */
	usec_t rest_until; /* ... and is let be for it until then */
	usec_t due;
};

struct tracker {
	const struct hostroot *host;
	struct inspector *in;
	struct tracker_callbacks callbacks;
	struct table table;
	struct tracked *first, *last; /* queue */
	unsigned int asked;
	usec_t next_due;
	uint64_t hostile;
	bool said_error;
};

/*
 * A runtime that has not started, or whose first goroutines are not there yet, is asked again after a third of the time
 * for which that has been so: it is met late by a third of what it took, be it milliseconds or, throttled, seconds; and
 * what never starts has cost some forty looks.
 */
#define RETRY_LEAST (2 * USEC_MSEC)
#define RETRY_MOST  USEC_SEC
#define RETRY_SHARE 3
#define RETRY_END   (15 * USEC_SEC)

int tracker_new(const struct hostroot *host, struct inspector *in,
		const struct tracker_callbacks *callbacks, size_t processes_max,
		struct tracker **ret)
{
	struct tracker *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->host = host;
	t->in = in;
	t->callbacks = *callbacks;
	/* Every process of the host has an entry, mostly to remember that it is not Go's. */
	t->table.max = 16 * processes_max;
	*ret = t;
	return 0;
}

struct tracker *tracker_free(struct tracker *t)
{
	size_t cursor = 0;

	if (!t)
		return NULL;
	for (struct tracked *p = table_next(&t->table, &cursor); p;
	     p = table_next(&t->table, &cursor))
		free(p);
	table_done(&t->table);
	free(t);
	return NULL;
}

static void schedule(struct tracker *t, struct tracked *p, usec_t at)
{
	p->due = at;
	if (!t->next_due || at < t->next_due)
		t->next_due = at;
}

/* False where it has been asked for long enough. */
static bool retry_later(struct tracker *t, struct tracked *p, usec_t now)
{
	const usec_t since = p->retried ? p->retried : now;

	if (now - since > RETRY_END)
		return false;
	p->retried = since;
	schedule(t, p, now + MIN(MAX((now - since) / RETRY_SHARE, RETRY_LEAST), RETRY_MOST));
	return true;
}

static void retry_or_refuse(struct tracker *t, struct tracked *p)
{
	if (!retry_later(t, p, clock_now()))
		p->state = TRACKED_REFUSED;
}

static void tell_found(struct tracker *t, struct tracked *p, const struct inspect_reply *reply,
		       bool refused)
{
	const struct tracker_found found = {
		.slot = reply->rows[0].slot,
		.generation = inspector_generation(t->in),
		.refused = refused,
		.info = &reply->info,
		.runtime = &reply->runtime,
		.row = refused ? NULL : &reply->rows[0],
	};

	p->told = true;
	t->callbacks.found(t->callbacks.userdata, &found);
}

static void ignore_reply(void *userdata, const struct inspect_request *req,
			 const struct inspect_reply *reply)
{
	(void)userdata;
	(void)req;
	(void)reply;
}

static void release_slot(struct tracker *t, uint32_t slot)
{
	struct inspect_request req = { .op = INSPECT_CLOSE, .n = 1, .slots = { slot } };

	inspector_request(t->in, &req, ignore_reply, NULL);
}

static void opened(struct tracker *t, struct tracked *p, const struct inspect_reply *reply)
{
	const struct inspect_row *row = &reply->rows[0];

	if (!row->proved && row->refused_by != GATE_SINGLE_RUNTIME) {
		/* Its runtime is starting, or between two figures: asked again; the slot is not kept. */
		release_slot(t, row->slot);
		retry_or_refuse(t, p);
		if (p->state == TRACKED_REFUSED)
			tell_found(t, p, reply, true);
		return;
	}
	p->state = TRACKED_GO;
	tell_found(t, p, reply, false);
}

static void unqueue(struct tracker *t, struct tracked *p)
{
	if (!p->queued)
		return;
	*(p->previous ? &p->previous->next : &t->first) = p->next;
	*(p->next ? &p->next->previous : &t->last) = p->previous;
	p->next = p->previous = NULL;
	p->queued = false;
}

static void forget(struct tracker *t, struct tracked *p)
{
	unqueue(t, p);
	table_take(&t->table, (uint64_t)p->pid);
	if (p->told)
		t->callbacks.gone(t->callbacks.userdata, p->pid);
	free(p);
}

static void ask(struct tracker *t, struct tracked *p);

static void take_answer(struct tracker *t, const struct inspect_request *req,
			const struct inspect_reply *reply)
{
	struct tracked *p = table_get(&t->table, (uint64_t)req->pid);

	if (!p || !p->asked) {
		/* It exited while it was being looked at. */
		if (reply->result == INSPECT_OK)
			release_slot(t, reply->rows[0].slot);
		return;
	}
	p->asked = false;
	p->id = reply->info.stat.id;
	if (p->again) {
		p->again = false;
		p->retried = 0;
		if (reply->result == INSPECT_OK)
			release_slot(t, reply->rows[0].slot);
		ask(t, p);
		return;
	}
	if (reply->starting && retry_later(t, p, clock_now()))
		return;
	switch (reply->result) {
	case INSPECT_OK:
		opened(t, p, reply);
		break;
	case INSPECT_GONE:
		forget(t, p);
		break;
	case INSPECT_SHARED:
		/* A vfork child execs soon; its exec is told, or the next scan sees it. */
		retry_or_refuse(t, p);
		break;
	case INSPECT_REFUSED:
		p->state = TRACKED_REFUSED;
		tell_found(t, p, reply, true);
		break;
	case -ETIMEDOUT:
		p->state = TRACKED_HOSTILE;
		p->rest_until = clock_now() + inspector_rest(p->hung++);
		t->hostile++;
		t->callbacks.hostile(t->callbacks.userdata, p->pid);
		break;
	case -EPIPE:
		retry_or_refuse(t, p);
		break;
	default:
		p->state = TRACKED_NOT_GO;
		/* An error says nothing of the process: it is asked again, some times. */
		if (reply->result < 0)
			retry_or_refuse(t, p);
		if (reply->result < 0 && !t->said_error) {
			t->said_error = true;
			log_warning("Processes cannot be looked at, the first of them %d: %s",
				    p->pid, strerror(-reply->result));
		}
		break;
	}
}

static void ask_next(struct tracker *t);

static void answered(void *userdata, const struct inspect_request *req,
		     const struct inspect_reply *reply)
{
	struct tracker *t = userdata;

	t->asked--;
	take_answer(t, req, reply);
	ask_next(t);
}

static void ask_next(struct tracker *t)
{
	while (t->first && t->asked < ASKED_MAX) {
		struct tracked *p = t->first;
		const struct inspect_request req = { .op = INSPECT_OPEN, .pid = p->pid };

		unqueue(t, p);
		if (t->callbacks.excluded(t->callbacks.userdata, p->pid)) {
			p->state = TRACKED_HOSTILE;
			continue;
		}
		p->asked = inspector_request(t->in, &req, answered, t) == 0;
		if (p->asked)
			t->asked++;
		else
			retry_or_refuse(t, p);
	}
}

static void ask(struct tracker *t, struct tracked *p)
{
	p->due = 0;
	if (p->queued || p->asked)
		return;
	p->queued = true;
	p->previous = t->last;
	*(t->last ? &t->last->next : &t->first) = p;
	t->last = p;
	ask_next(t);
}

static struct tracked *add(struct tracker *t, pid_t pid)
{
	struct tracked *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->pid = pid;
	if (table_put(&t->table, (uint64_t)pid, p) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

void tracker_exec(struct tracker *t, pid_t pid, usec_t now)
{
	struct tracked *p = table_get(&t->table, (uint64_t)pid);

	(void)now;
	if (p && p->asked) {
		p->again = true;
		if (p->told)
			t->callbacks.gone(t->callbacks.userdata, p->pid);
		p->told = false;
		return;
	}
	if (p)
		forget(t, p);
	p = add(t, pid);
	if (p)
		ask(t, p);
}

void tracker_exit(struct tracker *t, pid_t pid)
{
	struct tracked *p = table_get(&t->table, (uint64_t)pid);

	if (p)
		forget(t, p);
}

void tracker_reopen(struct tracker *t, pid_t pid, usec_t now)
{
	struct tracked *p = table_get(&t->table, (uint64_t)pid);

	(void)now;
	if (!p || p->asked || p->queued || p->state == TRACKED_HOSTILE)
		return;
	p->state = TRACKED_NEW;
	p->retried = 0;
	ask(t, p);
}

static void scan_one(struct tracker *t, pid_t pid, usec_t now)
{
	struct tracked *p = table_get(&t->table, (uint64_t)pid);
	struct process_stat st;

	if (!p) {
		p = add(t, pid);
		if (!p)
			return;
		p->marked = true;
		ask(t, p);
		return;
	}
	p->marked = true;
	/* Whether its tenant is still left alone is asked again when its turn comes. */
	if (p->state == TRACKED_HOSTILE) {
		if (now >= p->rest_until) {
			p->retried = 0;
			ask(t, p);
		}
		return;
	}
	/* A pid that was used again, or another image, where no exit and no exec was told. */
	if (!p->asked && !p->queued && p->id.pid && process_read_stat(t->host, pid, &st) == 0 &&
	    !process_id_equal(&st.id, &p->id))
		tracker_exec(t, pid, 0);
}

int tracker_scan(struct tracker *t, usec_t now)
{
	int fd = openat(t->host->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t cursor = 0;
	uint64_t pid;

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (text_parse_u64(e->d_name, &pid) == 0 && pid <= INT32_MAX &&
		    pid != (uint64_t)getpid())
			scan_one(t, (pid_t)pid, now);
	for (struct tracked *p = table_next(&t->table, &cursor); p;
	     p = table_next(&t->table, &cursor)) {
		if (!p->marked && !p->asked)
			forget(t, p);
		else
			p->marked = false;
	}
	return 0;
}

usec_t tracker_due(const struct tracker *t)
{
	return t->next_due;
}

void tracker_run(struct tracker *t, usec_t now)
{
	size_t cursor = 0;

	t->next_due = 0;
	for (struct tracked *p = table_next(&t->table, &cursor); p;
	     p = table_next(&t->table, &cursor)) {
		if (!p->due || p->asked || p->queued)
			continue;
		if (p->due <= now)
			ask(t, p);
		else
			schedule(t, p, p->due);
	}
}

struct tracker_stats tracker_get_stats(const struct tracker *t)
{
	struct tracker_stats st = { .processes = t->table.n,
				    .dropped = t->table.dropped,
				    .hostile = t->hostile };
	size_t cursor = 0;

	for (const struct tracked *p = table_next(&t->table, &cursor); p;
	     p = table_next(&t->table, &cursor)) {
		st.not_go += p->state == TRACKED_NOT_GO;
		st.refused += p->state == TRACKED_REFUSED || p->state == TRACKED_HOSTILE;
		st.waiting += p->due != 0;
	}
	return st;
}
