/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/confine.h"
#include "host/fetch_message.h"
#include "host/helper_program.h"
#include "host/post_curl.h"

#define SLACK		  (2 * USEC_SEC) /* the library's timer is not all that can keep it */
#define ADDRESS_SPACE_MAX (256 * MIB)

enum {
	ADDRESSES_MAX = 4, /* of a name; each has its part of the time */
};

/* The process that speaks HTTP. */
struct speaker {
	int fd;
	bool lacks_library;
};

static bool heard(int fd, usec_t patience)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, (int)(patience / USEC_MSEC)) > 0;
}

/* It is started before this process may start nothing any more; with it this one ends. */
static void start_speaker(struct speaker *s)
{
	pid_t pid;
	char lacks;
	int fd, r = helper_fork(&pid, &fd);

	if (r == HELPER_CHILD) {
		if (dup2(fd, STDIN_FILENO) < 0)
			_exit(1);
		close_range(3, ~0u, 0);
		post_curl_serve(STDIN_FILENO);
	}
	if (r < 0 || !heard(fd, SLACK) || recv(fd, &lacks, 1, 0) != 1)
		_exit(1);
	s->fd = fd;
	s->lacks_library = lacks;
}

/* Whatever ways this system has to look a name up; none of them writes a file or starts a program. */
static bool drop_rights(void)
{
	static const int allowed[] = {
		SCMP_SYS(read),
		SCMP_SYS(write),
		SCMP_SYS(readv),
		SCMP_SYS(writev),
		SCMP_SYS(pread64),
		SCMP_SYS(lseek),
		SCMP_SYS(open),
		SCMP_SYS(openat),
		SCMP_SYS(close),
		SCMP_SYS(stat),
		SCMP_SYS(fstat),
		SCMP_SYS(lstat),
		SCMP_SYS(newfstatat),
		SCMP_SYS(statx),
		SCMP_SYS(access),
		SCMP_SYS(faccessat2),
		SCMP_SYS(readlink),
		SCMP_SYS(readlinkat),
		SCMP_SYS(socket),
		SCMP_SYS(connect),
		SCMP_SYS(bind),
		SCMP_SYS(sendto),
		SCMP_SYS(sendmsg),
		SCMP_SYS(sendmmsg),
		SCMP_SYS(recvfrom),
		SCMP_SYS(recvmsg),
		SCMP_SYS(getsockname),
		SCMP_SYS(getpeername),
		SCMP_SYS(getsockopt),
		SCMP_SYS(setsockopt),
		SCMP_SYS(shutdown),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(ioctl),
		SCMP_SYS(fcntl),
		SCMP_SYS(uname),
		SCMP_SYS(mmap),
		SCMP_SYS(munmap),
		SCMP_SYS(mremap),
		SCMP_SYS(mprotect),
		SCMP_SYS(brk),
		SCMP_SYS(madvise),
		SCMP_SYS(futex),
		SCMP_SYS(getrandom),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(time),
		SCMP_SYS(getpid),
		SCMP_SYS(gettid),
		SCMP_SYS(getuid),
		SCMP_SYS(geteuid),
		SCMP_SYS(getgid),
		SCMP_SYS(getegid),
		SCMP_SYS(eventfd2),
		SCMP_SYS(epoll_create1),
		SCMP_SYS(epoll_ctl),
		SCMP_SYS(epoll_wait),
		SCMP_SYS(rt_sigaction),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(exit_group),
		SCMP_SYS(clock_nanosleep),
	};

	return confine_self(&(struct confine){ .calls = allowed,
					       .n_calls = ARRAY_SIZE(allowed),
					       .address_space_bytes = ADDRESS_SPACE_MAX,
					       .refuses = true });
}

static int await_connection(int fd, usec_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, (int)(sub_sat(until, clock_now()) / USEC_MSEC)) < 1)
		return POST_TIMEOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		return error == ETIMEDOUT ? POST_TIMEOUT : POST_REFUSED;
	return POST_ANSWERED;
}

static int connect_to(const struct addrinfo *at, usec_t until, int *ret_fd)
{
	_cleanup_(closep) int fd =
		socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return POST_REFUSED;
	if (connect(fd, at->ai_addr, at->ai_addrlen) < 0 && errno != EINPROGRESS)
		return errno == EPERM || errno == EACCES ? POST_FORBIDDEN : POST_REFUSED;
	r = await_connection(fd, until);
	if (r == POST_ANSWERED)
		*ret_fd = TAKE_FD(fd);
	return r;
}

/* The first of its addresses that takes the connection. */
static int connect_any(const struct url *url, usec_t until, int *ret_fd)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *all = NULL;
	char port[8];
	unsigned int left = 0;
	int r = POST_UNRESOLVED;

	snprintf(port, sizeof(port), "%u", (unsigned int)url->port);
	if (getaddrinfo(url->host, port, &hints, &all) != 0)
		return POST_UNRESOLVED;
	for (const struct addrinfo *a = all; a && left < ADDRESSES_MAX; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = all; a && left > 0 && r != POST_ANSWERED;
	     a = a->ai_next, left--) {
		const usec_t now = clock_now();

		r = connect_to(a, now + sub_sat(until, now) / left, ret_fd);
	}
	freeaddrinfo(all);
	return r;
}

static void serve_one(const struct speaker *s, struct post_task *task, struct post_reply *ret)
{
	_cleanup_(closep) int sock = -1;
	struct url url;

	*ret = (struct post_reply){ .outcome = POST_FAILED };
	task->until = clock_now() + POST_PATIENCE;
	if (s->lacks_library)
		ret->outcome = POST_NO_LIBRARY;
	else if (url_parse(task->req.url, &url) == 0)
		ret->outcome = connect_any(&url, task->until, &sock);
	if (sock < 0)
		return;
	if (fetch_message_send(s->fd, task, sizeof(*task), sock) < 0 ||
	    !heard(s->fd, POST_PATIENCE + SLACK) ||
	    recv(s->fd, ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
		_exit(1);
}

void post_serve(int fd)
{
	static struct post_task task;
	struct post_reply reply;
	struct speaker speaker;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
	/* A name server that is away is a name that is not known, before the deadline of all. */
	setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
	start_speaker(&speaker);
	if (!drop_rights())
		_exit(1);
	while (recv(fd, &task.req, sizeof(task.req), 0) == (ssize_t)sizeof(task.req)) {
		task.req.url[sizeof(task.req.url) - 1] = '\0';
		task.req.token[sizeof(task.req.token) - 1] = '\0';
		task.req.len = MIN(task.req.len, (uint32_t)POST_BODY_MAX);
		serve_one(&speaker, &task, &reply);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
