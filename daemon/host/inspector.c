/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "host/helper_program.h"
#include "host/inspector.h"

enum {
	QUEUE_MAX = 4096,
	KEEP_BELOW = 1024,
};

struct job {
	struct job *next;
	struct inspect_request req;
	unsigned int generation; /* of the helper whose slots it names */
	inspect_done done;
	void *userdata;
};

struct inspector {
	const struct hostroot *host;
	bool writable;
	usec_t patience, deadline;
	pid_t pid;
	int fd;
	unsigned int generation, queued;
	struct job *first; /* under way; the others wait */
	struct inspect_reply reply;
};

/*
 * Nothing of the daemon's stays open in a helper but its socket and the host's directories: a helper that cannot be
 * killed must hold nothing that anybody waits for, standard error included.
 */
static void keep_only(const struct hostroot *host, int sock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	for (int fd = 3; fd < KEEP_BELOW; fd++)
		if (fd != sock && fd != host->proc && fd != host->cgroup &&
		    fd != host->cgroup1_memory)
			close(fd);
	/* A daemon with that many descriptors has its helpers' on lower ones, or does without them. */
	if (sock < KEEP_BELOW)
		close_range(KEEP_BELOW, ~0u, 0);
}

static int start_helper(struct inspector *in)
{
	int fd, r = helper_fork(&in->pid, &fd);

	if (r == HELPER_CHILD) {
		keep_only(in->host, fd);
		inspect_serve(in->host, fd, in->writable);
	}
	if (r < 0)
		return r;
	in->fd = fd;
	in->generation++;
	return 0;
}

/*
 * A helper in an uninterruptible sleep outlives its SIGKILL: it is not waited for here, and reaped with the
 * daemon's other children when it does go (or by init).
 */
static void stop_helper(struct inspector *in)
{
	closep(&in->fd);
	in->fd = -1;
	if (in->pid > 0) {
		kill(in->pid, SIGKILL);
		waitpid(in->pid, NULL, WNOHANG);
	}
	in->pid = -1;
}

int inspector_new(const struct hostroot *host, bool writable, usec_t deadline,
		  struct inspector **ret)
{
	_cleanup_(inspector_freep) struct inspector *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return -ENOMEM;
	in->host = host;
	in->writable = writable;
	in->patience = deadline;
	in->pid = -1;
	in->fd = -1;
	r = start_helper(in);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(in);
	return 0;
}

struct inspector *inspector_free(struct inspector *in)
{
	if (!in)
		return NULL;
	stop_helper(in);
	for (struct job *job = in->first, *next; job; job = next) {
		next = job->next;
		free(job);
	}
	free(in);
	return NULL;
}

static void send_first(struct inspector *in)
{
	if (!in->first)
		return;
	in->deadline = clock_now() + in->patience;
	/* Slots of a helper that is no more mean other processes in the next: such a request finds nothing. */
	for (size_t i = 0; in->first->generation != in->generation && i < INSPECT_BATCH; i++)
		in->first->req.slots[i] = UINT32_MAX;
	/* A helper that died answers by its closed socket; inspector_dispatch sees it. */
	if (in->fd >= 0)
		(void)send(in->fd, &in->first->req, sizeof(in->first->req), MSG_NOSIGNAL);
}

/*
 * Looks at what is governed go before first looks at what is new, so that a tenant who starts programs all the time
 * does not keep the others waiting. The first is under way and stays.
 */
static void enqueue(struct inspector *in, struct job *job)
{
	struct job **at = &in->first;

	if (*at)
		at = &(*at)->next;
	while (*at && (job->req.op == INSPECT_OPEN || (*at)->req.op != INSPECT_OPEN))
		at = &(*at)->next;
	job->next = *at;
	*at = job;
}

int inspector_request(struct inspector *in, const struct inspect_request *req, inspect_done done,
		      void *userdata)
{
	struct job *job;

	if (in->queued >= (req->op == INSPECT_OPEN ? QUEUE_MAX / 2 : QUEUE_MAX))
		return -ENOSPC;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->req = *req;
	job->generation = in->generation;
	job->done = done;
	job->userdata = userdata;
	enqueue(in, job);
	if (in->queued++ == 0)
		send_first(in);
	return 0;
}

/* Ends the request under way with in->reply, and sends the next before the caller is told. */
static void finish_first(struct inspector *in)
{
	_cleanup_(freep) struct job *job = in->first;

	in->first = job->next;
	in->queued--;
	in->deadline = 0;
	/* The reply is in->reply: the next answer is not read before this call has returned. */
	send_first(in);
	job->done(job->userdata, &job->req, &in->reply);
}

static void replace_helper(struct inspector *in, int error)
{
	int r;

	stop_helper(in);
	r = start_helper(in);
	if (r < 0)
		log_error("Cannot start a helper: %s", strerror(-r));
	if (!in->first)
		return;
	in->reply = (struct inspect_reply){ .result = error };
	finish_first(in);
}

void inspector_dispatch(struct inspector *in)
{
	ssize_t n = recv(in->fd, &in->reply, sizeof(in->reply), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(in->reply)) {
		replace_helper(in, -EPIPE);
		return;
	}
	if (in->first)
		finish_first(in);
}

void inspector_expire(struct inspector *in, usec_t now)
{
	if (in->deadline && now >= in->deadline)
		replace_helper(in, -ETIMEDOUT);
}

static void keep_reply(void *userdata, const struct inspect_request *req,
		       const struct inspect_reply *reply)
{
	(void)req;
	*(struct inspect_reply *)userdata = *reply;
}

int inspector_call(struct inspector *in, const struct inspect_request *req,
		   struct inspect_reply *ret)
{
	int r = inspector_request(in, req, keep_reply, ret);

	while (r == 0 && in->first) {
		struct pollfd p = { .fd = in->fd, .events = POLLIN };
		usec_t now = clock_now();
		usec_t left = in->deadline > now ? in->deadline - now : 0;

		if (poll(&p, 1, (int)(left / USEC_MSEC) + 1) > 0)
			inspector_dispatch(in);
		else
			inspector_expire(in, clock_now());
	}
	return r;
}

usec_t inspector_rest(unsigned int times)
{
	static const usec_t rests[] = { USEC_MIN, 10 * USEC_MIN, 60 * USEC_MIN };

	return rests[MIN(times, (unsigned int)ARRAY_SIZE(rests) - 1)];
}

int inspector_fd(const struct inspector *in)
{
	return in->fd;
}

unsigned int inspector_generation(const struct inspector *in)
{
	return in->generation;
}

usec_t inspector_deadline(const struct inspector *in)
{
	return in->deadline;
}

unsigned int inspector_replaced(const struct inspector *in)
{
	return in->generation - 1;
}

unsigned int inspector_queued(const struct inspector *in)
{
	return in->queued;
}
