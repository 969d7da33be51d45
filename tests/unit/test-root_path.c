/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "fixture/suite.h"
#include "host/root_path.h"

/* Below the root: /d/f, /f, and links; beside the root, f is another. */
static char outside[] = "/tmp/root_path.XXXXXX";
static int root = -1, wanted[2];

static const struct row {
	const char *name, *path;
	int want; /* 0: /d/f, 1: /f, or -errno */
} rows[] = {
	{ "a path", "/d/f", 0 },
	{ "without the slash before it", "d/f", 0 },
	{ "slashes and dots in between", "//d/.//./f", 0 },
	{ "up and down again", "/d/../d/f", 0 },
	{ "the root has nothing above it", "/../../../f", 1 },
	{ "a link to a name", "/d/to-f", 0 },
	{ "a link upwards", "/d/up/f", 1 },
	{ "an absolute link begins at the root", "/to-d/f", 0 },
	{ "a link out of the root ends in it", "/d/out", 1 },
	{ "links of links", "/to-to-d/to-f", 0 },
	{ "what is not there is not", "/d/g", -ENOENT },
	{ "a file is no directory", "/f/g", -ENOTDIR },
	{ "a link to itself is a loop", "/loop", -ELOOP },
	{ "a link that grows is a loop", "/grow", -ELOOP },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	_cleanup_(closep) int fd = root_path_open(root, row->path);
	struct stat a, b;

	if (row->want < 0) {
		assert_int_equal(fd, row->want);
		return;
	}
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(wanted[row->want], &b), 0);
	assert_true(a.st_ino == b.st_ino);
}

static int make_file(int dir, const char *name)
{
	return openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static int make_tree(void **state)
{
	static const char *const links[][2] = {
		{ "f", "d/to-f" },     { "..", "d/up" },       { "/d", "to-d" },
		{ "to-d", "to-to-d" }, { "../../f", "d/out" }, { "loop", "loop" },
		{ "grow/x", "grow" },
	};
	_cleanup_(closep) int beside = -1;

	(void)state;
	if (!mkdtemp(outside))
		return -1;
	beside = open(outside, O_DIRECTORY | O_CLOEXEC);
	close(make_file(beside, "f"));
	mkdirat(beside, "root", 0700);
	root = openat(beside, "root", O_DIRECTORY | O_CLOEXEC);
	mkdirat(root, "d", 0700);
	wanted[0] = make_file(root, "d/f");
	wanted[1] = make_file(root, "f");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i][0], root, links[i][1]) < 0)
			return -1;
	return 0;
}

static int remove_tree(void **state)
{
	static const char *const names[] = { "root/d/to-f",  "root/d/up", "root/d/out",
					     "root/d/f",     "root/d",	  "root/to-d",
					     "root/to-to-d", "root/loop", "root/grow",
					     "root/f",	     "root",	  "f" };
	_cleanup_(closep) int beside = open(outside, O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (unlinkat(beside, names[i], 0) < 0)
			unlinkat(beside, names[i], AT_REMOVEDIR);
	close(root);
	close(wanted[0]);
	close(wanted[1]);
	return rmdir(outside);
}

int main(void)
{
	struct suite s = { .n = 0 };

	SUITE_TABLE(&s, test_row, rows);
	return _cmocka_run_group_tests("root_path", s.tests, s.n, make_tree, remove_tree);
}
