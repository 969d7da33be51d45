/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host/confine.h"
#include "host/fetch_message.h"
#include "host/helper_program.h"
#include "host/kube_follow.h"
#include "host/kube_post.h"

#define ADDRESS_SPACE_MAX (64 * MIB)

enum {
	OWNER_AT = STDIN_FILENO,
	KEEPER_AT = STDOUT_FILENO,
};

/* A server that is gone without a word is noticed before a watch ends by itself. */
static void keep_alive(int fd)
{
	const int on = 1, idle = 30, interval = 10, count = 3, unsent_ms = 60 * 1000;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms, sizeof(unsent_ms));
}

/* Begins to connect, without waiting. The descriptor or -errno. */
static int open_socket(const struct endpoint *to)
{
	struct sockaddr_in inet = { .sin_family = AF_INET, .sin_port = htons(to->port) };
	struct sockaddr_in6 inet6 = { .sin6_family = AF_INET6, .sin6_port = htons(to->port) };
	const bool six = to->family == ENDPOINT_INET6;
	_cleanup_(closep) int fd =
		socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(&inet.sin_addr, to->address, sizeof(inet.sin_addr));
	memcpy(&inet6.sin6_addr, to->address, sizeof(inet6.sin6_addr));
	keep_alive(fd);
	if (connect(fd, six ? (const struct sockaddr *)&inet6 : (const struct sockaddr *)&inet,
		    six ? sizeof(inet6) : sizeof(inet)) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return TAKE_FD(fd);
}

/* What goes into a header: without what would end it. */
static bool read_token(const char *file, char token[KUBE_TOKEN_BYTES])
{
	size_t len = 0;

	if (fd_read_file(AT_FDCWD, file, token, KUBE_TOKEN_BYTES, &len) < 0)
		return false;
	while (len > 0 && strchr(" \t\r\n", token[len - 1]))
		token[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return false;
	return len > 0;
}

static bool read_ca(const char *file, struct kube_grant *grant)
{
	size_t len = 0;

	if (fd_read_file(AT_FDCWD, file, grant->ca, sizeof(grant->ca), &len) < 0)
		return false;
	grant->ca_bytes = (uint32_t)len;
	return len > 0;
}

/* @none goes in the place of a socket that there is not. */
static int grant_one(int to, const struct kube_api *api, int none)
{
	static struct kube_grant grant;
	_cleanup_(closep) int sock = -1;

	memset(&grant, 0, sizeof(grant));
	if (!read_token(api->token_file, grant.token) || !read_ca(api->ca_file, &grant)) {
		grant.outcome = KUBE_NO_TOKEN;
	} else {
		sock = open_socket(&api->server);
		if (sock < 0)
			grant.outcome = KUBE_UNREACHABLE;
	}
	return fetch_message_send(to, &grant, sizeof(grant), sock < 0 ? none : sock);
}

/* KUBE_RESOURCE_MAX_: nothing is followed, the owner's documents are sent. */
static int start_speaker(int owner, const struct kube_api *api, enum kube_resource resource)
{
	pid_t pid;
	int fd, r = helper_fork(&pid, &fd);

	if (r == HELPER_CHILD) {
		if (dup2(owner, OWNER_AT) < 0 || dup2(fd, KEEPER_AT) < 0)
			_exit(1);
		close_range(3, ~0u, 0);
		if (resource == KUBE_RESOURCE_MAX_)
			kube_post(KEEPER_AT, OWNER_AT);
		kube_follow(KEEPER_AT, OWNER_AT, api, resource);
	}
	return r < 0 ? r : fd;
}

static bool drop_rights(void)
{
	static const int allowed[] = {
		SCMP_SYS(read),	      SCMP_SYS(openat),	      SCMP_SYS(close),
		SCMP_SYS(fstat),      SCMP_SYS(newfstatat),   SCMP_SYS(lseek),
		SCMP_SYS(socket),     SCMP_SYS(connect),      SCMP_SYS(setsockopt),
		SCMP_SYS(poll),	      SCMP_SYS(ppoll),	      SCMP_SYS(recvfrom),
		SCMP_SYS(sendmsg),    SCMP_SYS(brk),	      SCMP_SYS(mmap),
		SCMP_SYS(munmap),     SCMP_SYS(fcntl),	      SCMP_SYS(clock_gettime),
		SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
	};

	return confine_self(&(struct confine){ .calls = allowed,
					       .n_calls = ARRAY_SIZE(allowed),
					       .address_space_bytes = ADDRESS_SPACE_MAX,
					       .keeps_user = true });
}

void kube_serve(int fd, const struct kube_api *api, bool posts)
{
	const size_t first = posts ? KUBE_RESOURCE_MAX_ : 0, n = posts ? 1 : KUBE_RESOURCE_MAX_;
	struct pollfd at[KUBE_RESOURCE_MAX_ + 1] = { { .fd = fd } };
	int none;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (size_t i = 1; i <= n; i++) {
		at[i].fd = start_speaker(fd, api, (enum kube_resource)(first + i - 1));
		at[i].events = POLLIN;
		if (at[i].fd < 0)
			_exit(1);
	}
	if (none < 0 || !drop_rights())
		_exit(1);
	while (poll(at, n + 1, -1) > 0 && !at[0].revents)
		for (size_t i = 1; i <= n; i++)
			if (at[i].revents && (recv(at[i].fd, &byte, 1, 0) != 1 ||
					      grant_one(at[i].fd, api, none) < 0))
				_exit(0);
	_exit(0);
}
