/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/text.h"
#include "report/event.h"

#define WALL UINT64_C(1700000000123456)
#define UID  "11111111-2222-3333-4444-555555555555"

static struct notice make(int32_t alert, int32_t forecast)
{
	struct notice n = { .workload = "shop/cart-0/api",
			    .space = "shop",
			    .pod = "cart-0",
			    .container = "api",
			    .pod_uid = UID,
			    .live = 5 * MIB,
			    .started_wall = WALL };
	const struct decision d = { .alert = alert,
				    .usage = 100 * MIB,
				    .nongo = 10 * MIB,
				    .room = 200 * MIB,
				    .limit = 200 * MIB,
				    .recommended_limit = 400 * MIB,
				    .forecast = { .kind = forecast,
						  .to_oom = 90 * USEC_SEC,
						  .confidence_permille = 750 } };

	notice_take_decision(&n, &d);
	return n;
}

/* A request as it was made, and what it says. */
struct asked {
	bool create;
	char path[EVENT_PATH_MAX];
	json_object *o;
};

static void asked_done(struct asked *a)
{
	json_object_put(a->o);
}

static struct asked ask(struct event_log *l, const struct notice *n, usec_t wall,
			struct event_series **ret)
{
	struct event_request r;
	struct asked a = { 0 };

	*ret = event_log_find(l, n);
	assert_non_null(*ret);
	assert_int_equal(event_request(*ret, n, "node-1", wall, &r), 0);
	a.create = r.create;
	text_copy(a.path, sizeof(a.path), r.path);
	a.o = json_tokener_parse(r.body);
	assert_non_null(a.o);
	free(r.body);
	return a;
}

/* Of the member @one, or of @two in it. */
static const char *text_at(json_object *o, const char *one, const char *two)
{
	json_object *v = NULL;

	if (!json_object_object_get_ex(o, one, &v) ||
	    (two && !json_object_object_get_ex(v, two, &v)))
		return "-";
	return json_object_get_string(v);
}

static struct event_log *log_new(uint64_t seed)
{
	struct event_log *l = NULL;

	assert_int_equal(event_log_new(seed, &l), 0);
	return l;
}

static const struct reason {
	const char *name;
	int32_t alert, forecast;
	bool over;
	const char *reason, *type;
} reasons[] = {
	{ "an emergency is what the forecast says", ALERT_EMERGENCY, FORECAST_GARBAGE, false,
	  "GomemdGarbage", "Warning" },
	{ "live data that grow", ALERT_GROWTH, FORECAST_GROWTH, false, "GomemdGrowth", "Warning" },
	{ "what is not Go's", ALERT_NONGO, FORECAST_NONGO, false, "GomemdNonGo", "Warning" },
	{ "what does not fit", ALERT_DOES_NOT_FIT, FORECAST_NONE, false, "GomemdTooLarge",
	  "Warning" },
	{ "what is over is normal", ALERT_GROWTH, FORECAST_GROWTH, true, "GomemdGrowthResolved",
	  "Normal" },
};

static void test_reason(void **state)
{
	const struct reason *r = *state;
	_cleanup_(event_log_freep) struct event_log *l = log_new(1);
	struct notice n = make(r->alert, r->forecast);
	_cleanup_(asked_done) struct asked a = { 0 };
	struct event_series *s;

	n.ended_wall = r->over ? WALL + 72 * USEC_SEC : 0;
	a = ask(l, &n, WALL, &s);
	assert_string_equal(text_at(a.o, "reason", NULL), r->reason);
	assert_string_equal(text_at(a.o, "type", NULL), r->type);
	assert_int_equal(
		strncmp(text_at(a.o, "message", NULL), "Over after 72 s. It was: shop/", 30) == 0,
		r->over);
}

static void test_document(void **state)
{
	_cleanup_(event_log_freep) struct event_log *l = log_new(1);
	struct notice n = make(ALERT_GROWTH, FORECAST_GROWTH);
	_cleanup_(asked_done) struct asked a = { 0 };
	struct event_series *s;
	const char *message;

	(void)state;
	n.n_culprits = 1;
	n.culprits[0] = (struct notice_culprit){ .function = "main.(*cache).put",
						 .file = "cache\n\"\xff.go",
						 .line = 12,
						 .inuse_bytes = 5 * MIB,
						 .suspect = true };
	a = ask(l, &n, WALL, &s);
	assert_true(a.create);
	assert_string_equal(a.path, "/api/v1/namespaces/shop/events");
	assert_string_equal(text_at(a.o, "kind", NULL), "Event");
	assert_string_equal(text_at(a.o, "apiVersion", NULL), "v1");
	assert_string_equal(text_at(a.o, "metadata", "namespace"), "shop");
	assert_int_equal(strncmp(text_at(a.o, "metadata", "name"), "cart-0.", 7), 0);
	assert_int_equal(strlen(text_at(a.o, "metadata", "name")), 7 + 16);
	assert_string_equal(text_at(a.o, "involvedObject", "kind"), "Pod");
	assert_string_equal(text_at(a.o, "involvedObject", "namespace"), "shop");
	assert_string_equal(text_at(a.o, "involvedObject", "name"), "cart-0");
	assert_string_equal(text_at(a.o, "involvedObject", "uid"), UID);
	assert_string_equal(text_at(a.o, "involvedObject", "fieldPath"), "spec.containers{api}");
	assert_string_equal(text_at(a.o, "source", "component"), "gomemd");
	assert_string_equal(text_at(a.o, "source", "host"), "node-1");
	assert_string_equal(text_at(a.o, "reportingComponent", NULL), "gomemd");
	assert_string_equal(text_at(a.o, "reportingInstance", NULL), "node-1");
	assert_string_equal(text_at(a.o, "count", NULL), "1");
	assert_string_equal(text_at(a.o, "firstTimestamp", NULL), "2023-11-14T22:13:20Z");
	assert_string_equal(text_at(a.o, "lastTimestamp", NULL), "2023-11-14T22:13:20Z");
	message = text_at(a.o, "message", NULL);
	assert_non_null(strstr(message, "its live data grows"));
	assert_non_null(
		strstr(message, "Uses 100.0M of 200.0M: 5.0M live in Go heaps, 10.0M not Go's"));
	assert_non_null(strstr(message, "in about 90 s (75 % sure)"));
	assert_non_null(strstr(message,
			       "Culprit: cache\\x0a\"\\xff.go:12 (main.(*cache).put) holds 5.0M, "
			       "which only grows"));
	assert_non_null(strstr(message, alert_action(n.kind, n.recommended_limit)));
}

/* As long as it fires, and when it fires again, it is one event, with the figures of then. */
static void test_again(void **state)
{
	_cleanup_(event_log_freep) struct event_log *l = log_new(1);
	struct notice n = make(ALERT_GROWTH, FORECAST_GROWTH);
	struct event_series *s;
	struct asked a = ask(l, &n, WALL, &s);
	char name[256], path[EVENT_PATH_MAX];

	(void)state;
	text_copy(name, sizeof(name), text_at(a.o, "metadata", "name"));
	snprintf(path, sizeof(path), "/api/v1/namespaces/shop/events/%s", name);
	assert_int_equal(event_answered(s, &n, a.create, 201), NOTIFY_SENT);
	asked_done(&a);

	n.usage = 150 * MIB;
	a = ask(l, &n, WALL + 600 * USEC_SEC, &s);
	assert_false(a.create);
	assert_string_equal(a.path, path);
	assert_string_equal(text_at(a.o, "count", NULL), "2");
	assert_string_equal(text_at(a.o, "lastTimestamp", NULL), "2023-11-14T22:23:20Z");
	assert_non_null(strstr(text_at(a.o, "message", NULL), "Uses 150.0M of 200.0M"));
	assert_int_equal(json_object_object_length(a.o), 3);
	/* An answer that was lost does not count. */
	assert_int_equal(event_answered(s, &n, a.create, 500), NOTIFY_FAILED);
	asked_done(&a);
	a = ask(l, &n, WALL + 600 * USEC_SEC, &s);
	assert_string_equal(text_at(a.o, "count", NULL), "2");
	assert_int_equal(event_answered(s, &n, a.create, 200), NOTIFY_SENT);
	asked_done(&a);

	/* It fires anew: that is when it began again, however long it waited. */
	n.started_wall = WALL + 900 * USEC_SEC;
	a = ask(l, &n, WALL + 960 * USEC_SEC, &s);
	assert_string_equal(a.path, path);
	assert_string_equal(text_at(a.o, "count", NULL), "3");
	assert_string_equal(text_at(a.o, "lastTimestamp", NULL), "2023-11-14T22:28:20Z");
	/* The server has forgotten it: the same one is made anew, and began when it did. */
	assert_int_equal(event_answered(s, &n, a.create, 404), NOTIFY_FAILED);
	asked_done(&a);
	a = ask(l, &n, WALL + 960 * USEC_SEC, &s);
	assert_true(a.create);
	assert_string_equal(text_at(a.o, "metadata", "name"), name);
	assert_string_equal(text_at(a.o, "firstTimestamp", NULL), "2023-11-14T22:13:20Z");
	assert_string_equal(text_at(a.o, "count", NULL), "3");
	asked_done(&a);
}

/* Its end, another alert, container or pod are events of their own; so are those of another daemon. */
static void test_others(void **state)
{
	_cleanup_(event_log_freep) struct event_log *l = log_new(1), *later = log_new(2);
	const struct notice n = make(ALERT_GROWTH, FORECAST_GROWTH);
	struct notice others[] = { n, n, n, n };
	struct event_series *s = event_log_find(l, &n);
	struct event_series *again;
	struct asked a, b;

	(void)state;
	others[0].ended_wall = WALL + 1;
	others[1].alert = ALERT_EMERGENCY;
	text_copy(others[2].container, sizeof(others[2].container), "side");
	text_copy(others[3].pod_uid, sizeof(others[3].pod_uid), "ab-2");
	assert_int_equal(event_answered(s, &n, true, 201), NOTIFY_SENT);
	a = ask(l, &n, WALL, &again);
	assert_ptr_equal(s, again);
	asked_done(&a);
	a = ask(later, &n, WALL, &s);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		b = ask(l, &others[i], WALL, &s);
		assert_true(b.create);
		assert_string_not_equal(text_at(a.o, "metadata", "name"),
					text_at(b.o, "metadata", "name"));
		asked_done(&b);
	}
	asked_done(&a);
}

static const struct answer {
	const char *name;
	bool create;
	uint32_t status;
	enum notify_result want;
} answers[] = {
	{ "made", true, 201, NOTIFY_SENT },
	{ "changed", false, 200, NOTIFY_SENT },
	{ "it is there: an answer was lost", true, 409, NOTIFY_SENT },
	{ "two changes at once", false, 409, NOTIFY_FAILED },
	{ "the event is gone", false, 404, NOTIFY_FAILED },
	{ "the namespace is gone", true, 404, NOTIFY_REJECTED },
	{ "forbidden: not waited for by all others", true, 403, NOTIFY_REJECTED },
	{ "not understood", true, 422, NOTIFY_REJECTED },
	{ "a token that is too old", true, 401, NOTIFY_FAILED },
	{ "too many at once", true, 429, NOTIFY_FAILED },
	{ "a server that is ill", false, 500, NOTIFY_FAILED },
	{ "a redirect", true, 307, NOTIFY_FAILED },
};

static void test_answer(void **state)
{
	const struct answer *c = *state;
	_cleanup_(event_log_freep) struct event_log *l = log_new(1);
	const struct notice n = make(ALERT_GROWTH, FORECAST_GROWTH);
	struct event_series *s = event_log_find(l, &n);

	if (!c->create)
		assert_int_equal(event_answered(s, &n, true, 201), NOTIFY_SENT);
	assert_int_equal(event_answered(s, &n, c->create, c->status), c->want);
}

/* All of it the worst that a tenant can name things: printable, within what the server takes, and with what to do. */
static void test_hostile(void **state)
{
	_cleanup_(event_log_freep) struct event_log *l = log_new(1);
	struct notice n = make(ALERT_GROWTH, FORECAST_GROWTH);
	_cleanup_(asked_done) struct asked a = { 0 };
	struct event_series *s;
	const char *message, *name;

	(void)state;
	memset(n.summary, 0x80, sizeof(n.summary) - 1);
	memset(n.pod, 'a', sizeof(n.pod) - 1);
	memset(n.pod + 200, '.', 53);
	memset(n.container, '}', sizeof(n.container) - 1);
	n.n_culprits = 1;
	memset(n.culprits[0].function, 0xff, sizeof(n.culprits[0].function) - 1);
	memset(n.culprits[0].file, '\n', sizeof(n.culprits[0].file) - 1);
	a = ask(l, &n, WALL, &s);
	message = text_at(a.o, "message", NULL);
	assert_in_range(strlen(message), 700, EVENT_MESSAGE_MAX);
	for (const char *c = message; *c; c++)
		assert_in_range(*c, ' ', '~');
	assert_non_null(strstr(message, alert_action(n.kind, n.recommended_limit)));
	assert_non_null(strstr(message, "Uses 100.0M"));
	assert_non_null(strstr(message, "Culprit: "));
	name = text_at(a.o, "metadata", "name");
	assert_int_equal(strlen(name), 200 + 1 + 16);
	assert_null(strstr(name, ".."));
	assert_string_equal(text_at(a.o, "involvedObject", "fieldPath"), "-");
}

static const struct pod {
	const char *name, *space, *pod, *uid;
	bool is;
} pods[] = {
	{ "a pod", "shop", "cart-0", UID, true },
	{ "a static pod, whose uid is a hash", "kube-system", "etcd-node-1.example",
	  "d41d8cd98f00b204e9800998ecf8427e", true },
	{ "a uid that is not known", "shop", "cart-0", "", false },
	{ "a name that is not known", "", "", UID, false },
	{ "a way out of the namespace", "shop/../x", "cart-0", UID, false },
	{ "a namespace of two parts", "a.b", "cart-0", UID, false },
	{ "a query in a name", "shop", "cart-0?dryRun=All", UID, false },
	{ "a uid with a line break", "shop", "cart-0", "ab\n", false },
};

static void test_pod(void **state)
{
	const struct pod *p = *state;
	struct notice n = { 0 };

	text_copy(n.space, sizeof(n.space), p->space);
	text_copy(n.pod, sizeof(n.pod), p->pod);
	text_copy(n.pod_uid, sizeof(n.pod_uid), p->uid);
	assert_int_equal(notice_is_of_pod(&n), p->is);
}

/* However many pods there were, and the one that is told of again and again stays. */
static void test_cap(void **state)
{
	_cleanup_(event_log_freep) struct event_log *l = log_new(1);
	const struct notice kept = make(ALERT_GROWTH, FORECAST_GROWTH);
	struct notice n = kept;
	struct asked a;
	struct event_series *s = event_log_find(l, &kept);

	(void)state;
	assert_int_equal(event_answered(s, &kept, true, 201), NOTIFY_SENT);
	for (unsigned int i = 0; i < 3 * EVENT_SERIES_MAX; i++) {
		snprintf(n.pod_uid, sizeof(n.pod_uid), "%u", i);
		s = event_log_find(l, &n);
		assert_int_equal(event_answered(s, &n, true, 201), NOTIFY_SENT);
		assert_non_null(event_log_find(l, &kept));
	}
	a = ask(l, &kept, WALL, &s);
	assert_false(a.create);
	asked_done(&a);
	text_copy(n.pod_uid, sizeof(n.pod_uid), "0");
	a = ask(l, &n, WALL, &s);
	assert_true(a.create);
	asked_done(&a);
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("an event is one on the container of the pod", test_document),
	SUITE_TEST("told again it is the same one, counted", test_again),
	SUITE_TEST("what is another is another event", test_others),
	SUITE_TEST("a tenant's bytes stay within the message", test_hostile),
	SUITE_TEST("the log has a cap, and forgets what was told longest ago", test_cap),
};

int main(void)
{
	struct suite s = { 0 };

	SUITE_TABLE(&s, test_reason, reasons);
	SUITE_TABLE(&s, test_answer, answers);
	SUITE_TABLE(&s, test_pod, pods);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "event");
}
