/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "escape/report.h"

enum {
	SITES_MAX = 16,
};

/* What is kept of a site, as text: "kind class package function expression file:line:column steps links cause". */
struct seen {
	char sites[SITES_MAX][256];
	size_t n;
};

static int see(void *userdata, const struct escape_site *site)
{
	struct seen *seen = userdata;

	assert_true(site->cause <= site->path.n_steps);
	if (seen->n < SITES_MAX)
		snprintf(seen->sites[seen->n], sizeof(seen->sites[0]),
			 "%s %s %s %s %s %s:%u:%u %zu/%zu %s", escape_kind_name(site->kind),
			 escape_class_name(site->class), site->package, site->function, site->text,
			 site->file, site->line, site->column, site->path.n_steps,
			 site->path.n_links,
			 site->cause < site->path.n_steps ? site->path.steps[site->cause].text :
							    "-");
	seen->n++;
	return 0;
}

static struct escape_report *push(struct seen *seen, const char *text, size_t len, size_t piece)
{
	struct escape_report *r;

	assert_int_equal(escape_report_new(see, seen, &r), 0);
	for (size_t at = 0; at < len; at += piece)
		assert_int_equal(escape_report_push(r, text + at, MIN(piece, len - at)), 0);
	assert_int_equal(escape_report_end(r), 0);
	return r;
}

#define A     "a.go:3:2: "
#define X     A "x escapes to heap:\na.go:3:2:   flow: "
#define MOVED A "moved to heap: x\n"

struct site_case {
	const char *name, *text;
	const char *sites[4];
};

static const struct site_case cases[] = {
	{ "a line alone is a site without a class",
	  "# p\n./a.go:3:2: moved to heap: x\n",
	  { "variable unexplained p  x a.go:3:2 0/0 -" } },
	{ "what is no text is replaced, byte by byte",
	  "# p\n./a.go:3:2: moved to heap: \xc3\xa9\xff\xc2\x9b\x7f\xe2\x86\n",
	  { "variable unexplained p  \xc3\xa9?????? a.go:3:2 0/0 -" } },
	{ "a place counts once, as each of a generic function's types tells of it",
	  "# p\n" MOVED A "y escapes to heap\n" MOVED,
	  { "variable unexplained p  x a.go:3:2 0/0 -", "value unexplained p  y a.go:3:2 0/0 -" } },
	{ "in another package it is another place",
	  "# p\n" MOVED "# q\n" MOVED,
	  { "variable unexplained p  x a.go:3:2 0/0 -",
	    "variable unexplained q  x a.go:3:2 0/0 -" } },
	{ "a result is 2a",
	  X "~r0 = &x:\na.go:3:2:     from &x (address-of) at a.go:4:1\n"
	    "a.go:3:2:     from return &x (return) at a.go:4:2\n" MOVED,
	  { "variable 2a   x a.go:3:2 2/1 return &x" } },
	{ "a field is 5b",
	  X "{heap} = &x:\na.go:3:2:     from &x (address-of) at a.go:4:1\n"
	    "a.go:3:2:     from n.p = &x (assign) at a.go:4:2\n" MOVED,
	  { "variable 5b   x a.go:3:2 2/1 n.p = &x" } },
	{ "a global is 1",
	  X "{heap} = &x:\na.go:3:2:     from &x (address-of) at a.go:4:1\n"
	    "a.go:3:2:     from global = &x (assign) at a.go:4:2\n" MOVED,
	  { "variable 1   x a.go:3:2 2/1 global = &x" } },
	{ "an inlined function's own variable is no field",
	  X "fmt.p = &x:\na.go:3:2:     from &x (address-of) at a.go:4:1\n"
	    "a.go:3:2:     from fmt.p = &x (assign) at a.go:4:2\n"
	    "a.go:3:2:   flow: {heap} = fmt.p:\n"
	    "a.go:3:2:     from f(fmt.p) (call parameter) at a.go:5:2\n" MOVED,
	  { "variable 2c   x a.go:3:2 3/1 f(fmt.p)" } },
	{ "size comes before all else",
	  A
	  "make([]byte, n) escapes to heap:\na.go:3:2:   flow: {heap} = &{storage for make([]byte, "
	  "n)}:\na.go:3:2:     from make([]byte, n) (non-constant size) at a.go:3:2\n" A
	  "make([]byte, n) escapes to heap\n",
	  { "value 6   make([]byte, n) a.go:3:2 1/1 make([]byte, n)" } },
	{ "a variadic argument is boxed, and no element",
	  X
	  "{storage for ... argument} = &{storage for x}:\na.go:3:2:     from x (spill) at a.go:3:2\n"
	  "a.go:3:2:     from ... argument (slice-literal-element) at a.go:3:1\n"
	  "a.go:3:2:   flow: {heap} = {storage for ... argument}:\n"
	  "a.go:3:2:     from fmt.Println(... argument...) (call parameter) at a.go:3:1\n" A
	  "x escapes to heap\n",
	  { "value 4a   x a.go:3:2 3/1 x" } },
	{ "the argument of panic is 4d",
	  X "{heap} = &{storage for x}:\na.go:3:2:     from x (spill) at a.go:3:2\n"
	    "a.go:3:2:     from panic(x) (call parameter) at a.go:3:1\n" A "x escapes to heap\n",
	  { "value 4d   x a.go:3:2 2/1 panic(x)" } },
	{ "a captured variable goes the way of the closure on, whose explanation may come later",
	  "# p\na.go:1:6: cannot inline f: unhandled op GO\n" X
	  "{storage for func literal} = &x:\na.go:3:2:     from x (captured by a closure) at a.go:5:3\n"
	  "a.go:4:5: func literal escapes to heap:\n"
	  "a.go:4:5:   flow: {heap} = &{storage for func literal}:\n"
	  "a.go:4:5:     from func literal (spill) at a.go:4:5\n" MOVED
	  "a.go:4:5: func literal escapes to heap\n",
	  { "variable 3b p f x a.go:3:2 2/2 func literal",
	    "value 3b p f func literal a.go:4:5 1/1 func literal" } },
	{ "but not that of another function's closure",
	  "# p\na.go:1:6: cannot inline f: why\na.go:4:6: cannot inline g: why\n" X
	  "{storage for func literal} = &x:\na.go:3:2:     from x (captured by a closure) at a.go:5:3\n"
	  "a.go:4:5: func literal escapes to heap in g:\n"
	  "a.go:4:5:   flow: {heap} = &{storage for func literal}:\n"
	  "a.go:4:5:     from func literal (spill) at a.go:4:5\n" MOVED,
	  { "variable 2b p f x a.go:3:2 1/1 x",
	    "wrapper 3b p g func literal a.go:4:5 1/1 func literal" } },
	{ "ways in a circle end",
	  X "y = &x:\na.go:3:2:     from y = &x (assign) at a.go:5:1\n"
	    "a.go:4:2: y escapes to heap:\na.go:4:2:   flow: x = &y:\n"
	    "a.go:4:2:     from x = &y (assign) at a.go:6:1\n" MOVED,
	  { "variable 1   x a.go:3:2 2/2 y = &x" } },
	{ "a goroutine's wrapper has a way and no line",
	  "a.go:4:5: func literal escapes to heap:\na.go:4:5:   flow: {heap} = &{storage for func "
	  "literal}:\na.go:4:5:     from func literal (spill) at a.go:4:5\n",
	  { "wrapper 3b   func literal a.go:4:5 1/1 func literal" } },
	{ "a function is that which is declared above, without its types and closures",
	  "# p\na.go:2:6: can inline (*T[go.shape.int]).F with cost 1 as: x\n"
	  "a.go:2:9: can inline (*T[go.shape.int]).F.func1 with cost 1 as: x\n"
	  "a.go:9:6: cannot inline G: why\n" MOVED,
	  { "variable unexplained p (*T).F x a.go:3:2 0/0 -" } },
	{ "from Go 1.25 on the explanation names it",
	  "a.go:3:2: x escapes to heap in glob..func1:\n"
	  "a.go:3:2:   flow: ~r0 \xe2\x86\x90 &x:\na.go:3:2:     from return &x (return) at a.go:4:2\n" MOVED,
	  { "variable 2a  init x a.go:3:2 1/1 return &x" } },
	{ "under -m nobody names all functions: there is none",
	  "# p\na.go:2:6: can inline F\n" MOVED,
	  { "variable unexplained p  x a.go:3:2 0/0 -" } },
	{ "append is known by that alone",
	  "a.go:3:2: append(s, x) escapes to heap in f:\na.go:3:2:   flow: ~r0 \xe2\x86\x90 "
	  "&{storage for append(s, x)}:\na.go:3:2:     from return append(s, x) (return) at a.go:3:1\n" A
	  "append escapes to heap\n",
	  { "value 2a  f append a.go:3:2 1/1 return append(s, x)" } },
	{ "a call is known by its function, as Go 1.19 writes its arguments in two ways",
	  A
	  "fmt.Sprint(x) escapes to heap:\na.go:3:2:   flow: {heap} = &{storage for fmt.Sprint(x)}:\n"
	  "a.go:3:2:     from panic(fmt.Sprint(x)) (call parameter) at a.go:3:1\n" A
	  "fmt.Sprint(... argument...) escapes to heap\n",
	  { "value 2c   fmt.Sprint(... argument...) a.go:3:2 1/1 panic(fmt.Sprint(x))" } },
	{ "a leak has its way, and no class of an allocation",
	  A "parameter p leaks to {heap} with derefs=0:\na.go:3:2:   flow: {heap} = p:\n"
	    "a.go:3:2:     from g = p (assign) at a.go:4:1\n" A "leaking param: p\n",
	  { "leak leak   p a.go:3:2 1/1 -" } },
	{ "lines of a way without its head are passed over",
	  "a.go:3:2:   flow: {heap} = p:\na.go:3:2:     from g = p (assign) at a.go:4:1\n" MOVED,
	  { "variable unexplained   x a.go:3:2 0/0 -" } },
	{ "JSON says the same",
	  "{\"version\":0,\"package\":\"p\",\"gc_version\":\"go1.24.4\",\"file\":\"/d/a.go\"}\n"
	  "{\"range\":{\"start\":{\"line\":3,\"character\":2}},\"code\":\"escape\",\"message\":\"x escapes "
	  "to heap\",\"relatedInformation\":[{\"location\":{\"uri\":\"file:///d/a.go\",\"range\":{\"start\":"
	  "{\"line\":4,\"character\":1}}},\"message\":\"escflow:    flow: ~r0 = \\u0026x:\"},{\"location\":"
	  "{\"uri\":\"file:///d/a.go\",\"range\":{\"start\":{\"line\":4,\"character\":2}}},\"message\":"
	  "\"escflow:      from return \\u0026x (return)\"}]}\n"
	  "{\"range\":{\"start\":{\"line\":5,\"character\":2}},\"code\":\"escape\",\"message\":\"&T{} escapes "
	  "to heap\",\"relatedInformation\":[]}\n"
	  "{\"range\":{\"start\":{\"line\":5,\"character\":2}},\"code\":\"escape\",\"message\":\"\"}\n",
	  { "variable 2a p  x /d/a.go:3:2 1/1 return &x",
	    "value unexplained p  &T{} /d/a.go:5:2 0/1 -" } },
};

static void test_sites(void **state)
{
	const struct site_case *c = *state;

	/* In one piece, byte by byte, and in pieces that end anywhere. */
	for (size_t piece = 1; piece <= 4096; piece = piece * 7 + 1) {
		struct seen seen = { .n = 0 };
		_cleanup_(escape_report_freep) struct escape_report *r =
			push(&seen, c->text, strlen(c->text), piece);

		assert_int_equal(escape_report_stats(r)->kinds[LINE_UNKNOWN], 0);
		for (size_t i = 0; i < ARRAY_SIZE(c->sites) && c->sites[i]; i++)
			assert_string_equal(i < seen.n ? seen.sites[i] : "none", c->sites[i]);
		assert_true(seen.n == ARRAY_SIZE(c->sites) || !c->sites[seen.n]);
	}
}

struct stats_case {
	const char *name, *text;
	uint64_t lines, unknown;
	bool made_with_l, detailed;
	const char *version;
};

static const struct stats_case stats[] = {
	{ "without a word of inlining it was made with -l", "# p\n" MOVED, 2, 0, true, false, "" },
	{ "one word is enough", "# p\na.go:1:1: inlining call to f\n" MOVED, 3, 0, false, false,
	  "" },
	{ "nothing was not made with -l", "# p\n", 1, 0, false, false, "" },
	{ "the last line may have no end", "a.go:1:1: can inline f", 1, 0, false, false, "" },
	{ "-m=2 explains", X "{heap} = &x:\n", 2, 0, true, true, "" },
	{ "Debian's path tells the release", "/usr/lib/go-1.24/src/a.go:1:1: can inline f\n", 1, 0,
	  false, false, "1.24" },
	{ "so does that of an SDK", "/root/sdk/go1.22.3/src/a.go:1:1: can inline f\n", 1, 0, false,
	  false, "1.22.3" },
	{ "and that of a toolchain",
	  "/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.25.1.linux-amd64/src/a.go:1:1: can inline f\n",
	  1, 0, false, false, "1.25.1" },
	{ "a module's path does not", "/src/go/foo-go1x/a.go:1:1: can inline f\n", 1, 0, false,
	  false, "" },
	{ "what is not understood is counted", "hello\n" MOVED "world\n", 3, 2, true, false, "" },
	{ "a broken object among JSON is counted", "{\"gc_version\":\"go1.27\"}\n{\n[]\n{}\n", 4, 3,
	  false, true, "1.27" },
};

static void test_stats(void **state)
{
	const struct stats_case *c = *state;
	struct seen seen = { .n = 0 };
	_cleanup_(escape_report_freep) struct escape_report *r =
		push(&seen, c->text, strlen(c->text), 5);
	const struct escape_stats *s = escape_report_stats(r);

	assert_int_equal(s->lines, c->lines);
	assert_int_equal(s->bytes, strlen(c->text));
	assert_int_equal(s->kinds[LINE_UNKNOWN], c->unknown);
	assert_int_equal(s->n_unknown, c->unknown);
	assert_int_equal(escape_stats_made_with_l(s), c->made_with_l);
	assert_int_equal(s->detailed, c->detailed);
	assert_string_equal(s->go_version, c->version);
}

static void test_long_line(void **state)
{
	const size_t n = 3 * REPORT_LINE_MAX;
	_cleanup_(freep) char *text = malloc(n + 64);
	struct seen seen = { .n = 0 };

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	memcpy(text + n, "\n" MOVED, sizeof("\n" MOVED));
	for (size_t piece = 1000; piece < 2 * n; piece *= 40) {
		_cleanup_(escape_report_freep) struct escape_report *r =
			push(&seen, text, strlen(text), piece);

		assert_int_equal(escape_report_stats(r)->long_lines, 1);
		assert_int_equal(escape_report_stats(r)->lines, 2);
		assert_int_equal(escape_report_stats(r)->kinds[LINE_MOVED], 1);
	}
}

/* More than a package may have: all sites come, in parts, and the last is known to be explained. */
static void test_caps(void **state)
{
	struct seen seen = { .n = 0 };
	struct escape_report *r;
	char line[512];

	(void)state;
	assert_int_equal(escape_report_new(see, &seen, &r), 0);
	for (unsigned int i = 1; i <= ESCAPE_ITEMS_MAX + 10; i++) {
		int n = snprintf(line, sizeof(line),
				 "a.go:%u:2: x escapes to heap:\na.go:%u:2:   flow: ~r0 = &x:\n"
				 "a.go:%u:2:     from return &x (return) at a.go:4:2\n"
				 "a.go:%u:2: moved to heap: x\n",
				 i, i, i, i);

		assert_int_equal(escape_report_push(r, line, (size_t)n), 0);
	}
	assert_int_equal(escape_report_end(r), 0);
	assert_int_equal(seen.n, ESCAPE_ITEMS_MAX + 10);
	assert_true(escape_report_sites(r)->early > 0);
	escape_report_free(r);
}

/* Each with an explanation of the same name and place. A square of them would take minutes: the alarm ends the test. */
static void test_same_place(void **state)
{
	const unsigned int n = ESCAPE_ITEMS_MAX / 2;
	struct seen seen = { .n = 0 };
	struct escape_report *r;
	char line[128];

	(void)state;
	alarm(60);
	assert_int_equal(escape_report_new(see, &seen, &r), 0);
	for (unsigned int i = 0; i < 2 * n; i++) {
		int len = snprintf(line, sizeof(line), A "append(%u) escapes to heap%s\n", i % n,
				   i < n ? ":" : "");

		assert_int_equal(escape_report_push(r, line, (size_t)len), 0);
	}
	assert_int_equal(escape_report_end(r), 0);
	assert_int_equal(seen.n, n);
	escape_report_free(r);
	alarm(0);
}

static void test_many_steps(void **state)
{
	struct seen seen = { .n = 0 };
	struct escape_report *r;
	static const char step[] = "a.go:3:2:     from y = x (assign) at a.go:4:2\n";
	static const char flow[] = "a.go:3:2:   flow: y = x:\n",
			  last[] = "a.go:3:2:   flow: ~r0 = x:\n";

	(void)state;
	assert_int_equal(escape_report_new(see, &seen, &r), 0);
	assert_int_equal(escape_report_push(r, X "y = &x:\n", strlen(X "y = &x:\n")), 0);
	for (size_t i = 0; i < 4 * ESCAPE_STEPS_MAX; i++) {
		assert_int_equal(escape_report_push(r, flow, strlen(flow)), 0);
		assert_int_equal(escape_report_push(r, step, strlen(step)), 0);
	}
	assert_int_equal(escape_report_push(r, last, strlen(last)), 0);
	assert_int_equal(escape_report_push(r, MOVED, strlen(MOVED)), 0);
	assert_int_equal(escape_report_end(r), 0);
	assert_true(escape_report_sites(r)->cut > 0);
	/* Where it ends is known all the same. */
	assert_string_equal(seen.sites[0], "variable 2a   x a.go:3:2 512/1 -");
	escape_report_free(r);
}

static int refuse(void *userdata, const struct escape_site *site)
{
	(void)userdata;
	(void)site;
	return -ECANCELED;
}

static void test_refused(void **state)
{
	static const char text[] = "# p\n" MOVED "# q\n";
	struct escape_report *r;

	(void)state;
	assert_int_equal(escape_report_new(refuse, NULL, &r), 0);
	assert_int_equal(escape_report_push(r, text, strlen(text)), -ECANCELED);
	escape_report_free(r);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a line beyond the cap is cut, and the next one is not", test_long_line),
	SUITE_TEST("a package beyond the caps comes in parts", test_caps),
	SUITE_TEST("many explanations of one place are not all gone through for each line",
		   test_same_place),
	SUITE_TEST("a way beyond the cap keeps where it ends", test_many_steps),
	SUITE_TEST("a handler ends the reading", test_refused),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_sites, cases);
	SUITE_TABLE(&s, test_stats, stats);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "escape_report");
}
