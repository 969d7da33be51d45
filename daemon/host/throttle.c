/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "host/throttle.h"
#include "host/throttle_bucket.h"
#include "host/throttle_tracer.h"

#define NSEC_SEC UINT64_C(1000000000)

#define REPORT_NS      (NSEC_SEC / 4)
#define TIMER_SLACK_NS 1000

struct serving {
	int fd, signals;
	struct throttle_target target;
	struct throttle_bucket *bucket;
	struct throttle_tracer *tracer;
	volatile struct throttle_state *state;
	uint64_t limited_since_ns, reported_ns;
	struct throttle_report report;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_SEC + (uint64_t)ts.tv_nsec;
}

/* An owner who does not read has enough to read: what is told next is all of it. */
static void tell(struct serving *s, uint64_t now)
{
	struct throttle_report *r = &s->report;

	s->reported_ns = now;
	if (s->tracer)
		throttle_tracer_count(s->tracer, r);
	if (s->state && s->limited_since_ns) {
		r->limited_ns = now - s->limited_since_ns;
		r->calls = s->state->calls;
		r->own_calls = s->state->own_calls;
		r->over = s->state->over;
		r->forgiven = s->state->forgiven;
	}
	if (send(s->fd, r, sizeof(*r), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
		_exit(0);
}

/* Nobody is signalled any more from here on, and the kernel lets go whoever is traced. */
static _Noreturn void end(struct serving *s, enum throttle_outcome outcome, int error)
{
	if (s->state)
		s->state->period_ns = 0;
	s->report.outcome = outcome;
	s->report.error = error;
	tell(s, now_ns());
	throttle_bucket_free(s->bucket);
	_exit(0);
}

/* A system that forbids the one is asked in the same way as for a process of somebody's. */
static int try_tracing(void)
{
	pid_t child = fork();
	int r = 0;

	if (child < 0)
		return -errno;
	if (child == 0) {
		for (;;)
			pause();
	}
	if (ptrace(PTRACE_SEIZE, child, NULL, NULL) < 0)
		r = -errno;
	kill(child, SIGKILL);
	waitpid(child, NULL, __WALL);
	return r;
}

static int check_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	return data[0].effective & 1u << CAP_SYS_PTRACE ? 0 : -EPERM;
}

static _Noreturn void try_all(struct serving *s)
{
	int r = check_rights();

	if (r == 0)
		r = try_tracing();
	if (r == 0)
		r = throttle_bucket_new(&s->target, &s->bucket);
	if (r == 0)
		r = throttle_bucket_attach(s->bucket, &s->target);
	end(s, r < 0 ? THROTTLE_UNSUPPORTED : THROTTLE_GONE, r);
}

/* What has been attached stays so without any right. */
static int drop_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, none) < 0)
		return -errno;
	return 0;
}

static void set_rate(struct serving *s, uint32_t rate_per_s)
{
	s->state->period_ns = MAX(NSEC_SEC / MAX(rate_per_s, 1u), UINT64_C(1));
}

/* Is it the process that was meant, and nobody's? Else it is neither probed nor seized. */
static void check_target(struct serving *s)
{
	_cleanup_(hostroot_close) struct hostroot host = HOSTROOT_NONE;
	const pid_t pid = s->target.pid;
	struct process_stat st;
	int r = hostroot_open("", &host);

	if (r == 0)
		r = process_read_stat(&host, pid, &st);
	if (r > 0 || (r == 0 && st.id.start_ticks != s->target.start_ticks))
		end(s, THROTTLE_GONE, 0);
	if (r == 0)
		r = throttle_tracer_of(pid, pid, &s->report.tracer);
	if (r > 0)
		end(s, THROTTLE_GONE, 0);
	if (r < 0)
		end(s, THROTTLE_UNSUPPORTED, r);
	if (s->report.tracer)
		end(s, THROTTLE_TRACED, 0);
}

static void begin(struct serving *s)
{
	int r;

	r = throttle_bucket_new(&s->target, &s->bucket);
	if (r < 0)
		end(s, THROTTLE_UNSUPPORTED, r);
	/* What blocks from here on is that process's doing. */
	tell(s, now_ns());
	check_target(s);
	r = throttle_bucket_attach(s->bucket, &s->target);
	if (r == -ESRCH)
		end(s, THROTTLE_GONE, 0);
	if (r < 0)
		end(s, THROTTLE_UNSUPPORTED, r);
	s->state = throttle_bucket_state(s->bucket);
	r = throttle_tracer_new(&s->target, s->state, &s->tracer, &s->report.tracer);
	if (r > 0)
		end(s, (enum throttle_outcome)r, 0);
	if (r == 0)
		r = drop_rights();
	if (r < 0)
		end(s, THROTTLE_UNSUPPORTED, r);
	s->limited_since_ns = now_ns();
	set_rate(s, s->target.rate_per_s);
	s->report.outcome = THROTTLE_LIMITED;
	tell(s, s->limited_since_ns);
}

static void take_order(struct serving *s)
{
	struct throttle_order order;

	if (recv(s->fd, &order, sizeof(order), 0) != (ssize_t)sizeof(order)) {
		s->state->period_ns = 0;
		throttle_bucket_free(s->bucket);
		_exit(0);
	}
	set_rate(s, order.rate_per_s);
}

static void wait_for_any(struct serving *s, bool more)
{
	struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN },
			       { .fd = s->signals, .events = POLLIN } };
	const uint64_t next = MIN(throttle_tracer_next_ns(s->tracer), s->reported_ns + REPORT_NS);
	const uint64_t left = more ? 0 : sub_sat(next, now_ns());
	const struct timespec ts = { .tv_sec = (time_t)(left / NSEC_SEC),
				     .tv_nsec = (long)(left % NSEC_SEC) };
	struct signalfd_siginfo ignored[8];

	if (ppoll(p, 2, &ts, NULL) <= 0)
		return;
	/* They only say that somebody has stopped; who, waitpid tells. */
	if (p[1].revents && read(s->signals, ignored, sizeof(ignored)) < 0)
		return;
	if (p[0].revents)
		take_order(s);
}

/* Blocked, so that no stop is missed between two looks; from the start, since the first may come with the first thread. */
static int watch_stops(struct serving *s)
{
	sigset_t mask;

	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? -errno : 0;
}

_Noreturn void throttle_serve(int fd)
{
	static struct serving s;
	bool more = false;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
	s.fd = fd;
	if (recv(fd, &s.target, sizeof(s.target), 0) != (ssize_t)sizeof(s.target))
		_exit(0);
	r = watch_stops(&s);
	if (r < 0)
		end(&s, THROTTLE_UNSUPPORTED, r);
	if (!s.target.pid)
		try_all(&s);
	begin(&s);
	for (;;) {
		wait_for_any(&s, more);
		throttle_tracer_release(s.tracer, now_ns());
		more = throttle_tracer_reap(s.tracer);
		if (throttle_tracer_gone(s.tracer))
			end(&s, THROTTLE_GONE, 0);
		if (now_ns() - s.reported_ns >= REPORT_NS)
			tell(&s, now_ns());
	}
}
