/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "gobin/span_class.h"

static const struct row {
	const char *name;
	enum event_kind kind;
	uint64_t value;
	uint32_t weight, given;
	uint64_t object_bytes, bytes;
} rows[] = {
	{ "a span of tiny objects has 512", EVENT_REFILL, 2 << 1 | 1, 1, EVENT_GIVEN_UNKNOWN, 16,
	  8192 },
	{ "what does not fit is in none", EVENT_REFILL, 5 << 1, 1, EVENT_GIVEN_UNKNOWN, 48,
	  170 * 48 },
	{ "the largest class has four pages", EVENT_REFILL, 67 << 1, 1, EVENT_GIVEN_UNKNOWN, 32768,
	  32768 },
	{ "one object may have ten", EVENT_REFILL, 65 << 1, 1, EVENT_GIVEN_UNKNOWN, 27264, 81792 },
	{ "what the last span gave counts", EVENT_REFILL, 10 << 1, 1, 7, 128, 7 * 128 },
	{ "but no more than there are", EVENT_REFILL, 10 << 1, 1, 65, 128, 8192 },
	{ "without one it is half", EVENT_REFILL, 10 << 1, 1, EVENT_GIVEN_NONE, 128, 4096 },
	{ "as often as it was thinned out", EVENT_REFILL, 10 << 1, 16, 7, 128, 16 * 7 * 128 },
	{ "a register has more than the class in it", EVENT_REFILL, 0xabcdef00 | 10 << 1, 0, 7, 128,
	  7 * 128 },
	{ "no class is as large", EVENT_REFILL, 68 << 1, 1, EVENT_GIVEN_UNKNOWN, 0, 0 },
	{ "nor is that of large objects refilled", EVENT_REFILL, 1, 1, EVENT_GIVEN_NONE, 0, 0 },
	{ "a large object is its pages", EVENT_ALLOC_LARGE, 32769, 1, 0, 40960, 40960 },
	{ "and needs not one more", EVENT_ALLOC_LARGE, 40960, 2, 0, 40960, 81920 },
	{ "none is larger than all memory", EVENT_ALLOC_LARGE, UINT64_MAX, 1, 0, 0, 0 },
};

static void test_bytes(void **state)
{
	const struct row *row = *state;
	const struct event_alloc a = { .head = { .kind = row->kind, .value = row->value },
				       .weight = row->weight,
				       .given = row->given };

	assert_int_equal(span_event_object_bytes(&a), row->object_bytes);
	assert_int_equal(span_event_bytes(&a), row->bytes);
}

/* As the generator of the table itself demands it (mksizeclasses.go): an eighth of a span at most is wasted. */
static void test_table(void **state)
{
	(void)state;
	for (uint64_t class = 1; class < SPAN_CLASSES; class ++) {
		const uint64_t object = span_object_bytes(class << 1), all = span_bytes(class << 1);
		const uint64_t pages = (all + SPAN_PAGE_BYTES - 1) / SPAN_PAGE_BYTES;

		assert_true(object > span_object_bytes((class - 1) << 1));
		assert_int_equal(all % object, 0);
		assert_true(pages * SPAN_PAGE_BYTES - all < object);
		assert_true((pages * SPAN_PAGE_BYTES - all) * 8 <= pages * SPAN_PAGE_BYTES);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("sizes rise, and fill their spans", test_table),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_bytes, rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "span_class");
}
