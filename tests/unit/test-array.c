/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/array.h"

struct array_case {
	const char *name;
	size_t room, n, more, max;
	int result;
	size_t room_after;
};

static const struct array_case cases[] = {
	{ "what fits needs nothing", 16, 15, 1, 100, 0, 16 },
	{ "the first has room for some", 0, 0, 1, 100, 0, 4 },
	{ "a full one is doubled", 16, 16, 1, 100, 0, 32 },
	{ "for many at once as many as are wanted", 16, 16, 60, 100, 0, 76 },
	{ "never more than the cap", 64, 64, 1, 100, 0, 100 },
	{ "the last that fits under the cap", 100, 99, 1, 100, 0, 100 },
	{ "at the cap none", 100, 100, 1, 100, -EFBIG, 100 },
	{ "no more than fit under the cap", 16, 16, 85, 100, -EFBIG, 16 },
	{ "a number that would wrap is over it", 16, 16, SIZE_MAX, 100, -EFBIG, 16 },
	{ "none need no room, at the cap either", 100, 100, 0, 100, 0, 100 },
};

static void test_make_room(void **state)
{
	const struct array_case *c = *state;
	_cleanup_(freep) uint64_t *array = c->room ? calloc(c->room, sizeof(*array)) : NULL;
	size_t room = c->room;

	assert_int_equal(array_make_room_for(&array, &room, c->n, c->more, c->max, sizeof(*array)),
			 c->result);
	assert_int_equal(room, c->room_after);
	if (c->result == 0 && c->more)
		array[c->n + c->more - 1] = 1;
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_make_room, cases);
	return suite_run(&s, "array");
}
