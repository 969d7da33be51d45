/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "host/kube_api.h"
#include "kube/api_json.h"
#include "kube/names.h"
#include "kube/quantity.h"

struct quantity {
	const char *name, *text;
	unsigned int scale;
	int r;
	int64_t v;
};

static const struct quantity quantities[] = {
	{ "a number", "128974848", 1, 0, 128974848 },
	{ "thousandths", "500m", 1000, 0, 500 },
	{ "a CPU and a half", "1.5", 1000, 0, 1500 },
	{ "binary", "128Mi", 1, 0, 128 << 20 },
	{ "a part of binary", "1.5Gi", 1, 0, 1610612736 },
	{ "decimal", "256M", 1, 0, 256000000 },
	{ "an exponent", "128e6", 1, 0, 128000000 },
	{ "an exponent with a sign", "1E+3", 1, 0, 1000 },
	{ "a negative exponent is rounded up", "1500e-3", 1, 0, 2 },
	{ "E is a suffix as well", "1E", 1, 0, INT64_C(1000000000000000000) },
	{ "what is small is rounded up", "1n", 1000, 0, 1 },
	{ "nothing", "0", 1, 0, 0 },
	{ "a point in front", ".5", 1000, 0, 500 },
	{ "more than there can be", "10E", 1, -ERANGE, 0 },
	{ "more than there can be in binary", "8Ei", 1, -ERANGE, 0 },
	{ "an endless exponent", "1e999", 1, -ERANGE, 0 },
	{ "an endless number", "99999999999999999999999999", 1, -ERANGE, 0 },
	{ "no number", "", 1, -EINVAL, 0 },
	{ "a point alone", ".", 1, -EINVAL, 0 },
	{ "two points", "1.2.3", 1, -EINVAL, 0 },
	{ "a negative one", "-1", 1, -EINVAL, 0 },
	{ "a suffix that is none", "1Kib", 1, -EINVAL, 0 },
	{ "an exponent that is none", "1ex", 1, -EINVAL, 0 },
	{ "a blank", "1 Mi", 1, -EINVAL, 0 },
};

static void test_quantity(void **state)
{
	const struct quantity *q = *state;
	int64_t v = 0;

	assert_int_equal(kube_quantity_parse(q->text, q->scale, &v), q->r);
	assert_int_equal(v, q->v);
}

static void test_names(void **state)
{
	char long_name[400];

	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	long_name[64] = '\0';
	assert_true(kube_is_label_name("a-1"));
	assert_false(kube_is_label_name("a.1"));
	assert_false(kube_is_label_name("-a"));
	assert_false(kube_is_label_name("a-"));
	assert_false(kube_is_label_name(""));
	assert_false(kube_is_label_name(long_name));
	assert_true(kube_is_subdomain("a.b-c.1"));
	assert_false(kube_is_subdomain("a..b"));
	assert_false(kube_is_subdomain("a.-b"));
	assert_false(kube_is_subdomain("a-.b"));
	assert_true(kube_is_subdomain(long_name));
	long_name[64] = 'a';
	long_name[254] = '\0';
	assert_false(kube_is_subdomain(long_name));
	assert_true(kube_is_key("app.kubernetes.io/name"));
	assert_true(kube_is_key("A_b.c"));
	assert_false(kube_is_key("/name"));
	assert_false(kube_is_key("a/"));
	assert_false(kube_is_key("a/b/c"));
	assert_false(kube_is_key("a=b"));
	assert_true(kube_is_label_value(""));
	assert_false(kube_is_label_value("a b"));
}

/* What comes of a text; NULL: nothing. */
struct told {
	size_t n;
	struct kube_record last;
};

static void tell(void *userdata, const struct kube_record *r)
{
	struct told *t = userdata;

	assert_true(kube_record_is_valid(r));
	t->n++;
	t->last = *r;
}

#define META		"\"metadata\":{\"resourceVersion\":\"7\"}"
#define NAMES		"\"name\":\"cart-1\",\"namespace\":\"shop\",\"uid\":\"ab-1\""
#define POD(meta, spec) "{\"metadata\":{" NAMES meta "},\"spec\":{" spec "}}"
#define LIST(items)	"{" META ",\"items\":[" items "]}"

struct page {
	const char *name, *text;
	int r;
	size_t n;
	uint32_t left_out; /* objects */
	uint32_t parts;	   /* of the last object */
	const char *labels, *annotations, *owner;
};

static const struct page pages[] = {
	{ "a pod", LIST(POD("", "")), 0, 1, 0, 0, "", "", "" },
	{ "no items are none", "{" META "}", 0, 0, 0, 0, NULL, NULL, NULL },
	{ "null is none", "{" META ",\"items\":null}", 0, 0, 0, 0, NULL, NULL, NULL },
	{ "labels, and gomemd's annotations",
	  LIST(POD(
		  ",\"labels\":{\"a\":\"b\",\"c/d\":\"\"},\"annotations\":{\"x/y\":\"z\",\"gomemd.io/mode\":\"off it\"}",
		  "")),
	  0, 1, 0, 0, "a=b\nc/d=\n", "gomemd.io/mode=off it\n", "" },
	{ "the controller among owners",
	  LIST(POD(
		  ",\"ownerReferences\":[{\"kind\":\"A\",\"name\":\"a\"},{\"kind\":\"Job\",\"name\":\"b\",\"controller\":true}]",
		  "")),
	  0, 1, 0, 0, "", "", "b" },
	{ "a mode that cannot be read is none of the modes",
	  LIST(POD(
		  ",\"labels\":{\"gomemd.io/mode\":\"\"},\"annotations\":{\"gomemd.io/mode\":\"enforce\\n\"}",
		  "")),
	  0, 1, 0, 0, "gomemd.io/mode=invalid\n", "gomemd.io/mode=invalid\n", "" },
	{ "nor is one of another type", LIST(POD(",\"annotations\":{\"gomemd.io/mode\":[7]}", "")),
	  0, 1, 0, 0, "", "gomemd.io/mode=invalid\n", "" },
	{ "labels of no form are left out",
	  LIST(POD(
		  ",\"labels\":{\"a\":\"b\\nc\",\"d\":7,\"e\":\"f\\u0000\",\"\\u001b\":\"g\",\"h\":\"i\"}",
		  "")),
	  0, 1, 0, 4, "h=i\n", "", "" },
	{ "containers of no form are left out",
	  LIST(POD(
		  "",
		  "\"containers\":[7,{},{\"name\":\"A\"},{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"x\",\"memory\":[]}}}]")),
	  0, 1, 0, 5, "", "", "" },
	{ "types that are wrong are nothing",
	  LIST(POD(",\"labels\":[],\"annotations\":7,\"ownerReferences\":{}", "\"containers\":{}")),
	  0, 1, 0, 0, "", "", "" },
	{ "objects without names are left out",
	  LIST("7,{},{\"metadata\":[]},{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":\"../a\",\"namespace\":\"b\",\"uid\":\"c\"}}"),
	  0, 0, 5, 0, NULL, NULL, NULL },
	{ "no version is no list", "{\"items\":[]}", -EBADMSG, 0, 0, 0, NULL, NULL, NULL },
	{ "a number is no version", "{\"metadata\":{\"resourceVersion\":7},\"items\":[]}", -EBADMSG,
	  0, 0, 0, NULL, NULL, NULL },
	{ "a version with a blank is none",
	  "{\"metadata\":{\"resourceVersion\":\"7 &\"},\"items\":[]}", -EBADMSG, 0, 0, 0, NULL,
	  NULL, NULL },
	{ "a way on that cannot be gone is no list",
	  "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"a b\"}}", -EBADMSG, 0, 0, 0,
	  NULL, NULL, NULL },
	{ "items that are no list are none", "{" META ",\"items\":{}}", -EBADMSG, 0, 0, 0, NULL,
	  NULL, NULL },
	{ "null is no list", "null", -EBADMSG, 0, 0, 0, NULL, NULL, NULL },
	{ "half a text is none", "{" META, -EBADMSG, 0, 0, 0, NULL, NULL, NULL },
	{ "nothing is none", "", -EBADMSG, 0, 0, 0, NULL, NULL, NULL },
};

struct skip {
	const char *name, *text;
	int r;
	const char *next;
};

#define NEXT "\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"n-1\"}"

static const struct skip skips[] = {
	{ "how to go on is before the object",
	  "{\"kind\":\"PodList\"," NEXT ",\"items\":[{\"a\":\"", 0, "n-1" },
	{ "a bracket in a text is none", "{\"kind\":\"[\\\"[\"," NEXT ",\"items\":[7,7", 0, "n-1" },
	{ "the last one", "{" META ",\"items\":[{", 0, "" },
	{ "without it there is no way", "{\"items\":[{", -EBADMSG, "" },
	{ "nor where it is behind the object", "{\"items\":[]," NEXT "}", -EBADMSG, "" },
	{ "no list", "{" META "}", -EBADMSG, "" },
	{ "no object", "[[[[", -EBADMSG, "" },
	{ "nothing", "", -EBADMSG, "" },
};

static void test_skip(void **state)
{
	const struct skip *s = *state;
	struct kube_page ret = { 0 };

	assert_int_equal(kube_page_skip(span_of(s->text, strlen(s->text)), KUBE_PODS, &ret), s->r);
	assert_string_equal(ret.next, s->next);
	assert_int_equal(ret.left_out, s->r == 0);
}

static void test_page(void **state)
{
	const struct page *p = *state;
	static struct told t;
	struct kube_page ret = { 0 };

	memset(&t, 0, sizeof(t));
	assert_int_equal(
		kube_page_read(span_of(p->text, strlen(p->text)), KUBE_PODS, tell, &t, &ret), p->r);
	assert_int_equal(t.n, p->n);
	assert_int_equal(ret.left_out, p->left_out);
	if (!p->n)
		return;
	assert_string_equal(ret.version, "7");
	assert_int_equal(t.last.left_out, p->parts);
	assert_string_equal(t.last.labels, p->labels);
	assert_string_equal(t.last.annotations, p->annotations);
	assert_string_equal(t.last.owner, p->owner);
}

static void test_caps(void **state)
{
	_cleanup_(freep) char *text = malloc(KUBE_PAGE_BYTES_MAX + 2);
	struct kube_page ret;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', KUBE_PAGE_BYTES_MAX + 1);
	assert_int_equal(
		kube_page_read(span_of(text, KUBE_PAGE_BYTES_MAX + 1), KUBE_PODS, tell, NULL, &ret),
		-EFBIG);
	memset(text, '[', 1000);
	assert_int_equal(kube_page_read(span_of(text, 1000), KUBE_PODS, tell, NULL, &ret), -EFBIG);
	memset(text, ',', 1024 * 1024);
	assert_int_equal(kube_page_read(span_of(text, 1024 * 1024), KUBE_PODS, tell, NULL, &ret),
			 -EFBIG);
}

static void test_labels_have_room(void **state)
{
	static char text[256 * 1024];
	static struct told t;
	struct kube_page ret = { 0 };
	size_t n = 0;

	(void)state;
	n += (size_t)snprintf(text, sizeof(text),
			      "{" META ",\"items\":[{\"metadata\":{" NAMES ",\"labels\":{");
	for (int i = 0; i < 2000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\"label-%d\":\"value-%d\",", i,
				      i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\"z\":\"z\"}}}]}");
	assert_int_equal(kube_page_read(span_of(text, n), KUBE_PODS, tell, &t, &ret), 0);
	assert_int_equal(t.n, 1);
	assert_true(t.last.left_out > 1500 && t.last.left_out < 2001);
}

struct event {
	const char *name, *text;
	int r;
	enum kube_event_type type;
	enum kube_record_kind kind;
	uint32_t code;
	const char *version;
};

#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"

static const struct event events[] = {
	{ "one that was added", EVENT("ADDED", POD(",\"resourceVersion\":\"8\"", "")), 0,
	  KUBE_EVENT_OBJECT, KUBE_RECORD_PUT, 0, "8" },
	{ "one that was changed", EVENT("MODIFIED", POD("", "")), 0, KUBE_EVENT_OBJECT,
	  KUBE_RECORD_PUT, 0, "" },
	{ "one that was deleted", EVENT("DELETED", POD("", "")), 0, KUBE_EVENT_OBJECT,
	  KUBE_RECORD_GONE, 0, "" },
	{ "a bookmark", EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"9\"}}"), 0,
	  KUBE_EVENT_BOOKMARK, 0, 0, "9" },
	{ "what is too old", EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410}"), 0,
	  KUBE_EVENT_ERROR, 0, 410, "" },
	{ "a code that is none", EVENT("ERROR", "{\"code\":-1}"), 0, KUBE_EVENT_ERROR, 0, 0, "" },
	{ "a type that is not known", EVENT("MOVED", POD("", "")), 0, KUBE_EVENT_LEFT_OUT, 0, 0,
	  "" },
	{ "an object without names", EVENT("ADDED", "{}"), 0, KUBE_EVENT_LEFT_OUT, 0, 0, "" },
	{ "no object", "{\"type\":\"ADDED\"}", -EBADMSG, 0, 0, 0, "" },
	{ "no type", "{\"object\":{}}", -EBADMSG, 0, 0, 0, "" },
	{ "a list", "[]", -EBADMSG, 0, 0, 0, "" },
};

static void test_event(void **state)
{
	const struct event *e = *state;
	static struct kube_event ret;

	assert_int_equal(kube_event_read(span_of(e->text, strlen(e->text)), KUBE_PODS, &ret), e->r);
	if (e->r < 0)
		return;
	assert_int_equal(ret.type, e->type);
	assert_int_equal(ret.code, e->code);
	assert_string_equal(ret.version, e->version);
	if (e->type == KUBE_EVENT_OBJECT)
		assert_int_equal(ret.record.kind, e->kind);
}

static void test_api(void **state)
{
	struct kube_api api;

	(void)state;
	assert_true(kube_api_parse("https://10.96.0.1:443", "node-1.example", "/a", "/b", &api));
	assert_true(kube_api_parse("https://[fd00::1]:443", "n", "/a", "/b", &api));
	assert_false(kube_api_parse("http://10.96.0.1:443", "n", "/a", "/b", &api));
	assert_false(kube_api_parse("https://kubernetes.default:443", "n", "/a", "/b", &api));
	assert_false(kube_api_parse("https://unix:/a:/", "n", "/a", "/b", &api));
	assert_false(kube_api_parse("https://10.96.0.1:443", "n&x", "/a", "/b", &api));
	assert_false(kube_api_parse("https://10.96.0.1:443", "n", "a", "/b", &api));
}

int main(void)
{
	static struct suite s;
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("names", test_names),
		SUITE_TEST("what is too much is refused before it is read", test_caps),
		SUITE_TEST("labels beyond their room are counted", test_labels_have_room),
		SUITE_TEST("a server is an address over TLS", test_api),
	};

	SUITE_TABLE(&s, test_quantity, quantities);
	SUITE_TABLE(&s, test_page, pages);
	SUITE_TABLE(&s, test_skip, skips);
	SUITE_TABLE(&s, test_event, events);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "kube_api");
}
