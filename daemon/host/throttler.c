/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"
#include "host/helper_program.h"
#include "host/throttle.h"

#define START_PATIENCE (30 * USEC_SEC) /* for all that is not the process's doing */

enum {
	BATCH_MAX = 16,
};

struct throttler {
	pid_t pid;
	int fd;
	usec_t patience, deadline;
	struct throttle_report report;
};

static const char *const outcome_names[] = {
	[THROTTLE_STARTING] = "starting", [THROTTLE_LIMITED] = "limited",
	[THROTTLE_TRACED] = "traced",	  [THROTTLE_UNSUPPORTED] = "unsupported",
	[THROTTLE_GONE] = "gone",	  [THROTTLE_LOST] = "lost",
	[THROTTLE_HUNG] = "hung",
};
_Static_assert(ARRAY_SIZE(outcome_names) == THROTTLE_OUTCOME_MAX_, "a name for each outcome");

const char *throttle_outcome_name(int32_t outcome)
{
	return outcome >= 0 && outcome < THROTTLE_OUTCOME_MAX_ ? outcome_names[outcome] : "unknown";
}

const char *throttle_why(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "it takes CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN and CAP_SYS_PTRACE, and no lockdown, seccomp filter or Yama that forbids it";
	case -ESTALE:
		return "its file is not what it runs";
	case -ENOTSUP:
	case -ENOENT:
		return "no place for a probe was found in its runtime.newproc";
	case -EPIPE:
		return "gomemd-throttle cannot be started";
	case -ENOSPC:
		return "so many processes are limited already";
	default:
		return strerror(-error);
	}
}

int throttle_target_of(const struct process_id *id, const struct go_sites *sites,
		       uint32_t rate_per_s, struct throttle_target *ret)
{
	const struct go_site *site = go_sites_get(sites, SITE_NEWPROC);

	_Static_assert((int)THROTTLE_OWN_CALLS_MAX >= (int)GO_OWN_CALLS_MAX, "there is room");
	if (!site || !go_site_length(site))
		return -ENOTSUP;
	*ret = (struct throttle_target){
		.pid = id->pid,
		.rate_per_s = rate_per_s,
		.start_ticks = id->start_ticks,
		.site = *site,
		.site_bytes = go_site_length(site),
		.n_own_calls = MIN(sites->n_own_calls, (uint32_t)GO_OWN_CALLS_MAX),
	};
	memcpy(ret->own_calls, sites->own_calls, sizeof(sites->own_calls));
	return 0;
}

int throttler_new(const struct throttle_target *target, usec_t deadline, struct throttler **ret)
{
	_cleanup_(throttler_freep) struct throttler *t = calloc(1, sizeof(*t));
	char name[] = "gomemd-throttle";
	char *argv[] = { name, NULL };
	int r;

	if (!t)
		return -ENOMEM;
	t->pid = t->fd = -1;
	t->patience = deadline;
	r = helper_program_start(argv, &t->pid, &t->fd);
	if (r < 0)
		return r;
	/* One that has ended already is found to have by whoever waits for its word. */
	if (send(t->fd, target, sizeof(*target), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EPIPE)
		return -errno;
	t->deadline = clock_now() + MAX(deadline, START_PATIENCE);
	*ret = TAKE_PTR(t);
	return 0;
}

struct throttler *throttler_free(struct throttler *t)
{
	if (!t)
		return NULL;
	helper_program_stop(&t->pid, &t->fd);
	free(t);
	return NULL;
}

void throttler_set_rate(struct throttler *t, uint32_t rate_per_s)
{
	const struct throttle_order order = { .rate_per_s = rate_per_s };

	/* One that does not take it says nothing either, and is killed for that. */
	if (t->fd >= 0)
		(void)send(t->fd, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

const struct throttle_report *throttler_report(const struct throttler *t)
{
	return &t->report;
}

bool throttler_ended(const struct throttler *t)
{
	return t->fd < 0;
}

int throttler_fd(const struct throttler *t)
{
	return t->fd;
}

usec_t throttler_deadline(const struct throttler *t)
{
	return t->deadline;
}

/* @outcome: what it is where the helper has not said what it ended for. */
static void end(struct throttler *t, enum throttle_outcome outcome, int error)
{
	helper_program_stop(&t->pid, &t->fd);
	t->deadline = 0;
	if (t->report.outcome != THROTTLE_STARTING && t->report.outcome != THROTTLE_LIMITED)
		return;
	t->report.outcome = outcome;
	t->report.error = error;
}

void throttler_dispatch(struct throttler *t)
{
	struct throttle_report report;

	for (int i = 0; i < BATCH_MAX && t->fd >= 0; i++) {
		ssize_t n = recv(t->fd, &report, sizeof(report), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n != (ssize_t)sizeof(report)) {
			/* By itself it ends only after it has said why: it was killed, or could not be started. */
			if (t->report.outcome == THROTTLE_STARTING)
				end(t, THROTTLE_UNSUPPORTED, -EPIPE);
			else
				end(t, THROTTLE_LOST, -ECONNRESET);
			return;
		}
		t->report = report;
		t->deadline = clock_now() + t->patience;
	}
}

void throttler_expire(struct throttler *t, usec_t now)
{
	/* What has been said meanwhile counts: it may be this side that was late. */
	if (t->deadline && now >= t->deadline)
		throttler_dispatch(t);
	if (t->deadline && now >= t->deadline)
		end(t, THROTTLE_HUNG, -ETIMEDOUT);
}

void throttler_run(struct throttler *t, usec_t duration, bool once)
{
	const usec_t until = clock_now() + duration;

	for (usec_t now = clock_now(); now < until && t->fd >= 0; now = clock_now()) {
		struct pollfd p = { .fd = t->fd, .events = POLLIN };
		const usec_t next = MIN(until, t->deadline);
		const bool heard = poll(&p, 1, (int)(sub_sat(next, now) / USEC_MSEC) + 1) > 0;

		if (heard)
			throttler_dispatch(t);
		throttler_expire(t, clock_now());
		if (heard && once)
			return;
	}
}
