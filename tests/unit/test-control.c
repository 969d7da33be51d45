/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "wire/control.h"

struct request_case {
	const char *name, *text;
	int r;
	struct control_request req;
};

static const struct request_case requests[] = {
	{ "status", "{\"verb\": \"status\"}", 0, { .verb = CONTROL_STATUS } },
	{ "a newline behind it is white space",
	  "{\"verb\":\"resume\"}\n",
	  0,
	  { .verb = CONTROL_RESUME } },
	{ "set with all that there is",
	  "{\"verb\":\"set\",\"workload\":\"/a\",\"gogc\":-1,\"memory_limit_bytes\":1048576,"
	  "\"for_usec\":60000000,\"force\":true,\"dry_run\":true}",
	  0,
	  { .verb = CONTROL_SET,
	    .workload = "/a",
	    .has_gogc = true,
	    .gogc = -1,
	    .has_memory_limit = true,
	    .memory_limit_bytes = 1048576,
	    .for_usec = 60000000,
	    .force = true,
	    .dry_run = true } },
	{ "an escaped name is unescaped",
	  "{\"verb\":\"release\",\"workload\":\"/a\\\"\\n\\u00e9\"}",
	  0,
	  { .verb = CONTROL_RELEASE, .workload = "/a\"\n\xc3\xa9" } },
	{ "no verb is refused", "{\"workload\":\"/a\"}", -EINVAL, { 0 } },
	{ "an unknown verb is refused", "{\"verb\":\"explode\"}", -EINVAL, { 0 } },
	{ "a verb that is no string is refused", "{\"verb\":1}", -EINVAL, { 0 } },
	{ "an unknown member is refused", "{\"verb\":\"status\",\"x\":1}", -EINVAL, { 0 } },
	{ "a number as text is refused", "{\"verb\":\"set\",\"gogc\":\"50\"}", -EINVAL, { 0 } },
	{ "a number with a point is refused", "{\"verb\":\"set\",\"gogc\":50.5}", -EINVAL, { 0 } },
	{ "null is refused", "{\"verb\":\"set\",\"gogc\":null}", -EINVAL, { 0 } },
	{ "a negative duration is refused", "{\"verb\":\"set\",\"for_usec\":-1}", -EINVAL, { 0 } },
	{ "a switch that is a number is refused",
	  "{\"verb\":\"set\",\"force\":1}",
	  -EINVAL,
	  { 0 } },
	{ "a name with a byte of 0 is refused",
	  "{\"verb\":\"release\",\"workload\":\"/a\\u0000b\"}",
	  -EINVAL,
	  { 0 } },
	{ "a list is refused", "[\"status\"]", -EINVAL, { 0 } },
	{ "a string is refused", "\"status\"", -EINVAL, { 0 } },
	{ "an object that does not end is refused", "{\"verb\":\"status\"", -EINVAL, { 0 } },
	{ "more behind the object is refused", "{\"verb\":\"status\"}{}", -EINVAL, { 0 } },
	{ "single quotes are refused", "{'verb':'status'}", -EINVAL, { 0 } },
	{ "broken UTF-8 is refused",
	  "{\"verb\":\"release\",\"workload\":\"\xff\"}",
	  -EINVAL,
	  { 0 } },
	{ "nothing is refused", "", -EINVAL, { 0 } },
};

static void assert_same(const struct control_request *a, const struct control_request *b)
{
	assert_int_equal(a->verb, b->verb);
	assert_string_equal(a->workload, b->workload);
	assert_int_equal(a->has_gogc, b->has_gogc);
	assert_int_equal(a->gogc, b->gogc);
	assert_int_equal(a->has_memory_limit, b->has_memory_limit);
	assert_int_equal(a->memory_limit_bytes, b->memory_limit_bytes);
	assert_int_equal(a->for_usec, b->for_usec);
	assert_int_equal(a->force, b->force);
	assert_int_equal(a->dry_run, b->dry_run);
}

static void test_request(void **state)
{
	const struct request_case *c = *state;
	struct control_request req = { .gogc = 77 }, back;
	_cleanup_(freep) char *text = NULL;
	const char *why = NULL;

	assert_int_equal(control_parse(c->text, strlen(c->text), &req, &why), c->r);
	if (c->r < 0) {
		assert_int_equal(req.gogc, 77);
		assert_true(why && *why);
		return;
	}
	assert_same(&req, &c->req);
	text = control_format(&req);
	assert_non_null(text);
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	assert_int_equal(control_parse(text, strlen(text), &back, &why), 0);
	assert_same(&req, &back);
}

static void test_size(void **state)
{
	static char text[CONTROL_REQUEST_MAX + 2];
	struct control_request req;
	const char *why;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"verb\":\"status\"}", 17);
	assert_int_equal(control_parse(text, CONTROL_REQUEST_MAX, &req, &why), 0);
	assert_int_equal(control_parse(text, CONTROL_REQUEST_MAX + 1, &req, &why), -EINVAL);
}

static void test_long_name(void **state)
{
	struct control_request req;
	const char *why = NULL;
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "{\"verb\":\"release\",\"workload\":\"%0511d\"}", 0);
	assert_int_equal(control_parse(text, strlen(text), &req, &why), 0);
	assert_int_equal(strlen(req.workload), 511);
	snprintf(text, sizeof(text), "{\"verb\":\"release\",\"workload\":\"%0512d\"}", 0);
	assert_int_equal(control_parse(text, strlen(text), &req, &why), -EINVAL);
	assert_string_equal(why, "workload: a string of at most 511 bytes");
}

static void test_depth(void **state)
{
	char text[2048] = "{\"verb\":";
	struct control_request req;
	const char *why;
	size_t n = strlen(text);

	(void)state;
	memset(text + n, '[', 900);
	memset(text + n + 900, ']', 900);
	text[n + 1800] = '}';
	assert_int_equal(control_parse(text, n + 1801, &req, &why), -EINVAL);
}

static void test_writes(void **state)
{
	(void)state;
	for (int v = 0; v < CONTROL_VERB_MAX_; v++)
		assert_int_equal(control_verb_writes((enum control_verb)v),
				 v == CONTROL_SET || v == CONTROL_RELEASE ||
					 v == CONTROL_STOP_WRITES || v == CONTROL_RESUME);
	assert_string_equal(control_verb_name(CONTROL_VERB_MAX_), "unknown");
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a request has at most 16 KiB", test_size),
	SUITE_TEST("a name has at most 511 bytes", test_long_name),
	SUITE_TEST("nesting is capped", test_depth),
	SUITE_TEST("four verbs change something", test_writes),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_request, requests);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "control");
}
