/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/decimal.h"
#include "fixture/suite.h"

static const struct row {
	const char *name, *text;
	int scale, result;
	int64_t want;
} rows[] = {
	{ "a whole number is itself", "12", 0, 0, 12 },
	{ "what is behind the point is cut", "12.99", 0, 0, 12 },
	{ "a scale keeps it", "12.99", 3, 0, 12990 },
	{ "an exponent moves the point", "1.5e+06", 0, 0, 1500000 },
	{ "a negative exponent and a scale meet", "2.5E-3", 6, 0, 2500 },
	{ "an instant in seconds is exact in nanoseconds", "1.7945678901234567e+09", 9, 0,
	  INT64_C(1794567890123456700) },
	{ "a negative number is", "-1", 0, 0, -1 },
	{ "the largest unsigned number is cut to the largest", "1.8446744073709552e+19", 0, 0,
	  INT64_MAX },
	{ "no soft limit is the largest", "9.223372036854776e+18", 0, 0, INT64_MAX },
	{ "no soft limit in digits is the largest", "9223372036854775807", 0, 0, INT64_MAX },
	{ "a huge exponent is the largest", "1e999999999999", 0, 0, INT64_MAX },
	{ "a huge negative exponent is nothing", "1e-999999999999", 9, 0, 0 },
	{ "zeros before the number do not count", "00000000000000000000000012", 0, 0, 12 },
	{ "zero with a huge exponent is zero", "0e9999", 0, 0, 0 },
	{ "infinity is the largest", "+Inf", 0, 0, INT64_MAX },
	{ "negative infinity is the smallest", "-Inf", 0, 0, INT64_MAX * -1 - 1 },
	{ "NaN is none", "NaN", 0, DECIMAL_NAN, 0 },
	{ "nothing is no number", "", 0, -EINVAL, 0 },
	{ "a point alone is no number", ".", 0, -EINVAL, 0 },
	{ "a number with a tail is none", "12x", 0, -EINVAL, 0 },
	{ "an exponent without digits is none", "1e", 0, -EINVAL, 0 },
	{ "two signs are none", "--1", 0, -EINVAL, 0 },
	{ "hexadecimal is none", "0x10", 0, -EINVAL, 0 },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	int64_t got = 0;

	assert_int_equal(decimal_parse(span_of(row->text, strlen(row->text)), row->scale, &got),
			 row->result);
	assert_true(got == row->want);
}

int main(void)
{
	struct suite s = { .n = 0 };

	SUITE_TABLE(&s, test_row, rows);
	return suite_run(&s, "decimal");
}
