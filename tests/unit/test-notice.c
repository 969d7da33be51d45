/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/text.h"
#include "report/notice.h"

#define WALL UINT64_C(1700000000123456)

struct kind_case {
	const char *name;
	int32_t alert, forecast;
	uint64_t usage, nongo;
	const char *kind, *alertname, *severity;
};

static const struct kind_case kind_rows[] = {
	{ "live data that do not fit are too large", ALERT_DOES_NOT_FIT, FORECAST_GARBAGE, 100, 10,
	  "too-large", "GomemdTooLarge", "critical" },
	{ "live data that grow", ALERT_GROWTH, FORECAST_NONE, 100, 10, "growth", "GomemdGrowth",
	  "warning" },
	{ "what is not Go's grows", ALERT_NONGO, FORECAST_GROWTH, 100, 10, "non-go", "GomemdNonGo",
	  "warning" },
	{ "an emergency is what the forecast says", ALERT_EMERGENCY, FORECAST_GARBAGE, 100, 90,
	  "garbage", "GomemdGarbage", "critical" },
	{ "an emergency that grows", ALERT_EMERGENCY, FORECAST_GROWTH, 100, 10, "growth",
	  "GomemdGrowth", "critical" },
	{ "without a forecast it is what most of it is: garbage", ALERT_EMERGENCY, FORECAST_NONE,
	  100, 50, "garbage", "GomemdGarbage", "critical" },
	{ "or not Go's", ALERT_EMERGENCY, FORECAST_NONE, 100, 51, "non-go", "GomemdNonGo",
	  "critical" },
	{ "a collector that is hot", ALERT_HOT, FORECAST_NONE, 100, 10, "garbage", "GomemdGarbage",
	  "warning" },
};

static const char *text_at(json_object *o, const char *one, const char *two)
{
	json_object *inner = NULL, *v = NULL;

	if (!json_object_object_get_ex(o, one, &inner))
		return NULL;
	if (!two)
		return json_object_get_string(inner);
	return json_object_object_get_ex(inner, two, &v) ? json_object_get_string(v) : NULL;
}

static struct notice make(int32_t alert, int32_t forecast, uint64_t usage, uint64_t nongo)
{
	struct notice n = { .workload = "api.service",
			    .cgroup = "/system.slice/api.service",
			    .unit = "api.service",
			    .started_wall = WALL };
	const struct decision d = { .alert = alert,
				    .usage = usage,
				    .nongo = nongo,
				    .room = 200,
				    .limit = BYTES_UNLIMITED,
				    .recommended_limit = alert == ALERT_DOES_NOT_FIT ? 4096 : 0,
				    .forecast = { .kind = forecast,
						  .to_oom = 90 * USEC_SEC,
						  .confidence_permille = 750,
						  .go_slope_per_min = 60 } };

	notice_take_decision(&n, &d);
	return n;
}

static json_object *parse(char *text)
{
	json_object *o = text ? json_tokener_parse(text) : NULL;

	assert_non_null(o);
	free(text);
	return o;
}

static void test_kind(void **state)
{
	const struct kind_case *c = *state;
	const struct notice n = make(c->alert, c->forecast, c->usage, c->nongo);
	const struct notice *const all[] = { &n };
	json_object *hook = parse(notice_to_webhook(&n, "node1", "1-2"));
	json_object *many = parse(notice_to_alertmanager(all, 1, "node1", WALL + USEC_MIN));
	json_object *one = json_object_array_get_idx(many, 0);

	assert_string_equal(text_at(hook, "labels", "kind"), c->kind);
	assert_string_equal(text_at(hook, "labels", "alertname"), c->alertname);
	assert_string_equal(text_at(hook, "labels", "severity"), c->severity);
	assert_string_equal(text_at(one, "labels", NULL), text_at(hook, "labels", NULL));
	assert_true(strlen(text_at(hook, "action", NULL)) > 20);
	assert_string_equal(text_at(hook, "action", NULL), text_at(one, "annotations", "action"));
	assert_true(strlen(text_at(one, "annotations", "summary")) > 20);
	json_object_put(hook);
	json_object_put(many);
}

static void test_times(void **state)
{
	struct notice fires = make(ALERT_GROWTH, FORECAST_GROWTH, 100, 10), over = fires;
	const struct notice *const all[] = { &fires, &over };
	json_object *many, *o;

	(void)state;
	over.ended_wall = WALL + 2 * USEC_SEC;
	many = parse(notice_to_alertmanager(all, 2, "", WALL + USEC_MIN));
	assert_int_equal(json_object_array_length(many), 2);
	o = json_object_array_get_idx(many, 0);
	assert_string_equal(text_at(o, "startsAt", NULL), "2023-11-14T22:13:20.123456000Z");
	assert_string_equal(text_at(o, "endsAt", NULL), "2023-11-14T22:14:20.123456000Z");
	o = json_object_array_get_idx(many, 1);
	assert_string_equal(text_at(o, "endsAt", NULL), "2023-11-14T22:13:22.123456000Z");
	assert_null(text_at(o, "labels", "node")); /* an empty label is none */
	json_object_put(many);
	o = parse(notice_to_webhook(&fires, "n", "1-2"));
	assert_string_equal(text_at(o, "status", NULL), "firing");
	assert_null(text_at(o, "endsAt", NULL));
	json_object_put(o);
	o = parse(notice_to_webhook(&over, "n", "1-2"));
	assert_string_equal(text_at(o, "status", NULL), "resolved");
	assert_string_equal(text_at(o, "id", NULL), "1-2");
	json_object_put(o);
}

static void test_figures(void **state)
{
	const struct heap_cause cause = { .function = "main.(*cache).put",
					  .file = "cache\n\"\xff.go",
					  .line = 12 };
	const struct culprit culprits[] = {
		{ .impact_permille = 400 }, /* without a cause it is none */
		{ .growth = { .cause = &cause, .inuse_bytes = 5 * MIB },
		  .impact_permille = 400,
		  .suspect = true },
	};
	struct notice n = make(ALERT_DOES_NOT_FIT, FORECAST_TOO_LARGE, 100, 10);
	const struct notice *const all[] = { &n };
	json_object *hook, *many, *list = NULL;

	(void)state;
	notice_take_culprits(&n, culprits, ARRAY_SIZE(culprits));
	notice_take_culprits(&n, culprits, 1); /* another process has none: they stay */
	text_copy(n.space, sizeof(n.space), "shop");
	text_copy(n.pod, sizeof(n.pod), "cart-0");
	text_copy(n.container, sizeof(n.container), "app");
	hook = parse(notice_to_webhook(&n, "n", "1"));
	assert_string_equal(text_at(hook, "figures", "usage_bytes"), "100");
	assert_string_equal(text_at(hook, "figures", "recommended_limit_bytes"), "4096");
	assert_null(text_at(hook, "figures", "limit_bytes")); /* there is none */
	assert_string_equal(text_at(hook, "forecast", "seconds_to_oom"), "90");
	assert_string_equal(text_at(hook, "forecast", "go_bytes_per_minute"), "60");
	assert_string_equal(text_at(hook, "labels", "namespace"), "shop");
	assert_string_equal(text_at(hook, "labels", "pod"), "cart-0");
	assert_string_equal(text_at(hook, "labels", "container"), "app");
	assert_true(json_object_object_get_ex(hook, "culprits", &list));
	assert_int_equal(json_object_array_length(list), 1);
	list = json_object_array_get_idx(list, 0);
	assert_string_equal(text_at(list, "file", NULL), "cache\\x0a\"\\xff.go");
	assert_string_equal(text_at(list, "only_grows", NULL), "true");
	json_object_put(hook);
	many = parse(notice_to_alertmanager(all, 1, "n", WALL));
	assert_string_equal(
		text_at(json_object_array_get_idx(many, 0), "annotations", "culprits"),
		"cache\\x0a\"\\xff.go:12 (main.(*cache).put) holds 5.0M, which only grows");
	json_object_put(many);
}

/* All of it the worst that a tenant can name things: still a document, and within what is sent at once. */
static void test_hostile(void **state)
{
	struct notice n = make(ALERT_DOES_NOT_FIT, FORECAST_TOO_LARGE, 100, 10);
	const struct notice *const all[] = { &n };
	char *text;

	(void)state;
	memset(n.workload, '\\', sizeof(n.workload) - 1);
	memset(n.cgroup, '"', sizeof(n.cgroup) - 1);
	memset(n.summary, 0x80, sizeof(n.summary) - 1);
	n.n_culprits = NOTICE_CULPRITS_MAX;
	for (size_t i = 0; i < NOTICE_CULPRITS_MAX; i++) {
		memset(n.culprits[i].function, 0xff, sizeof(n.culprits[i].function) - 1);
		memset(n.culprits[i].file, '\n', sizeof(n.culprits[i].file) - 1);
	}
	text = notice_to_alertmanager(all, 1, "n", WALL);
	assert_true(strlen(text) < 32768);
	for (const char *c = text; *c; c++)
		assert_in_range(*c, ' ', '~');
	json_object_put(parse(text));
	text = notice_to_webhook(&n, "n", "1");
	assert_true(strlen(text) < 32768);
	json_object_put(parse(text));
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("one that fires ends by itself, one that is resolved when it was", test_times),
	SUITE_TEST("figures, forecast, culprits and the pod", test_figures),
	SUITE_TEST("a tenant's bytes make no other document", test_hostile),
};

int main(void)
{
	struct suite s = { 0 };

	SUITE_TABLE(&s, test_kind, kind_rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "notice");
}
