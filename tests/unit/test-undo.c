/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <string.h>

#include "act/undo.h"
#include "fixture/tree.h"
#include "state/store.h"

static const struct undo_record example = {
	.lever = LEVER_SOFT_LIMIT,
	.process = { .pid = 4711, .start_ticks = 123456789, .image = UINT64_MAX },
	.owner = INT64_MAX,
	.written = 123456789012,
	.owner_set = true,
	.workload = "/system.slice/a.service",
	.unit = "a.service",
};

static const struct undo_record cgroup_example = {
	.lever = LEVER_MEMORY_HIGH,
	.cgroup_id = 987654321,
	.owner = INT64_MAX,
	.written = 4096,
	.workload = "/kubepods/pod=1/x y\\n\t\x01\xff;rm -rf",
};

static void assert_same(const struct undo_record *a, const struct undo_record *b)
{
	assert_int_equal(a->lever, b->lever);
	assert_int_equal(a->process.pid, b->process.pid);
	assert_int_equal(a->process.start_ticks, b->process.start_ticks);
	assert_int_equal(a->process.image, b->process.image);
	assert_int_equal(a->cgroup_id, b->cgroup_id);
	assert_int_equal(a->owner, b->owner);
	assert_int_equal(a->before, b->before);
	assert_int_equal(a->written, b->written);
	assert_int_equal(a->owner_set, b->owner_set);
	assert_string_equal(a->workload, b->workload);
	assert_string_equal(a->unit, b->unit);
}

static void check_roundtrip(const struct undo_record *u)
{
	char text[UNDO_TEXT_MAX];
	struct undo_record back;
	int n = undo_format(u, text);

	assert_true(n > 0);
	assert_int_equal(n, strlen(text));
	assert_int_equal(undo_parse(text, (size_t)n, &back), 0);
	assert_same(u, &back);
}

static void test_roundtrip(void **state)
{
	struct undo_record u = example;

	(void)state;
	check_roundtrip(&example);
	check_roundtrip(&cgroup_example);
	u.lever = LEVER_GOGC;
	u.owner = -1;
	u.owner_set = false;
	check_roundtrip(&u);
	u.lever = LEVER_MADVDONTNEED;
	memset(u.workload, 'w', sizeof(u.workload) - 1);
	memset(u.unit, 'u', sizeof(u.unit) - 1);
	u.process.pid = INT32_MAX;
	u.process.start_ticks = UINT64_MAX;
	u.cgroup_id = UINT64_MAX;
	u.written = -INT64_MAX;
	check_roundtrip(&u);
}

static void test_torn(void **state)
{
	char text[UNDO_TEXT_MAX];
	struct undo_record back = { .owner = 77 };
	int n = undo_format(&example, text);

	(void)state;
	/* A full disk may cut the record anywhere; only the last newline is no loss. */
	for (int i = 0; i < n - 1; i++)
		assert_int_equal(undo_parse(text, (size_t)i, &back), -EBADMSG);
	assert_int_equal(undo_parse(text, (size_t)n - 1, &back), 0);
}

static void test_newline(void **state)
{
	struct undo_record u = example;
	char text[UNDO_TEXT_MAX];

	(void)state;
	snprintf(u.workload, sizeof(u.workload), "%s", "/a\nowner=1");
	assert_int_equal(undo_format(&u, text), -ENOSPC);
	u = example;
	snprintf(u.unit, sizeof(u.unit), "%s", "a\n");
	assert_int_equal(undo_format(&u, text), -ENOSPC);
}

#define HEAD                                                                                       \
	"lever=gogc\npid=5\nstart=6\nimage=7\ncgroup=0\nowner=100\nbefore=100\nwritten=30\nowner_set=0\n"

struct text_case {
	const char *name, *text;
	int r;
};

static const struct text_case texts[] = {
	{ "a record is read", HEAD "workload=/a\nunit=\nend\n", 0 },
	{ "an equal sign in a name is the name's", HEAD "workload=/a=b=c\nunit=\nend\n", 0 },
	{ "a record without an end is refused", HEAD "workload=/a\nunit=\n", -EBADMSG },
	{ "lines behind the end are refused", HEAD "end\nowner=5\n", -EBADMSG },
	{ "another word for the end is refused", HEAD "ending\n", -EBADMSG },
	{ "an unknown key is refused", HEAD "colour=3\nend\n", -EBADMSG },
	{ "an unknown lever is refused", "lever=brake\npid=5\nend\n", -EBADMSG },
	{ "no lever is refused", "pid=5\nowner=100\nend\n", -EBADMSG },
	{ "a process's lever without a process is refused", "lever=gogc\npid=0\nend\n", -EBADMSG },
	{ "a negative pid is refused", "lever=gogc\npid=-5\nend\n", -EBADMSG },
	{ "a pid that does not fit is refused", "lever=gogc\npid=4294967297\nend\n", -EBADMSG },
	{ "a number with letters is refused", "lever=gogc\npid=5\nowner=1x\nend\n", -EBADMSG },
	{ "a number that does not fit is refused",
	  "lever=gogc\npid=5\nowner=9223372036854775808\nend\n", -EBADMSG },
	{ "a switch that is none is refused", "lever=gogc\npid=5\nowner_set=maybe\nend\n",
	  -EBADMSG },
	{ "nothing is refused", "", -EBADMSG },
	{ "an end alone is refused", "end\n", -EBADMSG },
};

static void test_text(void **state)
{
	const struct text_case *c = *state;
	struct undo_record u = { .owner = 77 };

	assert_int_equal(undo_parse(c->text, strlen(c->text), &u), c->r);
	assert_int_equal(u.owner, c->r ? 77 : 100);
}

static void test_hostile_bytes(void **state)
{
	static char text[UNDO_TEXT_MAX + 1] = HEAD "workload=";
	struct undo_record u;
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'w', sizeof(u.workload));
	memcpy(text + n + sizeof(u.workload), "\nend\n", 6);
	assert_int_equal(undo_parse(text, strlen(text), &u), -EBADMSG);
	memset(text + n, 'w', sizeof(text) - n);
	assert_int_equal(undo_parse(text, UNDO_TEXT_MAX, &u), -EBADMSG);
	memcpy(text, HEAD "unit=a\0b\nend\n", sizeof(HEAD) + 12);
	assert_int_equal(undo_parse(text, sizeof(HEAD) + 12, &u), -EBADMSG);
}

static void test_name(void **state)
{
	struct undo_record u = example;
	char name[UNDO_NAME_MAX];

	(void)state;
	undo_name(&example, name);
	assert_string_equal(name, "process-4711-123456789-soft_limit");
	undo_name(&cgroup_example, name);
	assert_string_equal(name, "cgroup-987654321-memory_high");
	/* A tenant's words are in no file name, so that they cannot lead anywhere. */
	snprintf(u.workload, sizeof(u.workload), "%s", "../../etc/passwd");
	undo_name(&u, name);
	assert_string_equal(name, "process-4711-123456789-soft_limit");
}

static unsigned int seen;

static void count(void *userdata, const struct undo_record *u)
{
	assert_ptr_equal(userdata, &seen);
	assert_true(u->lever == LEVER_SOFT_LIMIT || u->lever == LEVER_MEMORY_HIGH);
	seen++;
}

static void test_store(void **state)
{
	struct undo_record u = example;
	_cleanup_(store_closep) struct store *st = NULL;
	unsigned int bad = 99;
	struct tree t;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	assert_int_equal(store_open(tree_path(&t, "state"), &st), 0);
	assert_int_equal(store_put_undo(st, &example), 0);
	assert_int_equal(store_put_undo(st, &cgroup_example), 0);
	u.written = 5;
	assert_int_equal(store_put_undo(st, &u), 0);
	assert_int_equal(tree_put(&t, "state/undo/torn", HEAD "workl"), 0);
	assert_int_equal(tree_put(&t, "state/undo/.process-1.new", HEAD "end\n"), 0);
	seen = 0;
	assert_int_equal(store_each_undo(st, count, &seen, &bad), 0);
	assert_int_equal(seen, 2);
	assert_int_equal(bad, 1);
	assert_int_equal(store_drop_undo(st, &u), 0);
	assert_int_equal(store_drop_undo(st, &u), 0);
	seen = 0;
	assert_int_equal(store_each_undo(st, count, &seen, &bad), 0);
	assert_int_equal(seen, 1);
	assert_int_equal(access(tree_path(&t, "state/undo/torn"), F_OK), 0);
	tree_close(&t);
}

static void test_one_at_a_time(void **state)
{
	struct store *st = NULL, *other = NULL;
	struct tree t;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	assert_int_equal(store_open(tree_path(&t, "state"), &st), 0);
	assert_int_equal(store_open(tree_path(&t, "state"), &other), -EBUSY);
	assert_null(other);
	store_close(st);
	assert_int_equal(store_open(tree_path(&t, "state"), &other), 0);
	store_close(other);
	tree_close(&t);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a record comes back as it was", test_roundtrip),
	SUITE_TEST("a record cut anywhere is refused", test_torn),
	SUITE_TEST("a name with a newline is not written", test_newline),
	SUITE_TEST("names that are too long and bytes of 0 are refused", test_hostile_bytes),
	SUITE_TEST("a record's file name is numbers", test_name),
	SUITE_TEST("records are kept, replaced, walked and dropped; others left alone", test_store),
	SUITE_TEST("nobody else has the directory meanwhile", test_one_at_a_time),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_text, texts);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "undo");
}
