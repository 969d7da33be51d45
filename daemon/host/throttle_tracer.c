/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "host/throttle_tracer.h"

#define NSEC_MSEC UINT64_C(1000000)

/*
 * A little longer than the debt, so that a stop is worth its price. At most so long that a collection which waits for the
 * thread is not kept waiting; where many are held each has to wait for its turn among them, and still not for ever.
 */
#define HOLD_MORE_NS (1 * NSEC_MSEC)
#define HOLD_MAX_NS  (20 * NSEC_MSEC)
#define TURN_MAX_NS  (100 * NSEC_MSEC)

enum {
	HELD_MAX = 1024,   /* threads of more processors than that are let go on */
	STOPS_MAX = 64,	   /* looked at in one go: the owner is answered in between */
	SEIZE_PASSES = 16, /* over the list of threads, while new ones are found */
	STATUS_BYTES = 4096,
};

_Static_assert(SIGURG == (int)THROTTLE_SIGNAL, "the signal of both sides");

struct held {
	pid_t tid;
	uint64_t since_ns, until_ns;
};

struct throttle_tracer {
	const volatile struct throttle_state *state;
	pid_t pid;
	uint64_t at, behind; /* the probed instruction, and the next */
	bool gone;
	uint32_t threads, n_held;
	uint64_t holds, held_ns, longest_ns, passed;
	struct held held[HELD_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * NSEC_MSEC + (uint64_t)ts.tv_nsec;
}

/* What the kernel says of a thread; a zombie can be traced by nobody. */
struct thread {
	bool zombie;
	uint64_t tracer;
};

static int read_thread(pid_t pid, pid_t tid, struct thread *ret)
{
	static const char key[] = "\nTracerPid:\t";
	char path[64], status[STATUS_BYTES], *at;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	r = fd_read_file(AT_FDCWD, path, status, sizeof(status), NULL);
	if (r == -ENOENT || r == -ESRCH)
		return THROTTLE_GONE;
	if (r < 0)
		return r;
	ret->zombie = strstr(status, "\nState:\tZ") || strstr(status, "\nState:\tX");
	at = strstr(status, key);
	if (!at)
		return -EBADMSG;
	at += sizeof(key) - 1;
	at[strcspn(at, "\n")] = '\0';
	return text_parse_u64(at, &ret->tracer);
}

int throttle_tracer_of(pid_t pid, pid_t tid, int32_t *ret_pid)
{
	struct thread t = { 0 };
	int r = read_thread(pid, tid, &t);

	if (r == 0)
		*ret_pid = t.tracer == (uint64_t)getpid() ? 0 : (int32_t)t.tracer;
	return r;
}

/* One of the threads could not be seized: it is ours already, or somebody else's, or may not be. */
static int why_not(pid_t pid, pid_t tid, int error, int32_t *ret_tracer)
{
	struct thread t = { 0 };
	int r;

	if (error == ESRCH)
		return 0;
	if (error != EPERM)
		return -error;
	r = read_thread(pid, tid, &t);
	if (r)
		return r < 0 ? r : 0;
	if (t.tracer == (uint64_t)getpid() || t.zombie)
		return 0;
	if (!t.tracer)
		return -EPERM;
	*ret_tracer = (int32_t)t.tracer;
	return THROTTLE_TRACED;
}

/* One pass over the threads; *ret_n counts those that are newly seized. */
static int seize_pass(pid_t pid, uint32_t *ret_n, int32_t *ret_tracer)
{
	_cleanup_(closedirp) DIR *d = NULL;
	const struct dirent *e;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT || errno == ESRCH ? THROTTLE_GONE : -errno;
	while ((e = readdir(d))) {
		uint64_t tid;
		int r;

		if (text_parse_u64(e->d_name, &tid) < 0 || tid == 0 || tid > INT32_MAX)
			continue;
		if (ptrace(PTRACE_SEIZE, (pid_t)tid, NULL,
			   (void *)(uintptr_t)(PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)) == 0) {
			(*ret_n)++;
			continue;
		}
		r = why_not(pid, (pid_t)tid, errno, ret_tracer);
		if (r)
			return r;
	}
	return 0;
}

/* Those that an unseized thread makes meanwhile are found by the next pass. */
static int seize(struct throttle_tracer *tr, int32_t *ret_tracer)
{
	for (int i = 0; i < SEIZE_PASSES; i++) {
		uint32_t n = 0;
		int r = seize_pass(tr->pid, &n, ret_tracer);

		if (r)
			return r;
		tr->threads += n;
		if (n == 0)
			break;
	}
	return tr->threads ? 0 : THROTTLE_GONE;
}

int throttle_tracer_new(const struct throttle_target *t,
			const volatile struct throttle_state *state, struct throttle_tracer **ret,
			int32_t *ret_tracer)
{
	_cleanup_(freep) struct throttle_tracer *tr = calloc(1, sizeof(*tr));
	int r;

	if (!tr)
		return -ENOMEM;
	tr->state = state;
	tr->pid = t->pid;
	tr->at = t->site.address;
	tr->behind = t->site.address + t->site_bytes;
	r = seize(tr, ret_tracer);
	if (r)
		return r;
	*ret = TAKE_PTR(tr);
	return 0;
}

static void go_on(pid_t tid, int signal)
{
	/* One that has been killed meanwhile is told of by its end. */
	(void)ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal);
}

/*
 * At the probe: the kernel has done the instruction already where it could do so by itself. Elsewhere it is the runtime's
 * own signal, or came late.
 */
static bool is_at_site(const struct throttle_tracer *tr, pid_t tid)
{
	struct user_regs_struct regs;

	return ptrace(PTRACE_GETREGS, tid, NULL, &regs) == 0 &&
	       (regs.rip == tr->at || regs.rip == tr->behind);
}

static uint64_t hold_max(const struct throttle_tracer *tr)
{
	const uint64_t turn = mul_div(tr->state->period_ns, tr->n_held + 1, 1);

	return MIN(MAX(turn, HOLD_MAX_NS), TURN_MAX_NS);
}

/* Whether it is held now. */
static bool hold(struct throttle_tracer *tr, pid_t tid)
{
	const uint64_t now = now_ns();
	const int64_t debt = (int64_t)(tr->state->due_ns - now);

	if (debt <= 0 || tr->n_held == HELD_MAX || !is_at_site(tr, tid))
		return false;
	tr->held[tr->n_held++] =
		(struct held){ .tid = tid,
			       .since_ns = now,
			       .until_ns = now + MIN((uint64_t)debt + HOLD_MORE_NS, hold_max(tr)) };
	return true;
}

static void forget(struct throttle_tracer *tr, uint32_t i, uint64_t now)
{
	const uint64_t took = sub_sat(now, tr->held[i].since_ns);

	tr->holds++;
	tr->held_ns += took;
	tr->longest_ns = MAX(tr->longest_ns, took);
	tr->held[i] = tr->held[--tr->n_held];
}

static void on_end(struct throttle_tracer *tr, pid_t tid)
{
	tr->threads -= tr->threads > 0;
	for (uint32_t i = 0; i < tr->n_held; i++)
		if (tr->held[i].tid == tid) {
			forget(tr, i, now_ns());
			return;
		}
}

/* A stop that is no signal's: of the whole process, or the first of a new thread. */
static void on_event_stop(struct throttle_tracer *tr, pid_t tid, int signal)
{
	if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
		(void)ptrace(PTRACE_LISTEN, tid, NULL, NULL);
		return;
	}
	/* What it has cloned may be a process of its own, and that is not ours to trace. */
	if (syscall(SYS_tgkill, tr->pid, tid, 0) < 0 && errno == ESRCH) {
		tr->threads -= tr->threads > 0;
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return;
	}
	go_on(tid, 0);
}

static void on_stop(struct throttle_tracer *tr, pid_t tid, int status)
{
	const int signal = WSTOPSIG(status), event = status >> 16;

	if (event == 0 && signal == SIGURG && hold(tr, tid))
		return;
	tr->passed++;
	switch (event) {
	case 0:
		go_on(tid, signal);
		break;
	case PTRACE_EVENT_STOP:
		on_event_stop(tr, tid, signal);
		break;
	case PTRACE_EVENT_EXEC:
		tr->gone = true;
		break;
	case PTRACE_EVENT_CLONE:
		tr->threads++;
		go_on(tid, 0);
		break;
	default:
		go_on(tid, 0);
	}
}

bool throttle_tracer_reap(struct throttle_tracer *tr)
{
	for (int i = 0; i < STOPS_MAX && !tr->gone; i++) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);

		if (tid < 0 && errno == ECHILD)
			tr->gone = true;
		if (tid <= 0)
			return false;
		if (WIFSTOPPED(status))
			on_stop(tr, tid, status);
		else
			on_end(tr, tid);
	}
	return true;
}

void throttle_tracer_release(struct throttle_tracer *tr, uint64_t now)
{
	for (uint32_t i = 0; i < tr->n_held;) {
		if (tr->held[i].until_ns > now) {
			i++;
			continue;
		}
		go_on(tr->held[i].tid, SIGURG);
		forget(tr, i, now);
	}
}

uint64_t throttle_tracer_next_ns(const struct throttle_tracer *tr)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < tr->n_held; i++)
		next = MIN(next, tr->held[i].until_ns);
	return next;
}

bool throttle_tracer_gone(const struct throttle_tracer *tr)
{
	return tr->gone;
}

void throttle_tracer_count(const struct throttle_tracer *tr, struct throttle_report *r)
{
	r->threads = tr->threads;
	r->holds = tr->holds;
	r->held_ns = tr->held_ns;
	r->longest_ns = tr->longest_ns;
	r->passed = tr->passed;
}
