/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <string.h>

#include "decide/decide.h"
#include "fixture/tree.h"
#include "host/cgroup.h"

#define V2 "sys/fs/cgroup/"
#define V1 "sys/fs/cgroup/memory/"

static struct tree tree;
static struct hostroot host;

static void put(const char *path, const char *text)
{
	char full[512];

	snprintf(full, sizeof(full), V2 "%s", path);
	assert_int_equal(tree_put(&tree, full, text), 0);
}

/* A cgroup directory as the kernel makes it: controllers, usage, limits; figures in MiB, 0: max. */
static void make(const char *path, unsigned int current, unsigned int max, unsigned int high)
{
	static const char *const files[] = { "memory.current", "memory.max", "memory.high" };
	const unsigned int figures[] = { current, max, high };
	char file[256], text[32];

	for (size_t i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, files[i]);
		snprintf(text, sizeof(text), "%u\n", figures[i] << 20);
		put(file, i && !figures[i] ? "max\n" : text);
	}
	snprintf(file, sizeof(file), "%s/cgroup.controllers", path);
	put(file, "cpu memory\n");
	snprintf(file, sizeof(file), "%s/cgroup.events", path);
	put(file, "populated 1\nfrozen 0\n");
}

static int setup(void **state)
{
	(void)state;
	if (tree_open(&tree) < 0 || tree_dir(&tree, "proc") < 0 || tree_dir(&tree, V2) < 0)
		return -1;
	put("cgroup.controllers", "cpu memory\n");
	make("a", 500, 0, 0);
	make("a/b", 300, 0, 0);
	make("a/b/c", 100, 0, 0);
	return hostroot_open(tree.root, &host);
}

static int teardown(void **state)
{
	(void)state;
	hostroot_close(&host);
	tree_close(&tree);
	return 0;
}

static struct snapshot_cgroup read_now(const char *path)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct snapshot_cgroup c = { 0 };

	assert_int_equal(cgroup_open(&host, path, &cg), 0);
	assert_int_equal(cgroup_read(cg, 77, &c), 0);
	assert_int_equal(c.at, 77);
	return c;
}

/*
 * Limits of /a, /a/b and /a/b/c, of which usage is 500, 300 and 100 MiB (so that 200 of a and 200 of b are others').
 * `ours`: memory.high of c is gomemd's own.
 */
struct limit_case {
	const char *name;
	unsigned int max[3], high[3];
	bool ours;
	unsigned int limit, room; /* MiB; 0: none */
	const char *limit_origin, *room_origin;
};

static const struct limit_case limits[] = {
	{ "no limit anywhere", { 0, 0, 0 }, { 0, 0, 0 }, false, 0, 0, "", "" },
	{ "its own limit", { 0, 0, 256 }, { 0, 0, 0 }, false, 256, 256, "/a/b/c", "/a/b/c" },
	{ "its parent's limit leaves what others do not use",
	  { 0, 512, 0 },
	  { 0, 0, 0 },
	  false,
	  512,
	  312,
	  "/a/b",
	  "/a/b" },
	{ "the smallest limit is the limit",
	  { 900, 512, 256 },
	  { 0, 0, 0 },
	  false,
	  256,
	  256,
	  "/a/b/c",
	  "/a/b/c" },
	{ "a full ancestor is less room than its limit says",
	  { 520, 0, 400 },
	  { 0, 0, 0 },
	  false,
	  400,
	  120,
	  "/a/b/c",
	  "/a" },
	{ "an ancestor over its limit leaves what is used",
	  { 400, 0, 0 },
	  { 0, 0, 0 },
	  false,
	  400,
	  100,
	  "/a",
	  "/a" },
	{ "a limit below what is used is the room",
	  { 0, 0, 50 },
	  { 0, 0, 0 },
	  false,
	  50,
	  50,
	  "/a/b/c",
	  "/a/b/c" },
	{ "somebody's memory.high is less room, not the limit",
	  { 0, 0, 256 },
	  { 0, 0, 200 },
	  false,
	  256,
	  200,
	  "/a/b/c",
	  "/a/b/c" },
	{ "our own memory.high is not",
	  { 0, 0, 256 },
	  { 0, 0, 200 },
	  true,
	  256,
	  256,
	  "/a/b/c",
	  "/a/b/c" },
	{ "an ancestor's memory.high counts",
	  { 0, 0, 256 },
	  { 0, 310, 0 },
	  true,
	  256,
	  110,
	  "/a/b/c",
	  "/a/b" },
	{ "memory.high alone is room without a limit",
	  { 0, 0, 0 },
	  { 0, 0, 150 },
	  false,
	  0,
	  150,
	  "",
	  "/a/b/c" },
};

static void test_limit(void **state)
{
	const struct limit_case *c = *state;
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct snapshot_cgroup got = { .memory_high = { .ours = c->ours, .owner = VALUE_NONE } };

	make("a", 500, c->max[0], c->high[0]);
	make("a/b", 300, c->max[1], c->high[1]);
	make("a/b/c", 100, c->max[2], c->high[2]);
	assert_int_equal(cgroup_open(&host, "/a/b/c", &cg), 0);
	assert_int_equal(cgroup_read(cg, 1, &got), 0);
	assert_int_equal(got.limit, c->limit ? c->limit * MIB : BYTES_UNLIMITED);
	assert_int_equal(got.room, c->room ? c->room * MIB : BYTES_UNLIMITED);
	assert_string_equal(cgroup_limit_origin(cg), c->limit_origin);
	assert_string_equal(cgroup_room_origin(cg), c->room_origin);
	assert_int_equal(got.max, c->max[2] ? c->max[2] * MIB : BYTES_UNLIMITED);
	assert_int_equal(got.high, c->high[2] ? c->high[2] * MIB : BYTES_UNLIMITED);
	assert_int_equal(got.current, 100 * MIB);
	assert_true(got.memory_high.ours == c->ours && got.memory_high.owner == VALUE_NONE);
}

/* Who else throttles: memory.high of a, a/b and a/b/c in MiB, 0 for none; c's limit is 256. */
struct high_case {
	const char *name;
	unsigned int high[3];
	bool ours;
	const char *room_by;
	unsigned int others; /* 0: none */
	const char *origin;
};

static const struct high_case highs[] = {
	{ "nobody throttles", { 0, 0, 0 }, false, "memory.max", 0, "" },
	{ "the kubelet's on the container is the room",
	  { 0, 0, 200 },
	  false,
	  "memory.high",
	  200,
	  "/a/b/c" },
	{ "ours is nobody else's", { 0, 0, 200 }, true, "memory.max", 0, "" },
	{ "one above ours is", { 0, 310, 200 }, true, "memory.high", 310, "/a/b" },
	{ "one that leaves more than the limit is told, but is not the room",
	  { 0, 900, 0 },
	  false,
	  "memory.max",
	  900,
	  "/a/b" },
	{ "the lowest is told", { 800, 900, 0 }, false, "memory.max", 800, "/a" },
};

static void test_high(void **state)
{
	const struct high_case *c = *state;
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct snapshot_cgroup got = { .memory_high = { .ours = c->ours, .owner = VALUE_NONE } };

	make("a", 500, 0, c->high[0]);
	make("a/b", 300, 0, c->high[1]);
	make("a/b/c", 100, 256, c->high[2]);
	assert_int_equal(cgroup_open(&host, "/a/b/c", &cg), 0);
	assert_int_equal(cgroup_read(cg, 1, &got), 0);
	assert_string_equal(cgroup_room_by(cg), c->room_by);
	assert_int_equal(cgroup_others_high(cg), c->others ? c->others * MIB : BYTES_UNLIMITED);
	assert_string_equal(cgroup_high_origin(cg), c->origin);
}

static void test_owners_high(void **state)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct snapshot_cgroup c = {
		.memory_high = { .ours = true, .owner = (int64_t)(220 * MIB) },
	};

	(void)state;
	make("a", 500, 0, 0);
	make("a/b", 300, 0, 0);
	make("a/b/c", 100, 256, 200);
	assert_int_equal(cgroup_open(&host, "/a/b/c", &cg), 0);
	assert_int_equal(cgroup_read(cg, 1, &c), 0);
	assert_int_equal(c.room, 220 * MIB);
	assert_int_equal(c.high, 200 * MIB);
}

static void test_both_origins(void **state)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct snapshot_cgroup c = { 0 };
	const char *limit, *room;

	(void)state;
	make("a", 500, 520, 0);
	make("a/b", 300, 0, 0);
	make("a/b/c", 100, 400, 0);
	assert_int_equal(cgroup_open(&host, "/a/b/c", &cg), 0);
	assert_int_equal(cgroup_read(cg, 1, &c), 0);
	limit = cgroup_limit_origin(cg);
	room = cgroup_room_origin(cg);
	assert_true(!strcmp(limit, "/a/b/c") && !strcmp(room, "/a"));
}

static void test_figures(void **state)
{
	struct snapshot_cgroup c;

	(void)state;
	put("a/b/c/memory.stat", "anon 1000\nfile 900\nkernel 300\nkernel_stack 7\nshmem 30\n"
				 "inactive_anon 99\ninactive_file 11\nactive_file 12\n"
				 "slab_reclaimable 100\nworkingset_refault_file 13\nanon_thp 5\n");
	put("a/b/c/memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
	put("a/b/c/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=111\n"
				     "full avg10=0.00 avg60=0.00 avg300=0.00 total=22\n");
	put("a/b/c/cpu.stat", "usage_usec 100\nuser_usec 60\nnr_periods 7\nnr_throttled 3\n"
			      "throttled_usec 44\n");
	put("a/b/c/cpu.max", "150000 100000\n");
	put("a/b/c/memory.min", "1\n");
	put("a/b/c/memory.low", "2\n");
	put("a/b/c/memory.swap.current", "3\n");
	put("a/b/c/memory.swap.max", "max\n");
	c = read_now("/a/b/c");
	assert_true(c.anon == 1000 && c.file == 900 && c.shmem == 30);
	assert_true(c.inactive_file == 11 && c.active_file == 12 && c.refault_file == 13);
	assert_int_equal(c.kernel_unreclaimable, 200);
	assert_true(c.events_high == 2 && c.events_max == 3 && c.events_oom == 4);
	assert_int_equal(c.events_oom_kill, 5);
	assert_true(c.psi_some_us == 111 && c.psi_full_us == 22);
	assert_true(c.cpu_usage_us == 100 && c.cpu_periods == 7 && c.cpu_throttled == 3);
	assert_int_equal(c.cpu_throttled_us, 44);
	assert_int_equal(c.cpu_quota_permille, 1500);
	assert_true(c.min == 1 && c.low == 2 && c.swap_current == 3 && c.can_swap);
}

/* memory.stat counts pages. What of it a kernel has differs. */
struct swap_case {
	const char *name, *stat;
	uint64_t in_pages, out_pages; /* UINT64_MAX: not counted */
};

static const struct swap_case swaps[] = {
	{ "a kernel of before 6.13 counts what was faulted in again", "workingset_refault_anon 7\n",
	  7, UINT64_MAX },
	{ "a kernel of 6.13 counts what came and went",
	  "workingset_refault_anon 7\npswpin 5\npswpout 9\n", 5, 9 },
	{ "zswap and pages of zeroes are swap as well",
	  "pswpin 5\npswpout 9\nzswpin 20\nzswpout 40\nswpin_zero 1\nswpout_zero 2\n", 26, 51 },
	{ "what zswap wrote back went out before",
	  "pswpin 0\npswpout 9\nzswpin 0\nzswpout 40\nzswpwb 9\n", 0, 40 },
	{ "before the first page of it nothing has gone out", "pswpin 0\npswpout 0\n", 0, 0 },
	{ "without any of these nothing is known", "anon 5\n", 0, UINT64_MAX },
};

static void test_swap(void **state)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct swap_case *c = *state;
	struct snapshot_cgroup now;

	make("swaps", 1, 0, 0);
	put("swaps/memory.stat", c->stat);
	now = read_now("/swaps");
	assert_int_equal(now.swapped_in_bytes, c->in_pages * page);
	assert_int_equal(now.swapped_out_bytes,
			 c->out_pages == UINT64_MAX ? UINT64_MAX : c->out_pages * page);
}

static void test_missing(void **state)
{
	struct snapshot_cgroup c;

	(void)state;
	assert_int_equal(tree_dir(&tree, V2 "bare"), 0);
	put("bare/cgroup.controllers", "");
	c = read_now("/bare");
	assert_true(c.limit == BYTES_UNLIMITED && c.room == BYTES_UNLIMITED);
	assert_true(c.max == BYTES_UNLIMITED && c.high == BYTES_UNLIMITED);
	assert_true(!c.anon && !c.current && !c.can_swap);
	assert_int_equal(c.cpu_quota_permille, UINT64_MAX);
}

static void test_nonsense(void **state)
{
	struct snapshot_cgroup c;

	(void)state;
	make("odd", 1, 0, 0);
	put("odd/memory.max", "-5\n");
	put("odd/memory.stat", "anon\nfile x\n\nshmem 99999999999999999999999\n \nkernel 5\n");
	put("odd/memory.pressure", "some\n");
	put("odd/cpu.max", "max 100000\n");
	c = read_now("/odd");
	assert_int_equal(c.limit, BYTES_UNLIMITED);
	assert_true(!c.anon && !c.file && !c.shmem && !c.psi_some_us);
	assert_int_equal(c.kernel_unreclaimable, 5);
	assert_int_equal(c.cpu_quota_permille, UINT64_MAX);
}

static void test_gone(void **state)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct snapshot_cgroup c = { .anon = 7 };

	(void)state;
	assert_int_equal(cgroup_open(&host, "/a/absent", &cg), CGROUP_GONE);
	assert_null(cg);
	make("goes", 1, 0, 0);
	assert_int_equal(cgroup_open(&host, "/goes", &cg), 0);
	assert_true(cgroup_populated(cg));
	put("goes/cgroup.events", "populated 0\nfrozen 0\n");
	assert_false(cgroup_populated(cg));
	assert_int_equal(nftw(tree_path(&tree, V2 "goes"), tree_remove_one, 8, FTW_DEPTH), 0);
	assert_int_equal(cgroup_read(cg, 1, &c), CGROUP_GONE);
	assert_int_equal(c.anon, 7);
	assert_false(cgroup_populated(cg));
}

static void test_other_of_the_name(void **state)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL, *again = NULL;
	struct snapshot_cgroup c = { 0 };

	(void)state;
	make("twice", 1, 10, 0);
	assert_int_equal(cgroup_open(&host, "/twice", &cg), 0);
	assert_int_equal(rename(tree_path(&tree, V2 "twice"), tree_path(&tree, V2 "before")), 0);
	make("twice", 1, 99, 0);
	assert_int_equal(cgroup_open(&host, "/twice", &again), 0);
	assert_int_not_equal(cgroup_id(cg), cgroup_id(again));
	assert_int_equal(cgroup_read(cg, 1, &c), 0);
	assert_int_equal(c.max, 10 * MIB);
}

static void test_levels(void **state)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL, *deep = NULL;
	char path[256] = "";

	(void)state;
	assert_int_equal(cgroup_open(&host, "/a/b/c", &cg), 0);
	assert_string_equal(cgroup_path(cg), "/a/b/c");
	assert_int_equal(cgroup_level_fd(cg, 0), cgroup_dirfd(cg));
	assert_true(cgroup_level_fd(cg, 2) >= 0);
	assert_int_equal(cgroup_level_fd(cg, 3), -1);
	for (size_t i = 0; i < 40; i++)
		memcpy(path + 2 * i, "/d", sizeof("/d"));
	put(path + 1, ""); /* the directories above a file of that name */
	*strrchr(path, '/') = '\0';
	assert_int_equal(cgroup_open(&host, path, &deep), CGROUP_TOO_DEEP);
}

static void test_paths(void **state)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct hostroot none = HOSTROOT_NONE;
	char path[4096];

	(void)state;
	assert_true(cgroup_open(&host, "a/b", &cg) < 0);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_true(cgroup_open(&host, path, &cg) < 0);
	assert_int_equal(cgroup_open(&none, "/a", &cg), -ENOENT);
}

static void test_root(void **state)
{
	struct snapshot_cgroup c = read_now("/");

	(void)state;
	assert_int_equal(c.limit, BYTES_UNLIMITED);
}

static void test_v1(void **state)
{
	struct hostroot both;

	(void)state;
	assert_int_equal(tree_put(&tree, V1 "k/p/memory.limit_in_bytes", "9223372036854771712\n"),
			 0);
	assert_int_equal(tree_put(&tree, V1 "k/memory.limit_in_bytes", "1048576\n"), 0);
	assert_int_equal(tree_put(&tree, V1 "q/memory.limit_in_bytes", "9223372036854771712\n"), 0);
	assert_int_equal(hostroot_open(tree.root, &both), 0);
	assert_int_equal(cgroup1_limit(&both, "/k/p"), MIB);
	assert_int_equal(cgroup1_limit(&both, "/k"), MIB);
	assert_int_equal(cgroup1_limit(&both, "/q"), BYTES_UNLIMITED);
	assert_int_equal(cgroup1_limit(&both, "/absent"), BYTES_UNLIMITED);
	assert_int_equal(cgroup1_limit(&both, "/"), BYTES_UNLIMITED);
	hostroot_close(&both);
	assert_int_equal(cgroup1_limit(&host, "/k"), BYTES_UNLIMITED);
}

static void test_hybrid(void **state)
{
	struct hostroot hybrid;
	struct tree t;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	assert_true(hostroot_open(t.root, &hybrid) < 0);
	assert_int_equal(tree_dir(&t, "proc"), 0);
	assert_int_equal(tree_dir(&t, "sys/fs/cgroup/unified"), 0);
	assert_int_equal(hostroot_open(t.root, &hybrid), 0);
	assert_int_equal(hybrid.cgroup, -1);
	hostroot_close(&hybrid);
	assert_int_equal(tree_put(&t, "sys/fs/cgroup/unified/cgroup.controllers", ""), 0);
	assert_int_equal(hostroot_open(t.root, &hybrid), 0);
	assert_true(hybrid.cgroup >= 0);
	hostroot_close(&hybrid);
	tree_close(&t);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("the memory.high that ours stands for is still less room", test_owners_high),
	SUITE_TEST("both origins are told beside each other", test_both_origins),
	SUITE_TEST("every figure comes from its file", test_figures),
	SUITE_TEST("files that are not there leave no figures and no limit", test_missing),
	SUITE_TEST("nonsense is no figure", test_nonsense),
	SUITE_TEST("a cgroup that has gone is told", test_gone),
	SUITE_TEST("another cgroup of the same name is another", test_other_of_the_name),
	SUITE_TEST("levels go up to below the root, and are capped", test_levels),
	SUITE_TEST("paths that are none are refused", test_paths),
	SUITE_TEST("the root has no limit", test_root),
	SUITE_TEST("v1: the smallest limit over the ancestors", test_v1),
	SUITE_TEST("v2 is at the root or in unified, where its files are", test_hybrid),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_swap, swaps);
	SUITE_TABLE(&s, test_limit, limits);
	SUITE_TABLE(&s, test_high, highs);
	SUITE_TESTS(&s, others);
	for (size_t i = 0; i < s.n; i++) {
		s.tests[i].setup_func = setup;
		s.tests[i].teardown_func = teardown;
	}
	return suite_run(&s, "cgroup");
}
