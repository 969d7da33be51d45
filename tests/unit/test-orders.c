/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "fixture/tree.h"
#include "state/store.h"

static struct order order(enum order_kind kind, const char *workload, enum policy_lever lever,
			  int64_t value, uint64_t until)
{
	struct order o = { .kind = kind, .lever = lever, .value = value, .until_wall = until };

	assert_true(text_copy(o.workload, sizeof(o.workload), workload));
	return o;
}

static void add(struct orders *o, struct order which)
{
	assert_int_equal(orders_add(o, &which), 0);
}

static void test_stop(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };

	(void)state;
	assert_false(orders_stopped(&o));
	add(&o, order(ORDER_STOP_WRITES, "", 0, 0, 0));
	add(&o, order(ORDER_STOP_WRITES, "", 0, 0, 0));
	assert_true(orders_stopped(&o));
	assert_int_equal(o.n, 1);
	assert_int_equal(orders_remove(&o, ORDER_STOP_WRITES, NULL), 1);
	assert_false(orders_stopped(&o));
}

static void test_release(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };

	(void)state;
	add(&o, order(ORDER_RELEASE, "/a", 0, 0, 0));
	add(&o, order(ORDER_RELEASE, "/b", 0, 0, 0));
	assert_true(orders_released(&o, "/a"));
	assert_false(orders_released(&o, "/a/b"));
	assert_false(orders_released(&o, "/"));
	assert_int_equal(orders_remove(&o, ORDER_RELEASE, "/a"), 1);
	assert_int_equal(orders_remove(&o, ORDER_RELEASE, "/a"), 0);
	assert_true(orders_released(&o, "/b"));
}

static void test_pin(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };

	(void)state;
	add(&o, order(ORDER_PIN, "/a", LEVER_GOGC, 50, 0));
	add(&o, order(ORDER_PIN, "/a", LEVER_SOFT_LIMIT, 1 << 20, 0));
	add(&o, order(ORDER_PIN, "/a", LEVER_GOGC, 60, 0));
	assert_int_equal(o.n, 2);
	assert_int_equal(orders_pin(&o, "/a", LEVER_GOGC)->value, 60);
	assert_int_equal(orders_pin(&o, "/a", LEVER_SOFT_LIMIT)->value, 1 << 20);
	assert_null(orders_pin(&o, "/a", LEVER_MADVDONTNEED));
	assert_null(orders_pin(&o, "/b", LEVER_GOGC));
	assert_int_equal(orders_remove(&o, ORDER_PIN, "/a"), 2);
}

static void test_expire(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };

	(void)state;
	add(&o, order(ORDER_PIN, "/a", LEVER_GOGC, 50, 1000));
	add(&o, order(ORDER_PIN, "/b", LEVER_GOGC, 50, 1001));
	add(&o, order(ORDER_PIN, "/c", LEVER_GOGC, 50, 0));
	assert_int_equal(orders_expire(&o, 999), 0);
	assert_int_equal(orders_expire(&o, 1000), 1);
	assert_null(orders_pin(&o, "/a", LEVER_GOGC));
	assert_int_equal(orders_expire(&o, UINT64_MAX), 1);
	assert_non_null(orders_pin(&o, "/c", LEVER_GOGC));
}

static void test_cap(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };
	struct order one;
	char name[32];

	(void)state;
	for (int i = 0; i < ORDERS_MAX; i++) {
		snprintf(name, sizeof(name), "/%d", i);
		add(&o, order(ORDER_RELEASE, name, 0, 0, 0));
	}
	one = order(ORDER_RELEASE, "/more", 0, 0, 0);
	assert_int_equal(orders_add(&o, &one), -ENOSPC);
	one = order(ORDER_RELEASE, "/7", 0, 0, 5);
	assert_int_equal(orders_add(&o, &one), 0);
}

static void check_roundtrip(const struct orders *o)
{
	_cleanup_(orders_done) struct orders back = { 0 };
	_cleanup_(freep) char *text = NULL;
	size_t len;

	assert_int_equal(orders_format(o, &text, &len), 0);
	assert_int_equal(len, strlen(text));
	assert_int_equal(orders_parse(text, &back), 0);
	assert_int_equal(back.n, o->n);
	for (size_t i = 0; i < o->n; i++) {
		assert_int_equal(back.orders[i].kind, o->orders[i].kind);
		assert_int_equal(back.orders[i].lever, o->orders[i].lever);
		assert_int_equal(back.orders[i].value, o->orders[i].value);
		assert_int_equal(back.orders[i].until_wall, o->orders[i].until_wall);
		assert_string_equal(back.orders[i].workload, o->orders[i].workload);
	}
}

static void test_roundtrip(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };
	char longest[512] = "/";

	(void)state;
	check_roundtrip(&o);
	memset(longest + 1, 'x', sizeof(longest) - 2);
	add(&o, order(ORDER_STOP_WRITES, "", 0, 0, 0));
	add(&o, order(ORDER_PIN, "/a b  c", LEVER_GOGC, -1, UINT64_MAX));
	add(&o, order(ORDER_PIN, "/ends in a blank ", LEVER_GOGC, 1, 1));
	add(&o, order(ORDER_RELEASE, longest, LEVER_MEMORY_HIGH, INT64_MAX, 0));
	add(&o, order(ORDER_PIN, "/%s%n\\x0a;\x01\xff", LEVER_SOFT_LIMIT, INT64_MAX, 0));
	check_roundtrip(&o);
}

static void test_newline(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };
	struct order one = order(ORDER_RELEASE, "/a\nstop-writes 0 gogc 0 ", 0, 0, 0);

	(void)state;
	/* It would be two orders when it is read again. */
	assert_int_equal(orders_add(&o, &one), -EINVAL);
	assert_int_equal(o.n, 0);
}

struct text_case {
	const char *name, *text;
	unsigned int bad;
	size_t n;
};

static const struct text_case texts[] = {
	{ "nothing is no orders", "", 0, 0 },
	{ "an order is read", "release 0 soft_limit 0 /a\n", 0, 1 },
	{ "a last line without an end is read", "release 0 soft_limit 0 /a", 0, 1 },
	{ "an order without a workload is read", "stop-writes 0 soft_limit 0 \n", 0, 1 },
	{ "an unknown kind is counted", "go 0 gogc 0 /a\nrelease 0 gogc 0 /b\n", 1, 1 },
	{ "an unknown lever is counted", "pin 0 brake 0 /a\n", 1, 0 },
	{ "a negative time is counted", "pin -1 gogc 0 /a\n", 1, 0 },
	{ "a number with letters is counted", "pin 0 gogc 5x /a\n", 1, 0 },
	{ "a number that does not fit is counted", "pin 0 gogc 99999999999999999999 /a\n", 1, 0 },
	{ "a number that would be cut is counted", "pin 0 gogc 000000000000000000000000007 /a\n", 1,
	  0 },
	{ "a line that is cut short is counted", "pin 0 gogc", 1, 0 },
	{ "empty lines are counted", "\n\n", 2, 0 },
};

static void test_text(void **state)
{
	const struct text_case *c = *state;
	_cleanup_(orders_done) struct orders o = { 0 };

	assert_int_equal(orders_parse(c->text, &o), c->bad);
	assert_int_equal(o.n, c->n);
}

static void test_long_lines(void **state)
{
	static char text[4096] = "release 0 gogc 0 /";
	_cleanup_(orders_done) struct orders o = { 0 };

	(void)state;
	memset(text + strlen(text), 'a', 600);
	assert_int_equal(orders_parse(text, &o), 1);
	memset(text + strlen(text), 'a', 3000);
	assert_int_equal(orders_parse(text, &o), 1);
	assert_int_equal(o.n, 0);
}

static void test_store(void **state)
{
	_cleanup_(orders_done) struct orders o = { 0 };
	_cleanup_(orders_done) struct orders back = { 0 };
	_cleanup_(store_closep) struct store *st = NULL;
	struct tree t;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	assert_int_equal(store_open(tree_path(&t, "state"), &st), 0);
	assert_int_equal(store_get_orders(st, &back), 0);
	assert_int_equal(back.n, 0);
	add(&o, order(ORDER_RELEASE, "/a", 0, 0, 0));
	assert_int_equal(store_put_orders(st, &o), 0);
	st = store_close(st);
	assert_int_equal(store_open(tree_path(&t, "state"), &st), 0);
	assert_int_equal(store_get_orders(st, &back), 0);
	assert_true(orders_released(&back, "/a"));
	tree_close(&t);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("stop-writes is given once and taken back", test_stop),
	SUITE_TEST("a release is of one workload", test_release),
	SUITE_TEST("a pin is of one lever, the last one holds", test_pin),
	SUITE_TEST("pins run out", test_expire),
	SUITE_TEST("orders are capped, known ones still change", test_cap),
	SUITE_TEST("orders come back as they were", test_roundtrip),
	SUITE_TEST("a name with a newline is refused", test_newline),
	SUITE_TEST("lines that are too long are counted", test_long_lines),
	SUITE_TEST("orders outlive the daemon", test_store),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_text, texts);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "orders");
}
