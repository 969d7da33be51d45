/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/address.h"
#include "base/text.h"

static int parse_local(const char *text, struct address *ret)
{
	struct address a = { .len = sizeof(a.local) };

	a.local.sun_family = AF_UNIX;
	if (!text_copy(a.local.sun_path, sizeof(a.local.sun_path), text))
		return -EINVAL;
	*ret = a;
	return 0;
}

static int parse_v4(const char *host, uint16_t port, struct address *ret)
{
	struct address a = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&a.inet;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

static int parse_v6(const char *host, uint16_t port, struct address *ret)
{
	struct address a = { .len = sizeof(struct sockaddr_in6) };
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&a.inet;

	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

int address_parse(const char *text, struct address *ret)
{
	char host[ADDRESS_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	uint64_t port;
	size_t len;

	if (text[0] == '/')
		return parse_local(text, ret);
	len = colon ? (size_t)(colon - text) : 0;
	if (!len || len >= sizeof(host) || text_parse_u64(colon + 1, &port) < 0 || !port ||
	    port > UINT16_MAX)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] != '[')
		return parse_v4(host, (uint16_t)port, ret);
	if (host[len - 1] != ']')
		return -EINVAL;
	host[len - 1] = '\0';
	return parse_v6(host + 1, (uint16_t)port, ret);
}

bool address_is_local(const struct address *a)
{
	switch (a->any.sa_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return ntohl(((const struct sockaddr_in *)&a->inet)->sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->inet)->sin6_addr);
	default:
		return false;
	}
}
