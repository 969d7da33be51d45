/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/series.h"

#include <errno.h>
#include <string.h>

static struct cause_row row_of(void)
{
	struct cause_row row = {
		.cause = {
			.at.call = { 12, "main.leak", "./main.go" },
			.in_module = true,
			.site.call = { 99, "lib.grow", "/lib/grow.go" },
			.class = ALLOC_SLICE_GROWN,
			.type = "*main.T",
		},
		.told = {
			.at = { .class = CLASS_SENT,
				.by = TOLD_BY_REPORT,
				.expression = "&order{...}",
				.reason = "send",
				.step = "ch <- o",
				.step_file = "main.go",
				.step_line = 14 },
			.site = { .class = CLASS_RUNTIME, .expression = "append(x)" },
		},
	};

	return row;
}

static const struct heap_cause *named(struct heap_series *s, const struct cause_row *row)
{
	const struct profile_figures f = { .cause = cause_key(&row->cause),
					   .figures.alloc_bytes = 1 };

	assert_int_equal(series_add(s, 1, START, &f, 1), 0);
	assert_int_equal(heap_series_name(s, f.cause, row), 0);
	return of_site(s, 1).cause;
}

static void test_names(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct cause_row row = row_of(), endless;
	struct profile_figures f = { .cause = cause_key(&row.cause), .figures.alloc_bytes = 1 };

	(void)state;
	assert_false(heap_series_wants_name(s, f.cause));
	series_add(s, 1, START, &f, 1);
	assert_true(heap_series_wants_name(s, f.cause));
	assert_null(of_site(s, 1).cause);
	memset(&endless, 'x', sizeof(endless));
	assert_int_equal(heap_series_name(s, f.cause, &endless), -EBADMSG);
	row.cause.at.call.line++;
	assert_int_equal(heap_series_name(s, f.cause, &row), -EBADMSG);
	row.cause.at.call.line--;
	assert_int_equal(heap_series_name(s, f.cause + 1, &row), -ENOENT);
	assert_int_equal(heap_series_name(s, f.cause, &row), 0);
	assert_int_equal(heap_series_name(s, f.cause, &row), 0);
	assert_false(heap_series_wants_name(s, f.cause));
}

/* The line stays, but what is said of it is of where most of it was allocated, and of one report. */
static void test_names_again(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct cause_row row = row_of();
	struct profile_figures f = { .cause = cause_key(&row.cause), .figures.alloc_bytes = 1 };

	(void)state;
	named(s, &row);
	series_add(s, 2, START + 1, &f, 1);
	assert_false(heap_series_wants_name(s, f.cause));
	f.site = 77;
	series_add(s, 3, START + 2, &f, 1);
	assert_true(heap_series_wants_name(s, f.cause));
	/* Until then the old one stands. */
	assert_string_equal(of_site(s, 1).cause->function, "main.leak");
	assert_int_equal(heap_series_name(s, f.cause, &row), 0);
	assert_false(heap_series_wants_name(s, f.cause));
	heap_series_forget_names(s);
	assert_null(of_site(s, 1).cause);
	assert_true(heap_series_wants_name(s, f.cause));
	assert_int_equal(heap_series_name(s, f.cause, &row), 0);
	assert_string_equal(of_site(s, 1).cause->function, "main.leak");
}

static void test_texts(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	const struct cause_row row = row_of();
	const struct heap_cause *c = named(s, &row);

	(void)state;
	assert_string_equal(c->function, "main.leak");
	assert_string_equal(c->file, "./main.go");
	assert_int_equal(c->line, 12);
	assert_true(c->in_module);
	assert_string_equal(c->site_function, "lib.grow");
	assert_string_equal(c->site_file, "/lib/grow.go");
	assert_int_equal(c->site_line, 99);
	assert_string_equal(c->type, "*main.T");
	assert_int_equal(c->alloc_class, ALLOC_SLICE_GROWN);
	assert_true(c->class == CLASS_SENT && c->told_by == TOLD_BY_REPORT);
	assert_true(c->site_class == CLASS_RUNTIME && c->site_told_by != TOLD_BY_REPORT);
	assert_string_equal(c->expression, "&order{...}");
	assert_string_equal(c->reason, "send");
	assert_string_equal(c->step, "ch <- o");
	assert_string_equal(c->step_file, "main.go");
	assert_int_equal(c->step_line, 14);
}

/* The report has the site's line alone: its texts are the site's. */
static void test_texts_of_site(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct cause_row row = row_of();
	const struct heap_cause *c;

	(void)state;
	row.told.site = row.told.at;
	row.told.at = (struct escape_told){ .class = CLASS_UNEXPLAINED };
	c = named(s, &row);
	assert_string_equal(c->expression, "");
	assert_string_equal(c->site_expression, "&order{...}");
	assert_string_equal(c->site_reason, "send");
	assert_int_equal(c->step_line, 0);
	assert_true(c->class == CLASS_UNEXPLAINED && c->told_by != TOLD_BY_REPORT);
	assert_true(c->site_class == CLASS_SENT && c->site_told_by == TOLD_BY_REPORT);
}

/* As a helper would send it that a tenant has taken over. */
static void test_hostile_name(void **state)
{
	_cleanup_(heap_series_freep) struct heap_series *s = heap_series_new();
	struct cause_row row;
	const struct heap_cause *c;

	(void)state;
	memset(&row, 'x', sizeof(row));
	row.cause.at.call.function[GO_NAME_MAX - 1] = row.cause.at.call.file[GO_NAME_MAX - 1] =
		'\0';
	row.cause.in_module = true;
	row.told.at.by = row.told.site.by = TOLD_BY_REPORT;
	row.told.at.ambiguous = row.told.site.ambiguous = true;
	row.cause.at.inlined = row.cause.site.inlined = true;
	c = named(s, &row);
	assert_int_equal(strlen(c->site_function), GO_NAME_MAX - 1);
	assert_int_equal(strlen(c->type), GO_TYPE_NAME_MAX - 1);
	assert_int_equal(strlen(c->step_file), ESCAPE_TOLD_TEXT_MAX - 1);
	/* Classes that there are not are none. */
	assert_int_equal(c->class, CLASS_UNEXPLAINED);
	assert_int_equal(c->site_class, CLASS_UNEXPLAINED);
	assert_int_equal(c->alloc_class, ALLOC_OTHER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("a name is taken once, and only for its own cause", test_names),
		SUITE_TEST("a name is wanted again where the site is another, or the report",
			   test_names_again),
		SUITE_TEST("a name has all texts of the line", test_texts),
		SUITE_TEST("texts of the site are its own", test_texts_of_site),
		SUITE_TEST("a hostile name ends, and has classes that there are",
			   test_hostile_name),
	};
	static struct suite s;

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "heap_series_names");
}
