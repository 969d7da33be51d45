/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture/suite.h"

#include "base/util.h"
#include "policy/load.h"

/* What is wrong with a text: the report, word for word. */
struct report_case {
	const char *name, *text;
	int r;
	const char *report;
};

#define T "[tier t]\n"

static const struct report_case reports[] = {
	{ "an empty set is a set", "", 0, "" },
	{ "a tier without keys is a tier", T, 0, "" },
	{ "a state may stand above its tier", "[t.calm]\ngogc = 80\n" T, 0, "" },
	{ "an unknown key is a warning with the nearest", T "limits = none\n[t.calm]\ngogcc = 3\n",
	  0,
	  "x.ini:2: unknown key 'limits' in [tier t], ignoring; the nearest known one is 'limit'\n"
	  "x.ini:4: unknown key 'gogcc' in [t.calm], ignoring; the nearest known one is 'gogc'\n" },
	{ "a tier's key in a state is unknown there", T "[t.calm]\npriority = 3\n", 0,
	  "x.ini:3: unknown key 'priority' in [t.calm], ignoring; known ones are when, gogc, "
	  "madvdontneed, soft_limit, memory_high, goroutine_rate\n" },
	{ "an unknown section is an error, told once", "[teir t]\nlimit = x\nmode = y\n", -EINVAL,
	  "x.ini:1: [teir t]: no such section; write [tier NAME], [scope NAME], [namespace-share NAME] or [TIER.STATE]\n" },
	{ "an unknown state is an error", T "[t.panic]\ngogc = 3\n", -EINVAL,
	  "x.ini:2: [t.panic]: no such state; write calm, pressed, emergency, tight or hot behind "
	  "the dot\n" },
	{ "a tier's name has no blank", "[tier a b]\n", -EINVAL,
	  "x.ini:1: [tier a b]: not a name; at most 39 letters, digits, '_' and '-'\n" },
	{ "a tier's name has at most 39 bytes", "[tier a123456789b123456789c123456789d123456789]\n",
	  -EINVAL,
	  "x.ini:1: [tier a123456789b123456789c123456789d123456789]: not a name; at most 39 "
	  "letters, digits, '_' and '-'\n" },
	{ "a state of a tier that does not exist is an error", T "[u.calm]\ngogc = 9\n", -EINVAL,
	  "x.ini:2: [u.calm]: there is no tier 'u'; write [tier u] or mend the name\n" },
	{ "pressed without a trigger is an error", T "[t.pressed]\ngogc = 30\n", -EINVAL,
	  "x.ini:2: [t.pressed] has no trigger; write when = heap_alloc > 70% limit, say\n" },
	{ "a trigger in calm is an error", T "[t.calm]\nwhen = usage > 9% limit\n", -EINVAL,
	  "x.ini:3: when in [t.calm]: only pressed and emergency are entered by a trigger; remove "
	  "it\n" },
	{ "gogc = off is refused", T "[t.calm]\ngogc = off\n", -EINVAL,
	  "x.ini:3: gogc = off is not understood; write a percentage from 1 to 10000 without the "
	  "sign (gomemd never switches collection off)\n" },
	{ "gogc = -1 is refused", T "[t.calm]\ngogc = -1\n", -EINVAL,
	  "x.ini:3: gogc = -1 is not understood; write a percentage from 1 to 10000 without the "
	  "sign (gomemd never switches collection off)\n" },
	{ "gogc = 0 is out of range", T "[t.calm]\ngogc = 0\n", -EINVAL,
	  "x.ini:3: gogc = 0 is out of range; write a percentage from 1 to 10000 without the sign "
	  "(gomemd never switches collection off)\n" },
	{ "an empty value is told", T "[t.calm]\ngogc =\n", -EINVAL,
	  "x.ini:3: gogc =  is empty; write a percentage from 1 to 10000 without the sign (gomemd "
	  "never switches collection off)\n" },
	{ "a limit is an interval", T "limit = 1G\n", -EINVAL,
	  "x.ini:2: limit = 1G is not understood; write 240Mi..1100Mi (the lower end first), "
	  "..129Mi, 1900Mi.. or none\n" },
	{ "a limit's lower end comes first", T "limit = 2G..1G\n", -EINVAL,
	  "x.ini:2: limit = 2G..1G is out of range; write 240Mi..1100Mi (the lower end first), "
	  "..129Mi, 1900Mi.. or none\n" },
	{ "a mode is one of three", T "mode = enforced\n", -EINVAL,
	  "x.ini:2: mode = enforced is not understood; write observe, recommend or enforce\n" },
	{ "an ownership is one of three", T "ownership.gogc = mine\n", -EINVAL,
	  "x.ini:2: ownership.gogc = mine is not understood; write yield, tighten or override\n" },
	{ "a priority is a number", T "priority = high\n", -EINVAL,
	  "x.ini:2: priority = high is not understood; write a whole number from -1000000 to "
	  "1000000\n" },
	{ "tight is one of two", T "tight = yes\n", -EINVAL,
	  "x.ini:2: tight = yes is not understood; write relax or restart\n" },
	{ "heap_profile is on or off", T "heap_profile = yes\n", -EINVAL,
	  "x.ini:2: heap_profile = yes is not understood; write on or off\n" },
	{ "heap_series is a duration", T "heap_series = on\n", -EINVAL,
	  "x.ini:2: heap_series = on is not understood; write off, or a duration from 1s to 1d\n" },
	{ "heap_series has a shortest interval", T "heap_series = 100ms\n", -EINVAL,
	  "x.ini:2: heap_series = 100ms is out of range; write off, or a duration from 1s to 1d\n" },
	{ "culprits are told on alarms, or not, or at an interval", T "culprits = on\n", -EINVAL,
	  "x.ini:2: culprits = on is not understood; write alarm, off, or a duration from 10s to "
	  "1d\n" },
	{ "culprits have a shortest interval", T "culprits = 9s\n", -EINVAL,
	  "x.ini:2: culprits = 9s is out of range; write alarm, off, or a duration from 10s to "
	  "1d\n" },
	{ "culprits have a longest interval", T "culprits = 2d\n", -EINVAL,
	  "x.ini:2: culprits = 2d is out of range; write alarm, off, or a duration from 10s to "
	  "1d\n" },
	{ "soft_limit is auto or off", T "[t.calm]\nsoft_limit = 64Mi\n", -EINVAL,
	  "x.ini:3: soft_limit = 64Mi is not understood; write auto or off\n" },
	{ "memory_high is auto, swap or no", T "[t.hot]\nmemory_high = off\n", -EINVAL,
	  "x.ini:3: memory_high = off is not understood; write auto, swap or no\n" },
	{ "madvdontneed is yes or no", T "[t.hot]\nmadvdontneed = auto\n", -EINVAL,
	  "x.ini:3: madvdontneed = auto is not understood; write yes or no\n" },
	{ "a rate is per second", T "[t.hot]\ngoroutine_rate = 1000\n", -EINVAL,
	  "x.ini:3: goroutine_rate = 1000 is not understood; write a rate such as 1000/s, from 1/s "
	  "to 100000000/s\n" },
	{ "a trigger wants its metric", T "[t.pressed]\nwhen = heap > 70% limit\n", -EINVAL,
	  "x.ini:3: when = heap > 70% limit is not understood; write heap_alloc > 70% limit, or "
	  "heap_alloc > 64Mi (of heap_alloc, heap_inuse, heap_sys, usage; limit only on the "
	  "right)\n"
	  "x.ini:2: [t.pressed] has no trigger; write when = heap_alloc > 70% limit, say\n" },
	{ "a share wants a namespace and a figure", "[namespace-share s]\n", -EINVAL,
	  "x.ini:1: [namespace-share s] names no namespace; write namespace = PATTERN\n"
	  "x.ini:1: [namespace-share s] has no memory; write memory = SIZE, what the Go workloads of "
	  "a namespace are to use together\n" },
	{ "a share of next to nothing", "[namespace-share s]\nnamespace = a\nmemory = 4\n", -EINVAL,
	  "x.ini:3: memory = 4 is out of range; write a size such as 4Gi, at least 1Mi\n"
	  "x.ini:1: [namespace-share s] has no memory; write memory = SIZE, what the Go workloads of "
	  "a namespace are to use together\n" },
	{ "a scope by pod wants its namespace", "[scope s]\npod = web-*\nmode = enforce\n", -EINVAL,
	  "x.ini:1: [scope s] names a pod or container of any namespace, which whoever creates pods "
	  "may choose; write namespace = PATTERN as well\n" },
	{ "a namespace has no slash", "[tier t]\nnamespace = shop/web\n", -EINVAL,
	  "x.ini:2: namespace = shop/web is not understood; write a pattern such as shop-*, of "
	  "lower-case letters, digits, '-', '.', '*' and '?', at most 16 of them\n" },
	{ "a class is one of three", "[tier t]\nqos = Burstable\n", -EINVAL,
	  "x.ini:2: qos = Burstable is not understood; write guaranteed, burstable or besteffort\n" },
	{ "a scope wants a cgroup and a mode", "[scope s]\n", -EINVAL,
	  "x.ini:1: [scope s] names no cgroup and no namespace; write cgroup = PATTERN or namespace "
	  "= PATTERN\n"
	  "x.ini:1: [scope s] has no mode; write mode = observe, recommend or enforce\n" },
	{ "limits that overlap are a warning", "[tier a]\nlimit = ..2G\n[tier b]\nlimit = 1G..\n",
	  0,
	  "x.ini:3: tier b overlaps tier a (x.ini:1), which matches first, in 1.0G..2.0G; give one "
	  "of them a priority\n" },
	{ "limits that touch do not overlap", "[tier a]\nlimit = ..2G\n[tier b]\nlimit = 2G..\n", 0,
	  "" },
	{ "a priority settles an overlap",
	  "[tier a]\nlimit = ..2G\n[tier b]\nlimit = 1G..\npriority = 1\n", 0, "" },
	{ "another key settles an overlap",
	  "[tier a]\nlimit = ..2G\n[tier b]\nlimit = 1G..\ncgroup = a/**\n", 0, "" },
	{ "two tiers without limit are a warning",
	  "[tier a]\nlimit = none\n[tier b]\nlimit = none\n", 0,
	  "x.ini:3: tier b is never reached: tier a (x.ini:1) has limit = none as well; give one "
	  "of them a priority\n" },
	{ "a share of no limit is a warning",
	  T "limit = none\n[t.emergency]\nwhen = usage > 90% limit\n", 0,
	  "x.ini:3: [t.emergency] never begins: its trigger is a share of the limit, and the tier "
	  "is for workloads without one\n" },
	{ "what the INI reader refuses is an error too", T "mode: enforce\n", -EINVAL,
	  "x.ini:2: ':' stands before '='; write KEY = VALUE\n" },
	{ "all that is wrong is told at once", T "mode = x\n[t.calm]\ngogc = y\nsoft_limit = z\n",
	  -EINVAL,
	  "x.ini:2: mode = x is not understood; write observe, recommend or enforce\n"
	  "x.ini:4: gogc = y is not understood; write a percentage from 1 to 10000 without the "
	  "sign (gomemd never switches collection off)\n"
	  "x.ini:5: soft_limit = z is not understood; write auto or off\n" },
};

static void test_report(void **state)
{
	const struct report_case *c = *state;
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *set = NULL;

	assert_int_equal(policy_load_text("x.ini", c->text, strlen(c->text), &report, &set), c->r);
	assert_string_equal(report.text ? report.text : "", c->report);
	assert_int_equal(set != NULL, c->r == 0);
}

static void test_caps(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *set = NULL;
	char text[4096];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < POLICY_TIERS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[tier t%d]\npriority = %d\n", i,
				      i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "[t0.calm]\n[tier t1]\n");
	for (int i = 0; i < POLICY_PATTERNS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "exe = e%d\n", i);
	assert_int_equal(policy_load_text("x.ini", text, n, &report, &set), -EINVAL);
	assert_string_equal(
		report.text,
		"x.ini:129: [tier t64]: more than 64 tiers, scopes or shares; merge some\n"
		"x.ini:149: exe = e16 is one too many; write a pattern such as "
		"prometheus or /usr/bin/*, at most 16 of them, 191 bytes each\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("tiers and patterns are capped with file and line", test_caps),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_report, reports);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "policy_report");
}
