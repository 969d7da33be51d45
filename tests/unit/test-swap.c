/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"
#include "fixture/tree.h"
#include "host/cgroup.h"
#include "host/swap.h"

#define HEADING "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
#define MEMORY	"MemTotal:        2048 kB\nSwapCached:           7 kB\nSwapTotal:      1048576 kB\n"

static const struct swap_row {
	const char *name, *swaps, *meminfo;
	bool is_there;
	uint64_t free;
} rows[] = {
	{ "a device", HEADING "/dev/zram0 partition\t1048572\t\t0\t\t-2\n",
	  MEMORY "SwapFree:        1000 kB\nDirty: 1 kB\n", true, 1024000 },
	{ "one that is full", HEADING "/dev/zram0 partition\t1048572\t\t1048572\t\t-2\n",
	  MEMORY "SwapFree:           0 kB\n", true, 0 },
	{ "no swap", HEADING, "MemTotal: 2048 kB\nSwapFree: 0 kB\n", false, 0 },
	{ "a kernel without it", NULL, "MemTotal: 2048 kB\n", false, 0 },
	{ "no files", NULL, NULL, false, 0 },
	{ "no figure", HEADING, MEMORY "SwapFree: much\n", false, 0 },
	{ "more than there can be", HEADING, MEMORY "SwapFree: 99999999999999999999 kB\n", false,
	  0 },
};

static void test_row(void **state)
{
	const struct swap_row *row = *state;
	struct hostroot host = HOSTROOT_NONE;
	struct tree tree;

	assert_int_equal(tree_open(&tree), 0);
	assert_int_equal(tree_dir(&tree, "proc"), 0);
	if (row->swaps)
		assert_int_equal(tree_put(&tree, "proc/swaps", row->swaps), 0);
	if (row->meminfo)
		assert_int_equal(tree_put(&tree, "proc/meminfo", row->meminfo), 0);
	assert_int_equal(hostroot_open(tree.root, &host), 0);
	assert_int_equal(swap_is_there(&host), row->is_there);
	assert_int_equal(swap_free(&host), row->free);
	hostroot_close(&host);
	tree_close(&tree);
}

#define V2 "sys/fs/cgroup/"

/* What swap has left for a/b/c, by memory.swap.max and memory.swap.current of c and of a, and memory.swap.high of c; NULL: no file. */
static const struct left_row {
	const char *name, *max, *current, *outer_max, *outer_current, *high;
	uint64_t left;
} lefts[] = {
	{ "no limit", "max\n", "100\n", "max\n", "2000\n", NULL, BYTES_UNLIMITED },
	{ "its own", "1000\n", "100\n", "max\n", "2000\n", "max\n", 900 },
	{ "one above it, which others use as well", "1000\n", "100\n", "2000\n", "1500\n", NULL,
	  500 },
	{ "one that is exceeded", "1000\n", "100\n", "2000\n", "2001\n", NULL, 0 },
	{ "it is stalled from there on", "1000\n", "100\n", "max\n", "2000\n", "300\n", 200 },
	{ "it may not swap", "0\n", "0\n", "2000\n", "0\n", NULL, 0 },
	{ "a kernel that does not count swap", NULL, NULL, NULL, NULL, NULL, 0 },
};

static void put(const struct tree *t, const char *path, const char *text)
{
	if (text)
		assert_int_equal(tree_put(t, path, text), 0);
}

static void test_left(void **state)
{
	static const char *const dirs[] = { V2, V2 "a/", V2 "a/b/", V2 "a/b/c/" };
	const struct left_row *row = *state;
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct hostroot host = HOSTROOT_NONE;
	struct snapshot_cgroup c = { 0 };
	struct tree tree;
	char path[64];

	assert_int_equal(tree_open(&tree), 0);
	assert_int_equal(tree_dir(&tree, "proc"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%scgroup.controllers", dirs[i]);
		put(&tree, path, "memory\n");
	}
	put(&tree, V2 "a/b/c/memory.swap.max", row->max);
	put(&tree, V2 "a/b/c/memory.swap.current", row->current);
	put(&tree, V2 "a/b/c/memory.swap.high", row->high);
	put(&tree, V2 "a/memory.swap.max", row->outer_max);
	put(&tree, V2 "a/memory.swap.current", row->outer_current);
	assert_int_equal(hostroot_open(tree.root, &host), 0);
	assert_int_equal(cgroup_open(&host, "/a/b/c", &cg), 0);
	assert_int_equal(cgroup_read(cg, 1, &c), 0);
	assert_int_equal(c.swap_left, row->left);
	hostroot_close(&host);
	tree_close(&tree);
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_row, rows);
	SUITE_TABLE(&s, test_left, lefts);
	return suite_run(&s, "swap");
}
