/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a program serves figures of its own: an address of HTTP without any name that somebody would have to resolve.
 *
 *	http://127.0.0.1:6060/debug/vars	https://[::1]:8443/metrics
 *	http://localhost:6060/metrics		(127.0.0.1)
 *	http://unix:/run/app/debug.sock:/debug/vars
 *	http://unix:@name:/metrics		(an abstract socket)
 *
 * Plain data of fixed size: it crosses a socket.
 */
enum endpoint_family {
	ENDPOINT_INET,
	ENDPOINT_INET6,
	ENDPOINT_UNIX,
};

enum {
	ENDPOINT_SOCKET_MAX = 108, /* sun_path */
	ENDPOINT_PATH_MAX = 256,
	ENDPOINT_TEXT_MAX = 400,
};

struct endpoint {
	uint32_t family;
	bool tls;
	uint16_t port;
	uint8_t address[16];		  /* in network order; of IPv4 the first four */
	char socket[ENDPOINT_SOCKET_MAX]; /* "@name" for an abstract one */
	char path[ENDPOINT_PATH_MAX];	  /* begins with a slash; printable ASCII without blanks */
};

/*
 * Returns 0, or -EINVAL where @text is no such address: another scheme, a name, a user or a fragment, a byte that is not
 * printable. A missing port is the scheme's, a missing path "/".
 */
int endpoint_parse(const char *text, struct endpoint *ret);

/* As it is parsed. Returns @buf. */
const char *endpoint_text(char buf[ENDPOINT_TEXT_MAX], const struct endpoint *e);

/* For a client of HTTP that has the socket already: of a unix socket the host is localhost. Returns @buf. */
const char *endpoint_url(char buf[ENDPOINT_TEXT_MAX], const struct endpoint *e);
