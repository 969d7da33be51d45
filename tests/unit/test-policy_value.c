/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>

#include "base/util.h"
#include "policy/policy.h"
#include "policy/value.h"

struct culprits_case {
	const char *name, *value;
	int r;
	usec_t culprits;
};

static const struct culprits_case culprits[] = {
	{ "on alarms alone", "alarm", 0, 0 },
	{ "never", "off", 0, POLICY_NEVER },
	{ "the shortest interval", "10s", 0, 10 * USEC_SEC },
	{ "the longest", "1d", 0, 24 * 60 * USEC_MIN },
	{ "a shorter one is out of range", "9s", -ERANGE, 77 },
	{ "so is a longer one", "2d", -ERANGE, 77 },
	{ "0 is no way to say never", "0", -ERANGE, 77 },
	{ "a word of another key is none of this", "on", -EINVAL, 77 },
	{ "nothing is nothing", "", -EINVAL, 77 },
	{ "an interval is not below 0", "-10s", -EINVAL, 77 },
	{ "one word, not two", "alarm off", -EINVAL, 77 },
};

static void test_culprits(void **state)
{
	const struct culprits_case *c = *state;
	usec_t value = 77;

	assert_int_equal(policy_value_culprits(c->value, &value), c->r);
	assert_int_equal(value, c->culprits);
}

static const struct culprits_case environments[] = {
	{ "on is ten minutes", "on", 0, 10 * USEC_MIN },
	{ "so is yes", "yes", 0, 10 * USEC_MIN },
	{ "off is never", "off", 0, 0 },
	{ "so is no", "no", 0, 0 },
	{ "a bare number is seconds, and no switch", "1", 0, USEC_SEC },
	{ "a duration is so long", "90s", 0, 90 * USEC_SEC },
	{ "less than a second is out of range", "1ms", -ERANGE, 77 },
	{ "more than a day is", "25h", -ERANGE, 77 },
	{ "a word of another key is not understood", "alarm", -EINVAL, 77 },
};

static void test_environment(void **state)
{
	const struct culprits_case *c = *state;
	usec_t value = 77;

	assert_int_equal(policy_value_environment(c->value, &value), c->r);
	assert_int_equal(value, c->culprits);
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_culprits, culprits);
	SUITE_TABLE(&s, test_environment, environments);
	return suite_run(&s, "policy_value");
}
