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
#include "host/throttle.h"

/*
 * The owner's side against helpers that misbehave. It starts the program gomemd-throttle beside its own: a link to this
 * one, which under that name is a helper as the environment wants it.
 */
#define PATIENCE (200 * USEC_MSEC)
#define DEADLINE (20 * USEC_SEC)

static void say(enum throttle_outcome outcome, int error, uint64_t calls)
{
	const struct throttle_report r = { .outcome = outcome,
					   .error = error,
					   .tracer = outcome == THROTTLE_TRACED ? 77 : 0,
					   .calls = calls };

	(void)send(STDIN_FILENO, &r, sizeof(r), MSG_NOSIGNAL);
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int fake_helper(const char *kind)
{
	struct throttle_target target;
	struct throttle_order order;

	if (!strcmp(kind, "dies") ||
	    recv(STDIN_FILENO, &target, sizeof(target), 0) != (ssize_t)sizeof(target))
		return 1;
	if (!strcmp(kind, "hangs")) {
		say(THROTTLE_STARTING, 0, 0);
		wait_for_ever();
	}
	if (!strcmp(kind, "is refused"))
		say(THROTTLE_UNSUPPORTED, -EPERM, 0);
	if (!strcmp(kind, "finds a tracer"))
		say(THROTTLE_TRACED, 0, 0);
	if (!strcmp(kind, "is refused") || !strcmp(kind, "finds a tracer"))
		return 0;
	say(THROTTLE_LIMITED, 0, target.rate_per_s);
	if (!strcmp(kind, "is killed"))
		return 1;
	if (!strcmp(kind, "falls silent"))
		wait_for_ever();
	while (recv(STDIN_FILENO, &order, sizeof(order), 0) == (ssize_t)sizeof(order))
		say(THROTTLE_LIMITED, 0, order.rate_per_s);
	return 0;
}

static const struct row {
	const char *name, *kind;
	enum throttle_outcome want;
	int error;
} rows[] = {
	{ "one that cannot be started is no limit", "dies", THROTTLE_UNSUPPORTED, -EPIPE },
	{ "what it may not do is told", "is refused", THROTTLE_UNSUPPORTED, -EPERM },
	{ "who traces already is told", "finds a tracer", THROTTLE_TRACED, 0 },
	{ "one that does not begin hangs", "hangs", THROTTLE_HUNG, -ETIMEDOUT },
	{ "one that falls silent hangs", "falls silent", THROTTLE_HUNG, -ETIMEDOUT },
	{ "one that is killed limits no more", "is killed", THROTTLE_LOST, -ECONNRESET },
};

static struct throttler *begin(const char *kind)
{
	const struct throttle_target target = { .pid = 5, .rate_per_s = 1000 };
	struct throttler *t = NULL;

	setenv("FAKE_THROTTLER", kind, 1);
	assert_int_equal(throttler_new(&target, PATIENCE, &t), 0);
	return t;
}

static void test_ends(void **state)
{
	const struct row *row = *state;
	struct throttler *t = begin(row->kind);

	throttler_run(t, DEADLINE, false);
	assert_true(throttler_ended(t));
	assert_int_equal(throttler_fd(t), -1);
	assert_int_equal(throttler_deadline(t), 0);
	assert_int_equal(throttler_report(t)->outcome, row->want);
	assert_int_equal(throttler_report(t)->error, row->error);
	assert_int_equal(throttler_report(t)->tracer, row->want == THROTTLE_TRACED ? 77 : 0);
	throttler_free(t);
}

static void test_rates(void **state)
{
	struct throttler *t = begin("limits");

	(void)state;
	throttler_run(t, DEADLINE, true);
	assert_int_equal(throttler_report(t)->outcome, THROTTLE_LIMITED);
	assert_int_equal(throttler_report(t)->calls, 1000);
	throttler_set_rate(t, 20);
	throttler_run(t, DEADLINE, true);
	assert_int_equal(throttler_report(t)->calls, 20);
	assert_false(throttler_ended(t));
	throttler_free(t);
}

static void test_target(void **state)
{
	const struct process_id id = { .pid = 5, .start_ticks = 6 };
	struct go_sites sites = { .n = 1, .n_own_calls = 2, .own_calls = { 8, 9 } };
	struct throttle_target t;

	(void)state;
	assert_int_equal(throttle_target_of(&id, &sites, 7, &t), -ENOTSUP); /* another's site */
	sites.site[0] = (struct go_site){ .kind = SITE_NEWPROC, .address = 100, .code = { 0x90 } };
	assert_int_equal(throttle_target_of(&id, &sites, 7, &t), -ENOTSUP); /* no such place */
	sites.site[0].code[0] = 0x55;
	assert_int_equal(throttle_target_of(&id, &sites, 7, &t), 0);
	assert_int_equal(t.pid, 5);
	assert_int_equal(t.start_ticks, 6);
	assert_int_equal(t.site_bytes, 1);
	assert_int_equal(t.n_own_calls, 2);
	assert_int_equal(t.own_calls[1], 9);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("another rate is taken over", test_rates),
		SUITE_TEST("a target is a process whose newproc has a place", test_target),
	};
	static struct helper_link link;
	static struct suite s;
	const char *fake = getenv("FAKE_THROTTLER");
	int r;

	if (argc > 0 && fake && !strcmp(argv[0], "gomemd-throttle"))
		return fake_helper(fake);
	signal(SIGCHLD, SIG_IGN);
	if (helper_link_make(&link, "gomemd-throttle") < 0)
		return 1;
	SUITE_TABLE(&s, test_ends, rows);
	SUITE_TESTS(&s, tests);
	r = suite_run(&s, "throttler");
	unlink(link.path);
	return r;
}
