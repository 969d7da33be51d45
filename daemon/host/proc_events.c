/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "host/proc_events.h"

/* PROC_PID_INIT_INO and PROC_USER_INIT_INO, include/linux/proc_ns.h */
#define FIRST_PID_NAMESPACE  0xEFFFFFFCu
#define FIRST_USER_NAMESPACE 0xEFFFFFFDu

enum {
	BATCH_MAX = 256,
	RECEIVE_BYTES = 1 << 20,
};

struct proc_events {
	int fd;
};

/* struct cn_msg without its array of no length, which no other member may follow. */
struct connector_header {
	struct cb_id id;
	uint32_t seq, ack;
	uint16_t len, flags;
};
_Static_assert(sizeof(struct connector_header) == sizeof(struct cn_msg), "as the kernel has it");

/* cn_proc.h's struct proc_event has the name of our enum's; this is its layout up to what is used. */
struct event_message {
	struct nlmsghdr header;
	struct connector_header connector;
	uint32_t what;
	uint32_t cpu;
	uint64_t timestamp_ns;
	uint32_t pid, tgid;
} __attribute__((packed, aligned(4)));

/*
 * Passes exec, and exit of whole processes (pid == tgid). BPF loads are in network order, hence htonl of what the
 * kernel stores in host order.
 */
static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct event_message, what)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct event_message, pid)),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct event_message, tgid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ?
		       -errno :
		       0;
}

static int subscribe(int fd)
{
	struct {
		struct nlmsghdr header;
		struct connector_header connector;
		uint32_t op;
	} __attribute__((packed, aligned(4))) msg = {
		.header = { .nlmsg_len = sizeof(msg), .nlmsg_type = NLMSG_DONE },
		.connector = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(msg.op) },
		.op = PROC_CN_MCAST_LISTEN,
	};

	return send(fd, &msg, sizeof(msg), 0) < 0 ? -errno : 0;
}

static bool is_namespace(const char *path, ino_t inode)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_ino == inode;
}

bool proc_events_named_here(void)
{
	return is_namespace("/proc/self/ns/pid", FIRST_PID_NAMESPACE);
}

int proc_events_new(struct proc_events **ret)
{
	_cleanup_(proc_events_freep) struct proc_events *pe = calloc(1, sizeof(*pe));
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int bytes = RECEIVE_BYTES, r;

	if (!pe)
		return -ENOMEM;
	pe->fd = -1;
	if (!proc_events_named_here() || !is_namespace("/proc/self/ns/user", FIRST_USER_NAMESPACE))
		return -ENOTSUP;
	pe->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (pe->fd < 0)
		return -errno;
	/* A failure leaves the default size: more overflows, each of which makes everything be looked at. */
	(void)setsockopt(pe->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	r = attach_filter(pe->fd);
	if (r < 0)
		return r;
	if (bind(pe->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	r = subscribe(pe->fd);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(pe);
	return 0;
}

struct proc_events *proc_events_free(struct proc_events *pe)
{
	if (!pe)
		return NULL;
	closep(&pe->fd);
	free(pe);
	return NULL;
}

int proc_events_fd(const struct proc_events *pe)
{
	return pe->fd;
}

void proc_events_dispatch(struct proc_events *pe,
			  void (*each)(void *userdata, enum process_event event, pid_t pid),
			  void *userdata)
{
	for (int i = 0; i < BATCH_MAX; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		struct event_message msg;
		ssize_t n = recvfrom(pe->fd, &msg, sizeof(msg), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			each(userdata, PROC_OVERFLOW, 0);
			continue;
		}
		if (n < 0)
			return;
		/* Only the kernel speaks for the kernel. */
		if (from.nl_pid != 0 || n < (ssize_t)sizeof(msg))
			continue;
		if (msg.what == PROC_EVENT_EXEC)
			each(userdata, PROC_EXEC, (pid_t)msg.tgid);
		else if (msg.what == PROC_EVENT_EXIT && msg.pid == msg.tgid)
			each(userdata, PROC_EXIT, (pid_t)msg.tgid);
	}
}
