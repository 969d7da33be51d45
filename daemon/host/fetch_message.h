/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Messages of fixed size with one descriptor, over a pair of sockets that keeps them apart. 0 or -errno. */
int fetch_message_send(int fd, const void *message, size_t len, int with);

/* *ret_with is the caller's. -EPIPE where another message came, or the other end is closed. */
int fetch_message_receive(int fd, void *ret, size_t len, int *ret_with);
