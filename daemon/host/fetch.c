/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host/fetch.h"
#include "host/fetch_message.h"
#include "host/helper_program.h"

/* What the helper needs beside the request itself: it is started, and a busy machine keeps it waiting. */
#define SLACK (8 * USEC_SEC)

enum {
	QUEUE_MAX = 1024,
};

struct job {
	struct job *next;
	struct fetch_request req;
	fetch_done done;
	void *userdata;
};

struct fetcher {
	pid_t pid;
	int fd;
	unsigned int generation, queued;
	usec_t deadline;
	struct job *first; /* under way; the others wait */
	int body;	   /* what a FETCH_BODY is written to; -1: none is under way */
	struct fetch_reply reply;
};

static const char *const outcome_names[] = {
	[FETCH_OK] = "ok",
	[FETCH_GONE] = "gone",
	[FETCH_REFUSED] = "refused",
	[FETCH_TIMEOUT] = "timeout",
	[FETCH_TOO_LARGE] = "too-large",
	[FETCH_STATUS] = "status",
	[FETCH_GARBLED] = "garbled",
	[FETCH_NOTHING] = "nothing",
	[FETCH_NO_LIBRARY] = "no-library",
	[FETCH_HUNG] = "hung",
	[FETCH_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(outcome_names) == FETCH_OUTCOME_MAX_, "a name for each outcome");

static const char *const source_names[] = {
	[FETCH_FROM_NOTHING] = "none",
	[FETCH_FROM_EXPVAR] = "expvar",
	[FETCH_FROM_PROMETHEUS] = "prometheus",
	[FETCH_FROM_PROFILE] = "pprof",
};
_Static_assert(ARRAY_SIZE(source_names) == FETCH_SOURCE_MAX_, "a name for each source");

const char *fetch_outcome_name(int32_t outcome)
{
	return outcome >= 0 && outcome < FETCH_OUTCOME_MAX_ ? outcome_names[outcome] : "failed";
}

const char *fetch_source_name(uint32_t source)
{
	return source < FETCH_SOURCE_MAX_ ? source_names[source] : "none";
}

int fetcher_new(struct fetcher **ret)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->pid = f->fd = f->body = -1;
	*ret = f;
	return 0;
}

struct fetcher *fetcher_free(struct fetcher *f)
{
	if (!f)
		return NULL;
	helper_program_stop(&f->pid, &f->fd);
	for (struct job *job = f->first, *next; job; job = next) {
		next = job->next;
		free(job);
	}
	free(f);
	return NULL;
}

/* The request of a body is followed by where to write it. */
static void send_request(const struct fetcher *f)
{
	const struct fetch_request *req = &f->first->req;

	if (send(f->fd, req, sizeof(*req), MSG_NOSIGNAL) >= 0 && req->op == FETCH_BODY)
		(void)fetch_message_send(f->fd, "", 1, f->body);
}

static void send_first(struct fetcher *f)
{
	char name[] = "gomemd-fetch";
	char *argv[] = { name, NULL };

	if (!f->first)
		return;
	f->deadline = clock_now() + fetch_patience(&f->first->req) + SLACK;
	if (f->fd < 0 && helper_program_start(argv, &f->pid, &f->fd) == 0)
		f->generation++;
	/* One that cannot be started, or has ended, is found to have by the deadline or by its closed socket. */
	if (f->fd >= 0)
		send_request(f);
	else
		f->deadline = clock_now();
}

int fetcher_request(struct fetcher *f, const struct fetch_request *req, fetch_done done,
		    void *userdata)
{
	struct job *job, **at = &f->first;

	if (f->queued >= QUEUE_MAX)
		return -ENOSPC;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->req = *req;
	job->done = done;
	job->userdata = userdata;
	while (*at)
		at = &(*at)->next;
	*at = job;
	if (f->queued++ == 0)
		send_first(f);
	return 0;
}

/* Ends the request under way with f->reply, and sends the next before the caller is told. */
static void finish_first(struct fetcher *f)
{
	_cleanup_(freep) struct job *job = f->first;
	const struct fetch_reply reply = f->reply;

	f->first = job->next;
	f->queued--;
	f->deadline = 0;
	send_first(f);
	job->done(job->userdata, &job->req, &reply);
}

static void give_up(struct fetcher *f, enum fetch_outcome outcome, int error)
{
	helper_program_stop(&f->pid, &f->fd);
	f->generation++;
	if (!f->first)
		return;
	f->reply = (struct fetch_reply){ .outcome = (int32_t)outcome, .error = error };
	finish_first(f);
}

void fetcher_dispatch(struct fetcher *f)
{
	ssize_t n = recv(f->fd, &f->reply, sizeof(f->reply), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(f->reply))
		give_up(f, FETCH_FAILED, -EPIPE);
	else if (f->first)
		finish_first(f);
}

void fetcher_expire(struct fetcher *f, usec_t now)
{
	if (f->deadline && now >= f->deadline)
		give_up(f, FETCH_HUNG, -ETIMEDOUT);
}

static void keep_reply(void *userdata, const struct fetch_request *req,
		       const struct fetch_reply *reply)
{
	(void)req;
	*(struct fetch_reply *)userdata = *reply;
}

int fetcher_call(struct fetcher *f, const struct fetch_request *req, struct fetch_reply *ret)
{
	int r = fetcher_request(f, req, keep_reply, ret);

	while (r == 0 && f->first) {
		struct pollfd p = { .fd = f->fd, .events = POLLIN };
		const usec_t left = sub_sat(f->deadline, clock_now());

		if (poll(&p, 1, (int)(left / USEC_MSEC) + 1) > 0)
			fetcher_dispatch(f);
		else
			fetcher_expire(f, clock_now());
	}
	return r;
}

/* Sparse: what is not written costs nothing. */
static int make_body(void)
{
	_cleanup_(closep) int fd = memfd_create("gomemd-body", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FETCH_WHOLE_BYTES_MAX) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* A copy, since whoever wrote it could go on writing while it is looked at. */
static int copy_body(int fd, struct fetch_reply *reply, uint8_t **ret)
{
	_cleanup_(freep) uint8_t *bytes = NULL;
	int r;

	if (reply->body_bytes == 0 || reply->body_bytes > FETCH_WHOLE_BYTES_MAX)
		return -EPROTO;
	bytes = malloc(reply->body_bytes);
	if (!bytes)
		return -ENOMEM;
	r = fd_read_at(fd, 0, bytes, reply->body_bytes);
	if (r == 0)
		*ret = TAKE_PTR(bytes);
	return r;
}

int fetcher_call_body(struct fetcher *f, const struct fetch_request *req, struct fetch_reply *ret,
		      uint8_t **ret_body)
{
	_cleanup_(closep) int body = make_body();
	struct fetch_request whole = *req;
	int r = MIN(body, 0);

	whole.op = FETCH_BODY;
	f->body = body;
	if (r == 0)
		r = fetcher_call(f, &whole, ret);
	f->body = -1;
	if (r == 0 && ret->outcome == FETCH_OK)
		r = copy_body(body, ret, ret_body);
	return r;
}

int fetcher_fd(const struct fetcher *f)
{
	return f->fd;
}

unsigned int fetcher_generation(const struct fetcher *f)
{
	return f->generation;
}

usec_t fetcher_deadline(const struct fetcher *f)
{
	return f->deadline;
}
