/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"
#include "fixture/suite.h"
#include "report/journal.h"

#define WAITING_MAX 256 /* as report/journal.c has it */

/* A journald of the test's own: a datagram socket that is read when the test wants it to be. */
struct reader {
	char path[64];
	int fd;
	struct journal *j;
};

static void reader_listen(struct reader *r)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", r->path);
	r->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(r->fd >= 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static void reader_stop(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	unlink(r->path);
	r->fd = -1;
}

static int setup(void **state)
{
	struct reader *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	snprintf(r->path, sizeof(r->path), "/tmp/test-journal.%d", getpid());
	unlink(r->path);
	r->fd = -1;
	assert_int_equal(journal_open(r->path, &r->j), 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct reader *r = *state;

	journal_close(r->j);
	reader_stop(r);
	free(r);
	return 0;
}

static void say(struct journal *j, unsigned int n)
{
	char message[32], number[32];
	struct iovec fields[2];

	snprintf(message, sizeof(message), "MESSAGE=record");
	snprintf(number, sizeof(number), "N=%u", n);
	fields[0] = (struct iovec){ message, strlen(message) };
	fields[1] = (struct iovec){ number, strlen(number) };
	journal_send(j, fields, 2);
}

/* The number of the next record; -1: there is none. */
static int hear(const struct reader *r)
{
	char text[256];
	ssize_t n = recv(r->fd, text, sizeof(text) - 1, 0);
	unsigned int number;

	if (n < 0)
		return -1;
	text[n] = '\0';
	assert_int_equal(sscanf(text, "MESSAGE=record\nN=%u\n", &number), 1);
	assert_true(text[n - 1] == '\n');
	return (int)number;
}

static void test_arrives(void **state)
{
	struct reader *r = *state;

	reader_listen(r);
	say(r->j, 7);
	assert_int_equal(hear(r), 7);
	assert_int_equal(hear(r), -1);
}

static void test_waits_for_journald(void **state)
{
	struct reader *r = *state;

	say(r->j, 1);
	say(r->j, 2);
	reader_listen(r);
	say(r->j, 3);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(hear(r), i);
	assert_int_equal(journal_lost(r->j), 0);
}

static void test_restarted(void **state)
{
	struct reader *r = *state;

	reader_listen(r);
	say(r->j, 1);
	reader_stop(r);
	say(r->j, 2);
	reader_listen(r);
	assert_int_equal(journal_flush(r->j), 0);
	assert_int_equal(hear(r), 2);
}

/* A receiver's queue is short (net.unix.max_dgram_qlen): beyond it a blocking sender would stand still here. */
static void test_stuck(void **state)
{
	struct reader *r = *state;
	unsigned int sent = 2 * WAITING_MAX + 600, expected = 0;

	reader_listen(r);
	for (unsigned int i = 0; i < sent; i++)
		say(r->j, i);
	assert_int_equal(journal_flush(r->j), WAITING_MAX);
	assert_true(journal_lost(r->j) > 0);
	/* What was kept is the beginning, in its order. */
	do {
		for (int n = hear(r); n >= 0; n = hear(r))
			assert_int_equal(n, expected++);
	} while (journal_flush(r->j) > 0 || recv(r->fd, &(char){ 0 }, 1, MSG_PEEK) >= 0);
	assert_int_equal(expected + journal_lost(r->j), sent);
}

static void test_too_long(void **state)
{
	struct reader *r = *state;
	char *text = calloc(1, 8 * MIB);
	struct iovec field = { text, 8 * MIB };

	assert_non_null(text);
	memset(text, 'x', 8 * MIB);
	reader_listen(r);
	journal_send(r->j, &field, 1);
	say(r->j, 5);
	assert_int_equal(hear(r), 5);
	assert_int_equal(journal_lost(r->j), 1);
	free(text);
}

static void test_none(void **state)
{
	(void)state;
	say(NULL, 1);
	assert_int_equal(journal_flush(NULL), 0);
	assert_null(journal_close(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_arrives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_journald, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restarted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
