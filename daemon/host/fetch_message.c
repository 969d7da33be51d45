/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "host/fetch_message.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

int fetch_message_send(int fd, const void *message, size_t len, int with)
{
	union control control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)message, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &with, sizeof(with));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int fetch_message_receive(int fd, void *ret, size_t len, int *ret_with)
{
	union control control = { 0 };
	struct iovec iov = { .iov_base = ret, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (n != (ssize_t)len || !c || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPIPE;
	memcpy(ret_with, CMSG_DATA(c), sizeof(*ret_with));
	return 0;
}
