/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <string.h>

#include "report/health.h"

static const struct row {
	const char *name;
	const char *events; /* w: works, f: fails, e: an error; one a second, from the first */
	bool known, works;
	usec_t since, told, failed; /* seconds */
	uint64_t errors;
} rows[] = {
	{ "nothing tried, nothing known", "", false, false, 0, 0, 0, 0 },
	{ "since the first answer", "www", true, true, 1, 3, 0, 0 },
	{ "since the first failure", "wwff", true, false, 3, 2, 4, 2 },
	{ "one that works again has failed once", "wfww", true, true, 3, 4, 2, 1 },
	{ "an error of no consequence changes nothing but that", "wwe", true, true, 1, 2, 3, 1 },
	{ "it may fail from the beginning", "f", true, false, 1, 0, 1, 1 },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct health h = { 0 };

	for (usec_t i = 0; row->events[i]; i++) {
		if (row->events[i] == 'w')
			health_works(&h, (i + 1) * USEC_SEC);
		else if (row->events[i] == 'f')
			health_fails(&h, (i + 1) * USEC_SEC, "failed");
		else
			health_error(&h, (i + 1) * USEC_SEC, "error");
	}
	assert_int_equal(h.known, row->known);
	assert_int_equal(h.works, row->works);
	assert_int_equal(h.since, row->since * USEC_SEC);
	assert_int_equal(h.told, row->told * USEC_SEC);
	assert_int_equal(h.failed, row->failed * USEC_SEC);
	assert_int_equal(h.errors, row->errors);
}

static void test_reason(void **state)
{
	struct health h = { 0 };
	char longer[2 * HEALTH_ERROR_MAX];

	(void)state;
	health_fails(&h, 1, "first");
	health_fails(&h, 2, NULL);
	assert_string_equal(h.error, "first");
	health_works(&h, 3);
	assert_string_equal(h.error, "first");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	health_fails(&h, 4, longer);
	assert_int_equal(strlen(h.error), HEALTH_ERROR_MAX - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("the last reason stays, and has an end", test_reason),
	};
	struct suite s = { .n = 0 };

	SUITE_TABLE(&s, test_row, rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "health");
}
