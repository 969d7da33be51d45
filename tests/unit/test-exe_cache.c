/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/proc.h"

#include "base/util.h"
#include "host/exe_cache.h"

static struct process *start(unsigned int threads)
{
	struct process *p = NULL;

	proc_put_stat(&(struct proc_stat){ "app", 'S', 1, threads, 4242 });
	assert_int_equal(process_open(&proc_host, PROC_PID, false, &p), 0);
	return p;
}

static int setup(void **state)
{
	(void)state;
	if (tree_open(&proc_tree) < 0)
		return -1;
	proc_put("maps", "00001000-00002000 r-xp 00000000 fe:01 77      /usr/bin/app\n");
	proc_put("environ", "");
	proc_put("status", "Uid:\t1234\t0\t0\t0\n");
	proc_put("cgroup", "0::/system.slice/a.service\n");
	proc_put("mem", "");
	return hostroot_open(proc_tree.root, &proc_host);
}

static void drop(struct exe_cache *c)
{
	for (size_t i = 0; i < EXE_CACHE_MAX; i++)
		free(c->known[i]);
}

/* Of an image that is nowhere in the process. */
static const struct go_runtime elsewhere = { .minor = 24, .image_file = 4711 };

static void test_known(void **state)
{
	_cleanup_(process_freep) struct process *p = start(4);
	const struct go_runtime none = { .minor = -1 };
	_cleanup_(drop) struct exe_cache c = { 0 };
	struct go_runtime rt;
	int result = 0;

	(void)state;
	assert_false(exe_cache_get(&c, p, &rt, &result));
	exe_cache_put(&c, p, GO_NONE, &none);
	assert_true(exe_cache_get(&c, p, &rt, &result));
	assert_int_equal(result, GO_NONE);
}

static void test_does_not_fit(void **state)
{
	_cleanup_(process_freep) struct process *p = start(4);
	_cleanup_(drop) struct exe_cache c = { 0 };
	struct go_runtime rt;
	int result;

	(void)state;
	exe_cache_put(&c, p, 0, &elsewhere);
	for (int i = 0; i < 3; i++) {
		assert_false(exe_cache_get(&c, p, &rt, &result));
		exe_cache_put(&c, p, GO_LAYOUT_UNKNOWN, &elsewhere);
	}
	assert_int_equal(c.next, 1);
	assert_null(c.known[1]);
}

static void test_starting(void **state)
{
	_cleanup_(process_freep) struct process *p = start(1);
	_cleanup_(drop) struct exe_cache c = { 0 };
	struct go_runtime rt;
	int result = 0;

	(void)state;
	exe_cache_put(&c, p, 0, &elsewhere);
	assert_true(exe_cache_get(&c, p, &rt, &result));
	assert_int_equal(result, GO_NONE);
	assert_true(exe_is_starting(p, result, &rt));
	assert_false(exe_cache_may_put(p, result, &rt));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("a file is known once it was located in", test_known),
		SUITE_TEST("what does not fit a process is kept, once", test_does_not_fit),
		SUITE_TEST("a process of one thread may still be starting", test_starting),
	};
	static struct suite s;

	SUITE_TESTS(&s, tests);
	for (size_t i = 0; i < s.n; i++) {
		s.tests[i].setup_func = setup;
		s.tests[i].teardown_func = proc_teardown;
	}
	return suite_run(&s, "exe_cache");
}
