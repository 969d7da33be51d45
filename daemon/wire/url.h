/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Where something is sent: http://HOST[:PORT][/PATH], or https. HOST may be a name; it is looked up by whoever connects. */
enum {
	URL_TEXT_MAX = 192, /* a line of gomemd.conf has no more */
};

struct url {
	bool tls;
	char host[URL_TEXT_MAX]; /* without the brackets of IPv6 */
	uint16_t port;
	char path[URL_TEXT_MAX]; /* with the query; begins with a slash */
};

/*
 * 0, or -EINVAL: no such URL, or one with a name and password, a fragment, or what has to be escaped in one.
 */
int url_parse(const char *text, struct url *ret);

/* localhost, 127.0.0.0/8 or ::1: what does not leave this host. */
bool url_is_local(const struct url *u);
