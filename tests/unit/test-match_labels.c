/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "policy/load.h"
#include "policy/match.h"

static struct policy_set *load(const char *text)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct policy_set *set = NULL;

	if (policy_load_text("test.ini", text, strlen(text), &report, &set) < 0)
		fail_msg("%s", report.text);
	return set;
}

#define LABELS	    "app=cart\napp.kubernetes.io/name=web-1\nempty=\n"
#define ANNOTATIONS "gomemd.io/class=big batch\n"
#define CART                                                                                       \
	{                                                                                          \
		.limit_bytes = GIB, .cgroup = "/kubepods.slice/x", .space = "shop", .pod = "p",    \
		.container = "c", .qos = "burstable", .labels = LABELS, .annotations = ANNOTATIONS \
	}
#define PLAIN                                                                                      \
	{                                                                                          \
		.limit_bytes = GIB, .cgroup = "/kubepods.slice/x", .space = "shop"                 \
	}
#define STRICT "[tier place]\n[place.pressed]\nwhen = heap_alloc > 70% limit\ngogc = 30\n"

/* Which tier matches, and why each does or does not. */
static const struct tier_case {
	const char *name, *policy;
	struct policy_subject subject;
	const char *tier, *why;
} tiers[] = {
	{ "a label", "[tier t]\nlabel = app=cart\n", CART, "t", "matched " },
	{ "a pattern of its value", "[tier t]\nlabel = app=c*t\n", CART, "t", "matched " },
	{ "a key with a prefix", "[tier t]\nlabel = app.kubernetes.io/name=web-?\n", CART, "t",
	  "matched " },
	{ "a label without a value", "[tier t]\nlabel = empty=\n", CART, "t", "matched " },
	{ "one of several is enough", "[tier t]\nlabel = app=till\nlabel = app=cart\n", CART, "t",
	  "matched " },
	{ "another value", "[tier t]\nlabel = app=car\n", CART, NULL, "label " },
	{ "the end of a key is no key", "[tier t]\nlabel = name=web-1\n", CART, NULL, "label " },
	{ "what is not known has no label", "[tier t]\nlabel = app=*\n", PLAIN, NULL, "label " },
	{ "an annotation", "[tier t]\nannotation = gomemd.io/class=big*\n", CART, "t", "matched " },
	{ "another annotation", "[tier t]\nannotation = gomemd.io/class=small\n", CART, NULL,
	  "annotation " },
	{ "a label in no namespace selects nothing more generous",
	  "[tier loose]\npriority = 1\nlabel = app=cart\n" STRICT, CART, "place",
	  "generous matched " },
	{ "nor does an annotation",
	  "[tier loose]\npriority = 1\nannotation = gomemd.io/class=*\n" STRICT, CART, "place",
	  "generous matched " },
	{ "in a namespace it does",
	  "[tier loose]\npriority = 1\nnamespace = shop\nlabel = app=cart\n" STRICT, CART, "loose",
	  "matched later " },
	{ "something stricter it may",
	  "[tier tight]\npriority = 1\nlabel = app=cart\n[tight.pressed]\nwhen = heap_alloc > 60% limit\ngogc = 20\n" STRICT,
	  CART, "tight", "matched later " },
};

static void test_tier(void **state)
{
	const struct tier_case *c = *state;
	_cleanup_(policy_set_freep) struct policy_set *set = load(c->policy);
	enum policy_why why[POLICY_TIERS_MAX];
	const int found = policy_match(set, &c->subject, why);
	char text[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < set->n_tiers; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ", policy_why_name(why[i]));
	assert_string_equal(text, c->why);
	assert_string_equal(found < 0 ? "-" : set->tiers[found].rules.tier,
			    c->tier ? c->tier : "-");
}

#define OUT   "[scope out]\nlabel = app=cart\nmode = observe\n"
#define SHOP  "[scope shop]\nnamespace = shop\nmode = enforce\n"
#define QUIET "[scope quiet]\nnamespace = shop\nmode = observe\n"
#define HALF  "[scope half]\nlabel = app=cart\nmode = recommend\n"
#define TIER  "[tier t]\nmode = enforce\n"
#define SAYS(space_, pod_)                                                                         \
	{                                                                                          \
		.limit_bytes = GIB, .cgroup = "/kubepods.slice/x", .space = "shop",                \
		.labels = LABELS, .space_mode = space_, .pod_mode = pod_                           \
	}

/* Tier 0 where there is one. */
static const struct mode_case {
	const char *name, *policy;
	struct policy_subject subject;
	enum policy_mode fallback, mode;
	enum policy_mode_source source;
	bool no_enforce;
} modes[] = {
	{ "nobody says anything", "", SAYS(NULL, NULL), MODE_ENFORCE, MODE_ENFORCE, SOURCE_DAEMON,
	  false },
	{ "the namespace opts in", "", SAYS("enforce", NULL), MODE_OBSERVE, MODE_ENFORCE,
	  SOURCE_NAMESPACE, false },
	{ "the namespace opts out", "", SAYS("observe", NULL), MODE_ENFORCE, MODE_OBSERVE,
	  SOURCE_NAMESPACE, false },
	{ "a pod does not opt in", "", SAYS(NULL, "enforce"), MODE_OBSERVE, MODE_OBSERVE,
	  SOURCE_DAEMON, false },
	{ "nor against its namespace", "", SAYS("recommend", "enforce"), MODE_OBSERVE,
	  MODE_RECOMMEND, SOURCE_NAMESPACE, false },
	{ "a pod opts out", "", SAYS("enforce", "recommend"), MODE_OBSERVE, MODE_RECOMMEND,
	  SOURCE_POD, false },
	{ "what is no mode is observe", "", SAYS(NULL, "off"), MODE_ENFORCE, MODE_OBSERVE,
	  SOURCE_POD, false },
	{ "of a namespace as well", "", SAYS("Enforce", NULL), MODE_ENFORCE, MODE_OBSERVE,
	  SOURCE_NAMESPACE, false },
	{ "a tier is lowered", TIER, SAYS("recommend", NULL), MODE_OBSERVE, MODE_RECOMMEND,
	  SOURCE_NAMESPACE, false },
	{ "a tier is not raised", "[tier t]\nmode = observe\n", SAYS("enforce", NULL), MODE_ENFORCE,
	  MODE_OBSERVE, SOURCE_TIER, false },
	{ "a scope is not raised", QUIET, SAYS("enforce", "enforce"), MODE_ENFORCE, MODE_OBSERVE,
	  SOURCE_SCOPE, false },
	{ "a scope is lowered", SHOP, SAYS(NULL, "observe"), MODE_OBSERVE, MODE_OBSERVE, SOURCE_POD,
	  false },
	{ "a scope by label lowers the tier", OUT TIER, SAYS(NULL, NULL), MODE_OBSERVE,
	  MODE_OBSERVE, SOURCE_SCOPE, false },
	{ "a scope by label lowers a later scope", OUT SHOP, SAYS(NULL, NULL), MODE_OBSERVE,
	  MODE_OBSERVE, SOURCE_SCOPE, false },
	{ "a scope by label does not lower an earlier one", SHOP OUT, SAYS(NULL, NULL),
	  MODE_OBSERVE, MODE_ENFORCE, SOURCE_SCOPE, false },
	{ "a scope by label raises nothing", HALF, SAYS(NULL, NULL), MODE_OBSERVE, MODE_OBSERVE,
	  SOURCE_DAEMON, false },
	{ "in a namespace it does",
	  "[scope in]\nnamespace = shop\nlabel = app=cart\nmode = enforce\n", SAYS(NULL, NULL),
	  MODE_OBSERVE, MODE_ENFORCE, SOURCE_SCOPE, false },
	{ "without rights nobody enforces", "", SAYS("enforce", NULL), MODE_OBSERVE, MODE_RECOMMEND,
	  SOURCE_RIGHTS, true },
};

static void test_mode(void **state)
{
	const struct mode_case *c = *state;
	_cleanup_(policy_set_freep) struct policy_set *set = load(c->policy);
	struct policy_mode_origin by;

	set->no_enforce = c->no_enforce;
	assert_int_equal(policy_mode_of(set, set->n_tiers ? 0 : -1, &c->subject, c->fallback, &by),
			 c->mode);
	assert_string_equal(policy_source_name(by.source), policy_source_name(c->source));
}

static const struct bad_case {
	const char *name, *policy, *says;
} bad[] = {
	{ "a label without a value's pattern", "[tier t]\nlabel = app\n", "app=cart" },
	{ "a label's key with a pattern", "[tier t]\nlabel = a*=cart\n", "app=cart" },
	{ "a label's value that none has", "[tier t]\nlabel = app=a b\n", "app=cart" },
	{ "an annotation of others", "[tier t]\nannotation = example.org/a=b\n",
	  "gomemd.io/class=batch" },
	{ "a scope by label that enforces", "[scope s]\nlabel = app=cart\nmode = enforce\n",
	  "namespace = PATTERN" },
	{ "a scope by annotation that enforces",
	  "[scope s]\nannotation = gomemd.io/a=b\nmode = enforce\n", "namespace = PATTERN" },
};

static void test_bad(void **state)
{
	const struct bad_case *c = *state;
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct policy_set *set = NULL;

	assert_true(policy_load_text("test.ini", c->policy, strlen(c->policy), &report, &set) < 0);
	assert_non_null(strstr(report.text, c->says));
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_tier, tiers);
	SUITE_TABLE(&s, test_mode, modes);
	SUITE_TABLE(&s, test_bad, bad);
	return suite_run(&s, "match_labels");
}
