/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/top.h"

/* What `status` answers about one workload with one process. */
static const char workload_format[] =
	"{\"workload\":\"%s\",\"cgroup\":\"/%s\",\"tier\":\"edge\",\"mode\":\"%s\",\"state\":\"%s\",\"alert\":\"%s\","
	"\"limit_bytes\":%s,\"room_bytes\":%s,\"usage_bytes\":%s,\"forecast\":{\"kind\":\"none\",\"to_oom_usec\":%s},"
	"\"processes\":[{\"pid\":7,\"heap_marked_bytes\":%s,\"mapped_ready_bytes\":%s,\"gogc\":100}]}";

struct said {
	const char *name, *mode, *state, *alert, *limit, *used, *to_oom, *live, *held;
};

static json_object *status_of(const struct said *said, size_t n)
{
	json_object *o = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		const struct said *s = &said[i];
		char text[2048];

		snprintf(text, sizeof(text), workload_format, s->name, s->name, s->mode, s->state,
			 s->alert, s->limit, s->limit, s->used, s->to_oom, s->live, s->held);
		json_object_array_add(list, json_tokener_parse(text));
	}
	json_object_object_add(o, "workloads", list);
	return o;
}

static const struct said several[] = {
	{ "calm-full", "enforce", "calm", "none", "100", "90", "null", "40", "80" },
	{ "calm-empty", "enforce", "calm", "none", "100", "10", "null", "5", "8" },
	{ "unlimited", "observe", "calm", "none", "null", "50", "null", "5", "8" },
	{ "pressed", "enforce", "pressed", "none", "100", "50", "null", "9", "20" },
	{ "growing", "enforce", "calm", "growth", "100", "20", "60000000", "9", "18" },
	{ "growing-sooner", "enforce", "calm", "non-go", "100", "20", "6000000", "9", "18" },
	{ "tight", "recommend", "tight", "none", "100", "70", "null", "60", "66" },
	{ "hot", "recommend", "hot", "hot", "100", "30", "null", "9", "20" },
	{ "emergency", "enforce", "emergency", "emergency", "100", "99", "null", "30", "95" },
};

static void make(struct top_model *m)
{
	json_object *o = status_of(several, ARRAY_SIZE(several));

	*m = (struct top_model){ 0 };
	assert_int_equal(top_model_status(m, o), 0);
	json_object_put(o);
}

static void assert_order(const struct top_model *m, const char *const *names)
{
	size_t i = 0;

	for (; names[i]; i++) {
		assert_non_null(top_model_row(m, i));
		assert_string_equal(top_model_row(m, i)->workload, names[i]);
	}
	assert_null(top_model_row(m, i));
}

static void risk_is_state_then_time_then_use(void **state)
{
	static const char *const by_risk[] = {
		"emergency", "growing-sooner", "growing",    "tight",	  "hot",
		"pressed",   "calm-full",      "calm-empty", "unlimited", NULL
	};
	struct top_model m;

	(void)state;
	make(&m);
	assert_order(&m, by_risk);
	top_model_done(&m);
}

static void each_order_has_its_own_figure(void **state)
{
	static const struct {
		enum top_sort sort;
		const char *first;
	} cases[] = {
		{ TOP_BY_USED, "emergency" },
		{ TOP_BY_LIVE, "tight" },
		{ TOP_BY_NONGO, "unlimited" },
		{ TOP_BY_NAME, "calm-empty" },
	};
	struct top_model m;

	(void)state;
	make(&m);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		m.sort = cases[i].sort;
		top_model_arrange(&m);
		assert_string_equal(top_model_row(&m, 0)->workload, cases[i].first);
	}
	top_model_done(&m);
}

static void filters_look_at_name_tier_and_state(void **state)
{
	static const char *const growing[] = { "growing-sooner", "growing", NULL };
	static const char *const both[] = { "tight", "hot", NULL };
	static const char *const none[] = { NULL };
	struct top_model m;

	(void)state;
	make(&m);
	text_copy(m.filter, sizeof(m.filter), "GROW");
	top_model_arrange(&m);
	assert_order(&m, growing);
	text_copy(m.filter, sizeof(m.filter), "nothing like that");
	top_model_arrange(&m);
	assert_order(&m, none);
	m.filter[0] = '\0';
	top_model_next_mode(&m);
	assert_string_equal(m.mode, "enforce");
	assert_int_equal(m.n_shown, 6);
	top_model_next_mode(&m);
	assert_order(&m, both);
	top_model_next_mode(&m);
	top_model_next_mode(&m);
	assert_string_equal(m.mode, "");
	assert_int_equal(m.n_shown, ARRAY_SIZE(several));
	top_model_done(&m);
}

static void the_parts_add_up_to_what_is_used(void **state)
{
	static const struct said odd[] = {
		{ "plain", "enforce", "calm", "none", "100", "90", "null", "40", "80" },
		{ "held over used", "enforce", "calm", "none", "100", "50", "null", "40", "80" },
		{ "live over held", "enforce", "calm", "none", "100", "50", "null", "70", "20" },
		{ "nothing", "enforce", "calm", "none", "100", "0", "null", "1", "2" },
	};
	json_object *o = status_of(odd, ARRAY_SIZE(odd));
	struct top_model m = { .sort = TOP_BY_USED };

	(void)state;
	assert_int_equal(top_model_status(&m, o), 0);
	for (size_t i = 0; i < m.n; i++)
		assert_int_equal(m.rows[i].live + m.rows[i].garbage + m.rows[i].nongo,
				 m.rows[i].used);
	assert_int_equal(m.rows[0].garbage, 40);
	assert_int_equal(m.rows[0].nongo, 10);
	json_object_put(o);
	top_model_done(&m);
}

static void a_bar_fills_its_width_and_hides_nothing(void **state)
{
	static const struct {
		const char *what;
		struct top_row row;
		int width, cells[TOP_PART_MAX_];
	} cases[] = {
		{ "halves",
		  { .limit = 100, .used = 50, .live = 25, .garbage = 25 },
		  20,
		  { 5, 5, 0, 10 } },
		{ "what is little has a cell",
		  { .limit = 100000, .used = 90002, .live = 1, .garbage = 90000, .nongo = 1 },
		  10,
		  { 1, 7, 1, 1 } },
		{ "over the limit nothing is free",
		  { .limit = 10, .used = 40, .live = 20, .garbage = 10, .nongo = 10 },
		  8,
		  { 4, 2, 2, 0 } },
		{ "without a limit there is none",
		  { .limit = BYTES_UNLIMITED, .used = 40, .live = 40 },
		  8,
		  { 0, 0, 0, 0 } },
		{ "nor where there is no room for one",
		  { .limit = 10, .used = 5 },
		  2,
		  { 0, 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int cells[TOP_PART_MAX_];

		top_bar(&cases[i].row, cases[i].width, cells);
		for (int p = 0; p < TOP_PART_MAX_; p++)
			if (cells[p] != cases[i].cells[p])
				fail_msg("%s: part %d has %d", cases[i].what, p, cells[p]);
	}
}

static void every_screen_has_name_and_bar(void **state)
{
	int widths[TOP_COLUMNS_MAX];

	(void)state;
	for (int width = 80; width < 300; width++) {
		int sum = 0;

		top_layout(width - 1, widths);
		for (size_t i = 0; i < top_columns_max; i++) {
			sum += widths[i] ? widths[i] + 1 : 0;
			if (!top_columns[i].width && widths[i] < 10)
				fail_msg("%s has %d of %d", top_columns[i].heading, widths[i],
					 width);
		}
		assert_int_equal(sum - 1, width - 1);
	}
	for (int width = 0; width < 80; width++)
		top_layout(width, widths);
}

static void nothing_but_ascii_leaves(void **state)
{
	static const struct said evil[] = { { "a\\u001b[2Jb\\u009b\\u00e9", "enforce", "calm",
					      "none", "100", "90", "null", "40", "80" } };
	json_object *o = status_of(evil, 1);
	struct top_model m = { 0 };
	struct top_lines lines = { 0 };

	(void)state;
	assert_int_equal(top_model_status(&m, o), 0);
	assert_string_equal(top_model_row(&m, 0)->workload, "a?[2Jb????");
	top_line(&lines, "%s", "x\x1b]0;y\a\n\x7f");
	assert_string_equal(lines.line[0], "x?]0;y???");
	for (size_t i = 0; i < 2 * TOP_DETAIL_LINES_MAX; i++)
		top_line(&lines, "more");
	assert_int_equal(lines.n, TOP_DETAIL_LINES_MAX);
	json_object_put(o);
	top_model_done(&m);
}

static void long_lines_go_on_below(void **state)
{
	struct top_lines lines = { .width = 40 };

	(void)state;
	top_line(&lines, "one two three four five six seven eight nine ten eleven twelve");
	assert_int_equal(lines.n, 2);
	assert_string_equal(lines.line[0], "one two three four five six seven eight");
	assert_string_equal(lines.line[1], "        nine ten eleven twelve");
	top_line(&lines, "%0100d", 7);
	for (size_t i = 0; i < lines.n; i++)
		assert_in_range(strlen(lines.line[i]), 1, 40);
	lines.n = 0;
	top_line(&lines, "%s", "");
	assert_int_equal(lines.n, 1);
}

static void processes_of_a_scan_share_their_cgroup(void **state)
{
	json_object *list = json_tokener_parse(
		"[{\"workload\":\"/a\",\"pid\":1,\"heap_marked_bytes\":10,\"mapped_ready_bytes\":20,\"gogc\":100,"
		"\"usage_bytes\":100,\"limit_bytes\":200},"
		"{\"workload\":\"/a\",\"pid\":2,\"heap_marked_bytes\":5,\"mapped_ready_bytes\":9,\"gogc\":50,"
		"\"usage_bytes\":100,\"limit_bytes\":200},"
		"{\"workload\":\"-\",\"pid\":3,\"heap_marked_bytes\":5,\"mapped_ready_bytes\":9,\"gogc\":50,\"rss_bytes\":30},"
		"{\"workload\":\"/b\",\"pid\":4,\"error\":\"refused\"}]");
	struct top_model m = { .sort = TOP_BY_NAME };
	char text[TOP_CELL_MAX];

	(void)state;
	assert_int_equal(top_model_scan(&m, list), 0);
	assert_int_equal(m.n, 3);
	assert_int_equal(m.rows[0].live, 15);
	assert_int_equal(m.rows[0].nongo, 71);
	assert_true(m.rows[0].gogc_varies);
	assert_int_equal(m.rows[1].used, 30);
	assert_int_equal(m.rows[2].refused, 1);
	for (size_t i = 0; i < top_columns_max; i++)
		assert_non_null(top_columns[i].text(&m.rows[2], text));
	json_object_put(list);
	top_model_done(&m);
}

static void answers_of_nonsense_are_no_rows(void **state)
{
	static const char *const answers[] = { "{}", "[]", "7", "{\"workloads\":[]}",
					       "{\"workloads\":[1,null,{}]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		json_object *o = json_tokener_parse(answers[i]);
		struct top_model m = { 0 };
		struct top_lines lines = { 0 };

		assert_int_equal(top_model_status(&m, o), 0);
		top_detail_lines(&lines, o, o);
		json_object_put(o);
		top_model_done(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(risk_is_state_then_time_then_use),
		cmocka_unit_test(each_order_has_its_own_figure),
		cmocka_unit_test(filters_look_at_name_tier_and_state),
		cmocka_unit_test(the_parts_add_up_to_what_is_used),
		cmocka_unit_test(a_bar_fills_its_width_and_hides_nothing),
		cmocka_unit_test(every_screen_has_name_and_bar),
		cmocka_unit_test(nothing_but_ascii_leaves),
		cmocka_unit_test(long_lines_go_on_below),
		cmocka_unit_test(processes_of_a_scan_share_their_cgroup),
		cmocka_unit_test(answers_of_nonsense_are_no_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
