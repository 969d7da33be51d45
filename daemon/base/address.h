/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where a server listens, as it stands in a file: "127.0.0.1:9477", "[::1]:9477", or the path of a unix socket. */
struct address {
	union {
		struct sockaddr any;
		struct sockaddr_storage inet;
		struct sockaddr_un local;
	};
	socklen_t len;
};

enum {
	ADDRESS_TEXT_MAX = 112,
};

/*
 * Literal addresses alone: a name is looked up by nobody, and an address that is left out ("9477", ":9477") does not mean
 * all of them. Returns 0 or -EINVAL.
 */
int address_parse(const char *text, struct address *ret);

/* True for a unix socket and 127.0.0.0/8, ::1: what this host alone can reach. */
bool address_is_local(const struct address *a);
