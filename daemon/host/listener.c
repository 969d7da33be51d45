/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/util.h"
#include "host/helper_program.h"
#include "host/listen.h"

#define ANSWER_PATIENCE (30 * USEC_SEC) /* for all that is not one process's doing */
#define REPLACED_WINDOW (60 * USEC_MIN)

enum {
	WAITING_MAX = 1024,
	REPLACED_MAX = 8, /* in that time: then it is given up */
	BATCH_MAX = 64,	  /* messages at one dispatch: the loop has others to serve */
};

struct listener {
	struct listener_callbacks callbacks;
	usec_t patience, deadline;
	pid_t pid;
	int fd;
	unsigned int generation;
	uint64_t lost, lost_before; /* by this helper, by those before it */
	uint32_t what;		    /* LISTEN_* */
	bool told;		    /* it has said what is to be heard */
	bool serves;		    /* it is there, and there is something to be heard */
	bool busy;		    /* the first of the queue is under way ... */
	bool attaching;		    /* ... and has come to the process itself */
	usec_t replaced[REPLACED_MAX];
	size_t n_replaced;
	size_t first, n; /* ring */
	struct listen_request waiting[WAITING_MAX];
	struct listen_message message;
};

static int start_helper(struct listener *l)
{
	char name[] = "gomemd-listen";
	char *argv[LISTEN_WORDS + 2] = { name };
	int r;

	for (unsigned int i = 0, k = 1; i < LISTEN_WORDS; i++)
		if (l->what & 1u << i)
			argv[k++] = (char *)(uintptr_t)listen_word(i);
	r = helper_program_start(argv, &l->pid, &l->fd);
	if (r < 0)
		return r;
	l->told = false;
	l->generation++;
	return 0;
}

static void stop_helper(struct listener *l)
{
	helper_program_stop(&l->pid, &l->fd);
	l->serves = l->busy = l->attaching = false;
	l->deadline = 0;
	l->n = 0;
	l->lost_before += l->lost;
	l->lost = 0;
}

int listener_new(const struct listener_callbacks *callbacks, uint32_t what, usec_t deadline,
		 struct listener **ret)
{
	_cleanup_(listener_freep) struct listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->callbacks = *callbacks;
	l->patience = deadline;
	l->what = what;
	l->fd = -1;
	l->pid = -1;
	r = start_helper(l);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

struct listener *listener_free(struct listener *l)
{
	if (!l)
		return NULL;
	stop_helper(l);
	free(l);
	return NULL;
}

static void replace_helper(struct listener *l);

static void send_next(struct listener *l)
{
	if (!l->serves || l->busy || l->n == 0)
		return;
	l->busy = true;
	l->deadline = clock_now() + ANSWER_PATIENCE;
	/* It has answered all before this one, so there is room; where not, something is wrong with it. */
	if (send(l->fd, &l->waiting[l->first], sizeof(l->waiting[0]), MSG_NOSIGNAL | MSG_DONTWAIT) <
	    0)
		replace_helper(l);
}

static int push(struct listener *l, const struct listen_request *req)
{
	if (!l->serves)
		return -EPIPE;
	if (l->n == WAITING_MAX)
		return -ENOSPC;
	l->waiting[(l->first + l->n++) % WAITING_MAX] = *req;
	send_next(l);
	return 0;
}

int listener_attach(struct listener *l, const struct probe_target *t)
{
	const struct listen_request req = { .op = LISTEN_ATTACH, .target = *t };

	return push(l, &req);
}

/* What waits for a process that has gone, or has another image now, is not to be done any more. */
static void drop_waiting(struct listener *l, pid_t pid)
{
	size_t kept = l->busy ? 1 : 0;

	for (size_t i = kept; i < l->n; i++) {
		const struct listen_request *req = &l->waiting[(l->first + i) % WAITING_MAX];

		if (req->target.pid != pid)
			l->waiting[(l->first + kept++) % WAITING_MAX] = *req;
	}
	l->n = MIN(l->n, kept);
}

void listener_detach(struct listener *l, pid_t pid)
{
	const struct listen_request req = { .op = LISTEN_DETACH, .target.pid = pid };

	drop_waiting(l, pid);
	/* Where too many wait for it to be told: the helper itself takes probes of processes that are no more away. */
	(void)push(l, &req);
}

static void finish_first(struct listener *l)
{
	if (!l->busy)
		return;
	l->first = (l->first + 1) % WAITING_MAX;
	l->n--;
	l->busy = l->attaching = false;
	l->deadline = 0;
	send_next(l);
}

static void take_message(struct listener *l, const struct listen_message *m)
{
	const struct listener_callbacks *c = &l->callbacks;

	l->lost = m->lost;
	switch (m->kind) {
	case LISTEN_READY:
		l->told = true;
		l->serves =
			m->ready.runtimes == 0 || m->ready.kernel == 0 || m->ready.processes == 0;
		c->ready(c->userdata, &m->ready);
		break;
	case LISTEN_ATTACHING:
		l->attaching = true;
		l->deadline = clock_now() + l->patience;
		break;
	case LISTEN_ATTACHED:
		finish_first(l);
		c->attached(c->userdata, m->pid, m->kinds, m->error);
		break;
	case LISTEN_DETACHED:
		finish_first(l);
		break;
	case LISTEN_HEARD:
		for (uint32_t i = 0; i < MIN(m->n, (uint32_t)LISTEN_EVENTS) && c->event; i++)
			c->event(c->userdata, &m->events[i]);
		break;
	case LISTEN_SAMPLED:
		for (uint32_t i = 0; i < MIN(m->n, (uint32_t)LISTEN_ALLOCS) && c->alloc; i++)
			c->alloc(c->userdata, &m->allocs[i]);
		break;
	case LISTEN_SLICE:
		if (c->slice)
			c->slice(c->userdata, &m->slice);
		break;
	default:
		break;
	}
}

/* Nothing is to be heard, for this reason. */
static void tell_nothing(struct listener *l, int error)
{
	const struct listen_ready ready = { error, error, error, 0 };

	l->callbacks.ready(l->callbacks.userdata, &ready);
}

/* So often in an hour that something is wrong with more than one process. */
static bool is_hopeless(struct listener *l, usec_t now)
{
	const usec_t oldest = l->replaced[l->n_replaced % REPLACED_MAX];

	l->replaced[l->n_replaced++ % REPLACED_MAX] = now;
	return oldest && now - oldest < REPLACED_WINDOW;
}

/* All probes go with the helper; whoever wants them again is told by `ready`. */
static void replace_helper(struct listener *l)
{
	const int error = is_hopeless(l, clock_now()) ? -ETIMEDOUT : -EAGAIN;

	stop_helper(l);
	if (error == -ETIMEDOUT || start_helper(l) < 0)
		tell_nothing(l, error);
}

void listener_dispatch(struct listener *l)
{
	for (int i = 0; i < BATCH_MAX && l->fd >= 0; i++) {
		ssize_t n = recv(l->fd, &l->message, sizeof(l->message), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n >= (ssize_t)offsetof(struct listen_message, events)) {
			take_message(l, &l->message);
			continue;
		}
		/* One that has nothing to serve ends by itself, and a new one would too. */
		if (l->serves) {
			replace_helper(l);
			return;
		}
		stop_helper(l);
		if (!l->told)
			tell_nothing(l, -EPIPE);
		return;
	}
}

usec_t listener_deadline(const struct listener *l)
{
	return l->deadline;
}

void listener_expire(struct listener *l, usec_t now)
{
	pid_t hostile;

	if (!l->deadline || now < l->deadline || !l->busy)
		return;
	hostile = l->attaching ? l->waiting[l->first].target.pid : 0;
	if (hostile)
		l->callbacks.hostile(l->callbacks.userdata, hostile);
	replace_helper(l);
}

int listener_fd(const struct listener *l)
{
	return l->fd;
}

unsigned int listener_generation(const struct listener *l)
{
	return l->generation;
}

void listener_run(struct listener *l, usec_t duration)
{
	const usec_t end = clock_now() + duration;

	for (usec_t now = clock_now(); now < end && l->fd >= 0; now = clock_now()) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		usec_t until = l->deadline ? MIN(end, l->deadline) : end;

		if (poll(&p, 1, (int)(sub_sat(until, now) / USEC_MSEC) + 1) > 0)
			listener_dispatch(l);
		listener_expire(l, clock_now());
	}
}

uint64_t listener_lost(const struct listener *l)
{
	return l->lost_before + l->lost;
}
