/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "policy/load.h"
#include "policy/match.h"

#ifndef POLICIES_DIR
#define POLICIES_DIR "policies"
#endif

/* A limit in bytes and the shipped tier that it falls into. */
struct limit_case {
	const char *name;
	uint64_t limit_bytes;
	const char *tier;
};

static const struct limit_case limits[] = {
	{ "122.07 MiB (128M) is edge", 128000000, "edge" },
	{ "128 MiB is edge", 128 * MIB, "edge" },
	{ "a byte below 129 MiB is edge", 129 * MIB - 1, "edge" },
	{ "129 MiB is small", 129 * MIB, "small" },
	{ "a byte below 240 MiB is small", 240 * MIB - 1, "small" },
	{ "240 MiB is gateway", 240 * MIB, "gateway" },
	{ "244.14 MiB (256M) is gateway", 256000000, "gateway" },
	{ "256 MiB is gateway", 256 * MIB, "gateway" },
	{ "954 MiB (1G) is gateway", 954 * MIB, "gateway" },
	{ "1024 MiB is gateway", 1024 * MIB, "gateway" },
	{ "a byte below 1100 MiB is gateway", 1100 * MIB - 1, "gateway" },
	{ "1100 MiB is medium", 1100 * MIB, "medium" },
	{ "1907 MiB (2G) is batch", 1907 * MIB, "batch" },
	{ "2,000,000,000 bytes are batch", 2000000000, "batch" },
	{ "2048 MiB is batch", 2048 * MIB, "batch" },
	{ "a byte short of no limit is batch", BYTES_UNLIMITED - 1, "batch" },
	{ "no limit is unlimited", BYTES_UNLIMITED, "unlimited" },
	{ "a limit of nothing is edge", 0, "edge" },
};

static struct policy_set *load_shipped(void)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	const char *dir = getenv("GOMEMD_POLICIES_DIR");
	struct policy_set *set = NULL;
	char path[512], *files[] = { path };

	snprintf(path, sizeof(path), "%s/50-sizing.ini", dir ? dir : POLICIES_DIR);
	if (policy_load(files, 1, &report, &set) < 0)
		fail_msg("%s", report.text);
	return set;
}

static void test_limit(void **state)
{
	const struct limit_case *c = *state;
	_cleanup_(policy_set_freep) struct policy_set *set = load_shipped();
	const struct policy_subject subject = {
		.limit_bytes = c->limit_bytes,
		.cgroup = "/system.slice/a.service",
		.exe = "",
		.module = "",
	};
	enum policy_why why[POLICY_TIERS_MAX];
	int found = policy_match(set, &subject, why);

	assert_true(found >= 0);
	assert_string_equal(set->tiers[found].rules.tier, c->tier);
	for (int i = 0; i < (int)set->n_tiers; i++)
		assert_int_equal(why[i], i == found ? WHY_MATCHED : WHY_LIMIT);
}

/* Which tier matches (NULL: none), and why each does or does not, in the order of matching. */
struct match_case {
	const char *name, *policy;
	struct policy_subject subject;
	const char *tier, *why;
};

#define SUBJECT(c, e, m)                                                                           \
	{                                                                                          \
		.limit_bytes = GIB, .cgroup = c, .exe = e, .module = m                             \
	}
#define WEB                                                                                        \
	{                                                                                          \
		.limit_bytes = GIB, .cgroup = "/kubepods.slice/x", .space = "shop",                \
		.pod = "web-7d4b9c6f5-x2x9z", .container = "api", .qos = "burstable",              \
		.owner = "web", .exe = "/api", .module = "example.org/api"                         \
	}
#define PLACE(keys) "[tier place]\n[place.pressed]\nwhen = heap_alloc > 70% limit\n" keys
#define ETCD	    SUBJECT("/a", "/usr/bin/etcd", "go.etcd.io/etcd/v3")
/* A tier by exe, tried first; @keys begin with its own. */
#define EXE(keys) "[tier exe]\nexe = etcd\npriority = 1\n" keys

static const struct match_case matches[] = {
	{ "an empty set matches nothing", "", SUBJECT("/a", "", ""), NULL, "" },
	{ "a tier without keys matches every limited workload", "[tier t]\n", SUBJECT("/a", "", ""),
	  "t", "matched " },
	{ "the first matches, the second would have", "[tier t]\n[tier u]\ncgroup = a\n",
	  SUBJECT("/a", "", ""), "t", "matched later " },
	{ "a priority goes first", "[tier t]\n[tier u]\npriority = 1\n", SUBJECT("/a", "", ""), "u",
	  "matched later " },
	{ "a limit outside the interval", "[tier t]\nlimit = ..1G\n", SUBJECT("/a", "", ""), NULL,
	  "limit " },
	{ "none is not for limits", "[tier t]\nlimit = none\n", SUBJECT("/a", "", ""), NULL,
	  "limit " },
	{ "a cgroup pattern without its slash", "[tier t]\ncgroup = a/*\n", SUBJECT("/a/b", "", ""),
	  "t", "matched " },
	{ "a cgroup pattern with its slash", "[tier t]\ncgroup = /a/*\n", SUBJECT("/a/b", "", ""),
	  "t", "matched " },
	{ "a cgroup pattern is from the root", "[tier t]\ncgroup = b\n", SUBJECT("/a/b", "", ""),
	  NULL, "cgroup " },
	{ "a slice and all below it", "[tier t]\ncgroup = a/**\n", SUBJECT("/a", "", ""), "t",
	  "matched " },
	{ "the second pattern is enough", "[tier t]\ncgroup = x\ncgroup = a\n",
	  SUBJECT("/a", "", ""), "t", "matched " },
	{ "exe by base name", "[tier t]\nexe = etcd\n", ETCD, "t", "matched " },
	{ "exe by whole path", "[tier t]\nexe = /usr/bin/*\n", ETCD, "t", "matched " },
	{ "exe by half a path is nothing", "[tier t]\nexe = bin/etcd\n", ETCD, NULL, "exe " },
	{ "an unknown exe matches no star", "[tier t]\nexe = **\n", SUBJECT("/a", "", "m"), NULL,
	  "exe " },
	{ "module by whole path", "[tier t]\nmodule = go.etcd.io/**\n", ETCD, "t", "matched " },
	{ "module by base name is nothing", "[tier t]\nmodule = v3\n", ETCD, NULL, "module " },
	{ "all keys are wanted", "[tier t]\ncgroup = a\nexe = etcd\nmodule = x\n", ETCD, NULL,
	  "module " },

	{ "a namespace", "[tier t]\nnamespace = shop\n", WEB, "t", "matched " },
	{ "a namespace by pattern", "[tier t]\nnamespace = sh*\n", WEB, "t", "matched " },
	{ "another namespace", "[tier t]\nnamespace = store\n", WEB, NULL, "namespace " },
	{ "an unknown namespace matches no star", "[tier t]\nnamespace = *\n",
	  SUBJECT("/a", "", ""), NULL, "namespace " },
	{ "a pod", "[tier t]\npod = web-*\n", WEB, "t", "matched " },
	{ "another pod", "[tier t]\nnamespace = shop\npod = db-*\n", WEB, NULL, "pod " },
	{ "a container", "[tier t]\ncontainer = api\n", WEB, "t", "matched " },
	{ "another container", "[tier t]\ncontainer = istio-proxy\n", WEB, NULL, "container " },
	{ "a class", "[tier t]\nqos = besteffort\nqos = burstable\n", WEB, "t", "matched " },
	{ "another class", "[tier t]\nqos = guaranteed\n", WEB, NULL, "qos " },
	{ "an owner", "[tier t]\nowner = web\n", WEB, "t", "matched " },
	{ "another owner", "[tier t]\nowner = db\n", WEB, NULL, "owner " },
	{ "a namespace may be generous", "[tier c]\nnamespace = shop\n" PLACE("gogc = 30\n"), WEB,
	  "c", "matched later " },
	{ "a pod of a namespace may be generous",
	  "[tier c]\nnamespace = shop\npod = web-*\n" PLACE("gogc = 30\n"), WEB, "c",
	  "matched later " },
	{ "a pod of any namespace may not", "[tier c]\npod = web-*\n" PLACE("gogc = 30\n"), WEB,
	  "place", "generous matched " },
	{ "a container of any namespace may not",
	  "[tier c]\ncontainer = api\n" PLACE("gogc = 30\n"), WEB, "place", "generous matched " },
	{ "an owner may not, whatever its namespace",
	  "[tier c]\nnamespace = shop\nowner = web\n" PLACE("gogc = 30\n"), WEB, "place",
	  "generous matched " },
	{ "an owner may ask for less",
	  "[tier c]\nowner = web\n[c.pressed]\nwhen = heap_alloc > 70% limit\ngogc = 20\n" PLACE(
		  "gogc = 30\n"),
	  WEB, "c", "matched later " },
	{ "a class may be generous", "[tier c]\nqos = burstable\n" PLACE("gogc = 30\n"), WEB, "c",
	  "matched later " },
	{ "exe where the place gives nothing", EXE("[exe.calm]\ngogc = 400\n"), ETCD, "exe",
	  "matched " },
	{ "exe may ask for less",
	  EXE("[exe.pressed]\nwhen = heap_alloc > 70% limit\ngogc = 20\n") PLACE("gogc = 30\n"),
	  ETCD, "exe", "matched later " },
	{ "exe may not ask for a higher GOGC",
	  EXE("[exe.pressed]\nwhen = heap_alloc > 70% limit\ngogc = 40\n") PLACE("gogc = 30\n"),
	  ETCD, "place", "generous matched " },
	{ "exe may not leave GOGC to the owner",
	  EXE("[exe.pressed]\nwhen = heap_alloc > 70% limit\n") PLACE("gogc = 30\n"), ETCD, "place",
	  "generous matched " },
	{ "exe may not leave a state out", EXE("") PLACE("gogc = 30\n"), ETCD, "place",
	  "generous matched " },
	{ "exe may not trigger later",
	  EXE("[exe.pressed]\nwhen = heap_alloc > 90% limit\ngogc = 20\n") PLACE("gogc = 30\n"),
	  ETCD, "place", "generous matched " },
	{ "exe may trigger earlier",
	  EXE("[exe.pressed]\nwhen = heap_alloc > 50% limit\ngogc = 30\n") PLACE("gogc = 30\n"),
	  ETCD, "exe", "matched later " },
	{ "exe may not switch the soft limit off",
	  EXE("[exe.calm]\nsoft_limit = off\n") "[tier place]\n", ETCD, "place",
	  "generous matched " },
	{ "exe may not do without memory.high",
	  EXE("[exe.hot]\ngogc = 200\n") "[tier place]\n[place.hot]\nmemory_high = auto\n", ETCD,
	  "place", "generous matched " },
	{ "exe may not raise the rate",
	  EXE("[exe.hot]\ngoroutine_rate = 9/s\n") "[tier place]\n[place.hot]\n"
						   "goroutine_rate = 8/s\n",
	  ETCD, "place", "generous matched " },
	{ "exe may not choose a laxer mode",
	  EXE("mode = recommend\n") "[tier place]\nmode = "
				    "enforce\n",
	  ETCD, "place", "generous matched " },
	{ "exe may choose a stricter mode",
	  EXE("mode = enforce\n") "[tier place]\nmode = observe\n", ETCD, "exe", "matched later " },
	{ "exe may not choose observe over the daemon's", EXE("mode = observe\n") "[tier place]\n",
	  ETCD, "place", "generous matched " },
	{ "exe may not choose a weaker ownership", EXE("ownership.gogc = yield\n") "[tier place]\n",
	  ETCD, "place", "generous matched " },
	{ "module is no better than exe",
	  "[tier m]\nmodule = **\n[m.pressed]\nwhen = heap_alloc > 70% limit\ngogc = 50\n" PLACE(
		  "gogc = 30\n"),
	  ETCD, "place", "generous matched " },
	{ "a cgroup may be generous", "[tier c]\ncgroup = a\n" PLACE("gogc = 30\n"), ETCD, "c",
	  "matched later " },
	{ "a stricter exe behind the place comes too late",
	  PLACE("gogc = 30\n") "[tier exe]\nexe = "
			       "etcd\n",
	  ETCD, "place", "matched later " },
};

static struct policy_set *load(const char *text)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct policy_set *set = NULL;

	if (policy_load_text("x.ini", text, strlen(text), &report, &set) < 0)
		fail_msg("%s", report.text);
	return set;
}

static void test_match(void **state)
{
	const struct match_case *c = *state;
	_cleanup_(policy_set_freep) struct policy_set *set = load(c->policy);
	enum policy_why why[POLICY_TIERS_MAX];
	int found = policy_match(set, &c->subject, why);
	char text[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < set->n_tiers; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ", policy_why_name(why[i]));
	assert_string_equal(text, c->why);
	assert_string_equal(found < 0 ? "-" : set->tiers[found].rules.tier,
			    c->tier ? c->tier : "-");
	assert_int_equal(policy_match(set, &c->subject, NULL), found);
}

#define SCOPES                                                                                     \
	"[scope exact]\ncgroup = /a/b.service\nmode = enforce\n"                                   \
	"[scope all]\ncgroup = a/**\nmode = observe\n"                                             \
	"[scope shop]\nnamespace = shop\nnamespace = store-*\nmode = observe\n"                    \
	"[scope one]\nnamespace = kube-system\npod = etcd-n1\nmode = recommend\n"                  \
	"[scope side]\nnamespace = bank\ncontainer = proxy\nqos = burstable\nmode = recommend\n"   \
	"[tier t]\nmode = recommend\n[tier u]\ncgroup = u.slice\n"

struct mode_case {
	const char *name;
	struct policy_subject subject;
	int tier;
	enum policy_mode mode;
	const char *scope;
	bool exactly;
};

#define AT(c)                                                                                      \
	{                                                                                          \
		.cgroup = c                                                                        \
	}
#define POD_AT(s, p, c, q)                                                                         \
	{                                                                                          \
		.cgroup = "/kubepods.slice/x", .space = s, .pod = p, .container = c, .qos = q      \
	}

/* The fallback is MODE_ENFORCE in all. */
static const struct mode_case modes[] = {
	{ "the first scope wins", AT("/a/b.service"), 0, MODE_ENFORCE, "exact", true },
	{ "a scope comes before the tier", AT("/a/c.service"), 0, MODE_OBSERVE, "all", false },
	{ "the tier's mode where no scope matches", AT("/z"), 0, MODE_RECOMMEND, NULL, false },
	{ "the daemon's where the tier has none", AT("/u.slice"), 1, MODE_ENFORCE, NULL, true },
	{ "the daemon's where no tier matches", AT("/z"), -1, MODE_ENFORCE, NULL, false },
	{ "a scope holds where no tier matches", AT("a/x"), -1, MODE_OBSERVE, "all", false },
	{ "a wildcard names nothing exactly", AT("/a/**"), 0, MODE_OBSERVE, "all", false },
	{ "a scope by namespace", POD_AT("shop", "p", "c", "burstable"), 1, MODE_OBSERVE, "shop",
	  false },
	{ "its second pattern", POD_AT("store-2", "p", "c", "burstable"), 1, MODE_OBSERVE, "shop",
	  false },
	{ "another namespace", POD_AT("bank", "p", "c", "burstable"), 1, MODE_ENFORCE, NULL,
	  false },
	{ "a namespace that is not known yet", POD_AT("", "", "", "burstable"), 1, MODE_ENFORCE,
	  NULL, false },
	{ "a pod by its namespace and name is named exactly",
	  POD_AT("kube-system", "etcd-n1", "etcd", "burstable"), 1, MODE_RECOMMEND, "one", true },
	{ "the same name elsewhere is not", POD_AT("bank", "etcd-n1", "etcd", "burstable"), 1,
	  MODE_ENFORCE, NULL, false },
	{ "all keys of a scope are wanted", POD_AT("bank", "p", "proxy", "guaranteed"), 1,
	  MODE_ENFORCE, NULL, false },
	{ "and enough", POD_AT("bank", "p", "proxy", "burstable"), 1, MODE_RECOMMEND, "side",
	  false },
};

static void test_mode(void **state)
{
	const struct mode_case *c = *state;
	_cleanup_(policy_set_freep) struct policy_set *set = load(SCOPES);
	struct policy_mode_origin by;

	assert_int_equal(policy_mode_of(set, c->tier, &c->subject, MODE_ENFORCE, &by), c->mode);
	assert_string_equal(by.scope ? by.scope->name : "-", c->scope ? c->scope : "-");
	assert_int_equal(policy_mode_of(set, c->tier, &c->subject, MODE_ENFORCE, NULL), c->mode);
	assert_int_equal(policy_names_exactly(set, &c->subject), c->exactly);
}

static struct CMUnitTest tests[ARRAY_SIZE(limits) + ARRAY_SIZE(matches) + ARRAY_SIZE(modes)];
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
	add(test_limit, limits, ARRAY_SIZE(limits), sizeof(limits[0]));
	add(test_match, matches, ARRAY_SIZE(matches), sizeof(matches[0]));
	add(test_mode, modes, ARRAY_SIZE(modes), sizeof(modes[0]));
	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
