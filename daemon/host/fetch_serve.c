/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "host/fetch_curl.h"
#include "host/fetch_message.h"
#include "host/fetch_socket.h"
#include "host/helper_program.h"

/* Beyond its own deadline: the library's timer is not all that can keep it. */
#define SLACK (2 * USEC_SEC)

/* The process without rights, replaced when it has ended or hangs. */
struct confined {
	pid_t pid;
	int fd;
	bool lacks_library;
};

static bool heard(int fd, usec_t patience)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, (int)(patience / USEC_MSEC)) > 0;
}

/* Until it is waited for its pid is nobody else's, though it may have ended long ago. */
static void confined_stop(struct confined *c)
{
	closep(&c->fd);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
	c->pid = c->fd = -1;
}

/* Returns 0, FETCH_NO_LIBRARY, or -errno. */
static int confined_start(struct confined *c)
{
	char lacks;
	int fd, r;

	if (c->fd >= 0)
		return c->lacks_library ? FETCH_NO_LIBRARY : 0;
	r = helper_fork(&c->pid, &fd);
	if (r == HELPER_CHILD) {
		if (dup2(fd, STDIN_FILENO) < 0)
			_exit(1);
		close_range(3, ~0u, 0);
		fetch_curl_serve(STDIN_FILENO);
	}
	if (r < 0)
		return r;
	c->fd = fd;
	/* One that may not give up its rights ends at once; one that says nothing had no time yet. */
	r = !heard(fd, SLACK) ? -ETIMEDOUT : recv(fd, &lacks, 1, 0) != 1 ? -EPERM : 0;
	if (r < 0) {
		confined_stop(c);
		return r;
	}
	c->lacks_library = lacks;
	return lacks ? FETCH_NO_LIBRARY : 0;
}

static int confined_ask(struct confined *c, const struct fetch_request *req, int sock, int body,
			struct fetch_reply *ret)
{
	int r = fetch_message_send(c->fd, req, sizeof(*req), sock);

	if (r == 0 && req->op == FETCH_BODY)
		r = fetch_message_send(c->fd, "", 1, body);
	if (r == 0 && !heard(c->fd, fetch_patience(req) + SLACK))
		r = -ETIMEDOUT;
	if (r == 0 && recv(c->fd, ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
		r = -EPIPE;
	if (r < 0)
		confined_stop(c);
	return r == -ETIMEDOUT ? FETCH_HUNG : r;
}

/* @body: where the answer goes, where that is asked for. */
static int get(const struct hostroot *host, int own_ns, struct confined *c,
	       const struct fetch_request *req, int body, struct fetch_reply *ret)
{
	_cleanup_(closep) int sock = -1;
	int r = confined_start(c);

	if (r == 0)
		r = fetch_socket_open(host, own_ns, req, &sock);
	if (r)
		return r;
	r = confined_ask(c, req, sock, body, ret);
	return r ? r : ret->outcome;
}

static void serve_one(const struct hostroot *host, int own_ns, struct confined *c,
		      const struct fetch_request *req, int body, struct fetch_reply *ret)
{
	int r;

	*ret = (struct fetch_reply){ 0 };
	switch (req->op) {
	case FETCH_TRY:
		r = fetch_socket_try(own_ns);
		if (r == 0)
			r = confined_start(c);
		break;
	case FETCH_FIND:
		r = fetch_socket_find(host, req, ret);
		break;
	case FETCH_GET:
	case FETCH_BODY:
		r = get(host, own_ns, c, req, body, ret);
		break;
	default:
		r = -EINVAL;
	}
	ret->outcome = r < 0 ? FETCH_FAILED : r;
	if (r < 0)
		ret->error = r;
}

void fetch_serve(int fd)
{
	static struct fetch_request req;
	static struct fetch_reply reply;
	struct confined confined = { .pid = -1, .fd = -1 };
	struct hostroot host;
	char byte;
	int own_ns;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
	own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own_ns < 0 || hostroot_open("", &host) < 0)
		_exit(1);
	while (recv(fd, &req, sizeof(req), 0) == (ssize_t)sizeof(req)) {
		_cleanup_(closep) int body = -1;

		if (req.op == FETCH_BODY && fetch_message_receive(fd, &byte, 1, &body) < 0)
			break;
		req.at.path[ENDPOINT_PATH_MAX - 1] = req.at.socket[ENDPOINT_SOCKET_MAX - 1] = '\0';
		serve_one(&host, own_ns, &confined, &req, body, &reply);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
