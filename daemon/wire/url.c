/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "wire/url.h"

enum {
	HTTP_PORT = 80,
	HTTPS_PORT = 443,
};

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("#\"<>\\^`{|}", *text))
			return false;
	return true;
}

static bool cut(char *buf, size_t size, const char *text, size_t len)
{
	if (len == 0 || len >= size)
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return true;
}

static bool is_host(const char *host, bool is_inet6)
{
	struct in6_addr address;

	if (is_inet6)
		return inet_pton(AF_INET6, host, &address) == 1;
	return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
	       strlen(host);
}

static int take_port(const char *text, size_t len, struct url *u)
{
	uint64_t port;
	char digits[8];

	u->port = u->tls ? HTTPS_PORT : HTTP_PORT;
	if (len == 0)
		return 0;
	if (*text != ':' || !cut(digits, sizeof(digits), text + 1, len - 1) ||
	    text_parse_u64(digits, &port) < 0 || port < 1 || port > UINT16_MAX)
		return -EINVAL;
	u->port = (uint16_t)port;
	return 0;
}

int url_parse(const char *text, struct url *ret)
{
	struct url u = { .tls = !strncmp(text, "https://", strlen("https://")) };
	const char *host, *end, *path;
	bool is_inet6;

	if ((!u.tls && strncmp(text, "http://", strlen("http://")) != 0) || !is_plain(text))
		return -EINVAL;
	host = text + (u.tls ? strlen("https://") : strlen("http://"));
	path = host + strcspn(host, "/?");
	is_inet6 = *host == '[';
	host += is_inet6;
	end = host + strcspn(host, is_inet6 ? "]/?" : ":/?");
	if (!cut(u.host, sizeof(u.host), host, (size_t)(end - host)) ||
	    !is_host(u.host, is_inet6) || (is_inet6 && *end != ']') || *path == '?')
		return -EINVAL;
	end += is_inet6;
	if (take_port(end, (size_t)(path - end), &u) < 0 ||
	    !text_copy(u.path, sizeof(u.path), *path ? path : "/"))
		return -EINVAL;
	*ret = u;
	return 0;
}

bool url_is_local(const struct url *u)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, u->host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, u->host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return !strcmp(u->host, "localhost");
}
