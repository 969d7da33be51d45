/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/util.h"
#include "fixture/tree.h"
#include "host/unit_files.h"

#define UNIT   "app.service"
#define DIR_D  "units/" UNIT ".d"
#define FILE_D DIR_D "/" UNIT_DROPIN_NAME
#define TEXT   UNIT_DROPIN_HEAD "[Service]\n"

struct bed {
	struct tree tree;
	struct hostroot host;
};

static void bed_open(struct bed *b)
{
	b->host = HOSTROOT_NONE;
	assert_int_equal(tree_open(&b->tree), 0);
	assert_int_equal(tree_dir(&b->tree, "units"), 0);
	b->host.units = open(tree_path(&b->tree, "units"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->host.units >= 0);
}

static void bed_close(struct bed *b)
{
	hostroot_close(&b->host);
	tree_close(&b->tree);
}

static int put(const struct bed *b, const char *unit)
{
	return unit_dropin_write(&b->host, unit, TEXT, strlen(TEXT));
}

static void put_file(const struct bed *b, const char *path, const char *text)
{
	assert_int_equal(tree_put_bytes(&b->tree, path, text, strlen(text)), 0);
}

static mode_t mode_of(const struct bed *b, const char *path)
{
	struct stat st;

	assert_int_equal(lstat(tree_path(&b->tree, path), &st), 0);
	return st.st_mode & 07777;
}

static bool there(const struct bed *b, const char *path)
{
	return access(tree_path(&b->tree, path), F_OK) == 0;
}

static void count(void *userdata, const char *unit)
{
	unsigned int *n = userdata;

	assert_string_equal(unit, UNIT);
	++*n;
}

static void test_round_trip(void **state)
{
	struct bed b;
	unsigned int n = 0;
	const mode_t mask = umask(0077);

	(void)state;
	bed_open(&b);
	assert_int_equal(put(&b, UNIT), 0);
	assert_int_equal(put(&b, UNIT), 0);
	assert_int_equal(mode_of(&b, FILE_D), 0644);
	assert_int_equal(mode_of(&b, DIR_D), 0755);
	assert_int_equal(unit_dropin_each(&b.host, count, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(unit_dropin_remove(&b.host, UNIT), 0);
	assert_false(there(&b, DIR_D));
	assert_int_equal(unit_dropin_remove(&b.host, UNIT), UNIT_DROPIN_GONE);
	umask(mask);
	bed_close(&b);
}

static void test_foreign(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	put_file(&b, FILE_D, "[Service]\nEnvironment=GOGC=7\n");
	assert_int_equal(put(&b, UNIT), UNIT_DROPIN_FOREIGN);
	assert_int_equal(unit_dropin_remove(&b.host, UNIT), UNIT_DROPIN_FOREIGN);
	assert_true(there(&b, FILE_D));
	bed_close(&b);
}

static void test_others_stay(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	put_file(&b, DIR_D "/10-own.conf", "[Service]\n");
	assert_int_equal(put(&b, UNIT), 0);
	assert_int_equal(unit_dropin_remove(&b.host, UNIT), 0);
	assert_true(there(&b, DIR_D "/10-own.conf"));
	bed_close(&b);
}

static void test_links(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	/* The directory is one: what it leads to stays empty. */
	assert_int_equal(tree_dir(&b.tree, "elsewhere"), 0);
	assert_int_equal(symlinkat("../elsewhere", b.host.units, UNIT ".d"), 0);
	assert_true(put(&b, UNIT) < 0);
	assert_int_equal(rmdir(tree_path(&b.tree, "elsewhere")), 0);
	assert_int_equal(unlinkat(b.host.units, UNIT ".d", 0), 0);
	/* The file is one: what it leads to is not read and not written. */
	put_file(&b, "target", TEXT);
	assert_int_equal(tree_dir(&b.tree, DIR_D), 0);
	assert_int_equal(symlink("../../target", tree_path(&b.tree, FILE_D)), 0);
	assert_int_equal(put(&b, UNIT), UNIT_DROPIN_FOREIGN);
	assert_int_equal(unit_dropin_remove(&b.host, UNIT), UNIT_DROPIN_FOREIGN);
	assert_true(there(&b, "target"));
	bed_close(&b);
}

static void test_others_may_write(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	assert_int_equal(tree_dir(&b.tree, DIR_D), 0);
	assert_int_equal(chmod(tree_path(&b.tree, DIR_D), 0777), 0);
	assert_int_equal(put(&b, UNIT), -EPERM);
	bed_close(&b);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../x.service", "a/b.service" };
	struct bed b;

	(void)state;
	bed_open(&b);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(put(&b, bad[i]), -EINVAL);
	bed_close(&b);
}

static void test_no_systemd(void **state)
{
	const struct hostroot none = HOSTROOT_NONE;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(unit_dropin_write(&none, UNIT, TEXT, strlen(TEXT)), -ENOENT);
	assert_int_equal(unit_dropin_remove(&none, UNIT), UNIT_DROPIN_GONE);
	assert_int_equal(unit_dropin_each(&none, count, &n), 0);
}

struct mention_case {
	const char *name, *text;
	bool names;
};

static const struct mention_case mentions[] = {
	{ "an assignment names it", "[Service]\nEnvironment=A=1 GOGC=50\n", true },
	{ "so does a wrapper", "[Service]\nExecStart=/usr/bin/env GOGC=50 /bin/x\n", true },
	{ "and a line that goes on", "[Service]\nEnvironment=A=1 \\\n\tGOGC=50", true },
	{ "another variable does not", "[Service]\nEnvironment=GOMEMLIMIT=1\n", false },
	{ "nor does a comment", "[Service]\n# GOGC=50\n ; GOGC\n", false },
	{ "an empty file names nothing", "", false },
};

static void test_mention(void **state)
{
	const struct mention_case *c = *state;
	struct bed b;

	bed_open(&b);
	put_file(&b, "x.service", c->text);
	assert_int_equal(unit_file_names(tree_path(&b.tree, "x.service"), "GOGC"), c->names);
	bed_close(&b);
}

static void test_mention_unknown(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	assert_true(unit_file_names(tree_path(&b.tree, "none"), "GOGC"));
	assert_true(unit_file_names(b.tree.root, "GOGC"));
	assert_int_equal(mkfifo(tree_path(&b.tree, "pipe"), 0600), 0);
	assert_true(unit_file_names(tree_path(&b.tree, "pipe"), "GOGC"));
	assert_false(unit_file_names(UNITS_PATH "/x.service.d/" UNIT_DROPIN_NAME, "GOGC"));
	bed_close(&b);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a drop-in comes, is listed and goes without a trace", test_round_trip),
	SUITE_TEST("a file of that name that is not ours stays", test_foreign),
	SUITE_TEST("drop-ins of others stay", test_others_stay),
	SUITE_TEST("no link is followed", test_links),
	SUITE_TEST("where others may write nothing is written", test_others_may_write),
	SUITE_TEST("a name that is a path is none", test_names),
	SUITE_TEST("without systemd there are no units", test_no_systemd),
	SUITE_TEST("what cannot be read may name it", test_mention_unknown),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_mention, mentions);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "unit_files");
}
