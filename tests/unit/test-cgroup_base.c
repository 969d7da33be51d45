/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture/suite.h"
#include "fixture/tree.h"
#include "host/cgroup_base.h"
#include "host/hostroot.h"
#include "host/process.h"

#define POD	"/kubepods.slice/kubepods-pod1.slice"
#define OURS	POD "/cri-containerd-2.scope"
#define SELF	4242
#define HOST	"1 0 0:1 / / rw - ext4 /dev/vda rw\n"
#define MOUNTED "31 30 0:27 %s /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup rw\n"

static const struct resolve_row {
	const char *name, *base, *path, *want;
} resolves[] = {
	{ "without a namespace a path is itself", "", "/a.slice/b.service", "/a.slice/b.service" },
	{ "so is the root", "", "/", "/" },
	{ "the namespace's root is the base", OURS, "/", OURS },
	{ "a cgroup below it", OURS, "/x", OURS "/x" },
	{ "its parent", OURS, "/..", POD },
	{ "another container of the pod", OURS, "/../cri-containerd-3.scope",
	  POD "/cri-containerd-3.scope" },
	{ "a service of the host", OURS, "/../../../system.slice/a.service",
	  "/system.slice/a.service" },
	{ "the tree's root", OURS, "/../../..", "/" },
	{ "outside of the tree", OURS, "/../../../../x", NULL },
	{ "outside of a whole tree", "", "/../x", NULL },
	{ "names that only begin with dots", OURS, "/..x/...", OURS "/..x/..." },
};

static void test_resolve(void **state)
{
	const struct resolve_row *row = *state;
	char got[CGROUP_BASE_MAX];
	int r = cgroup_base_resolve(row->base, row->path, got, sizeof(got));

	assert_int_equal(r, row->want ? 0 : -EXDEV);
	if (row->want)
		assert_string_equal(got, row->want);
}

static void test_long(void **state)
{
	char got[8];

	(void)state;
	assert_int_equal(cgroup_base_resolve("/abc", "/def", got, sizeof(got)), -ENAMETOOLONG);
	assert_int_equal(cgroup_base_resolve("/abc", "/de", got, sizeof(got)), 0);
}

static const struct find_row {
	const char *name, *mounts, *own, *want;
	int r;
} finds[] = {
	{ "no list of mounts is no namespace", NULL, "0::/\n", "", 0 },
	{ "a tree that begins where the namespace does", "/", "0::/\n", "", 0 },
	{ "a tree that begins above it", "/../../..", "1:cpu:/\n0::/\n", OURS, 0 },
	{ "in a cgroup below the base", "/../..", "0::/cri-containerd-2.scope\n", POD, 0 },
	{ "no cgroup at that depth holds us", "/..", "0::/\n", "", -ESRCH },
	{ "another part of the tree", "/../../user.slice", "0::/\n", "", -EXDEV },
	{ "deeper than any", "/../../../../../../../../../../../../../../../../..", "0::/\n", "",
	  -E2BIG },
	{ "no cgroup of our own", "/../../..", "1:cpu:/\n", "", -ENOENT },
};

static struct tree tree;

static int make_tree(void **state)
{
	(void)state;
	if (tree_open(&tree) < 0 ||
	    tree_put(&tree, "sys/fs/cgroup/cgroup.controllers", "memory\n") < 0 ||
	    tree_put(&tree, "sys/fs/cgroup" POD "/cri-containerd-1.scope/cgroup.procs", "42\n") <
		    0 ||
	    tree_put(&tree, "sys/fs/cgroup" OURS "/cgroup.procs", "1\n4242\n") < 0 ||
	    tree_put(&tree, "sys/fs/cgroup/system.slice/a.service/cgroup.procs", "424\n") < 0)
		return -1;
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	tree_close(&tree);
	return 0;
}

/* The mount at the place of the tree itself, behind others. */
static void put_mounts(const char *root, const char *point)
{
	char text[1024];

	snprintf(text, sizeof(text), HOST MOUNTED "31 30 0:27 %s %s rw shared:4 - cgroup2 c rw\n",
		 "/", root, point);
	assert_int_equal(tree_put(&tree, "proc/self/mountinfo", text), 0);
}

static void test_find(void **state)
{
	const struct find_row *row = *state;
	char got[CGROUP_BASE_MAX] = "?";
	int proc, cgroup, r;

	if (row->mounts)
		put_mounts(row->mounts, "/here");
	assert_int_equal(tree_put(&tree, "proc/self/cgroup", row->own), 0);
	proc = open(tree_path(&tree, "proc"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cgroup = open(tree_path(&tree, "sys/fs/cgroup"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(proc >= 0 && cgroup >= 0);
	r = cgroup_base_find(proc, cgroup, "/here", SELF, got);
	close(proc);
	close(cgroup);
	assert_int_equal(r, row->r);
	assert_string_equal(got, row->want);
}

/* As everything that asks for a process's cgroup has it. */
static void test_whole(void **state)
{
	struct hostroot host;
	char path[256], pid[32];

	(void)state;
	put_mounts("/../../..", tree_path(&tree, "sys/fs/cgroup"));
	assert_int_equal(tree_put(&tree, "proc/self/cgroup", "0::/\n"), 0);
	assert_int_equal(tree_put(&tree, "proc/7/cgroup", "0::/../../../system.slice/a.service\n"),
			 0);
	assert_int_equal(tree_put(&tree, "proc/8/cgroup", "0::/../../../../elsewhere\n"), 0);
	assert_int_equal(hostroot_open(tree.root, &host), 0);
	/* None of these cgroups holds this process: none can be told from another. */
	assert_int_equal(host.cgroup, -1);
	hostroot_close(&host);

	snprintf(pid, sizeof(pid), "%d\n", getpid());
	assert_int_equal(tree_put(&tree, "sys/fs/cgroup" OURS "/cgroup.procs", pid), 0);
	assert_int_equal(hostroot_open(tree.root, &host), 0);
	assert_true(host.cgroup >= 0);
	assert_string_equal(host.cgroup_base, OURS);
	assert_int_equal(process_read_cgroup(&host, 7, false, path, sizeof(path)), 0);
	assert_string_equal(path, "/system.slice/a.service");
	assert_int_equal(process_read_cgroup(&host, 8, false, path, sizeof(path)), 0);
	assert_string_equal(path, "");
	hostroot_close(&host);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a path that does not fit is told", test_long),
	SUITE_TEST("a process's cgroup is that of the tree", test_whole),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_resolve, resolves);
	SUITE_TABLE(&s, test_find, finds);
	SUITE_TESTS(&s, others);
	for (size_t i = 0; i < s.n; i++) {
		s.tests[i].setup_func = make_tree;
		s.tests[i].teardown_func = remove_tree;
	}
	return suite_run(&s, "cgroup_base");
}
