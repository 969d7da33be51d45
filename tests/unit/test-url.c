/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>

#include "wire/url.h"

struct url_case {
	const char *name, *text;
	int result;
	const char *host;
	uint16_t port;
	const char *path;
	bool tls, local;
};

static const struct url_case urls[] = {
	{ "an address and a port", "http://127.0.0.1:9093", 0, "127.0.0.1", 9093, "/", false,
	  true },
	{ "http has port 80", "http://h", 0, "h", 80, "/", false, false },
	{ "https has port 443", "https://hooks.example.com/a/b?c=d", 0, "hooks.example.com", 443,
	  "/a/b?c=d", true, false },
	{ "IPv6 in brackets", "http://[::1]:1/", 0, "::1", 1, "/", false, true },
	{ "IPv6 without a port", "http://[2001:db8::1]", 0, "2001:db8::1", 80, "/", false, false },
	{ "localhost is this host", "http://localhost:65535", 0, "localhost", 65535, "/", false,
	  true },
	{ "a name that begins like it is not", "http://127.0.0.1.example.com", 0,
	  "127.0.0.1.example.com", 80, "/", false, false },
	{ "no scheme", "127.0.0.1:9093", -EINVAL, NULL, 0, NULL, false, false },
	{ "another scheme", "file:///etc/passwd", -EINVAL, NULL, 0, NULL, false, false },
	{ "no host", "http://", -EINVAL, NULL, 0, NULL, false, false },
	{ "no host but a port", "http://:80", -EINVAL, NULL, 0, NULL, false, false },
	{ "a name and a password", "http://a:b@h", -EINVAL, NULL, 0, NULL, false, false },
	{ "a name alone", "http://a@h", -EINVAL, NULL, 0, NULL, false, false },
	{ "a query without a path", "http://h?a", -EINVAL, NULL, 0, NULL, false, false },
	{ "a fragment", "http://h/#a", -EINVAL, NULL, 0, NULL, false, false },
	{ "a blank", "http://h/a b", -EINVAL, NULL, 0, NULL, false, false },
	{ "a line break", "http://h/\r\nX: y", -EINVAL, NULL, 0, NULL, false, false },
	{ "port 0", "http://h:0", -EINVAL, NULL, 0, NULL, false, false },
	{ "a port of 17 bits", "http://h:65536", -EINVAL, NULL, 0, NULL, false, false },
	{ "a colon without a port", "http://h:", -EINVAL, NULL, 0, NULL, false, false },
	{ "a bracket that stays open", "http://[::1", -EINVAL, NULL, 0, NULL, false, false },
	{ "what is no IPv6 in brackets", "http://[h]", -EINVAL, NULL, 0, NULL, false, false },
	{ "text behind the bracket", "http://[::1]x", -EINVAL, NULL, 0, NULL, false, false },
};

static void test_url(void **state)
{
	const struct url_case *c = *state;
	struct url u = { 0 };

	assert_int_equal(url_parse(c->text, &u), c->result);
	if (c->result < 0)
		return;
	assert_string_equal(u.host, c->host);
	assert_int_equal(u.port, c->port);
	assert_string_equal(u.path, c->path);
	assert_int_equal(u.tls, c->tls);
	assert_int_equal(url_is_local(&u), c->local);
}

int main(void)
{
	struct suite s = { 0 };

	SUITE_TABLE(&s, test_url, urls);
	return suite_run(&s, "url");
}
