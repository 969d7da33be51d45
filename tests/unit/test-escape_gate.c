/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/util.h"
#include "escape/ci.h"

#define SITE(p, f, t, c, k)                                                                        \
	{                                                                                          \
		.package = (p), .function = (f), .text = (t), .class = (c), .kind = (k),           \
		.file = "dir/a.go", .line = 3, .column = 2                                         \
	}

static struct escape_baseline *baseline_of(const struct escape_site *sites, size_t n)
{
	struct escape_baseline *b;
	char buf[BASELINE_FUNCTION_MAX];

	assert_int_equal(escape_baseline_new(&b), 0);
	for (size_t i = 0; i < n; i++) {
		const struct escape_key key = escape_key_of(&sites[i], buf);

		assert_int_equal(escape_baseline_add(b, &key, 1), 0);
	}
	return b;
}

static char *written(struct escape_baseline *b)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(escape_baseline_write(b, f), 0);
	fclose(f);
	return text;
}

static const struct escape_site some[] = {
	SITE("q", "F", "x", CLASS_SENT, ESCAPE_VARIABLE),
	SITE("p", "G", "&T{...}", CLASS_RETURNED, ESCAPE_VALUE),
	SITE("p", "G", "&T{...}", CLASS_RETURNED, ESCAPE_VALUE),
	SITE("p", "", "a b", CLASS_UNEXPLAINED, ESCAPE_VALUE),
	SITE("p", "G", "p", CLASS_LEAK, ESCAPE_CONTENT),
};

static void test_written(void **state)
{
	_cleanup_(escape_baseline_freep) struct escape_baseline *b =
		baseline_of(some, ARRAY_SIZE(some));
	const struct escape_make make = { .go_version = "1.24", .detailed = true };
	_cleanup_(freep) char *text = NULL;

	(void)state;
	escape_baseline_set_make(b, &make);
	text = written(b);
	assert_string_equal(text, "# gomemd escape baseline 1\n# go 1.24\n# made_with_l no\n"
				  "# explained yes\n"
				  "p\t(a.go)\tunexplained\tvalue\t1\ta b\n"
				  "p\tG\t2a\tvalue\t2\t&T{...}\n"
				  "p\tG\tleak\tleak-content\t1\tp\n"
				  "q\tF\t3a\tvariable\t1\tx\n");
}

static void test_read_again(void **state)
{
	_cleanup_(escape_baseline_freep) struct escape_baseline *b =
		baseline_of(some, ARRAY_SIZE(some));
	_cleanup_(escape_baseline_freep) struct escape_baseline *again = NULL;
	_cleanup_(freep) char *text = written(b), *second = NULL;
	const char *why;
	uint64_t line;

	(void)state;
	assert_int_equal(escape_baseline_read(span_of(text, strlen(text)), &again, &line, &why), 0);
	second = written(again);
	assert_string_equal(text, second);
}

struct broken_case {
	const char *name, *text;
	uint64_t line;
};

#define HEAD "# gomemd escape baseline 1\n"

static const struct broken_case broken[] = {
	{ "nothing is no baseline", "", 1 },
	{ "a later format is refused", "# gomemd escape baseline 2\n", 1 },
	{ "five fields are refused", HEAD "p\tF\t2a\tvalue\t1\n", 2 },
	{ "an unknown class is refused", HEAD "# a comment\n\np\tF\t9z\tvalue\t1\tx\n", 4 },
	{ "an unknown kind is refused", HEAD "p\tF\t2a\tthing\t1\tx\n", 2 },
	{ "a count that is no number is refused", HEAD "p\tF\t2a\tvalue\tmany\tx\n", 2 },
	{ "none is no count", HEAD "p\tF\t2a\tvalue\t0\tx\n", 2 },
	{ "made_with_l is yes or no", HEAD "# made_with_l perhaps\n", 2 },
};

static void test_broken(void **state)
{
	const struct broken_case *c = *state;
	struct escape_baseline *b = NULL;
	const char *why = NULL;
	uint64_t line = 0;

	assert_int_equal(escape_baseline_read(span_of(c->text, strlen(c->text)), &b, &line, &why),
			 -EBADMSG);
	assert_null(b);
	assert_int_equal(line, c->line);
	assert_non_null(why);
}

static const struct escape_rules rules = {
	.rules = { { .name = "handlers",
		     .packages = { "example.com/shop/http/**" },
		     .n_packages = 1,
		     .classes = UINT32_C(1) << CLASS_LEAK,
		     .level = ESCAPE_FAIL },
		   { .name = "quiet",
		     .packages = { "example.com/shop/http" },
		     .n_packages = 1,
		     .functions = { "debug*" },
		     .n_functions = 1,
		     .level = ESCAPE_IGNORE } },
	.n = 2,
};

struct gate_case {
	const char *name;
	struct escape_site site;
	enum escape_level level;
	const char *rule; /* NULL: it is in the baseline */
};

static const struct gate_case gates[] = {
	{ "what is in the baseline is not new", SITE("q", "F", "x", CLASS_SENT, ESCAPE_VARIABLE),
	  ESCAPE_LOG, NULL },
	{ "another class is new", SITE("q", "F", "x", CLASS_CAPTURED, ESCAPE_VARIABLE), ESCAPE_LOG,
	  "" },
	{ "another function is new", SITE("q", "H", "x", CLASS_SENT, ESCAPE_VARIABLE), ESCAPE_LOG,
	  "" },
	{ "another package is new", SITE("r", "F", "x", CLASS_SENT, ESCAPE_VARIABLE), ESCAPE_LOG,
	  "" },
	{ "a leak of a handler fails",
	  SITE("example.com/shop/http/admin", "F", "x", CLASS_LEAK, ESCAPE_LEAK), ESCAPE_FAIL,
	  "handlers" },
	{ "the package above is meant as well",
	  SITE("example.com/shop/http", "F", "x", CLASS_LEAK, ESCAPE_LEAK), ESCAPE_FAIL,
	  "handlers" },
	{ "another class of a handler is logged",
	  SITE("example.com/shop/http", "F", "x", CLASS_SENT, ESCAPE_LEAK), ESCAPE_LOG, "" },
	{ "the first rule that is about it decides",
	  SITE("example.com/shop/http", "debugLeak", "x", CLASS_LEAK, ESCAPE_LEAK), ESCAPE_FAIL,
	  "handlers" },
	{ "a later rule has what the first leaves",
	  SITE("example.com/shop/http", "debugLeak", "x", CLASS_SENT, ESCAPE_LEAK), ESCAPE_IGNORE,
	  "quiet" },
};

static void test_gate(void **state)
{
	const struct gate_case *c = *state;
	_cleanup_(escape_baseline_freep) struct escape_baseline *b =
		baseline_of(some, ARRAY_SIZE(some));
	_cleanup_(escape_findings_done) struct escape_findings found = { 0 };

	assert_int_equal(escape_gate_take(b, &rules, &c->site, &found), 0);
	assert_int_equal(found.counts[c->level], c->rule != NULL);
	assert_int_equal(found.n, c->rule && c->level != ESCAPE_IGNORE);
	if (!found.n)
		return;
	assert_string_equal(found.items[0]->rule, c->rule);
	assert_int_equal(found.items[0]->level, c->level);
	assert_string_equal(found.items[0]->key.text, c->site.text);
	assert_string_equal(found.items[0]->file, "dir/a.go");
}

static void test_one_more(void **state)
{
	_cleanup_(escape_baseline_freep) struct escape_baseline *b =
		baseline_of(some, ARRAY_SIZE(some));
	_cleanup_(escape_findings_done) struct escape_findings found = { 0 };

	(void)state;
	for (size_t i = 1; i <= 4; i++) {
		assert_int_equal(escape_gate_take(b, &rules, &some[1], &found), 0);
		assert_int_equal(found.n, i > 2 ? i - 2 : 0);
	}
}

static void test_full(void **state)
{
	const struct escape_site logged = SITE("p", "F", "x", CLASS_SENT, ESCAPE_VALUE);
	const struct escape_site fails =
		SITE("example.com/shop/http", "F", "x", CLASS_LEAK, ESCAPE_LEAK);
	_cleanup_(escape_baseline_freep) struct escape_baseline *b = baseline_of(NULL, 0);
	_cleanup_(escape_findings_done) struct escape_findings found = { 0 };
	size_t failing = 0;

	(void)state;
	for (size_t i = 0; i < GATE_FINDINGS_MAX + 5; i++)
		assert_int_equal(escape_gate_take(b, &rules, &logged, &found), 0);
	assert_int_equal(escape_gate_take(b, &rules, &fails, &found), 0);
	assert_int_equal(found.n, GATE_FINDINGS_MAX);
	assert_int_equal(found.counts[ESCAPE_LOG], GATE_FINDINGS_MAX + 5);
	assert_int_equal(found.counts[ESCAPE_FAIL], 1);
	for (size_t i = 0; i < found.n; i++)
		failing += found.items[i]->level == ESCAPE_FAIL;
	assert_int_equal(failing, 1);
	assert_int_equal(found.n_failing, 1);
}

static void test_too_large(void **state)
{
	const size_t n = BASELINE_TEXT_MAX / 3;
	_cleanup_(escape_baseline_freep) struct escape_baseline *b = baseline_of(NULL, 0);
	_cleanup_(freep) char *text = malloc(n + 1);
	struct escape_key key = { .package = "p", .function = "F", .text = text };

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	text[n] = '\0';
	for (size_t i = 0; i < 3; i++) {
		text[0] = (char)('a' + i);
		assert_int_equal(escape_baseline_add(b, &key, 1), i < 2 ? 0 : -EFBIG);
	}
	/* What is there counts on. */
	text[0] = 'a';
	assert_int_equal(escape_baseline_add(b, &key, 1), 0);
	assert_int_equal(escape_baseline_count(b, &key), 2);
}

struct make_case {
	const char *name;
	struct escape_make was, now;
	bool refused, warned;
};

static const struct make_case makes[] = {
	{ "alike is well", { "1.24", false, true }, { "1.24.3", false, true }, false, false },
	{ "an unknown release is well",
	  { "", false, true },
	  { "1.24", false, true },
	  false,
	  false },
	{ "two releases are warned of",
	  { "1.24", false, true },
	  { "1.25", false, true },
	  false,
	  true },
	{ "1.2 is not 1.24", { "1.2", false, true }, { "1.24", false, true }, false, true },
	{ "a report of -l is refused",
	  { "1.24", false, true },
	  { "1.24", true, true },
	  true,
	  false },
	{ "a baseline of -l is refused",
	  { "1.24", true, true },
	  { "1.24", false, true },
	  true,
	  false },
	{ "both of -l are warned of", { "1.24", true, true }, { "1.24", true, true }, false, true },
	{ "a report of -m is refused", { "", false, true }, { "", false, false }, true, false },
};

static void test_make(void **state)
{
	const struct make_case *c = *state;
	const char *warning;

	assert_int_equal(escape_make_differs(&c->was, &c->now, &warning) != NULL, c->refused);
	assert_int_equal(warning != NULL, c->warned);
}

/* What a hostile report may have put into a name, in what others read. */
static char *hostile_output(int (*write)(FILE *, const struct escape_findings *, const char *))
{
	struct escape_site site =
		SITE("p", "F", "<&\"'>\x01\x1b[31m\xff\xc0\x80\xed\xa0\x80\xe2\x86\x90]]>",
		     CLASS_SENT, ESCAPE_VALUE);
	_cleanup_(escape_baseline_freep) struct escape_baseline *b = baseline_of(NULL, 0);
	_cleanup_(escape_findings_done) struct escape_findings found = { 0 };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	site.file = "/build/dir/a b%.go";
	assert_int_equal(escape_gate_take(b, &rules, &site, &found), 0);
	assert_int_equal(write(f, &found, "/build"), 0);
	fclose(f);
	for (const char *s = text; *s; s++)
		assert_true((unsigned char)*s >= ' ' || *s == '\n');
	return text;
}

static void test_sarif(void **state)
{
	_cleanup_(freep) char *text = hostile_output(escape_write_sarif);
	json_object *o = json_tokener_parse(text);

	(void)state;
	assert_non_null(o);
	json_object_put(o);
	assert_non_null(strstr(text, "\"uri\":\"dir/a%20b%25.go\""));
	assert_non_null(strstr(text, "\"ruleId\":\"escape-3a\""));
	assert_null(strstr(text, "\xff"));
	assert_null(strstr(text, "\xed\xa0"));
	assert_non_null(strstr(text, "\xe2\x86\x90"));
}

static void test_junit(void **state)
{
	_cleanup_(freep) char *text = hostile_output(escape_write_junit);

	(void)state;
	assert_null(strstr(text, "<&"));
	assert_null(strstr(text, "]]>"));
	assert_null(strstr(text, "\xff"));
	assert_non_null(strstr(text, "&lt;&amp;&quot;"));
	assert_non_null(strstr(text, "file=\"dir/a b%.go\""));
}

static void test_names(void **state)
{
	enum escape_class class;

	(void)state;
	for (enum escape_class c = 0; c < CLASS_MAX_; c++) {
		assert_int_equal(escape_class_parse(escape_class_name(c), &class), 0);
		assert_int_equal(class, c);
		assert_true(strlen(escape_class_advice(c)) > 0);
	}
	assert_int_equal(escape_class_parse("7", &class), -EINVAL);
	assert_null(escape_class_name(CLASS_MAX_));
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("what is more than a baseline may hold is too large", test_too_large),
	SUITE_TEST("a baseline is sorted and counted, with the file where there is no function",
		   test_written),
	SUITE_TEST("what was written reads the same", test_read_again),
	SUITE_TEST("one more of what is in the baseline is new", test_one_more),
	SUITE_TEST("at the cap, what fails pushes out what is logged", test_full),
	SUITE_TEST("SARIF is valid whatever the names hold", test_sarif),
	SUITE_TEST("JUnit is valid whatever the names hold", test_junit),
	SUITE_TEST("each class has a name that is read again, and advice", test_names),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_broken, broken);
	SUITE_TABLE(&s, test_gate, gates);
	SUITE_TABLE(&s, test_make, makes);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "escape_gate");
}
