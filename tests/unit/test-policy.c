/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture/suite.h"

#include "base/fd.h"
#include "base/util.h"
#include "policy/keys.h"
#include "policy/load.h"
#include "policy/match.h"
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

#define T "[tier t]\n"

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
	_cleanup_(policy_set_freep) struct policy_set *set = load(
		"[tier t]\nlimit = 1.5G..2G\ncgroup = a/**\ncgroup = b\nexe = c\nmodule = d\n"
		"mode = enforce\npriority = -3\nownership = override\nownership.gogc = yield\n"
		"ownership.heap_profile = tighten\nheap_profile = on\nheap_series = 5min\n"
		"culprits = 10min\ntight = restart\nenvironment = 1h\n"
		"endpoint = http://localhost:6060/debug/vars\n[t.emergency]\ngogc = 10000\nmadvdontneed = no\n"
		"soft_limit = off\nmemory_high = auto\ngoroutine_rate = 7/s\n"
		"[scope s]\ncgroup = e\nmode = observe\n"
		"[tier t]\nnamespace = n*\npod = p\npod = q\ncontainer = c\nqos = burstable\n"
		"owner = o\n");
	const struct policy_tier *t = find(set, "t");
	const struct policy_action *e = &t->rules.state[STATE_EMERGENCY];
	char buf[POLICY_TRIGGER_TEXT_MAX];

	(void)state;
	assert_true(t->limit_from == 3 * GIB / 2 && t->limit_to == 2 * GIB);
	assert_int_equal(t->place.cgroup.n, 2);
	assert_string_equal(t->place.cgroup.pattern[1], "b");
	assert_true(!strcmp(t->place.space.pattern[0], "n*") && t->place.pod.n == 2);
	assert_string_equal(t->place.container.pattern[0], "c");
	assert_string_equal(t->place.qos.pattern[0], "burstable");
	assert_string_equal(t->owner.pattern[0], "o");
	assert_string_equal(t->exe.pattern[0], "c");
	assert_string_equal(t->module.pattern[0], "d");
	assert_int_equal(t->rules.mode, MODE_ENFORCE);
	assert_int_equal(t->priority, -3);
	assert_int_equal(t->rules.ownership[LEVER_SOFT_LIMIT], OWNERSHIP_OVERRIDE);
	assert_int_equal(t->rules.ownership[LEVER_GOGC], OWNERSHIP_YIELD);
	assert_int_equal(t->rules.ownership[LEVER_HEAP_PROFILE], OWNERSHIP_TIGHTEN);
	assert_true(t->rules.heap_profile);
	assert_int_equal(t->rules.heap_series, 5 * USEC_MIN);
	assert_int_equal(t->rules.culprits, 10 * USEC_MIN);
	assert_true(t->rules.tight_restart);
	assert_int_equal(t->rules.environment, 60 * USEC_MIN);
	assert_true(t->rules.endpoint.kind == POLICY_ENDPOINT_AT &&
		    t->rules.endpoint.at.port == 6060);
	assert_int_equal(e->gogc, 10000);
	assert_int_equal(e->madvdontneed, 0);
	assert_true(e->soft_limit_off && e->memory_high);
	assert_int_equal(e->goroutine_rate, 7);
	assert_string_equal(policy_trigger_text(buf, &e->when), EMERGENCY);
	assert_string_equal(e->file, "x.ini");
	assert_int_equal(e->line, 18);
	assert_int_equal(set->n_scopes, 1);
	assert_int_equal(set->scopes[0].mode, MODE_OBSERVE);
	assert_string_equal(set->scopes[0].place.cgroup.pattern[0], "e");
}

static void test_culprits_default(void **state)
{
	_cleanup_(policy_set_freep) struct policy_set *set = load("[tier t]\n");

	(void)state;
	assert_int_equal(find(set, "t")->rules.culprits, 0);
}

/* The first that matches; what has no namespace is in no share. */
static void test_shares(void **state)
{
	_cleanup_(policy_set_freep) struct policy_set *set =
		load("[namespace-share a]\nnamespace = shop\nnamespace = bank-*\nmemory = 1.5G\n"
		     "[namespace-share b]\nnamespace = *\nmemory = 1Mi\n");

	(void)state;
	assert_string_equal(policy_share_of(set, "shop")->name, "a");
	assert_int_equal(policy_share_of(set, "bank-1")->memory_bytes, 3 * GIB / 2);
	assert_string_equal(policy_share_of(set, "shopping")->name, "b");
	assert_int_equal(policy_share_of(set, "x")->line, 5);
	assert_null(policy_share_of(set, ""));
	set->n_shares = 1;
	assert_null(policy_share_of(set, "x"));
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
	{ "culprits are told on alarms where nothing is said", test_culprits_default, NULL, NULL,
	  NULL },
	{ "a namespace's share is the first that names it", test_shares, NULL, NULL, NULL },
	{ "the highest priority first, equal ones as read", test_priority_order, NULL, NULL, NULL },
	{ "the manual names every key", test_manual_keys, NULL, NULL, NULL },
	{ "the manual's examples load without a warning", test_manual_examples, NULL, NULL, NULL },
	{ "names go there and back", test_names, NULL, NULL, NULL },
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_trigger, triggers);
	SUITE_TABLE(&s, test_tier, tiers);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "policy");
}
