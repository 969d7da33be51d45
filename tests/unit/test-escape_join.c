/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "escape/join.h"
#include "fixture/escapes.h"
#include "fixture/suite.h"

#define SITE(line_, kind_, class_, text_)                                                          \
	{                                                                                          \
		.kind = (kind_), .class = (class_), .package = "example.com/app", .function = "f", \
		.text = (text_), .file = "/app/a.go", .line = (line_), .column = __COUNTER__ + 1   \
	}

static const struct escape_site sites[] = {
	SITE(10, ESCAPE_VARIABLE, CLASS_ADDRESS, "x"),
	SITE(20, ESCAPE_VALUE, CLASS_BOXED, "n"),
	SITE(20, ESCAPE_VALUE, CLASS_ELEMENT, "... argument"),
	SITE(20, ESCAPE_VALUE, CLASS_ADDRESS, "&order{...}"),
	SITE(30, ESCAPE_VALUE, CLASS_SIZE, "make([]byte, n)"),
	SITE(40, ESCAPE_VALUE, CLASS_ADDRESS, "&left{...}"),
	SITE(40, ESCAPE_VALUE, CLASS_ADDRESS, "&right{...}"),
	SITE(50, ESCAPE_WRAPPER, CLASS_GOROUTINE, "f.gowrap1"),
	SITE(60, ESCAPE_VALUE, CLASS_RETURNED, "a + b"),
	SITE(60, ESCAPE_VALUE, CLASS_BOXED, "c"),
	SITE(70, ESCAPE_VALUE, CLASS_PANIC, "message"),
	SITE(80, ESCAPE_VARIABLE, CLASS_ELEMENT, "copied"),
	SITE(80, ESCAPE_VALUE, CLASS_ELEMENT, "make([]byte, m)"),
	SITE(80, ESCAPE_VALUE, CLASS_SIZE, "make([]byte, n)"),
};

static const struct escape_origin origin = { .build_id = "" };

/* The stack is given from the inside: "function file line", "+" before a line that was inlined into the next. */
struct join_case {
	const char *name;
	struct escape_frame frames[4];
	enum alloc_class alloc;
	const char *type;
	enum escape_outcome outcome;
	const char *text;
	size_t site;
	bool ambiguous;
	uint64_t object_bytes;
};

#define APP(line_)                                                                                 \
	{                                                                                          \
		"main.f", "/app/a.go", (line_), true                                               \
	}
#define INLINED(line_)                                                                             \
	{                                                                                          \
		"main.g", "/app/a.go", (line_), false                                              \
	}
#define RUNTIME                                                                                    \
	{                                                                                          \
		"runtime.newobject", "/go/src/runtime/malloc.go", 1, true                          \
	}
#define FOREIGN                                                                                    \
	{                                                                                          \
		"other/lib.F", "/lib/lib.go", 5, true                                              \
	}

static const struct join_case cases[] = {
	{ "a line with one entry", { APP(10) }, ALLOC_OTHER, "", JOIN_SITE, "x", 0, false, 0 },
	{ "below frames of the runtime",
	  { RUNTIME, APP(10) },
	  ALLOC_NEW,
	  "",
	  JOIN_SITE,
	  "x",
	  1,
	  false,
	  0 },
	{ "the line of the function that it was inlined into",
	  { INLINED(30), APP(10) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "x",
	  1,
	  false,
	  0 },
	{ "its own where that says nothing",
	  { INLINED(30), APP(11) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "make([]byte, n)",
	  0,
	  false,
	  0 },
	{ "not the caller's, which is another function's code",
	  { APP(11), APP(10) },
	  ALLOC_OTHER,
	  "",
	  JOIN_IMPLICIT,
	  NULL,
	  0,
	  false,
	  0 },
	{ "boxing is no form of its own",
	  { APP(20) },
	  ALLOC_BOXING,
	  "int",
	  JOIN_SITE,
	  "n",
	  0,
	  false,
	  0 },
	{ "an object among others",
	  { APP(20) },
	  ALLOC_NEW,
	  "main.order",
	  JOIN_SITE,
	  "&order{...}",
	  0,
	  false,
	  0 },
	{ "the slice of variadic arguments",
	  { APP(20) },
	  ALLOC_SLICE_MADE,
	  "",
	  JOIN_SITE,
	  "... argument",
	  0,
	  false,
	  0 },
	{ "which of three is not known", { APP(20) }, ALLOC_OTHER, "", JOIN_SITE, "n", 0, true, 0 },
	{ "one of two by its type",
	  { APP(40) },
	  ALLOC_NEW,
	  "main.right",
	  JOIN_SITE,
	  "&right{...}",
	  0,
	  false,
	  0 },
	{ "of two without a type either",
	  { APP(40) },
	  ALLOC_NEW,
	  "",
	  JOIN_SITE,
	  "&left{...}",
	  0,
	  true,
	  0 },
	{ "of several a large one is no boxed value",
	  { APP(60) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "a + b",
	  0,
	  false,
	  64 },
	{ "and a small one is", { APP(60) }, ALLOC_OTHER, "", JOIN_SITE, "c", 0, false, 8 },
	{ "a map that grows has no line, whatever else has",
	  { APP(10) },
	  ALLOC_MAP,
	  "",
	  JOIN_IMPLICIT,
	  NULL,
	  0,
	  false,
	  0 },
	{ "a slice that grows on a line that makes one",
	  { APP(30) },
	  ALLOC_SLICE_GROWN,
	  "",
	  JOIN_IMPLICIT,
	  NULL,
	  0,
	  false,
	  0 },
	{ "a string that is put together",
	  { APP(60) },
	  ALLOC_STRING,
	  "",
	  JOIN_SITE,
	  "a + b",
	  0,
	  false,
	  0 },
	{ "what go is wrapped in",
	  { APP(50) },
	  ALLOC_NEW,
	  "",
	  JOIN_SITE,
	  "f.gowrap1",
	  0,
	  false,
	  0 },
	{ "of two lines the one that has what was allocated",
	  { INLINED(30), APP(60) },
	  ALLOC_SLICE_MADE,
	  "",
	  JOIN_SITE,
	  "make([]byte, n)",
	  0,
	  false,
	  0 },
	{ "its own line before a panic's",
	  { INLINED(30), APP(70) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "make([]byte, n)",
	  0,
	  false,
	  0 },
	{ "of what a line had inlined the one that the inner line has too",
	  { INLINED(30), APP(80) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "make([]byte, n)",
	  1,
	  false,
	  4096 },
	{ "which of them is not known without the inner line",
	  { APP(80) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "copied",
	  0,
	  true,
	  4096 },
	{ "a panic's where there is no other, which is doubtful",
	  { APP(70) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "message",
	  0,
	  true,
	  0 },
	{ "a function that the runtime has for another package",
	  { { "internal/bytealg.MakeNoZero", "/go/src/runtime/slice.go", 437, true }, APP(10) },
	  ALLOC_OTHER,
	  "",
	  JOIN_SITE,
	  "x",
	  1,
	  false,
	  0 },
	{ "a file that the report has not",
	  { FOREIGN, APP(10) },
	  ALLOC_NEW,
	  "",
	  JOIN_NO_FILE,
	  NULL,
	  0,
	  false,
	  0 },
	{ "only the runtime", { RUNTIME }, ALLOC_NEW, "", JOIN_ONLY_RUNTIME, NULL, 1, false, 0 },
	{ "no frame at all", { { 0 } }, ALLOC_NEW, "", JOIN_ONLY_RUNTIME, NULL, 0, false, 0 },
};

static size_t n_frames(const struct join_case *c)
{
	size_t n = 0;

	while (n < ARRAY_SIZE(c->frames) && c->frames[n].function)
		n++;
	return n;
}

static void test_join(void **state)
{
	const struct join_case *c = *state;
	const struct escape_allocation of = { c->alloc, c->type, c->object_bytes };
	_cleanup_(escapes_done) struct escapes e = { 0 };
	struct escape_joined joined;

	escapes_make(&e, "", &origin, sites, ARRAY_SIZE(sites));
	escape_join(&e.index, c->frames, n_frames(c), &of, &joined);
	assert_int_equal(joined.outcome, c->outcome);
	assert_int_equal(joined.site, c->site);
	assert_int_equal(joined.ambiguous, c->ambiguous);
	if (c->text)
		assert_string_equal(escape_index_text(&e.index, joined.entry->text), c->text);
	else
		assert_null(joined.entry);
}

static void test_cause(void **state)
{
	static const struct escape_frame frames[] = {
		{ "runtime.mallocgc", "", 0, true },
		{ "encoding/json.Marshal", "", 0, true },
		{ "example.com/application.F", "", 0, true },
		{ "example.com/app/inner.F", "", 0, true },
		{ "main.main", "", 0, true },
	};

	(void)state;
	assert_int_equal(escape_cause(frames, ARRAY_SIZE(frames), "example.com/app"), 3);
	assert_int_equal(escape_cause(frames, ARRAY_SIZE(frames), ""), 4);
	assert_int_equal(escape_cause(frames, 2, "example.com/app"), 2);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("the cause is the innermost call of the main module", test_cause),
};

int main(void)
{
	static struct suite s;

	SUITE_TESTS(&s, others);
	SUITE_TABLE(&s, test_join, cases);
	return suite_run(&s, "escape_join");
}
