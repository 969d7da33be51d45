/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "wire/endpoint.h"

enum {
	HTTP_PORT = 80,
	HTTPS_PORT = 443,
};

/* Copies what is before @end; false where it does not fit. */
static bool cut(char *buf, size_t size, const char *text, const char *end)
{
	const size_t len = (size_t)(end - text);

	if (len >= size)
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return true;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("#\"<>\\^`{|}", *text))
			return false;
	return true;
}

static int parse_path(const char *text, struct endpoint *e)
{
	if (*text && *text != '/')
		return -EINVAL;
	return text_copy(e->path, sizeof(e->path), *text ? text : "/") ? 0 : -EINVAL;
}

static int parse_port(const char *text, const char *end, struct endpoint *e)
{
	uint64_t port;
	char digits[8];

	e->port = e->tls ? HTTPS_PORT : HTTP_PORT;
	if (text == end)
		return 0;
	if (*text != ':' || !cut(digits, sizeof(digits), text + 1, end) ||
	    text_parse_u64(digits, &port) < 0 || port < 1 || port > UINT16_MAX)
		return -EINVAL;
	e->port = (uint16_t)port;
	return 0;
}

/* SOCKET[:/PATH]: the first colon ends the name of the socket. */
static int parse_unix(const char *text, struct endpoint *e)
{
	const char *end = strchrnul(text, ':');

	e->family = ENDPOINT_UNIX;
	if ((*text != '/' && *text != '@') || end == text + 1 ||
	    !cut(e->socket, sizeof(e->socket), text, end))
		return -EINVAL;
	return parse_path(*end ? end + 1 : end, e);
}

static int parse_address(const char *text, struct endpoint *e)
{
	const char *slash = strchrnul(text, '/');
	const bool is_inet6 = *text == '[';
	const char *start = text + is_inet6;
	const char *end = strpbrk(start, is_inet6 ? "]" : ":/");
	char address[INET6_ADDRSTRLEN];
	int r;

	if (!end)
		end = strchr(start, '\0');
	if (is_inet6 && *end != ']')
		return -EINVAL;
	if (!cut(address, sizeof(address), start, end))
		return -EINVAL;
	if (!is_inet6 && !strcmp(address, "localhost"))
		text_copy(address, sizeof(address), "127.0.0.1");
	e->family = is_inet6 ? ENDPOINT_INET6 : ENDPOINT_INET;
	if (inet_pton(is_inet6 ? AF_INET6 : AF_INET, address, e->address) != 1)
		return -EINVAL;
	r = parse_port(end + is_inet6, slash, e);
	return r < 0 ? r : parse_path(slash, e);
}

int endpoint_parse(const char *text, struct endpoint *ret)
{
	struct endpoint e = { 0 };
	int r;

	e.tls = !strncmp(text, "https://", strlen("https://"));
	if (!e.tls && strncmp(text, "http://", strlen("http://")) != 0)
		return -EINVAL;
	if (!is_plain(text))
		return -EINVAL;
	text += e.tls ? strlen("https://") : strlen("http://");
	r = strncmp(text, "unix:", strlen("unix:")) ? parse_address(text, &e) :
						      parse_unix(text + strlen("unix:"), &e);
	if (r < 0)
		return r;
	*ret = e;
	return 0;
}

static const char *host_text(char buf[INET6_ADDRSTRLEN + 16], const struct endpoint *e)
{
	char address[INET6_ADDRSTRLEN] = "";

	if (e->family == ENDPOINT_UNIX)
		return "localhost";
	inet_ntop(e->family == ENDPOINT_INET6 ? AF_INET6 : AF_INET, e->address, address,
		  sizeof(address));
	snprintf(buf, INET6_ADDRSTRLEN + 16, e->family == ENDPOINT_INET6 ? "[%s]:%u" : "%s:%u",
		 address, e->port);
	return buf;
}

const char *endpoint_text(char buf[ENDPOINT_TEXT_MAX], const struct endpoint *e)
{
	char host[INET6_ADDRSTRLEN + 16];
	const char *scheme = e->tls ? "https" : "http";

	if (e->family == ENDPOINT_UNIX)
		snprintf(buf, ENDPOINT_TEXT_MAX, "%s://unix:%s:%s", scheme, e->socket, e->path);
	else
		snprintf(buf, ENDPOINT_TEXT_MAX, "%s://%s%s", scheme, host_text(host, e), e->path);
	return buf;
}

const char *endpoint_url(char buf[ENDPOINT_TEXT_MAX], const struct endpoint *e)
{
	char host[INET6_ADDRSTRLEN + 16];

	snprintf(buf, ENDPOINT_TEXT_MAX, "%s://%s%s", e->tls ? "https" : "http", host_text(host, e),
		 e->path);
	return buf;
}
