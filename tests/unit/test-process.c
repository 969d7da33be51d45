/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/proc.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/util.h"
#include "host/process.h"

static void put_stat(const char *comm, char state, unsigned int parent, unsigned long start)
{
	proc_put_stat(&(struct proc_stat){ comm, state, parent, 20000, start });
}

#define MAPS                                                                                       \
	"00001000-00002000 r-xp 00000000 fe:01 77      /usr/bin/my app (deleted)\n"                \
	"00002000-00003000 r--p 00001000 fe:01 77      /usr/bin/my app (deleted)\n"                \
	"00003000-00004000 rw-p 00002000 fe:01 77      /usr/bin/my app (deleted)\n"                \
	"00004000-00005000 rw-p 00000000 00:00 0 \n"                                               \
	"00005000-00006000 rw-s 00000000 00:01 78      /dev/zero (deleted)\n"                      \
	"7fff0000-7fff1000 rw-p 00000000 00:00 0       [stack]\n"

static int setup(void **state)
{
	static char mem[0x6000];

	(void)state;
	if (tree_open(&proc_tree) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(mem); i++)
		mem[i] = (char)(i >> 8);
	put_stat("app", 'S', 1, 4242);
	proc_put("maps", MAPS);
	proc_put("environ", "");
	proc_put("status", "Name:\tUid: 1\nUmask:\t0022\nUid:\t1234\t0\t0\t0\nGid:\t0\n");
	proc_put("cgroup", "0::/system.slice/a.service\n");
	if (tree_put_bytes(&proc_tree, PROC_DIR "mem", mem, sizeof(mem)) < 0 ||
	    symlink("/usr/bin/my app (deleted)", tree_path(&proc_tree, PROC_DIR "exe")) < 0)
		return -1;
	return hostroot_open(proc_tree.root, &proc_host);
}

struct comm_case {
	const char *name, *comm, *expected;
};

static const struct comm_case comms[] = {
	{ "a plain name", "nginx", "nginx" },
	{ "a name with blanks", "a b c", "a b c" },
	{ "a name that ends itself", "x) R 1 2 3 (y", "x) R 1 2 3 (y" },
	{ "a name of brackets", ")))(((", ")))(((" },
	{ "a name with a newline", "a\nb", "a\nb" },
	{ "an empty name", "", "" },
	{ "a name that is too long is cut", "kworker/u16:3-events_unbound", "kworker/u16:3-e" },
};

static void test_comm(void **state)
{
	const struct comm_case *c = *state;
	struct process_stat st;

	put_stat(c->comm, 'S', 77, 123456);
	assert_int_equal(process_read_stat(&proc_host, PROC_PID, &st), 0);
	assert_string_equal(st.comm, c->expected);
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.parent, 77);
	assert_int_equal(st.id.pid, PROC_PID);
	assert_int_equal(st.threads, 20000);
	assert_int_equal(st.id.start_ticks, 123456);
	assert_int_equal(st.rss_bytes, 24000 * sysconf(_SC_PAGESIZE));
}

struct stat_case {
	const char *name, *text;
	int r;
};

static const struct stat_case stats[] = {
	{ "a zombie is gone",
	  "5000001 (x) Z 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 "
	  "24 25 26 27 28 29 30 31\n",
	  PROCESS_GONE },
	{ "no brackets are refused", "5000001 x S 1 5 6\n", -EBADMSG },
	{ "brackets the wrong way round are refused", "5000001 )x( S 1\n", -EBADMSG },
	{ "too few fields are refused", "5000001 (x) S 1 5 6 7 8\n", -EBADMSG },
	{ "nothing behind the name is refused", "5000001 (x)", -EBADMSG },
	{ "nothing is refused", "", -EBADMSG },
};

static void test_stat(void **state)
{
	const struct stat_case *c = *state;
	struct process_stat st = { .parent = 77 };

	proc_put("stat", c->text);
	assert_int_equal(process_read_stat(&proc_host, PROC_PID, &st), c->r);
	assert_int_equal(st.parent, 77);
}

static void test_absent(void **state)
{
	struct process_stat st;
	struct process *p = NULL;
	char path[64];

	(void)state;
	assert_int_equal(process_read_stat(&proc_host, PROC_PID + 1, &st), PROCESS_GONE);
	assert_int_equal(process_open(&proc_host, PROC_PID + 1, false, &p), PROCESS_GONE);
	assert_int_equal(process_read_cgroup(&proc_host, PROC_PID + 1, false, path, sizeof(path)),
			 PROCESS_GONE);
	assert_null(p);
}

static void test_open(void **state)
{
	_cleanup_(process_freep) struct process *p = NULL;
	const struct process_info *info;
	const struct memory *m;
	uint8_t bytes[4];

	(void)state;

	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), 0);
	info = process_get_info(p);
	assert_string_equal(info->exe, "/usr/bin/my app (deleted)");
	assert_int_equal(info->stat.id.start_ticks, 4242);
	assert_int_equal(info->uid, 1234);
	m = process_get_memory(p);
	assert_int_equal(m->n_regions, 6);
	assert_int_equal(m->regions[0].start, 0x1000);
	assert_int_equal(m->regions[0].flags, MEMORY_READ | MEMORY_EXEC | MEMORY_FILE);
	assert_int_equal(m->regions[2].flags, MEMORY_READ | MEMORY_WRITE | MEMORY_FILE);
	assert_int_equal(m->regions[3].flags, MEMORY_READ | MEMORY_WRITE);
	assert_int_equal(m->regions[3].file, 0);
	assert_int_equal(m->regions[4].flags,
			 MEMORY_READ | MEMORY_WRITE | MEMORY_SHARED | MEMORY_FILE);
	assert_true(m->regions[0].file && m->regions[0].file == m->regions[2].file);
	assert_true(m->regions[4].file != m->regions[0].file);
	assert_int_equal(memory_read(m, 0x2000, bytes, sizeof(bytes)), 0);
	assert_int_equal(bytes[0], 0x20);
	assert_true(memory_read(m, 0x5ffe, bytes, sizeof(bytes)) < 0);
	process_drop_regions(p);
	assert_int_equal(process_get_memory(p)->n_regions, 0);
}

static void test_environ(void **state)
{
	static const char text[] = "XGOGC=1\0GOGC=50\0GOGC=60\0GOMEMLIMITS=x\0GODEBUG=gctrace=1,"
				   "madvdontneed=0\0GOMEMLIMIT";
	_cleanup_(process_freep) struct process *p = NULL;
	const struct process_info *info;

	(void)state;
	assert_int_equal(tree_put_bytes(&proc_tree, PROC_DIR "environ", text, sizeof(text) - 1), 0);
	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), 0);
	info = process_get_info(p);
	assert_true(info->gogc.set && info->godebug.set);
	assert_string_equal(info->gogc.value, "50");
	assert_string_equal(info->godebug.value, "gctrace=1,madvdontneed=0");
	assert_false(info->gomemlimit.set);
}

static void test_long_variable(void **state)
{
	static char text[4096] = "GOMEMLIMIT=";
	_cleanup_(process_freep) struct process *p = NULL;

	(void)state;
	memset(text + strlen(text), 'x', 3000);
	proc_put("environ", text);
	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), 0);
	assert_true(process_get_info(p)->gomemlimit.set);
	assert_int_equal(strlen(process_get_info(p)->gomemlimit.value), 99);
}

static void test_kernel_thread(void **state)
{
	struct process *p = NULL;

	(void)state;
	proc_put("maps", "");
	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), PROCESS_KERNEL);
}

static void test_identity(void **state)
{
	_cleanup_(process_freep) struct process *p = NULL;
	struct process_stat a, b;

	(void)state;
	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), 0);
	assert_int_equal(process_refresh(&proc_host, p), 0);
	put_stat("renamed", 'R', 2, 4242);
	assert_int_equal(process_refresh(&proc_host, p), 0);
	assert_string_equal(process_get_info(p)->stat.comm, "renamed");
	assert_int_equal(process_read_stat(&proc_host, PROC_PID, &a), 0);
	put_stat("app", 'S', 1, 4243);
	assert_int_equal(process_refresh(&proc_host, p), PROCESS_GONE);
	assert_int_equal(process_read_stat(&proc_host, PROC_PID, &b), 0);
	assert_false(process_id_equal(&a.id, &b.id));
}

static void test_exec_is_another(void **state)
{
	_cleanup_(process_freep) struct process *p = NULL;
	char text[1024];
	char *stack;

	(void)state;
	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), 0);
	/* The same pid and start, another stack: another image. */
	assert_int_equal(fd_read_file(AT_FDCWD, tree_path(&proc_tree, PROC_DIR "stat"), text,
				      sizeof(text), NULL),
			 0);
	stack = strstr(text, " 28000");
	assert_non_null(stack);
	stack[1] = '3';
	proc_put("stat", text);
	assert_int_equal(process_refresh(&proc_host, p), PROCESS_GONE);
}

struct store_case {
	const char *name;
	uint64_t addr;
	size_t size;
	int r;
};

static const struct store_case stores[] = {
	{ "a store into file data", 0x3008, 8, 0 },
	{ "a store of four bytes", 0x3004, 4, 0 },
	{ "a store into anonymous memory", 0x4ff8, 8, 0 },
	{ "a store into code is refused", 0x1008, 8, -EACCES },
	{ "a store into constants is refused", 0x2008, 8, -EACCES },
	{ "a store into shared memory is refused", 0x5008, 8, -EACCES },
	{ "a store into nothing is refused", 0x6008, 8, -EACCES },
	{ "a store that is not aligned is refused", 0x3004, 8, -EINVAL },
	{ "a store of two bytes is refused", 0x3008, 2, -EINVAL },
	{ "a store at the end of all addresses is refused", UINT64_MAX - 7, 8, -EACCES },
};

static void test_store(void **state)
{
	static const uint8_t value[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct store_case *c = *state;
	_cleanup_(process_freep) struct process *p = NULL;
	uint8_t back[8] = { 0 };

	assert_int_equal(process_open(&proc_host, PROC_PID, true, &p), 0);
	process_drop_regions(p);
	assert_int_equal(process_store(&proc_host, p, c->addr, value, c->size), c->r);
	if (!(c->addr & (c->size - 1)) &&
	    memory_read(process_get_memory(p), c->addr & ~UINT64_C(7), back, 8) == 0)
		assert_int_equal(!memcmp(back + (c->addr & 7), value, c->size), c->r == 0);
}

static void test_store_elsewhere(void **state)
{
	_cleanup_(process_freep) struct process *p = NULL;
	uint64_t v = 1, back = 0;

	(void)state;
	assert_int_equal(process_open(&proc_host, PROC_PID, true, &p), 0);
	put_stat("app", 'S', 1, 9999);
	assert_int_equal(process_store(&proc_host, p, 0x3008, &v, 8), PROCESS_GONE);
	put_stat("app", 'S', 1, 4242);
	/* Mapped read-only meanwhile: the list of now counts. */
	proc_put("maps", "00003000-00004000 r--p 00002000 fe:01 77 /x\n");
	assert_int_equal(process_store(&proc_host, p, 0x3008, &v, 8), -EACCES);
	assert_int_equal(memory_read_u64(process_get_memory(p), 0x3008, &back), 0);
	assert_true(back != v);
}

static void test_maps(void **state)
{
	_cleanup_(process_freep) struct process *p = NULL;

	(void)state;
	proc_put("maps", "1000-2000 r-xp 0 0:0 0 a\\0122000-3000 rwxp 0 0:0 0\n"
			 "2000-1000 rw-p 0 0:0 0\n"
			 "3000-4000 rw-p 0 0:0 0\n");
	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), 0);
	/* A line that cannot be ends the list: what is behind it is not believed. */
	assert_int_equal(process_get_memory(p)->n_regions, 1);
}

struct cgroup_case {
	const char *name, *text;
	bool v1;
	const char *path;
};

static const struct cgroup_case cgroups[] = {
	{ "v2", "0::/system.slice/a.service\n", false, "/system.slice/a.service" },
	{ "hybrid: the v2 line", "5:memory:/m\n1:name=systemd:/s\n0::/u\n", false, "/u" },
	{ "hybrid: the memory controller's line", "5:memory:/m\n1:name=systemd:/s\n0::/u\n", true,
	  "/m" },
	{ "v1 alone has no v2 path", "5:memory:/m\n", false, "" },
	{ "v2 alone has no v1 path", "0::/u\n", true, "" },
	{ "a path with a colon", "0::/a:b::c\n", false, "/a:b::c" },
	{ "a path that looks like a line of v1", "0::/5:memory:/m\n", true, "" },
	{ "the root", "0::/\n", false, "/" },
	{ "nothing", "", false, "" },
	{ "nonsense", "abc\n:\n::\n", false, "" },
};

static void test_cgroup(void **state)
{
	const struct cgroup_case *c = *state;
	char path[64];

	proc_put("cgroup", c->text);
	assert_int_equal(process_read_cgroup(&proc_host, PROC_PID, c->v1, path, sizeof(path)), 0);
	assert_string_equal(path, c->path);
}

static void test_long_cgroup(void **state)
{
	char path[8];

	(void)state;
	proc_put("cgroup", "0::/123456\n");
	assert_int_equal(process_read_cgroup(&proc_host, PROC_PID, false, path, sizeof(path)), 0);
	proc_put("cgroup", "0::/1234567\n");
	assert_int_equal(process_read_cgroup(&proc_host, PROC_PID, false, path, sizeof(path)),
			 -ENAMETOOLONG);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a process that is not there is gone", test_absent),
	SUITE_TEST("a process is read as it is", test_open),
	SUITE_TEST("the owner's variables are found by their whole name", test_environ),
	SUITE_TEST("a variable that is too long is set, and cut", test_long_variable),
	SUITE_TEST("a process without memory is a kernel thread", test_kernel_thread),
	SUITE_TEST("another start time is another process", test_identity),
	SUITE_TEST("another stack is another image", test_exec_is_another),
	SUITE_TEST("no store after an exec or another mapping", test_store_elsewhere),
	SUITE_TEST("a map list is believed up to its first bad line", test_maps),
	SUITE_TEST("a cgroup path that does not fit is told", test_long_cgroup),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_comm, comms);
	SUITE_TABLE(&s, test_stat, stats);
	SUITE_TABLE(&s, test_store, stores);
	SUITE_TABLE(&s, test_cgroup, cgroups);
	SUITE_TESTS(&s, others);
	for (size_t i = 0; i < s.n; i++) {
		s.tests[i].setup_func = setup;
		s.tests[i].teardown_func = proc_teardown;
	}
	return suite_run(&s, "process");
}
