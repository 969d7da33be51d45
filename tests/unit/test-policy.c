/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/util.h"
#include "policy/keys.h"
#include "policy/load.h"
#include "policy/value.h"

#ifndef POLICIES_DIR
#define POLICIES_DIR "policies"
#endif

/* @name below the directory of the shipped policies. */
static const char *shipped(char buf[512], const char *name)
{
	const char *dir = getenv("GOMEMD_POLICIES_DIR");

	snprintf(buf, 512, "%s/%s", dir ? dir : POLICIES_DIR, name);
	return buf;
}

static const struct policy_tier *find(const struct policy_set *set, const char *name)
{
	for (size_t i = 0; set && i < set->n_tiers; i++)
		if (!strcmp(set->tiers[i].rules.tier, name))
			return &set->tiers[i];
	return NULL;
}

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
	  "x.ini:1: [teir t]: no such section; write [tier NAME], [scope NAME] or [TIER.STATE]\n" },
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
	{ "soft_limit is auto or off", T "[t.calm]\nsoft_limit = 64Mi\n", -EINVAL,
	  "x.ini:3: soft_limit = 64Mi is not understood; write auto or off\n" },
	{ "memory_high is auto or no", T "[t.hot]\nmemory_high = off\n", -EINVAL,
	  "x.ini:3: memory_high = off is not understood; write auto or no\n" },
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
	{ "a scope wants a cgroup and a mode", "[scope s]\n", -EINVAL,
	  "x.ini:1: [scope s] names no cgroup; write cgroup = PATTERN\n"
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

struct trigger_case {
	const char *name, *value;
	int r;
	const char *text;
};

static const struct trigger_case triggers[] = {
	{ "a share of the limit", "heap_alloc > 70% limit", 0, "heap_alloc > 70% limit" },
	{ "one decimal", "usage > 92.5% limit", 0, "usage > 92.5% limit" },
	{ "a share of another metric", "heap_alloc > 75% heap_inuse", 0,
	  "heap_alloc > 75% heap_inuse" },
	{ "a figure", "heap_sys > 64Mi", 0, "heap_sys > 64Mi" },
	{ "a figure in odd bytes", "heap_sys > 1025", 0, "heap_sys > 1025" },
	{ "a figure in K is the same as in Ki", "heap_sys > 1536K", 0, "heap_sys > 1536Ki" },
	{ "white space in between", "usage  >\t92%   limit", 0, "usage > 92% limit" },
	{ "the smallest share", "usage > 0.1% limit", 0, "usage > 0.1% limit" },
	{ "the largest share", "usage > 1000% heap_sys", 0, "usage > 1000% heap_sys" },
	{ "one more is out of range", "usage > 1000.1% heap_sys", -ERANGE, NULL },
	{ "no share is out of range", "usage > 0% limit", -ERANGE, NULL },
	{ "no bytes are out of range", "usage > 0", -ERANGE, NULL },
	{ "a share beyond 64 bits is out of range", "usage > 99999999999999999999% limit", -ERANGE,
	  NULL },
	{ "two decimals are refused", "usage > 92.55% limit", -EINVAL, NULL },
	{ "a point without decimals is refused", "usage > 92.% limit", -EINVAL, NULL },
	{ "the limit triggers nothing", "limit > 64Mi", -EINVAL, NULL },
	{ "a metric is not compared with itself", "usage > 90% usage", -EINVAL, NULL },
	{ "a share of what is missing is refused", "usage > 90%", -EINVAL, NULL },
	{ "a number without a sign is no share", "usage > 90 limit", -EINVAL, NULL },
	{ "less-than is refused", "usage < 90% limit", -EINVAL, NULL },
	{ "words behind are refused", "usage > 90% limit or so", -EINVAL, NULL },
	{ "no blanks are refused", "usage>90% limit", -EINVAL, NULL },
	{ "nothing is refused", "", -EINVAL, NULL },
};

static void test_trigger(void **state)
{
	const struct trigger_case *c = *state;
	struct policy_trigger t = { 0 };
	char buf[POLICY_TRIGGER_TEXT_MAX];

	assert_int_equal(policy_value_when(c->value, &t), c->r);
	assert_int_equal(t.set, c->r == 0);
	assert_string_equal(policy_trigger_text(buf, &t), c->text ? c->text : "-");
}

static struct policy_set *load_shipped(void)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct policy_set *set = NULL;
	char path[512], *files[] = { path };

	shipped(path, "50-sizing.ini");
	if (policy_load(files, 1, &report, &set) < 0 || report.warnings)
		fail_msg("%s: %s", path, report.text);
	return set;
}

/* What each shipped tier applies. Figures that are not of interest are left to the defaults. */
struct tier_case {
	const char *name, *tier;
	uint64_t from, to;
	const char *pressed, *emergency;
	int32_t pressed_gogc, pressed_madvdontneed, mode;
};

#define EMERGENCY "usage > 92% limit"

static const struct tier_case tiers[] = {
	{ "edge is below 129Mi and frees at once over 64Mi", "edge", 0, 129 * MIB,
	  "heap_alloc > 64Mi", EMERGENCY, POLICY_UNSET, 1, MODE_UNSET },
	{ "small has calm and emergency only", "small", 129 * MIB, 240 * MIB, "-", EMERGENCY,
	  POLICY_UNSET, POLICY_UNSET, MODE_UNSET },
	{ "gateway has GOGC 30 over 70 %", "gateway", 240 * MIB, 1100 * MIB,
	  "heap_alloc > 70% limit", EMERGENCY, 30, POLICY_UNSET, MODE_UNSET },
	{ "medium has calm and emergency only", "medium", 1100 * MIB, 1900 * MIB, "-", EMERGENCY,
	  POLICY_UNSET, POLICY_UNSET, MODE_UNSET },
	{ "batch frees lazily over 75 % in use", "batch", 1900 * MIB, BYTES_UNLIMITED,
	  "heap_alloc > 75% heap_inuse", EMERGENCY, POLICY_UNSET, 0, MODE_UNSET },
	{ "unlimited is observed", "unlimited", 0, BYTES_UNLIMITED, "-", "-", POLICY_UNSET,
	  POLICY_UNSET, MODE_OBSERVE },
};

static void test_tier(void **state)
{
	const struct tier_case *c = *state;
	_cleanup_(policy_set_freep) struct policy_set *set = load_shipped();
	const struct policy_tier *tier = find(set, c->tier);
	const struct policy_action *pressed, *emergency;
	char buf[POLICY_TRIGGER_TEXT_MAX];
	bool limited = strcmp(c->emergency, "-");

	assert_int_equal(set->n_tiers, ARRAY_SIZE(tiers));
	assert_non_null(tier);
	pressed = &tier->rules.state[STATE_PRESSED];
	emergency = &tier->rules.state[STATE_EMERGENCY];
	assert_true(tier->limit_from == c->from && tier->limit_to == c->to);
	assert_int_equal(tier->unlimited, !limited);
	assert_int_equal(tier->rules.mode, c->mode);
	assert_string_equal(policy_trigger_text(buf, &pressed->when), c->pressed);
	assert_int_equal(pressed->gogc, c->pressed_gogc);
	assert_int_equal(pressed->madvdontneed, c->pressed_madvdontneed);
	assert_string_equal(policy_trigger_text(buf, &emergency->when), c->emergency);
	assert_int_equal(emergency->gogc, limited ? 10 : POLICY_UNSET);
	assert_int_equal(emergency->goroutine_rate, limited ? 1000 : 0);
	assert_int_equal(emergency->memory_high, limited);
	for (size_t i = 0; i < LEVER_MAX_; i++)
		assert_int_equal(tier->rules.ownership[i], OWNERSHIP_TIGHTEN);
}

static struct policy_set *load(const char *text)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct policy_set *set = NULL;

	if (policy_load_text("x.ini", text, strlen(text), &report, &set) < 0)
		fail_msg("%s", report.text);
	return set;
}

static void test_every_key(void **state)
{
	_cleanup_(policy_set_freep) struct policy_set *set =
		load("[tier t]\nlimit = 1.5G..2G\ncgroup = a/**\ncgroup = b\nexe = c\nmodule = d\n"
		     "mode = enforce\npriority = -3\nownership = override\nownership.gogc = yield\n"
		     "tight = restart\n[t.emergency]\ngogc = 10000\nmadvdontneed = no\n"
		     "soft_limit = off\nmemory_high = auto\ngoroutine_rate = 7/s\n"
		     "[scope s]\ncgroup = e\nmode = observe\n");
	const struct policy_tier *t = find(set, "t");
	const struct policy_action *e = &t->rules.state[STATE_EMERGENCY];
	char buf[POLICY_TRIGGER_TEXT_MAX];

	(void)state;
	assert_true(t->limit_from == 3 * GIB / 2 && t->limit_to == 2 * GIB);
	assert_int_equal(t->cgroup.n, 2);
	assert_string_equal(t->cgroup.pattern[1], "b");
	assert_string_equal(t->exe.pattern[0], "c");
	assert_string_equal(t->module.pattern[0], "d");
	assert_int_equal(t->rules.mode, MODE_ENFORCE);
	assert_int_equal(t->priority, -3);
	assert_int_equal(t->rules.ownership[LEVER_SOFT_LIMIT], OWNERSHIP_OVERRIDE);
	assert_int_equal(t->rules.ownership[LEVER_GOGC], OWNERSHIP_YIELD);
	assert_true(t->rules.tight_restart);
	assert_int_equal(e->gogc, 10000);
	assert_int_equal(e->madvdontneed, 0);
	assert_true(e->soft_limit_off && e->memory_high);
	assert_int_equal(e->goroutine_rate, 7);
	assert_string_equal(policy_trigger_text(buf, &e->when), EMERGENCY);
	assert_string_equal(e->file, "x.ini");
	assert_int_equal(e->line, 12);
	assert_int_equal(set->n_scopes, 1);
	assert_int_equal(set->scopes[0].mode, MODE_OBSERVE);
	assert_string_equal(set->scopes[0].cgroup.pattern[0], "e");
}

static void test_priority_order(void **state)
{
	static const char order[] = "cbda";
	_cleanup_(policy_set_freep) struct policy_set *set =
		load("[tier a]\nlimit = ..1\npriority = -1\n[tier b]\nlimit = 1..2\n"
		     "[tier c]\npriority = 5\n[tier d]\nlimit = 3..4\n");

	(void)state;
	for (size_t i = 0; i < set->n_tiers; i++)
		assert_int_equal(set->tiers[i].rules.tier[0], order[i]);
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
	assert_string_equal(report.text,
			    "x.ini:129: [tier t64]: more than 64 tiers or scopes; merge some\n"
			    "x.ini:149: exe = e16 is one too many; write a pattern such as "
			    "prometheus or /usr/bin/*, at most 16 of them, 191 bytes each\n");
}

static char *read_manual(void)
{
	char path[512], *text = NULL;
	int r = fd_read_alloc(AT_FDCWD, shipped(path, "../doc/gomemd-policy.5"), 1 << 20, &text,
			      NULL);

	if (r < 0)
		fail_msg("%s: %s", path, strerror(-r));
	return text;
}

static void test_manual_keys(void **state)
{
	_cleanup_(freep) char *manual = read_manual();

	(void)state;
	for (size_t i = 0; i < policy_keys_max(); i++)
		if (!strstr(manual, policy_key_name(i)))
			fail_msg("gomemd-policy(5) does not name %s", policy_key_name(i));
}

/* The text between .EX and .EE of a manual page, all of it, behind the shipped tiers. */
static void test_manual_examples(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *set = NULL;
	_cleanup_(freep) char *manual = read_manual();
	char path[512], text[16384];
	size_t len = 0;

	(void)state;
	shipped(path, "50-sizing.ini");
	assert_int_equal(fd_read_file(AT_FDCWD, path, text, sizeof(text), &len), 0);
	for (const char *p = strstr(manual, ".EX\n"), *end; p; p = strstr(end, ".EX\n")) {
		p += strlen(".EX\n");
		end = strstr(p, ".EE\n");
		assert_non_null(end);
		assert_true(len + (size_t)(end - p) < sizeof(text));
		memcpy(text + len, p, (size_t)(end - p));
		len += (size_t)(end - p);
	}
	if (policy_load_text("examples", text, len, &report, &set) < 0 || report.warnings)
		fail_msg("%s", report.text);
	assert_non_null(find(set, "search"));
	assert_int_equal(find(set, "gateway")->rules.state[STATE_PRESSED].gogc, 40);
}

static void test_names(void **state)
{
	int32_t v = 77;
	enum policy_state s;
	enum policy_metric m;

	(void)state;
	for (int32_t i = 0; i < MODE_MAX_; i++)
		assert_true(policy_mode_parse(policy_mode_name(i), &v) == 0 && v == i);
	for (int32_t i = 0; i < OWNERSHIP_MAX_; i++)
		assert_true(!policy_ownership_parse(policy_ownership_name((enum policy_ownership)i),
						    &v) &&
			    v == i);
	for (int i = 0; i < STATE_MAX_; i++)
		assert_true(!policy_state_parse(policy_state_name((enum policy_state)i), &s) &&
			    (int)s == i);
	for (int i = 0; i < METRIC_MAX_; i++)
		assert_true(!policy_metric_parse(policy_metric_name((enum policy_metric)i), &m) &&
			    (int)m == i);
	assert_string_equal(policy_mode_name(MODE_UNSET), "unset");
	assert_string_equal(policy_mode_name(MODE_MAX_), "?");
	assert_string_equal(policy_lever_name(LEVER_MAX_), "?");
}

static const struct CMUnitTest others[] = {
	{ "every key arrives in its field", test_every_key, NULL, NULL, NULL },
	{ "the highest priority first, equal ones as read", test_priority_order, NULL, NULL, NULL },
	{ "tiers and patterns are capped with file and line", test_caps, NULL, NULL, NULL },
	{ "the manual names every key", test_manual_keys, NULL, NULL, NULL },
	{ "the manual's examples load without a warning", test_manual_examples, NULL, NULL, NULL },
	{ "names go there and back", test_names, NULL, NULL, NULL },
};

static struct CMUnitTest
	tests[ARRAY_SIZE(reports) + ARRAY_SIZE(triggers) + ARRAY_SIZE(tiers) + ARRAY_SIZE(others)];
static size_t n_tests;

/* A row's first member is its name. */
static void add(CMUnitTestFunction test, const void *rows, size_t n, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		const char *row = (const char *)rows + i * size;

		tests[n_tests++] = (struct CMUnitTest){
			.name = *(const char *const *)(const void *)row,
			.test_func = test,
			.initial_state = (void *)(uintptr_t)row,
		};
	}
}

int main(void)
{
	add(test_report, reports, ARRAY_SIZE(reports), sizeof(reports[0]));
	add(test_trigger, triggers, ARRAY_SIZE(triggers), sizeof(triggers[0]));
	add(test_tier, tiers, ARRAY_SIZE(tiers), sizeof(tiers[0]));
	memcpy(&tests[n_tests], others, sizeof(others));
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
