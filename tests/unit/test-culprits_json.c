/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <string.h>

#include "sense/culprits_json.h"

#define UNKNOWN (-1)

static const char *text_of(json_object *o, const char *key)
{
	json_object *v = NULL;

	assert_true(json_object_object_get_ex(o, key, &v));
	return json_object_get_string(v);
}

static void test_json(void **state)
{
	struct heap_cause cause = { .function = "main.\x1b[1mf",
				    .file = "a.go",
				    .line = 3,
				    .site_function = "bytes.growSlice",
				    .site_file = "buffer.go",
				    .site_line = 9,
				    .type = "",
				    .alloc_class = ALLOC_SLICE_MADE,
				    .class = CLASS_SENT,
				    .site_class = CLASS_RUNTIME,
				    .told_by = TOLD_BY_REPORT,
				    .site_expression = "",
				    .site_reason = "",
				    .expression = "&x",
				    .reason = "",
				    .step = "ch <- x",
				    .step_file = "a.go",
				    .step_line = 4 };
	struct culprit c = { .growth.cause = &cause, .lifetime_millicycles = UNKNOWN };
	json_object *o = culprit_json(&c), *v;

	(void)state;
	/* What a tenant calls its functions does nothing to a terminal. */
	assert_null(strchr(text_of(o, "function"), '\x1b'));
	assert_string_equal(text_of(o, "kind"), "heap");
	assert_string_equal(text_of(o, "class"), "3a");
	assert_string_equal(text_of(o, "class_from"), "report");
	assert_string_equal(text_of(o, "call"), "slice-made");
	assert_string_equal(text_of(o, "advice"), escape_class_advice(CLASS_SENT));
	assert_null(text_of(o, "type"));
	assert_null(text_of(o, "lifetime_cycles"));
	assert_true(json_object_object_get_ex(o, "site", &v));
	assert_string_equal(text_of(v, "class"), "0");
	assert_string_equal(text_of(v, "class_from"), "runtime");
	assert_true(json_object_object_get_ex(o, "decided_by", &v));
	assert_string_equal(text_of(v, "expression"), "ch <- x");
	assert_string_equal(text_of(v, "line"), "4");
	json_object_put(o);
	c.suspect = true;
	o = culprit_json(&c);
	assert_string_not_equal(text_of(o, "advice"), escape_class_advice(CLASS_SENT));
	json_object_put(o);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(culprit_kind_name(CULPRIT_GOROUTINES), "goroutines");
	assert_string_equal(culprit_kind_name(CULPRIT_KIND_MAX_), "?");
	assert_string_equal(culprit_impact_name(IMPACT_ALLOCATED), "allocated");
	assert_string_equal(culprit_impact_name(IMPACT_MAX_), "?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("all that is known is told, and escaped", test_json),
		SUITE_TEST("each kind and impact has a name", test_names),
	};
	static struct suite s;

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "culprits_json");
}
