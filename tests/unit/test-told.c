/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "escape/told.h"
#include "fixture/escapes.h"
#include "fixture/suite.h"

static const struct escape_step step = { .text = "ch <- o",
					 .reason_text = "send",
					 .to = "{heap}",
					 .file = "/app/b.go",
					 .line = 14,
					 .reason = STEP_SEND };

static const struct escape_site sites[] = {
	{ .kind = ESCAPE_VARIABLE,
	  .class = CLASS_SENT,
	  .package = "example.com/app",
	  .function = "f",
	  .text = "o",
	  .file = "/app/a.go",
	  .line = 10,
	  .path = { .steps = &step, .n_steps = 1 } },
	{ .kind = ESCAPE_VALUE,
	  .class = CLASS_SIZE,
	  .package = "example.com/lib",
	  .function = "Grow",
	  .text = "make([]byte, n)",
	  .file = "/lib/lib.go",
	  .line = 30 },
	{ .kind = ESCAPE_VALUE,
	  .class = CLASS_ADDRESS,
	  .package = "example.com/lib",
	  .function = "Two",
	  .text = "&left{...}",
	  .file = "/lib/lib.go",
	  .line = 40 },
	{ .kind = ESCAPE_VALUE,
	  .class = CLASS_RETURNED,
	  .package = "example.com/lib",
	  .function = "Two",
	  .text = "&right{...}",
	  .file = "/lib/lib.go",
	  .line = 40,
	  .column = 9 },
};

static const struct escape_origin origin = { .build_id = "" };

#define APP(line_)                                                                                 \
	{                                                                                          \
		(line_), "main.f", "/app/a.go"                                                     \
	}
#define LIB(line_)                                                                                 \
	{                                                                                          \
		(line_), "example.com/lib.Grow", "/lib/lib.go"                                     \
	}
#define OTHER(line_)                                                                               \
	{                                                                                          \
		(line_), "example.com/other.F", "/other/other.go"                                  \
	}

struct told_case {
	const char *name;
	struct call_site at, site;
	struct call_site into; /* line 0: not inlined */
	enum alloc_class alloc;
	const char *type;
	bool no_report;
	/* What is told of the line, */
	bool from_report;
	enum escape_class class;
	enum escape_outcome outcome;
	const char *expression;
	/* and of the site. */
	bool site_from_report;
	enum escape_class site_class;
	enum escape_outcome site_outcome;
	const char *site_expression;
	bool site_ambiguous;
};

static const struct told_case cases[] = {
	{ "where line and site are one both are told the same",
	  APP(10),
	  APP(10),
	  { 0 },
	  ALLOC_NEW,
	  "",
	  false,
	  true,
	  CLASS_SENT,
	  JOIN_SITE,
	  "o",
	  true,
	  CLASS_SENT,
	  JOIN_SITE,
	  "o",
	  false },
	{ "a line in the report, and a site as well",
	  APP(10),
	  LIB(30),
	  { 0 },
	  ALLOC_SLICE_MADE,
	  "",
	  false,
	  true,
	  CLASS_SENT,
	  JOIN_SITE,
	  "o",
	  true,
	  CLASS_SIZE,
	  JOIN_SITE,
	  "make([]byte, n)",
	  false },
	{ "of the site alone",
	  APP(11),
	  LIB(30),
	  { 0 },
	  ALLOC_SLICE_MADE,
	  "",
	  false,
	  false,
	  CLASS_UNEXPLAINED,
	  JOIN_IMPLICIT,
	  "",
	  true,
	  CLASS_SIZE,
	  JOIN_SITE,
	  "make([]byte, n)",
	  false },
	{ "of the line alone, whatever its callee does",
	  APP(10),
	  OTHER(5),
	  { 0 },
	  ALLOC_SLICE_GROWN,
	  "",
	  false,
	  true,
	  CLASS_SENT,
	  JOIN_SITE,
	  "o",
	  false,
	  CLASS_RUNTIME,
	  JOIN_NO_FILE,
	  "",
	  false },
	{ "of neither",
	  APP(11),
	  OTHER(5),
	  { 0 },
	  ALLOC_BOXING,
	  "int",
	  false,
	  false,
	  CLASS_BOXED,
	  JOIN_IMPLICIT,
	  "",
	  false,
	  CLASS_BOXED,
	  JOIN_NO_FILE,
	  "",
	  false },
	{ "without a report all is the call's",
	  APP(10),
	  LIB(30),
	  { 0 },
	  ALLOC_MAP,
	  "",
	  true,
	  false,
	  CLASS_RUNTIME,
	  JOIN_NO_FILE,
	  "",
	  false,
	  CLASS_RUNTIME,
	  JOIN_NO_FILE,
	  "",
	  false },
	{ "a line that allocates in another way is not the site's",
	  LIB(30),
	  LIB(30),
	  { 0 },
	  ALLOC_SLICE_GROWN,
	  "",
	  false,
	  false,
	  CLASS_RUNTIME,
	  JOIN_IMPLICIT,
	  "",
	  false,
	  CLASS_RUNTIME,
	  JOIN_IMPLICIT,
	  "",
	  false },
	{ "an inlined call by the line that has its code", LIB(31), LIB(31), APP(10), ALLOC_NEW, "",
	  false, true, CLASS_SENT, JOIN_SITE, "o", true, CLASS_SENT, JOIN_SITE, "o", false },
	{ "or by its own where that says nothing", LIB(30), LIB(30), APP(11), ALLOC_SLICE_MADE, "",
	  false, true, CLASS_SIZE, JOIN_SITE, "make([]byte, n)", true, CLASS_SIZE, JOIN_SITE,
	  "make([]byte, n)", false },
	{ "one of two by its type",
	  APP(11),
	  LIB(40),
	  { 0 },
	  ALLOC_NEW,
	  "lib.right",
	  false,
	  false,
	  CLASS_UNEXPLAINED,
	  JOIN_IMPLICIT,
	  "",
	  true,
	  CLASS_RETURNED,
	  JOIN_SITE,
	  "&right{...}",
	  false },
	{ "one of two without: the first, and that it is doubtful",
	  APP(11),
	  LIB(40),
	  { 0 },
	  ALLOC_NEW,
	  "",
	  false,
	  false,
	  CLASS_UNEXPLAINED,
	  JOIN_IMPLICIT,
	  "",
	  true,
	  CLASS_ADDRESS,
	  JOIN_SITE,
	  "&left{...}",
	  true },
	{ "what is the runtime's own has no line",
	  { 7, "runtime.malg", "proc.go" },
	  { 7, "runtime.malg", "proc.go" },
	  { 0 },
	  ALLOC_GOROUTINE,
	  "",
	  false,
	  false,
	  CLASS_GOROUTINE,
	  JOIN_ONLY_RUNTIME,
	  "",
	  false,
	  CLASS_GOROUTINE,
	  JOIN_ONLY_RUNTIME,
	  "",
	  false },
};

static struct cause_line line_of(const struct call_site *call, const struct call_site *into)
{
	return (struct cause_line){ .call = *call,
				    .inlined = into->line != 0,
				    .into = into->line ? *into : *call };
}

static void test_told(void **state)
{
	const struct told_case *c = *state;
	/* Where neither the report nor the runtime's function tells anything of the line, the site's words stand in. */
	const bool by_site =
		!c->from_report && c->class == CLASS_UNEXPLAINED && c->site_from_report;
	_cleanup_(escapes_done) struct escapes e = { 0 };
	struct cause cause = { .at = line_of(&c->at, &c->into),
			       .site = line_of(&c->site, &c->into),
			       .class = c->alloc };
	struct escape_told_cause told;

	escapes_make(&e, "", &origin, sites, ARRAY_SIZE(sites));
	text_copy(cause.type, sizeof(cause.type), c->type);
	memset(&told, 'x', sizeof(told));
	escape_tell(c->no_report ? NULL : &e.index, &cause, &told);
	assert_int_equal(told.at.by, by_site	    ? TOLD_BY_SITE :
				     c->from_report ? TOLD_BY_REPORT :
						      TOLD_BY_RUNTIME);
	assert_int_equal(told.at.class, by_site ? c->site_class : c->class);
	assert_int_equal(told.at.outcome, by_site ? c->site_outcome : c->outcome);
	assert_string_equal(told.at.expression, by_site ? c->site_expression : c->expression);
	assert_int_equal(told.site.by == TOLD_BY_REPORT, c->site_from_report);
	assert_int_equal(told.site.class, c->site_class);
	assert_int_equal(told.site.outcome, c->site_outcome);
	assert_string_equal(told.site.expression, c->site_expression);
	assert_int_equal(told.site.ambiguous, c->site_ambiguous);
}

static void test_step(void **state)
{
	_cleanup_(escapes_done) struct escapes e = { 0 };
	const struct call_site at = APP(10), none = { 0 };
	struct cause cause = { .at = line_of(&at, &none), .site = line_of(&at, &none) };
	struct escape_told_cause told;

	(void)state;
	escapes_make(&e, "", &origin, sites, ARRAY_SIZE(sites));
	escape_tell(&e.index, &cause, &told);
	assert_string_equal(told.at.step, "ch <- o");
	assert_string_equal(told.at.reason, "send");
	assert_string_equal(told.at.step_file, "/app/b.go");
	assert_int_equal(told.at.step_line, 14);
	/* Where nothing decides there is no step. */
	cause.class = ALLOC_MAP;
	cause.at.call.line = cause.at.into.line = 11;
	escape_tell(&e.index, &cause, &told);
	assert_string_equal(told.at.step, "");
	assert_string_equal(told.at.step_file, "");
	assert_int_equal(told.at.step_line, 0);
}

static void test_long_text(void **state)
{
	_cleanup_(escapes_done) struct escapes e = { 0 };
	const struct call_site at = APP(10), none = { 0 };
	const struct cause cause = { .at = line_of(&at, &none), .site = line_of(&at, &none) };
	struct escape_site site = sites[0];
	struct escape_told_cause told;
	char text[3 * ESCAPE_TOLD_TEXT_MAX];

	(void)state;
	memset(text, 'y', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	site.text = text;
	escapes_make(&e, "", &origin, &site, 1);
	escape_tell(&e.index, &cause, &told);
	assert_int_equal(strlen(told.at.expression), ESCAPE_TOLD_TEXT_MAX - 1);
}

/* By the runtime's function alone. */
struct class_case {
	const char *name;
	enum alloc_class alloc;
	enum escape_class class;
};

static const struct class_case classes[] = {
	{ "something else explains nothing", ALLOC_OTHER, CLASS_UNEXPLAINED },
	{ "new does not", ALLOC_NEW, CLASS_UNEXPLAINED },
	{ "nor does a slice that is made", ALLOC_SLICE_MADE, CLASS_UNEXPLAINED },
	{ "one that grows is the runtime's", ALLOC_SLICE_GROWN, CLASS_RUNTIME },
	{ "a value in an interface is boxed", ALLOC_BOXING, CLASS_BOXED },
	{ "a map is the runtime's", ALLOC_MAP, CLASS_RUNTIME },
	{ "a goroutine takes along", ALLOC_GOROUTINE, CLASS_GOROUTINE },
	{ "a string is the runtime's", ALLOC_STRING, CLASS_RUNTIME },
	{ "a channel is", ALLOC_CHANNEL, CLASS_RUNTIME },
	{ "reflection is reflection", ALLOC_REFLECTION, CLASS_REFLECTED },
	{ "a timer is the runtime's", ALLOC_TIMER, CLASS_RUNTIME },
	{ "what is none explains nothing", ALLOC_CLASS_MAX_, CLASS_UNEXPLAINED },
};
_Static_assert(ARRAY_SIZE(classes) == ALLOC_CLASS_MAX_ + 1, "a case for each");

static void test_class(void **state)
{
	const struct class_case *c = *state;

	assert_int_equal(escape_class_of_alloc(c->alloc), c->class);
}

static void test_state_names(void **state)
{
	(void)state;
	assert_string_equal(escape_report_state_name(REPORT_NONE), "none");
	assert_string_equal(escape_report_state_name(REPORT_MATCHES), "matches");
	assert_string_equal(escape_report_state_name(REPORT_DIFFERS), "does not match");
	assert_string_equal(escape_report_state_name(REPORT_UNUSABLE), "unusable");
	assert_string_equal(escape_report_state_name(REPORT_STATE_MAX_), "?");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		SUITE_TEST("the step that decides is told with its place", test_step),
		SUITE_TEST("a text that is too long is cut", test_long_text),
		SUITE_TEST("each state of a report has a name", test_state_names),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_told, cases);
	SUITE_TABLE(&s, test_class, classes);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "told");
}
