/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/listening.h"

#define ATTACH_PATIENCE (10 * USEC_SEC)
#define DETACH_PATIENCE (2 * USEC_SEC)

static void on_ready(void *userdata, const struct listen_ready *ready)
{
	struct listening *l = userdata;

	l->error = ready->runtimes ? ready->runtimes : listener_attach(l->listener, &l->target);
}

static void on_attached(void *userdata, pid_t pid, uint32_t kinds, int error)
{
	struct listening *l = userdata;

	(void)pid;
	(void)kinds;
	l->attached = error == 0;
	l->error = error;
}

static void on_event(void *userdata, const struct event *e)
{
	struct listening *l = userdata;

	if (l->event)
		l->event(l->userdata, e);
}

static void on_alloc(void *userdata, const struct event_alloc *a)
{
	struct listening *l = userdata;

	if (l->alloc)
		l->alloc(l->userdata, a);
}

static void on_slice(void *userdata, const struct span_slice *s)
{
	struct listening *l = userdata;

	l->ended = s->last;
	if (l->slice)
		l->slice(l->userdata, s);
}

static void on_hostile(void *userdata, pid_t pid)
{
	struct listening *l = userdata;

	(void)pid;
	l->error = -ETIMEDOUT;
}

static const char *why(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "it takes CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN, and no lockdown";
	case -ESTALE:
		return "its file is not what it runs";
	case -ENOENT:
		return "no place for a probe was found in its runtime";
	case -ESRCH:
		return "it is gone";
	case -ETIMEDOUT:
		return "reading its file does not come to an end";
	default:
		return strerror(-error);
	}
}

/* Until it is attached, or known that it cannot be. */
static int attach(struct listening *l)
{
	const struct listener_callbacks callbacks = { .ready = on_ready,
						      .attached = on_attached,
						      .event = on_event,
						      .alloc = on_alloc,
						      .slice = on_slice,
						      .hostile = on_hostile,
						      .userdata = l };
	const usec_t end = clock_now() + ATTACH_PATIENCE;
	int r = listener_new(&callbacks, LISTEN_RUNTIMES, ATTACH_PATIENCE, &l->listener);

	while (r == 0 && !l->attached && !l->error && clock_now() < end)
		listener_run(l->listener, 10 * USEC_MSEC);
	if (r == 0 && !l->attached)
		r = l->error ? l->error : -ETIMEDOUT;
	return r;
}

int listening_start(struct listening *l)
{
	int r = attach(l);

	if (r == 0)
		return EXIT_DONE;
	fprintf(stderr, "gomemctl: cannot listen to process %d: %s\n", l->target.pid, why(r));
	l->listener = listener_free(l->listener);
	return EXIT_REFUSED;
}

uint64_t listening_stop(struct listening *l)
{
	const usec_t end = clock_now() + DETACH_PATIENCE;
	uint64_t lost;

	if (l->slice)
		listener_detach(l->listener, l->target.pid);
	while (l->slice && !l->ended && listener_fd(l->listener) >= 0 && clock_now() < end)
		listener_run(l->listener, 10 * USEC_MSEC);
	lost = listener_lost(l->listener);
	l->listener = listener_free(l->listener);
	return lost;
}

int listening_look(const char *verb, const struct options *o, struct inspect_reply *ret)
{
	char refusal[512];
	struct looker l;
	pid_t pid;
	int r;

	if (!look_pid(o->operand, &pid)) {
		fprintf(stderr, "gomemctl: it listens to one process: %s PID --for 10s\n", verb);
		return EXIT_UNUSABLE;
	}
	r = looker_open(&l);
	if (r != EXIT_DONE)
		return r;
	r = looker_look(&l, pid, ret);
	looker_close(&l);
	if (r == INSPECT_OK)
		return EXIT_DONE;
	look_refusal(ret, r, refusal, sizeof(refusal));
	fprintf(stderr, "gomemctl: process %d %s\n", pid, refusal);
	return EXIT_UNUSABLE;
}
