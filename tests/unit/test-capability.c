/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/capability.h"

#define BIT(number) (UINT64_C(1) << (number))
#define ALL	    UINT64_MAX

struct capability_case {
	const char *name;
	uint64_t set;
	enum rights rights;
	const char *missing; /* names, each followed by a blank */
};

static const struct capability_case cases[] = {
	{ "all of them: full", ALL, RIGHTS_FULL, "" },
	{ "what nothing uses is not missed", ALL & ~BIT(CAP_SYS_RESOURCE), RIGHTS_FULL, "" },
	{ "nothing is heard without those for eBPF, and all else works",
	  ALL & ~(BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_SYS_ADMIN)), RIGHTS_FULL,
	  "CAP_BPF CAP_PERFMON CAP_SYS_ADMIN " },
	{ "none of them: nothing works", 0, RIGHTS_NONE,
	  "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID CAP_KILL "
	  "CAP_NET_ADMIN CAP_BPF CAP_PERFMON CAP_SYS_ADMIN " },
	{ "nobody is read without SYS_PTRACE", ALL & ~BIT(CAP_SYS_PTRACE), RIGHTS_NONE,
	  "CAP_SYS_PTRACE " },
	{ "reading is enough for reduced", ALL & ~BIT(CAP_DAC_OVERRIDE), RIGHTS_REDUCED,
	  "CAP_DAC_OVERRIDE " },
	{ "DAC_OVERRIDE reads as well", ALL & ~BIT(CAP_DAC_READ_SEARCH), RIGHTS_FULL, "" },
	{ "without both nobody's memory is opened",
	  ALL & ~(BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE)), RIGHTS_NONE,
	  "CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE " },
	{ "a parser that stays root does not parse", ALL & ~BIT(CAP_SETUID), RIGHTS_NONE,
	  "CAP_SETUID " },
	{ "nor one that keeps its groups", ALL & ~BIT(CAP_SETGID), RIGHTS_NONE, "CAP_SETGID " },
	{ "some are only missed", ALL & ~(BIT(CAP_KILL) | BIT(CAP_NET_ADMIN)), RIGHTS_FULL,
	  "CAP_KILL CAP_NET_ADMIN " },
};

static void test_set(void **state)
{
	const struct capability_case *c = *state;
	char missing[256] = "";
	size_t cursor = 0, at = 0;

	for (const struct capability *m = capability_next_missing(c->set, &cursor); m;
	     m = capability_next_missing(c->set, &cursor)) {
		assert_true(strlen(m->lost) > 10);
		at += (size_t)snprintf(missing + at, sizeof(missing) - at, "%s ", m->name);
	}
	assert_string_equal(missing, c->missing);
	assert_string_equal(rights_name(capability_rights(c->set)), rights_name(c->rights));
}

static void test_own(void **state)
{
	uint64_t set = 0, told = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	(void)state;
	assert_int_equal(capability_effective(&set), 0);
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %lx", &told) == 1)
			break;
	fclose(f);
	assert_int_equal(set, told);
}

int main(void)
{
	static struct suite s;
	const struct CMUnitTest tests[] = {
		SUITE_TEST("its own set is the one that the kernel shows", test_own),
	};

	SUITE_TABLE(&s, test_set, cases);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "capability");
}
