/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "fixture/tree.h"
#include "policy/load.h"

static struct tree tree;

static void put_file(const char *name, const char *text)
{
	assert_int_equal(tree_put(&tree, name, text), 0);
}

/* As glob(3) gives them to policy_load. */
static char *in_tree(const char *name)
{
	return (char *)(uintptr_t)tree_path(&tree, name);
}

static int make_tree(void **state)
{
	(void)state;
	return tree_open(&tree);
}

static int remove_tree(void **state)
{
	(void)state;
	tree_close(&tree);
	return 0;
}

static void test_dropin(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *set = NULL;
	const struct policy_tier *t;
	const struct policy_action *a;

	(void)state;
	put_file("usr/lib/gomemd/policies.d/50-a.ini",
		 "[tier t]\nlimit = ..1G\ncgroup = a\nexe = b\n[t.pressed]\n"
		 "when = heap_alloc > 70% limit\ngogc = 30\nmadvdontneed = yes\n");
	put_file("etc/gomemd/policies.d/60-b.ini",
		 "\n[t.pressed]\ngogc = 40\n[tier t]\ncgroup = c\nexe =\nexe = d\n");
	assert_int_equal(policy_load_host(tree.root, &report, &set), 0);
	assert_int_equal(set->n_tiers, 1);
	t = &set->tiers[0];
	a = &t->rules.state[STATE_PRESSED];
	assert_true(t->limit_to == GIB);
	assert_int_equal(t->place.cgroup.n, 2);
	assert_string_equal(t->place.cgroup.pattern[1], "c");
	assert_int_equal(t->exe.n, 1);
	assert_string_equal(t->exe.pattern[0], "d");
	assert_int_equal(a->gogc, 40);
	assert_int_equal(a->madvdontneed, 1);
	assert_true(a->when.set);
	assert_string_equal(t->rules.file, in_tree("usr/lib/gomemd/policies.d/50-a.ini"));
	assert_int_equal(t->rules.line, 1);
	assert_string_equal(a->file, in_tree("etc/gomemd/policies.d/60-b.ini"));
	assert_int_equal(a->line, 2);
}

static void test_unreadable(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *set = NULL;
	char *files[] = { in_tree("absent.ini"), in_tree("link.ini"), in_tree("good.ini") };

	(void)state;
	assert_int_equal(symlink("/etc/passwd", files[1]), 0);
	put_file("good.ini", "[tier t]\nmode = x\n");
	assert_int_equal(policy_load(files, ARRAY_SIZE(files), &report, &set), -EINVAL);
	assert_null(set);
	assert_int_equal(report.errors, 3);
	assert_non_null(strstr(report.text, "absent.ini: cannot be read: No such file"));
	assert_non_null(strstr(report.text, "link.ini: is a link that leaves its directory; put "
					    "the file itself there\n"));
	assert_non_null(strstr(report.text, "good.ini:2: mode = x is not understood; write "));
}

static void test_too_many_files(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct policy_set *set = NULL;
	char name[64];

	(void)state;
	for (int i = 0; i <= INI_DROPINS_MAX; i++) {
		snprintf(name, sizeof(name), "etc/gomemd/policies.d/%d.ini", i);
		put_file(name, "");
	}
	assert_int_equal(policy_load_host(tree.root, &report, &set), -E2BIG);
	assert_null(set);
	assert_int_equal(report.errors, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		{ "a later file takes a tier over key by key", test_dropin, make_tree, remove_tree,
		  NULL },
		{ "a file that cannot be read refuses the set", test_unreadable, make_tree,
		  remove_tree, NULL },
		{ "too many files refuse the set", test_too_many_files, make_tree, remove_tree,
		  NULL },
	};

	return cmocka_run_group_tests_name("policy files", tests, NULL, NULL);
}
