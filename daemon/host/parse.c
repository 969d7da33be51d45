/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "host/parse.h"

#define NOBODY		  65534
#define ADDRESS_SPACE_MAX (256 * MIB)

struct parse_request {
	uint64_t n_regions;
};

struct parse_reply {
	int32_t result;
	struct go_runtime runtime;
};

/* Two descriptors travel with a request: the memory, and a memfd that holds the regions. */
static int send_request(int fd, const struct parse_request *req, const int fds[2])
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)req, .iov_len = sizeof(*req) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive_request(int fd, struct parse_request *req, int fds[2])
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = req, .iov_len = sizeof(*req) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (n != (ssize_t)sizeof(*req) || !c || c->cmsg_len != CMSG_LEN(2 * sizeof(int)))
		return -EPIPE;
	memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
	return 0;
}

static int read_mem(void *context, uint64_t addr, void *buf, size_t len)
{
	const int *fd = context;
	char *at = buf;

	while (len > 0) {
		ssize_t n = pread(*fd, at, len, (off_t)addr);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		addr += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int locate_request(const struct parse_request *req, int fds[2], struct go_runtime *ret)
{
	const size_t bytes = req->n_regions * sizeof(struct memory_region);
	_cleanup_(freep) struct memory_region *regions = malloc(bytes);
	struct memory m = { .read = read_mem,
			    .context = &fds[0],
			    .regions = regions,
			    .n_regions = req->n_regions };

	if (!regions || pread(fds[1], regions, bytes, 0) != (ssize_t)bytes)
		return -ENOMEM;
	return go_runtime_locate(&m, ret);
}

/*
 * Gives up everything but reading what it is handed: no write of any kind is among the calls, so that the memory's
 * descriptor can only be read. A failure here ends the helper: it never parses with rights.
 */
static bool drop_rights(void)
{
	static const int allowed[] = {
		SCMP_SYS(pread64),	SCMP_SYS(read),	 SCMP_SYS(recvmsg),    SCMP_SYS(sendto),
		SCMP_SYS(close),	SCMP_SYS(mmap),	 SCMP_SYS(munmap),     SCMP_SYS(mremap),
		SCMP_SYS(brk),		SCMP_SYS(futex), SCMP_SYS(exit_group), SCMP_SYS(madvise),
		SCMP_SYS(rt_sigreturn),
	};
	struct rlimit space = { ADDRESS_SPACE_MAX, ADDRESS_SPACE_MAX };
	struct rlimit none = { 0, 0 };
	scmp_filter_ctx filter;
	bool ok = true;

#ifdef GOMEMD_SANITIZED
	/* The sanitizers' shadow needs the address space and system calls of its own. */
	(void)filter;
	(void)space;
	(void)none;
	(void)allowed;
	(void)ok;
	return true;
#else
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return false;
	/* Losing the uid has cleared it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_AS, &space) < 0 || setrlimit(RLIMIT_FSIZE, &none) < 0 ||
	    setrlimit(RLIMIT_NPROC, &none) < 0)
		return false;
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		ok &= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
	ok = ok && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return ok;
#endif
}

static _Noreturn void parse_serve(int fd)
{
	static struct parse_reply reply;
	struct parse_request req;
	int fds[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-parse");
	/* The first message says that it holds no rights any more; without it nothing is sent here to be parsed. */
	if (!drop_rights() || send(fd, "", 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	while (receive_request(fd, &req, fds) == 0) {
		reply.result = locate_request(&req, fds, &reply.runtime);
		close(fds[0]);
		close(fds[1]);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

int parser_start(struct parser *ret)
{
	int pair[2];
	pid_t pid;
	char ready;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(pair[0]);
		close(pair[1]);
		return r;
	}
	if (pid == 0) {
		/* Nothing of the parent's but the socket (and where errors go). */
		if (dup2(pair[1], STDIN_FILENO) < 0)
			_exit(1);
		close_range(3, ~0u, 0);
		parse_serve(STDIN_FILENO);
	}
	close(pair[1]);
	*ret = (struct parser){ .pid = pid, .fd = pair[0] };
	if (recv(pair[0], &ready, 1, 0) != 1) {
		parser_stop(ret);
		return -EPERM;
	}
	return 0;
}

void parser_stop(struct parser *p)
{
	closep(&p->fd);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	*p = PARSER_NONE;
}

int parser_locate(struct parser *p, int mem_fd, const struct memory *m, struct go_runtime *ret)
{
	const size_t bytes = m->n_regions * sizeof(*m->regions);
	_cleanup_(closep) int list = memfd_create("regions", MFD_CLOEXEC);
	struct parse_request req = { .n_regions = m->n_regions };
	static struct parse_reply reply;
	int r;

	if (list < 0)
		return -errno;
	if (write(list, m->regions, bytes) != (ssize_t)bytes)
		return -EIO;
	r = send_request(p->fd, &req, (int[]){ mem_fd, list });
	if (r < 0)
		return -EPIPE;
	if (recv(p->fd, &reply, sizeof(reply), 0) != (ssize_t)sizeof(reply))
		return -EPIPE;
	*ret = reply.runtime;
	return reply.result;
}
