/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <signal.h>
#include <sys/wait.h>

#include "host/parse.h"

static void test_stopped(void **state)
{
	struct parser p = PARSER_NONE;

	(void)state;
	assert_int_equal(parser_start(&p), 0);
	assert_true(parser_stop(&p) > 0);
	assert_int_equal(p.fd, -1);
	assert_true(parser_stop(&p) == 0);
}

/* As it does of an image that is more than it can take. */
static void test_died(void **state)
{
	struct parser p = PARSER_NONE;
	siginfo_t info;

	(void)state;
	assert_int_equal(parser_start(&p), 0);
	assert_int_equal(kill(p.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)p.pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(parser_stop(&p) > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("one that is stopped tells what CPU time it took, once", test_stopped),
		SUITE_TEST("one that has died does as well", test_died),
	};
	static struct suite s;

	/* Where a child is reaped by the kernel its figures are gone. */
	signal(SIGCHLD, SIG_DFL);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "parse");
}
