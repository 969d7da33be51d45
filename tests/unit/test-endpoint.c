/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fixture/suite.h"
#include "wire/endpoint.h"

static const struct row {
	const char *name, *text;
	const char *want; /* NULL: none */
	const char *url;  /* NULL: the same */
} rows[] = {
	{ "an address of IPv4", "http://127.0.0.1:6060/debug/vars",
	  "http://127.0.0.1:6060/debug/vars", NULL },
	{ "an address of IPv6", "https://[::1]:8443/metrics", "https://[::1]:8443/metrics", NULL },
	{ "localhost is 127.0.0.1", "http://localhost:6060/metrics",
	  "http://127.0.0.1:6060/metrics", NULL },
	{ "a missing port is the scheme's", "https://10.0.0.1/metrics",
	  "https://10.0.0.1:443/metrics", NULL },
	{ "a missing path is the root", "http://10.0.0.1", "http://10.0.0.1:80/", NULL },
	{ "a query stays", "http://10.0.0.1:1/a?b=c&d=e", "http://10.0.0.1:1/a?b=c&d=e", NULL },
	{ "a unix socket", "http://unix:/run/a.sock:/debug/vars",
	  "http://unix:/run/a.sock:/debug/vars", "http://localhost/debug/vars" },
	{ "a unix socket without a path", "http://unix:/run/a.sock", "http://unix:/run/a.sock:/",
	  "http://localhost/" },
	{ "an abstract socket, over TLS", "https://unix:@a:/metrics", "https://unix:@a:/metrics",
	  "https://localhost/metrics" },
	{ "a name is none", "http://example.org:80/", NULL, NULL },
	{ "a name that begins as an address is none", "http://127.0.0.1.example.org/", NULL, NULL },
	{ "a user is none", "http://a@127.0.0.1/", NULL, NULL },
	{ "another scheme is none", "file:///etc/shadow", NULL, NULL },
	{ "no scheme is none", "127.0.0.1:6060", NULL, NULL },
	{ "a port over 65535 is none", "http://127.0.0.1:65536/", NULL, NULL },
	{ "port 0 is none", "http://127.0.0.1:0/", NULL, NULL },
	{ "an empty port is none", "http://127.0.0.1:/", NULL, NULL },
	{ "a bracket that does not end is none", "http://[::1:80/", NULL, NULL },
	{ "something behind the bracket is none", "http://[::1]x/", NULL, NULL },
	{ "IPv6 without brackets is none", "http://::1/", NULL, NULL },
	{ "a short form of IPv4 is none", "http://127.1/", NULL, NULL },
	{ "a line's end is none", "http://127.0.0.1/a\r\nHost: b", NULL, NULL },
	{ "a blank is none", "http://127.0.0.1/a b", NULL, NULL },
	{ "a fragment is none", "http://127.0.0.1/#a", NULL, NULL },
	{ "a relative socket is none", "http://unix:a.sock:/", NULL, NULL },
	{ "a socket without a name is none", "http://unix:@:/", NULL, NULL },
	{ "a relative path of a socket is none", "http://unix:/a.sock:b", NULL, NULL },
	{ "too long a socket is none",
	  "http://unix:/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890:/",
	  NULL, NULL },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct endpoint e = { 0 }, again = { 0 };
	char buf[ENDPOINT_TEXT_MAX];

	assert_int_equal(endpoint_parse(row->text, &e), row->want ? 0 : -EINVAL);
	if (!row->want)
		return;
	assert_string_equal(endpoint_text(buf, &e), row->want);
	assert_int_equal(endpoint_parse(buf, &again), 0);
	assert_memory_equal(&again, &e, sizeof(e));
	assert_string_equal(endpoint_url(buf, &e), row->url ? row->url : row->want);
}

int main(void)
{
	struct suite s = { .n = 0 };

	SUITE_TABLE(&s, test_row, rows);
	return suite_run(&s, "endpoint");
}
