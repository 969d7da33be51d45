/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "fixture/helper.h"
#include "host/kube_api.h"
#include "host/post.h"
#include "host/secret_file.h"

/*
 * The owner's side against helpers that misbehave. It starts the program gomemd-post beside its own: a link to this one,
 * which under that name is a helper as the environment wants it.
 */
static int fake_helper(const char *kind)
{
	static struct post_request req;
	struct post_reply reply = { .outcome = POST_ANSWERED };

	if (!strcmp(kind, "dies"))
		return 1;
	while (recv(STDIN_FILENO, &req, sizeof(req), 0) == (ssize_t)sizeof(req)) {
		reply.status = req.len;
		while (!strcmp(kind, "hangs"))
			pause();
		(void)send(STDIN_FILENO, &reply, strcmp(kind, "stutters") ? sizeof(reply) : 3,
			   MSG_NOSIGNAL);
	}
	return 0;
}

static const struct row {
	const char *name, *kind;
	enum post_outcome want;
} rows[] = {
	{ "one that cannot be started has failed", "dies", POST_FAILED },
	{ "one that says something else has failed", "stutters", POST_FAILED },
	{ "one that hangs is given up", "hangs", POST_HUNG },
	{ "one that answers has", "answers", POST_ANSWERED },
	{ "the API server's is told where it is", "of-kube", POST_ANSWERED },
};

struct heard {
	unsigned int n;
	struct post_reply reply;
};

static void on_reply(void *userdata, const struct post_reply *reply)
{
	struct heard *h = userdata;

	h->n++;
	h->reply = *reply;
}

/* The deadline is not waited for: it is said to have come. */
static void await(struct poster *p, const struct heard *h, unsigned int n, bool hangs)
{
	while (h->n < n) {
		struct pollfd fd = { .fd = poster_fd(p), .events = POLLIN };

		if (!hangs && fd.fd >= 0 && poll(&fd, 1, 20000) > 0)
			poster_dispatch(p);
		else
			poster_expire(p, poster_deadline(p));
	}
}

static void test_ends(void **state)
{
	static struct post_request req = { .len = 207 };
	const struct row *row = *state;
	struct heard h = { 0 };
	struct poster *p = NULL;
	struct kube_api api;

	setenv("FAKE", row->kind, 1);
	assert_true(kube_api_parse("https://10.96.0.1:443", "n", "/t", "/c", &api));
	assert_int_equal(poster_new(strcmp(row->kind, "of-kube") ? NULL : &api, on_reply, &h, &p),
			 0);
	assert_int_equal(poster_fd(p), -1);
	for (unsigned int i = 1; i <= 2; i++) {
		assert_int_equal(poster_request(p, &req), 0);
		assert_int_equal(poster_request(p, &req), -EBUSY);
		await(p, &h, i, !strcmp(row->kind, "hangs"));
		assert_int_equal(h.reply.outcome, row->want);
		assert_int_equal(h.reply.status, row->want == POST_ANSWERED ? 207 : 0);
		assert_int_equal(poster_deadline(p), 0);
	}
	poster_rest(p);
	assert_int_equal(poster_fd(p), -1);
	assert_int_equal(h.n, 2);
	poster_free(p);
}

static const struct secret {
	const char *name, *text;
	mode_t mode;
	int result;
	const char *token;
} secrets[] = {
	{ "a token", "abc.def-1", 0600, 0, "abc.def-1" },
	{ "a line break at its end is none of it", "abc\r\n", 0400, 0, "abc" },
	{ "others may not read it", "abc", 0604, -EPERM, "" },
	{ "nor its group", "abc", 0640, -EPERM, "" },
	{ "nor write it", "abc", 0622, -EPERM, "" },
	{ "an empty one", "\n", 0600, -EINVAL, "" },
	{ "another header behind it", "abc\r\nX: y", 0600, -EINVAL, "" },
	{ "a blank in it", "abc def", 0600, -EINVAL, "" },
	{ "bytes beyond ASCII", "abc\xff", 0600, -EINVAL, "" },
	{ "one that is too long", "0123456789abcdef", 0600, -EFBIG, "" },
};

static void test_secret(void **state)
{
	const struct secret *c = *state;
	char path[] = "/tmp/test-post.XXXXXX", token[16];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, c->text, strlen(c->text)), 0);
	assert_int_equal(fchmod(fd, c->mode), 0);
	close(fd);
	assert_int_equal(secret_file_read(path, token, sizeof(token)), c->result);
	assert_string_equal(token, c->token);
	unlink(path);
	assert_int_equal(secret_file_read(path, token, sizeof(token)), -ENOENT);
	assert_int_equal(secret_file_read("/dev/null", token, sizeof(token)), -EINVAL);
}

static bool is_told(char **argv)
{
	return !strcmp(argv[1], "post") && !strncmp(argv[2], "https://10.96.0.1:443", 21) &&
	       !strcmp(argv[3], "n") && !strcmp(argv[4], "/t") && !strcmp(argv[5], "/c");
}

int main(int argc, char **argv)
{
	const char *fake = getenv("FAKE");
	struct suite s = { .n = 0 };
	struct helper_link link, kube_link;
	int r;

	if (argc == 1 && fake && !strcmp(argv[0], "gomemd-post"))
		return fake_helper(fake);
	if (argc == 6 && fake && !strcmp(argv[0], "gomemd-kube"))
		return is_told(argv) ? fake_helper(fake) : 1;
	signal(SIGCHLD, SIG_IGN);
	if (helper_link_make(&link, "gomemd-post") < 0 ||
	    helper_link_make(&kube_link, "gomemd-kube") < 0)
		return 1;
	SUITE_TABLE(&s, test_ends, rows);
	SUITE_TABLE(&s, test_secret, secrets);
	r = suite_run(&s, "post");
	unlink(link.path);
	unlink(kube_link.path);
	return r;
}
