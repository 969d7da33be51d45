/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "fixture/helper.h"
#include "host/fetch.h"
#include "host/fetch_judge.h"
#include "host/fetch_message.h"

/*
 * The owner's side against helpers that misbehave. It starts the program gomemd-fetch beside its own: a link to this one,
 * which under that name is a helper as the environment wants it.
 */
static int fake_helper(const char *kind)
{
	struct fetch_request req;
	struct fetch_reply reply = { .outcome = FETCH_OK };
	char byte;
	int body;

	if (!strcmp(kind, "dies"))
		return 1;
	while (recv(STDIN_FILENO, &req, sizeof(req), 0) == (ssize_t)sizeof(req)) {
		reply.status = (uint32_t)req.pid;
		while (!strcmp(kind, "hangs"))
			pause();
		if (!strcmp(kind, "dies at 3") && req.pid == 3)
			return 1;
		if (req.op == FETCH_BODY) {
			if (fetch_message_receive(STDIN_FILENO, &byte, 1, &body) < 0 ||
			    pwrite(body, "profile", 7, 0) != 7)
				return 1;
			reply.body_bytes = strcmp(kind, "exaggerates") ? 7 : UINT64_MAX / 2;
		}
		(void)send(STDIN_FILENO, &reply, strcmp(kind, "stutters") ? sizeof(reply) : 7,
			   MSG_NOSIGNAL);
	}
	return 0;
}

static const struct row {
	const char *name, *kind;
	enum fetch_outcome want;
} rows[] = {
	{ "one that cannot be started has failed", "dies", FETCH_FAILED },
	{ "one that says something else has failed", "stutters", FETCH_FAILED },
	{ "one that hangs is given up", "hangs", FETCH_HUNG },
	{ "one that answers has", "answers", FETCH_OK },
};

static void test_ends(void **state)
{
	const struct row *row = *state;
	_cleanup_(fetcher_freep) struct fetcher *f = NULL;
	const struct fetch_request req = { .op = FETCH_GET, .pid = 7 };
	struct fetch_reply reply = { 0 };

	setenv("FAKE", row->kind, 1);
	assert_int_equal(fetcher_new(&f), 0);
	assert_int_equal(fetcher_fd(f), -1);
	assert_int_equal(fetcher_call(f, &req, &reply), 0);
	assert_int_equal(reply.outcome, row->want);
	assert_int_equal(reply.status, row->want == FETCH_OK ? 7 : 0);
	assert_int_equal(fetcher_deadline(f), 0);
}

static void test_body_is_copied(void **state)
{
	_cleanup_(fetcher_freep) struct fetcher *f = NULL;
	_cleanup_(freep) uint8_t *body = NULL;
	const struct fetch_request req = { .pid = 7 };
	struct fetch_reply reply = { 0 };

	(void)state;
	setenv("FAKE", "answers", 1);
	assert_int_equal(fetcher_new(&f), 0);
	assert_int_equal(fetcher_call_body(f, &req, &reply, &body), 0);
	assert_int_equal(reply.outcome, FETCH_OK);
	assert_int_equal(reply.body_bytes, 7);
	assert_memory_equal(body, "profile", 7);
}

static void test_body_of_no_size(void **state)
{
	_cleanup_(fetcher_freep) struct fetcher *f = NULL;
	const struct fetch_request req = { .pid = 7 };
	struct fetch_reply reply = { 0 };
	uint8_t *body = NULL;

	(void)state;
	setenv("FAKE", "exaggerates", 1);
	assert_int_equal(fetcher_new(&f), 0);
	assert_int_equal(fetcher_call_body(f, &req, &reply, &body), -EPROTO);
	assert_null(body);
}

struct heard {
	unsigned int n, failed;
	pid_t last;
};

static void on_reply(void *userdata, const struct fetch_request *req,
		     const struct fetch_reply *reply)
{
	struct heard *h = userdata;

	h->failed += reply->outcome != FETCH_OK;
	if (reply->outcome == FETCH_OK)
		assert_int_equal(reply->status, req->pid);
	assert_true(req->pid > h->last);
	h->last = req->pid;
	h->n++;
}

static void test_queue(void **state)
{
	_cleanup_(fetcher_freep) struct fetcher *f = NULL;
	struct heard h = { 0 };

	(void)state;
	setenv("FAKE", "dies at 3", 1);
	assert_int_equal(fetcher_new(&f), 0);
	for (pid_t pid = 1; pid <= 5; pid++)
		assert_int_equal(
			fetcher_request(f, &(struct fetch_request){ .pid = pid }, on_reply, &h), 0);
	/* Its death is the third's alone: the others have another. */
	while (h.n < 5 && clock_now() < fetcher_deadline(f))
		fetcher_dispatch(f);
	assert_int_equal(h.n, 5);
	assert_int_equal(h.failed, 1);
}

static void test_queue_has_an_end(void **state)
{
	_cleanup_(fetcher_freep) struct fetcher *f = NULL;
	const struct fetch_request req = { .pid = 1 };
	struct heard h = { 0 };
	int r = 0;

	(void)state;
	setenv("FAKE", "hangs", 1);
	assert_int_equal(fetcher_new(&f), 0);
	for (unsigned int i = 0; r == 0 && i < 100000; i++)
		r = fetcher_request(f, &req, on_reply, &h);
	assert_int_equal(r, -ENOSPC);
}

static const struct body {
	const char *name, *body;
	size_t len;
	enum fetch_outcome want;
	enum fetch_source source;
} bodies[] = {
	{ "expvar is known by its memstats", "{\"memstats\":{\"NumGC\":1}}", 24, FETCH_OK,
	  FETCH_FROM_EXPVAR },
	{ "metrics are known by their names", "go_goroutines 3\n", 16, FETCH_OK,
	  FETCH_FROM_PROMETHEUS },
	{ "a profile is known by its packing", "\x1f\x8b\x08", 3, FETCH_OK, FETCH_FROM_PROFILE },
	{ "another object has nothing", "{\"a\":1}", 7, FETCH_NOTHING, FETCH_FROM_NOTHING },
	{ "an empty body has nothing", "", 0, FETCH_NOTHING, FETCH_FROM_NOTHING },
};

static void test_body(void **state)
{
	const struct body *b = *state;
	struct fetch_reply reply = { 0 };

	fetch_judge(b->body, b->len, &reply);
	assert_int_equal(reply.outcome, b->want);
	assert_int_equal(reply.source, b->source);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("each request has its answer, in their order, over a helper's death",
			   test_queue),
		SUITE_TEST("the queue has an end", test_queue_has_an_end),
		SUITE_TEST("a body is the owner's own", test_body_is_copied),
		SUITE_TEST("a helper that tells of more than there can be is not believed",
			   test_body_of_no_size),
	};
	const char *fake = getenv("FAKE");
	struct suite s = { .n = 0 };
	struct helper_link link;
	int r;

	if (argc > 0 && fake && !strcmp(argv[0], "gomemd-fetch"))
		return fake_helper(fake);
	signal(SIGCHLD, SIG_IGN);
	if (helper_link_make(&link, "gomemd-fetch") < 0)
		return 1;
	SUITE_TABLE(&s, test_ends, rows);
	SUITE_TABLE(&s, test_body, bodies);
	SUITE_TESTS(&s, tests);
	r = suite_run(&s, "fetch");
	unlink(link.path);
	return r;
}
