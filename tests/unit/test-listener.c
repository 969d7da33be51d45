/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "fixture/helper.h"
#include "host/listen.h"

/*
 * The owner's side against helpers that misbehave. It starts the program gomemd-listen beside its own: a link to this
 * one, which under that name is a helper as the environment wants it.
 */
#define PATIENCE (100 * USEC_MSEC)
#define DEADLINE (20 * USEC_SEC)

static void say(enum listen_message_kind kind, pid_t pid, int runtimes, int kernel)
{
	const struct listen_message m = {
		.kind = kind, .pid = pid, .kinds = 1, .ready = { runtimes, kernel, -ENOTSUP, 0 }
	};

	(void)send(STDIN_FILENO, &m, offsetof(struct listen_message, ready) + sizeof(m.ready),
		   MSG_NOSIGNAL);
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int fake_helper(const char *kind)
{
	struct listen_request req;

	if (!strcmp(kind, "dies"))
		return 1;
	if (!strcmp(kind, "has nothing")) {
		say(LISTEN_READY, 0, -EPERM, -ENOENT);
		return 0;
	}
	say(LISTEN_READY, 0, 0, 0);
	if (!strcmp(kind, "does not read"))
		wait_for_ever();
	while (recv(STDIN_FILENO, &req, sizeof(req), 0) == (ssize_t)sizeof(req)) {
		if (req.op == LISTEN_DETACH) {
			say(LISTEN_DETACHED, req.target.pid, 0, 0);
			continue;
		}
		say(LISTEN_ATTACHING, req.target.pid, 0, 0);
		if (!strcmp(kind, "hangs"))
			wait_for_ever();
		say(LISTEN_ATTACHED, req.target.pid, 0, 0);
	}
	return 0;
}

struct owner {
	struct listener *l;
	int ready, ready_error, ready_kernel, attached, hostile;
	bool attach_again;
	pid_t last;
};

static void on_ready(void *userdata, const struct listen_ready *ready)
{
	struct owner *o = userdata;

	o->ready++;
	o->ready_error = ready->runtimes;
	o->ready_kernel = ready->kernel;
	if (o->attach_again && ready->runtimes == 0)
		assert_int_equal(listener_attach(o->l, &(struct probe_target){ .pid = 7 }), 0);
}

static void on_attached(void *userdata, pid_t pid, uint32_t kinds, int error)
{
	struct owner *o = userdata;

	assert_int_equal(error, 0);
	assert_int_equal(kinds, 1);
	o->attached++;
	o->last = pid;
}

static void on_hostile(void *userdata, pid_t pid)
{
	struct owner *o = userdata;

	o->hostile++;
	o->last = pid;
}

static void start(struct owner *o, const char *kind)
{
	const struct listener_callbacks callbacks = {
		.ready = on_ready, .attached = on_attached, .hostile = on_hostile, .userdata = o
	};

	setenv("FAKE_LISTENER", kind, 1);
	assert_int_equal(listener_new(&callbacks, LISTEN_RUNTIMES | LISTEN_KERNEL, PATIENCE, &o->l),
			 0);
}

/* Until *count is there. */
static void wait_until(struct owner *o, const int *count, int wanted)
{
	const usec_t end = clock_now() + DEADLINE;

	while (*count < wanted && clock_now() < end)
		listener_run(o->l, 5 * USEC_MSEC);
	assert_int_equal(*count, wanted);
}

static void test_many(void **state)
{
	struct owner o = { 0 };

	(void)state;
	start(&o, "serves");
	wait_until(&o, &o.ready, 1);
	for (pid_t pid = 1; pid <= 300; pid++)
		assert_int_equal(listener_attach(o.l, &(struct probe_target){ .pid = pid }), 0);
	wait_until(&o, &o.attached, 300);
	assert_int_equal(o.last, 300);
	assert_int_equal(o.hostile, 0);
	listener_free(o.l);
}

static void test_not_ready(void **state)
{
	struct owner o = { 0 };

	(void)state;
	start(&o, "serves");
	assert_int_equal(listener_attach(o.l, &(struct probe_target){ .pid = 1 }), -EPIPE);
	listener_free(o.l);
}

/* What waits for a process that has gone is not done any more; what is under way is answered. */
static void test_detach(void **state)
{
	struct owner o = { 0 };

	(void)state;
	start(&o, "serves");
	wait_until(&o, &o.ready, 1);
	for (pid_t pid = 1; pid <= 20; pid++)
		assert_int_equal(listener_attach(o.l, &(struct probe_target){ .pid = pid }), 0);
	for (pid_t pid = 2; pid <= 19; pid++)
		listener_detach(o.l, pid);
	wait_until(&o, &o.attached, 2);
	assert_int_equal(o.last, 20);
	listener_run(o.l, 2 * PATIENCE);
	assert_int_equal(o.attached, 2);
	listener_free(o.l);
}

static void test_hangs(void **state)
{
	struct owner o = { 0 };

	(void)state;
	start(&o, "hangs");
	wait_until(&o, &o.ready, 1);
	assert_int_equal(listener_attach(o.l, &(struct probe_target){ .pid = 5 }), 0);
	assert_int_equal(listener_attach(o.l, &(struct probe_target){ .pid = 6 }), 0);
	wait_until(&o, &o.ready, 2);
	assert_int_equal(o.hostile, 1);
	assert_int_equal(o.last, 5);
	/* What waited is asked for anew by its owner, not by itself. */
	listener_run(o.l, 3 * PATIENCE);
	assert_int_equal(o.hostile, 1);
	assert_int_equal(o.attached, 0);
	listener_free(o.l);
}

static void test_given_up(void **state)
{
	struct owner o = { .attach_again = true };

	(void)state;
	start(&o, "hangs");
	wait_until(&o, &o.hostile, 9);
	assert_int_equal(o.ready_error, -ETIMEDOUT);
	assert_int_equal(listener_fd(o.l), -1);
	assert_int_equal(listener_attach(o.l, &(struct probe_target){ .pid = 1 }), -EPIPE);
	listener_free(o.l);
}

/* The owner has a loop to serve: nothing here may wait, however many ask, and nobody is to blame for it. */
static void test_does_not_read(void **state)
{
	struct owner o = { 0 };
	int taken = 0;

	(void)state;
	start(&o, "does not read");
	wait_until(&o, &o.ready, 1);
	while (listener_attach(o.l, &(struct probe_target){ .pid = 1 }) == 0)
		taken++;
	assert_true(taken >= 1000);
	for (pid_t pid = 2; pid < 3000; pid++)
		listener_detach(o.l, pid);
	listener_run(o.l, 3 * PATIENCE);
	assert_int_equal(o.hostile, 0);
	listener_free(o.l);
}

static void test_has_nothing(void **state)
{
	struct owner o = { 0 };

	(void)state;
	start(&o, "has nothing");
	wait_until(&o, &o.ready, 1);
	listener_run(o.l, 2 * PATIENCE);
	assert_int_equal(o.ready, 1);
	assert_int_equal(o.ready_error, -EPERM);
	assert_int_equal(o.ready_kernel, -ENOENT);
	assert_int_equal(listener_fd(o.l), -1);
	listener_free(o.l);
}

static void test_dies(void **state)
{
	struct owner o = { 0 };

	(void)state;
	start(&o, "dies");
	wait_until(&o, &o.ready, 1);
	assert_int_equal(o.ready_error, -EPIPE);
	assert_int_equal(listener_attach(o.l, &(struct probe_target){ .pid = 1 }), -EPIPE);
	listener_free(o.l);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("three hundred are attached, one after the other", test_many),
		SUITE_TEST("who asks before it is ready is told to ask again", test_not_ready),
		SUITE_TEST("what waits for a process that has gone is not done", test_detach),
		SUITE_TEST("one that hangs over a process is replaced, and the process named",
			   test_hangs),
		SUITE_TEST("one that is replaced again and again is given up", test_given_up),
		SUITE_TEST("one that does not read keeps nobody waiting", test_does_not_read),
		SUITE_TEST("one that has nothing to be heard says why, once", test_has_nothing),
		SUITE_TEST("one that dies at once is told", test_dies),
	};
	static struct helper_link link;
	static struct suite s;
	const char *fake = getenv("FAKE_LISTENER");
	int r;

	if (argc > 0 && fake && !strcmp(argv[0], "gomemd-listen"))
		return fake_helper(fake);
	signal(SIGCHLD, SIG_IGN);
	if (helper_link_make(&link, "gomemd-listen") < 0)
		return 1;
	SUITE_TESTS(&s, tests);
	r = suite_run(&s, "listener");
	unlink(link.path);
	return r;
}
