/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/span.h"
#include "base/text.h"
#include "base/util.h"
#include "host/fetch_socket.h"
#include "host/process.h"
#include "host/root_path.h"

enum {
	LISTENERS_MAX = 1024,
	FDS_MAX = 65536,
	LINES_MAX = 262144,
	TCP_LISTEN = 10, /* include/net/tcp_states.h */
};

struct listening {
	size_t n;
	struct {
		uint64_t inode;
		struct endpoint at;
	} of[LISTENERS_MAX];
};

static bool still_there(const struct hostroot *host, const struct fetch_request *req)
{
	struct process_stat st;

	return req->pid == 0 || (process_read_stat(host, req->pid, &st) == 0 &&
				 st.id.start_ticks == req->start_ticks);
}

/* The kernel prints an address as words in its own byte order. Whoever listens everywhere is asked at home. */
static bool take_address(const char *hex, bool is_inet6, struct endpoint *e)
{
	static const uint8_t zero[16];
	const size_t words = is_inet6 ? 4 : 1;
	uint32_t word;

	for (size_t i = 0; i < words; i++) {
		if (sscanf(hex + 8 * i, "%8x", &word) != 1)
			return false;
		memcpy(e->address + 4 * i, &word, sizeof(word));
	}
	e->family = is_inet6 ? ENDPOINT_INET6 : ENDPOINT_INET;
	if (memcmp(e->address, zero, sizeof(zero)) != 0)
		return true;
	if (is_inet6)
		e->address[15] = 1;
	else
		memcpy(e->address, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	return true;
}

static void take_line(const char *line, bool is_inet6, struct listening *l)
{
	struct endpoint e = { .path = "/" };
	unsigned int port, state;
	unsigned long long inode;
	char hex[33];

	if (l->n == LISTENERS_MAX ||
	    sscanf(line, " %*u: %32[0-9A-F]:%4x %*[^ ] %2x %*s %*s %*s %*u %*u %llu", hex, &port,
		   &state, &inode) != 4 ||
	    state != TCP_LISTEN || !take_address(hex, is_inet6, &e))
		return;
	e.port = (uint16_t)port;
	l->of[l->n].inode = inode;
	l->of[l->n++].at = e;
}

static void filep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static int list_listening(const struct hostroot *host, pid_t pid, bool is_inet6,
			  struct listening *l)
{
	_cleanup_(filep) FILE *f = NULL;
	char path[64], line[512];
	int fd;

	snprintf(path, sizeof(path), "%d/net/%s", (int)pid, is_inet6 ? "tcp6" : "tcp");
	fd = openat(host->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* a kernel without IPv6 */
	f = fdopen(fd, "re");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	for (size_t n = 0; n < LINES_MAX && fgets(line, sizeof(line), f); n++)
		take_line(line, is_inet6, l);
	return 0;
}

static bool is_known(const struct endpoint *of, size_t n, const struct endpoint *e)
{
	size_t i = 0;

	while (i < n && (of[i].family != e->family || of[i].port != e->port ||
			 memcmp(of[i].address, e->address, sizeof(e->address)) != 0))
		i++;
	return i < n;
}

static void found(const struct listening *l, uint64_t inode, struct fetch_reply *ret)
{
	struct endpoint *of = ret->found;

	for (size_t i = 0; i < l->n && ret->n_found < FETCH_FOUND_MAX; i++)
		/* One socket may have many descriptors, one address many sockets. */
		if (l->of[i].inode == inode && !is_known(of, ret->n_found, &l->of[i].at))
			of[ret->n_found++] = l->of[i].at;
}

static int join_fds(const struct hostroot *host, pid_t pid, const struct listening *l,
		    struct fetch_reply *ret)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char path[64], target[64];
	unsigned long long inode;
	struct dirent *entry;
	int fd;

	snprintf(path, sizeof(path), "%d/fd", (int)pid);
	fd = fd_open_dir(host->proc, path, false);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	for (size_t n = 0; n < FDS_MAX && (entry = readdir(dir)); n++) {
		const ssize_t len =
			readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (len <= 0)
			continue;
		target[len] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) == 1)
			found(l, inode, ret);
	}
	return 0;
}

int fetch_socket_find(const struct hostroot *host, const struct fetch_request *req,
		      struct fetch_reply *ret)
{
	static struct listening l;
	int r;

	l.n = 0;
	if (!still_there(host, req))
		return FETCH_GONE;
	r = list_listening(host, req->pid, false, &l);
	if (r == 0)
		r = list_listening(host, req->pid, true, &l);
	if (r == 0)
		r = join_fds(host, req->pid, &l, ret);
	if (!still_there(host, req))
		return FETCH_GONE;
	ret->error = r;
	return r < 0 ? FETCH_FAILED : FETCH_OK;
}

/* 0, or -errno; EINPROGRESS is no error: whoever gets the socket waits. */
static int begin_connect(int fd, const void *address, socklen_t len)
{
	return connect(fd, address, len) < 0 && errno != EINPROGRESS ? -errno : 0;
}

static int connect_inet(int fd, const struct endpoint *at)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(at->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(at->port) };
	int r;

	memcpy(&in.sin_addr, at->address, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, at->address, sizeof(in6.sin6_addr));
	if (at->family == ENDPOINT_INET)
		return begin_connect(fd, &in, sizeof(in));
	r = begin_connect(fd, &in6, sizeof(in6));
	/* Without IPv6 (disable_ipv6) Go listens on [::] all the same, and there is no ::1. */
	if (r != -EADDRNOTAVAIL || !IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr))
		return r;
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	return begin_connect(fd, &in6, sizeof(in6));
}

/* A path is the tenant's: its links end at its own root. */
static int open_in_root(const struct hostroot *host, pid_t pid, const char *path)
{
	_cleanup_(closep) int root = -1;
	char name[32];

	snprintf(name, sizeof(name), "%d/root", (int)pid);
	root = pid ? openat(host->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC) :
		     open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	return root_path_open(root, path);
}

/* Root would get where the process itself does not: by whose socket its own link leads to. */
static bool may_connect(const struct hostroot *host, pid_t pid, int at)
{
	const uid_t uid = pid ? process_read_uid(host, pid) : 0;
	struct stat st;

	return fstat(at, &st) == 0 && (uid == 0 || st.st_uid == uid || st.st_mode & S_IWOTH);
}

static int connect_unix(const struct hostroot *host, int fd, const struct fetch_request *req)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *name = req->at.socket;
	_cleanup_(closep) int at = -1;

	if (name[0] == '@') {
		memcpy(un.sun_path + 1, name + 1, strlen(name + 1));
		return begin_connect(
			fd, &un,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)));
	}
	at = open_in_root(host, req->pid, name);
	if (at < 0)
		return at;
	if (!may_connect(host, req->pid, at))
		return -ECONNREFUSED;
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d", at);
	return begin_connect(fd, &un, sizeof(un));
}

/* In the process's namespace already: the socket keeps it, and so do names of abstract sockets. */
static int open_here(const struct hostroot *host, const struct fetch_request *req, int *ret_fd)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
	_cleanup_(closep) int fd = -1;
	int r;

	if (req->at.family >= ARRAY_SIZE(families))
		return -EINVAL;
	fd = socket(families[req->at.family], SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = req->at.family == ENDPOINT_UNIX ? connect_unix(host, fd, req) :
					      connect_inet(fd, &req->at);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int outcome_of(const struct fetch_request *req, int error)
{
	/* A tenant's file system says so, or its filter: no right is missing here. */
	if (req->pid && (error == -EPERM || error == -EACCES))
		return FETCH_REFUSED;
	switch (error) {
	case -ECONNREFUSED:
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -EADDRNOTAVAIL:
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -ENOTSOCK:
	case -EAGAIN: /* the queue of a unix socket is full */
	case -ECONNRESET:
	case -EPROTOTYPE:
	case -EINVAL:	    /* an address of one link, which nobody names here */
	case -ENAMETOOLONG: /* a link of the tenant's */
		return FETCH_REFUSED;
	default:
		return error;
	}
}

int fetch_socket_try(int own_ns)
{
	return setns(own_ns, CLONE_NEWNET) < 0 ? -errno : 0;
}

/* 0 where it is this process's own: then no right is needed. */
static int enter(const struct hostroot *host, int own_ns, pid_t pid, bool *ret_entered)
{
	_cleanup_(closep) int ns = -1;
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "%d/ns/net", (int)pid);
	ns = openat(host->proc, path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return errno == ENOENT ? FETCH_GONE : -errno;
	if (fstat(ns, &other) < 0 || fstat(own_ns, &own) < 0)
		return -errno;
	if (own.st_ino == other.st_ino && own.st_dev == other.st_dev)
		return 0;
	if (setns(ns, CLONE_NEWNET) < 0)
		return -errno;
	*ret_entered = true;
	return 0;
}

int fetch_socket_open(const struct hostroot *host, int own_ns, const struct fetch_request *req,
		      int *ret_fd)
{
	_cleanup_(closep) int fd = -1;
	bool entered = false;
	int r = 0;

	if (!still_there(host, req))
		return FETCH_GONE;
	if (req->pid)
		r = enter(host, own_ns, req->pid, &entered);
	if (r)
		return r;
	r = open_here(host, req, &fd);
	/* The next request would ask in a stranger's namespace. */
	if (entered && setns(own_ns, CLONE_NEWNET) < 0)
		_exit(1);
	if (!still_there(host, req))
		return FETCH_GONE;
	if (r < 0)
		return outcome_of(req, r);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
