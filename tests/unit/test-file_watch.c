/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture/suite.h"
#include "fixture/tree.h"
#include "host/file_watch.h"

static struct tree tree;
static struct file_watch *w;

static int setup(void **state)
{
	(void)state;
	return tree_open(&tree) < 0 || tree_put(&tree, "policies.d/old.ini", "x") < 0 ||
			       tree_put(&tree, "policies.d/link.ini", "x") < 0 ||
			       tree_put(&tree, "beside", "x") < 0 || file_watch_new(&w) < 0 ?
		       -1 :
		       0;
}

static int teardown(void **state)
{
	(void)state;
	w = file_watch_free(w);
	tree_close(&tree);
	return 0;
}

static int watch(const char *name)
{
	return file_watch_add(w, tree_path(&tree, "policies.d"), name);
}

enum doing {
	WRITE,
	REMOVE,
	BRING,
	TAKE,
	LINK,
	SWAP,
	CHMOD,
	REMOVE_DIRECTORY,
	MOVE_DIRECTORY,
};

static const struct row {
	const char *name, *watched, *file;
	enum doing doing;
	bool counts;
} rows[] = {
	{ "a file that is written", ".ini", "policies.d/new.ini", WRITE, true },
	{ "one that was there", ".ini", "policies.d/old.ini", WRITE, true },
	{ "one that goes", ".ini", "policies.d/old.ini", REMOVE, true },
	{ "one that comes by its name", ".ini", "policies.d/new.ini", BRING, true },
	{ "one that loses it", ".ini", "policies.d/old.ini", TAKE, true },
	{ "a link", ".ini", "policies.d/new.ini", LINK, true },
	{ "the link of a volume that is replaced", ".ini", "policies.d/..data", SWAP, true },
	{ "also where one name is watched", "gomemd.conf", "policies.d/..data", SWAP, true },
	{ "that name", "gomemd.conf", "policies.d/gomemd.conf", WRITE, true },
	{ "one that may be read now", ".ini", "policies.d/old.ini", CHMOD, true },
	{ "the directory goes", ".ini", "policies.d", REMOVE_DIRECTORY, true },
	{ "the directory is elsewhere", ".ini", "policies.d", MOVE_DIRECTORY, true },
	{ "another name does not count", "gomemd.conf", "policies.d/old.ini", WRITE, false },
	{ "nor does another ending", ".ini", "policies.d/new.ini.swp", WRITE, false },
	{ "nor a hidden file", ".ini", "policies.d/.new.ini", WRITE, false },
	{ "nor the ending alone", ".ini", "policies.d/.ini", WRITE, false },
	{ "nor what a volume prepares", ".ini", "policies.d/..data_tmp", LINK, false },
	{ "nor the directory beside", ".ini", "new.ini", WRITE, false },
};

static void doing(const struct row *row)
{
	const char *path = tree_path(&tree, row->file), *beside = tree_path(&tree, "beside");
	int r = 0;

	switch (row->doing) {
	case WRITE:
		r = tree_put(&tree, row->file, "y");
		break;
	case REMOVE:
		r = unlink(path);
		break;
	case BRING:
		r = rename(beside, path);
		break;
	case TAKE:
		r = rename(path, beside);
		break;
	case LINK:
		r = symlink("old.ini", path);
		break;
	case SWAP:
		r = symlink("old.ini", tree_path(&tree, "link"));
		r = r < 0 ? r : rename(tree_path(&tree, "link"), path);
		break;
	case CHMOD:
		r = chmod(path, 0644);
		break;
	case REMOVE_DIRECTORY:
		r = unlink(tree_path(&tree, "policies.d/old.ini"));
		r = r < 0 ? r : unlink(tree_path(&tree, "policies.d/link.ini"));
		file_watch_dispatch(w);
		r = r < 0 ? r : rmdir(path);
		break;
	case MOVE_DIRECTORY:
		r = rename(path, tree_path(&tree, "elsewhere"));
		break;
	}
	assert_int_equal(r, 0);
}

static void test_row(void **state)
{
	const struct row *row = *state;

	assert_int_equal(watch(row->watched), 1);
	assert_false(file_watch_dispatch(w));
	doing(row);
	assert_int_equal(file_watch_dispatch(w), row->counts);
	assert_false(file_watch_dispatch(w));
}

static void test_comes(void **state)
{
	(void)state;
	assert_int_equal(file_watch_add(w, tree_path(&tree, "run"), ".ini"), -ENOENT);
	assert_int_equal(file_watch_add(w, tree_path(&tree, "run"), ".ini"), -ENOENT);
	assert_int_equal(tree_dir(&tree, "run"), 0);
	assert_int_equal(file_watch_add(w, tree_path(&tree, "run"), ".ini"), 1);
	assert_int_equal(file_watch_add(w, tree_path(&tree, "run"), ".ini"), 0);
	assert_int_equal(tree_put(&tree, "run/a.ini", "x"), 0);
	assert_true(file_watch_dispatch(w));
}

/* Another directory of the same name: the old one's changes are none any more. */
static void test_replaced(void **state)
{
	(void)state;
	assert_int_equal(watch(".ini"), 1);
	assert_int_equal(rename(tree_path(&tree, "policies.d"), tree_path(&tree, "policies.old")),
			 0);
	assert_int_equal(tree_dir(&tree, "policies.d"), 0);
	assert_true(file_watch_dispatch(w));
	assert_int_equal(watch(".ini"), 1);
	file_watch_dispatch(w);
	assert_int_equal(tree_put(&tree, "policies.old/old.ini", "y"), 0);
	assert_int_equal(tree_put(&tree, "policies.d/a.ini", "y"), 0);
	assert_true(file_watch_dispatch(w));
}

static void test_two_names(void **state)
{
	(void)state;
	assert_int_equal(watch(".ini"), 1);
	assert_int_equal(watch("gomemd.conf"), 1);
	assert_int_equal(tree_put(&tree, "policies.d/gomemd.conf", "y"), 0);
	assert_true(file_watch_dispatch(w));
	assert_int_equal(tree_put(&tree, "policies.d/a.ini", "y"), 0);
	assert_true(file_watch_dispatch(w));
}

static void test_many(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < FILE_WATCH_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(watch(name), 1);
	}
	assert_int_equal(watch("one more"), -ENOSPC);
	assert_int_equal(watch("0"), 0);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a directory that comes later is watched then", test_comes),
	SUITE_TEST("one that takes another's place is", test_replaced),
	SUITE_TEST("a directory for two names", test_two_names),
	SUITE_TEST("not more than there is room for", test_many),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_row, rows);
	SUITE_TESTS(&s, others);
	for (size_t i = 0; i < s.n; i++) {
		s.tests[i].setup_func = setup;
		s.tests[i].teardown_func = teardown;
	}
	return suite_run(&s, "file_watch");
}
