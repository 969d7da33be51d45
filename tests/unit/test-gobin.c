/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/goimage.h"
#include "gobin/functions.h"
#include "gobin/globals.h"

/* --- a program of each release, end to end --- */

struct release_case {
	const char *name;
	int minor;
};

static const struct release_case releases[] = {
	{ "Go 1.19 is located, sampled and believed", 19 },
	{ "Go 1.20 is located, sampled and believed", 20 },
	{ "Go 1.21 is located, sampled and believed", 21 },
	{ "Go 1.22 is located, sampled and believed", 22 },
	{ "Go 1.23 is located, sampled and believed", 23 },
	{ "Go 1.24 is located, sampled and believed", 24 },
	{ "Go 1.25 is located, sampled and believed", 25 },
	{ "Go 1.26 is located, sampled and believed", 26 },
	{ "Go 1.27 is located, sampled and believed", 27 },
};

static void check_globals(const struct goimage *g, const struct go_runtime *rt)
{
	static const size_t expected[GLOBAL_MAX_] = {
		[GLOBAL_GC_CONTROLLER] = AT_CONTROLLER,
		[GLOBAL_MEMSTATS] = AT_MEMSTATS,
		[GLOBAL_MHEAP] = AT_MHEAP,
		[GLOBAL_SCHED] = AT_SCHED,
		[GLOBAL_GOIDGEN] = AT_SCHED,
		[GLOBAL_ALLGS] = AT_ALLGS,
		[GLOBAL_ALLP] = AT_ALLP,
		[GLOBAL_GOMAXPROCS] = AT_GOMAXPROCS,
		[GLOBAL_CPU_LIMITER] = AT_LIMITER,
		[GLOBAL_MBUCKETS] = AT_MBUCKETS,
		[GLOBAL_MEM_PROFILE_RATE] = AT_PROFILE_RATE,
		[GLOBAL_MADVDONTNEED] = AT_MADVDONTNEED,
		[GLOBAL_FORCE_GC_PERIOD] = AT_FORCE_PERIOD,
		[GLOBAL_MPROF_CYCLE] = AT_MPROF_CYCLE,
		[GLOBAL_WAIT_REASONS] = AT_WAIT_REASONS,
	};

	for (size_t i = 0; i < GLOBAL_MAX_; i++)
		assert_int_equal(rt->global[i], goimage_data(g, expected[i]));
}

static void check_sample(const struct go_sample *s, bool goroutines)
{
	assert_int_equal(s->gc_percent, 100);
	assert_int_equal(s->gomaxprocs, 2);
	assert_int_equal(s->memory_limit_bytes, INT64_MAX);
	assert_int_equal(s->heap_minimum_bytes, 4 * MIB);
	assert_int_equal(s->gc_percent_goal_bytes, 200 * MIB + 192 * KIB);
	assert_int_equal(s->triggered_bytes, UINT64_MAX);
	assert_int_equal(s->heap_live_bytes, 130 * MIB);
	assert_int_equal(s->heap_marked_bytes, 100 * MIB);
	assert_int_equal(s->stack_scan_bytes, 128 * KIB);
	assert_int_equal(s->globals_scan_bytes, 64 * KIB);
	assert_int_equal(s->heap_inuse_bytes, 140 * MIB);
	assert_int_equal(s->heap_released_bytes, 50 * MIB);
	assert_int_equal(s->heap_free_bytes, 20 * MIB);
	assert_int_equal(go_sample_heap_alloc(s), 130 * MIB);
	assert_int_equal(go_sample_heap_sys(s), 210 * MIB);
	assert_int_equal(s->mapped_ready_bytes, 180 * MIB);
	assert_int_equal(s->mark_work_ns, 1230);
	assert_int_equal(s->mark_start_ns, 77777);
	assert_int_equal(s->last_gc_unix_ns, 1234567);
	assert_int_equal(s->pause_total_ns, 89);
	assert_int_equal(s->num_gc, 17);
	assert_int_equal(s->num_forced_gc, 3);
	assert_int_equal(s->madvdontneed, 1);
	assert_int_equal(s->mem_profile_rate, 524288);
	assert_true(s->enablegc && s->limiter_known && s->limiter_enabled);
	assert_int_equal(s->limiter_last_cycle, 16);
	/* 60 in allgs - 4 of the system - 2 dead in sched - 1 and 2 dead with each P. */
	assert_int_equal(s->goroutines, goroutines ? 51 : -1);
}

static void test_release(void **state)
{
	const struct release_case *c = *state;
	_cleanup_(freep) struct goimage *g = goimage_new(c->minor);
	struct go_runtime rt;
	struct go_sample s;

	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(rt.minor, c->minor);
	assert_int_equal(rt.last_goal_offset, g->release->last_goal);
	assert_int_equal(rt.runtimes, 1);
	assert_int_equal(rt.magic, g->release->magic);
	assert_int_equal(rt.moduledata, goimage_data(g, AT_MODULEDATA));
	assert_string_equal(rt.info.module, "example.org/x");
	assert_string_equal(rt.info.build_id, "abc/def/ghi/jkl");
	check_globals(g, &rt);
	assert_true(rt.rate_confirmed);
	assert_true(rt.period_confirmed);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, GO_SAMPLE_GOROUTINES, &s), 0);
	check_sample(&s, g->release->p_gfree != 0);
	assert_true(go_runtime_judge(&rt, &s, 200 * MIB));
	assert_int_equal(go_runtime_refusal(&rt), GATE_MAX_);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, 0, &s), 0);
	assert_int_equal(s.goroutines, -1);
}

/* --- one thing is wrong: who refuses --- */

static void tamper_magic(struct goimage *g)
{
	g->bytes[REGION_RODATA][0] = 0xf2;
}

static void tamper_pointer_size(struct goimage *g)
{
	g->bytes[REGION_RODATA][7] = 4;
}

static void tamper_text(struct goimage *g)
{
	goimage_put_u64(g, REGION_DATA, AT_MODULEDATA + 8 * 22, GOIMAGE_HEAP);
}

static void tamper_minpc(struct goimage *g)
{
	goimage_put_u64(g, REGION_DATA, AT_MODULEDATA + 8 * 20, 1);
}

static void tamper_data_range(struct goimage *g)
{
	goimage_put_u64(g, REGION_DATA, AT_MODULEDATA + 8 * 31, UINT64_MAX);
}

static void tamper_n_funcs(struct goimage *g)
{
	goimage_put_u64(g, REGION_RODATA, 8, 1 << 20);
}

static void tamper_no_funcs(struct goimage *g)
{
	goimage_put_u64(g, REGION_RODATA, 8, 0);
}

static void tamper_names(struct goimage *g)
{
	goimage_put_u64(g, REGION_RODATA, 32, UINT64_MAX - 7);
}

static void tamper_cutab(struct goimage *g)
{
	goimage_put_u64(g, REGION_RODATA, 40, AT_NAMES);
}

static void tamper_functab(struct goimage *g)
{
	goimage_put_u64(g, REGION_RODATA, 64, UINT64_MAX);
}

static void tamper_anonymous(struct goimage *g)
{
	g->regions[REGION_DATA].flags &= ~(uint32_t)MEMORY_FILE;
}

static void tamper_shared(struct goimage *g)
{
	g->regions[REGION_DATA].flags |= MEMORY_SHARED;
}

static void tamper_not_executable(struct goimage *g)
{
	g->regions[REGION_TEXT].flags &= ~(uint32_t)MEMORY_EXEC;
}

static void tamper_package(struct goimage *g)
{
	for (size_t i = AT_NAMES; i < AT_NAMES + g->names; i++)
		if (!memcmp(&g->bytes[REGION_RODATA][i], "runtime.", 8))
			g->bytes[REGION_RODATA][i] = 'R';
}

static void tamper_name_offset(struct goimage *g)
{
	goimage_put_u32(g, REGION_RODATA, AT_FUNCS + 4, 0x7fffffff);
}

static void tamper_func_offset(struct goimage *g)
{
	goimage_put_u32(g, REGION_RODATA, AT_FUNCTAB + 4, 0xfffffff0);
}

static void tamper_entry_order(struct goimage *g)
{
	goimage_put_u32(g, REGION_RODATA, AT_FUNCTAB + 8 * 3, 0);
}

static void tamper_entry_beyond(struct goimage *g)
{
	goimage_put_u32(g, REGION_RODATA, AT_FUNCTAB + 8 * g->n_funcs, 0x40000000);
	/* main.main is the last; only package runtime's ends matter. */
	goimage_put(g, REGION_RODATA, AT_NAMES + g->names - strlen("main.main") - 1, "runtime.x",
		    10);
}

static void tamper_version(struct goimage *g)
{
	goimage_buildinfo(g, "go1.18.9", "");
	goimage_put(g, REGION_RODATA, AT_TEXT_OF_VERSION, "go1.18.9", 8);
}

static void tamper_no_version(struct goimage *g)
{
	g->bytes[REGION_DATA][AT_BUILDINFO] = 0;
	g->bytes[REGION_RODATA][AT_TEXT_OF_VERSION] = 'G';
}

static void tamper_future(struct goimage *g)
{
	goimage_buildinfo(g, "go1.99", "");
}

/* Overwrites the receivers of the calls of @name with others, one after the other. */
static void scatter(struct goimage *g, size_t receiver, int keep)
{
	int seen = 0;

	for (size_t i = AT_CODE; i + 7 < g->code; i++) {
		const uint64_t next = g->base + i + 7;
		int32_t disp;

		if (memcmp(&g->bytes[REGION_TEXT][i], "\x48\x8d\x05", 3))
			continue;
		memcpy(&disp, &g->bytes[REGION_TEXT][i + 3], sizeof(disp));
		if (next + (uint64_t)(int64_t)disp != goimage_data(g, receiver) || ++seen <= keep)
			continue;
		disp += 64 * seen;
		memcpy(&g->bytes[REGION_TEXT][i + 3], &disp, sizeof(disp));
	}
}

static void tamper_no_majority(struct goimage *g)
{
	scatter(g, AT_CONTROLLER, 4); /* of ten */
}

static void tamper_few_votes(struct goimage *g)
{
	scatter(g, AT_CONTROLLER, 3);
}

static void tamper_no_calls(struct goimage *g)
{
	for (size_t i = AT_CODE; i < g->code; i++)
		if (g->bytes[REGION_TEXT][i] == 0xe8)
			g->bytes[REGION_TEXT][i] = 0xe9;
}

static void tamper_memstats(struct goimage *g)
{
	scatter(g, AT_MEMSTATS, 1);
}

/* The displacement of gcControllerCommit's second load, which is found by its bytes. */
static void move_fingerprint(struct goimage *g, int32_t by)
{
	for (size_t i = AT_CODE; i + 7 < g->code; i++) {
		int32_t disp;

		if (memcmp(&g->bytes[REGION_TEXT][i], "\x48\x8b\x0d", 3))
			continue;
		memcpy(&disp, &g->bytes[REGION_TEXT][i + 3], sizeof(disp));
		disp += by;
		memcpy(&g->bytes[REGION_TEXT][i + 3], &disp, sizeof(disp));
		return;
	}
}

static void tamper_fingerprint(struct goimage *g)
{
	move_fingerprint(g, 8);
}

static void tamper_fingerprint_far(struct goimage *g)
{
	move_fingerprint(g, 4096);
}

static void tamper_no_limit_load(struct goimage *g)
{
	for (size_t i = AT_CODE; i + 17 < g->code; i++)
		if (!memcmp(&g->bytes[REGION_TEXT][i], "\x48\x8b\x05", 3) &&
		    !memcmp(&g->bytes[REGION_TEXT][i + 7], "\x48\x8b\x0d", 3))
			g->bytes[REGION_TEXT][i + 1] = 0x90;
}

struct tamper_case {
	const char *name;
	void (*tamper)(struct goimage *g);
	int r;
	enum go_gate gate;
};

static const struct tamper_case tampers[] = {
	{ "another magic is no Go", tamper_magic, GO_NONE, GATE_MODULEDATA },
	{ "four-byte pointers are no Go", tamper_pointer_size, GO_NONE, GATE_MODULEDATA },
	{ "text that is not executable memory is no Go", tamper_text, GO_NONE, GATE_MODULEDATA },
	{ "minpc below text is no Go", tamper_minpc, GO_NONE, GATE_MODULEDATA },
	{ "data without end is no Go", tamper_data_range, GO_NONE, GATE_MODULEDATA },
	{ "more functions than the table holds are no Go", tamper_n_funcs, GO_NONE,
	  GATE_MODULEDATA },
	{ "no functions are no Go", tamper_no_funcs, GO_NONE, GATE_MODULEDATA },
	{ "names that wrap around are no Go", tamper_names, GO_NONE, GATE_MODULEDATA },
	{ "no names are no Go", tamper_cutab, GO_NONE, GATE_MODULEDATA },
	{ "a functab outside memory is no Go", tamper_functab, GO_NONE, GATE_MODULEDATA },
	{ "moduledata in anonymous memory is not looked at", tamper_anonymous, GO_NONE,
	  GATE_MODULEDATA },
	{ "moduledata in shared memory is not looked at", tamper_shared, GO_NONE, GATE_MODULEDATA },
	{ "code that cannot be executed is no Go", tamper_not_executable, GO_NONE,
	  GATE_MODULEDATA },
	{ "an image without package runtime is refused", tamper_package, GO_UNPROVED,
	  GATE_FUNCTIONS },
	{ "a name outside the names is refused", tamper_name_offset, GO_UNPROVED, GATE_FUNCTIONS },
	{ "a function outside the table is refused", tamper_func_offset, GO_UNPROVED,
	  GATE_FUNCTIONS },
	{ "functions out of order are refused", tamper_entry_order, GO_UNPROVED, GATE_FUNCTIONS },
	{ "a function beyond the text is refused", tamper_entry_beyond, GO_UNPROVED,
	  GATE_FUNCTIONS },
	{ "Go 1.18 is too old", tamper_version, GO_TOO_OLD, GATE_VERSION },
	{ "an image without a version is refused", tamper_no_version, GO_UNPROVED, GATE_VERSION },
	{ "a release that is not known is refused", tamper_future, GO_LAYOUT_UNKNOWN, GATE_LAYOUT },
	{ "receivers without a majority are refused", tamper_no_majority, GO_UNPROVED,
	  GATE_GC_CONTROLLER },
	{ "receivers with three votes are refused", tamper_few_votes, GO_UNPROVED,
	  GATE_GC_CONTROLLER },
	{ "code without calls is refused", tamper_no_calls, GO_UNPROVED, GATE_GC_CONTROLLER },
	{ "memstats without a majority is refused", tamper_memstats, GO_LAYOUT_UNKNOWN,
	  GATE_LAYOUT },
	{ "another lastHeapGoal is another layout", tamper_fingerprint, GO_LAYOUT_UNKNOWN,
	  GATE_LAYOUT },
	{ "lastHeapGoal outside the controller is no layout", tamper_fingerprint_far,
	  GO_LAYOUT_UNKNOWN, GATE_LAYOUT },
	{ "a commit that does not load the limit is no layout", tamper_no_limit_load,
	  GO_LAYOUT_UNKNOWN, GATE_LAYOUT },
};

static void test_tamper(void **state)
{
	const struct tamper_case *c = *state;
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;

	c->tamper(g);
	assert_int_equal(go_runtime_locate(&g->memory, &rt), c->r);
	assert_string_equal(go_gate_name(go_runtime_refusal(&rt)), go_gate_name(c->gate));
	assert_true(rt.gates[c->gate].detail[0] != '\0');
}

/* --- more than one thing --- */

static void test_two_runtimes(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;
	struct go_sample s;

	(void)state;
	goimage_moduledata(g, 0x9000);
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(rt.runtimes, 2);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, 0, &s), 0);
	assert_false(go_runtime_judge(&rt, &s, 0));
	assert_int_equal(go_runtime_refusal(&rt), GATE_SINGLE_RUNTIME);
}

static void test_version_from_code(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(21);
	struct go_runtime rt;

	(void)state;
	g->bytes[REGION_DATA][AT_BUILDINFO] = 0;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_string_equal(rt.info.version, "go1.21.3");
}

static void test_older_lock(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;

	(void)state;
	/* Without lock2's votes (inlined, or another name) sched is not known, and what hangs by it is not guessed. */
	scatter(g, AT_SCHED + g->release->sched_lock, 0);
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(rt.global[GLOBAL_SCHED], 0);
	assert_int_equal(rt.global[GLOBAL_GOMAXPROCS], 0);
	assert_int_equal(rt.global[GLOBAL_ALLP], 0);
}

/* Before a loader has relocated it an image has no pointers; its build information has none to begin with. */
static void test_unrelocated(void **state)
{
	static const uint64_t nothing[36];
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;

	(void)state;
	goimage_put(g, REGION_DATA, AT_MODULEDATA, nothing, sizeof(nothing));
	assert_int_equal(go_runtime_locate(&g->memory, &rt), GO_NONE);
	assert_true(rt.marked);
	/* That of Go before 1.18 is made of pointers. */
	g->bytes[REGION_DATA][AT_BUILDINFO + 15] = 0;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), GO_NONE);
	assert_false(rt.marked);
}

static int gone(void *context, uint64_t addr, void *buf, size_t len)
{
	(void)context;
	(void)addr;
	(void)buf;
	(void)len;
	return -EIO;
}

static void test_nothing(void **state)
{
	struct memory m = { .read = gone };
	struct go_runtime rt;

	(void)state;
	assert_int_equal(go_runtime_locate(&m, &rt), GO_NONE);
	assert_int_equal(go_runtime_refusal(&rt), GATE_MODULEDATA);
}

/*
 * Functions that overlap would make the helper read the same 64 KiB thousands of times: between two functions of
 * package runtime stands another one with an end far away.
 */
static void test_overlap(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	_cleanup_(function_list_done) struct function_list list = { 0 };
	struct go_image image;

	(void)state;
	assert_int_equal(go_image_find(&g->memory, &image, 1), 1);
	goimage_put(g, REGION_RODATA, AT_NAMES + strlen("runtime.(*gcControllerState).update") + 1,
		    "R", 1);
	goimage_put_u32(g, REGION_RODATA, AT_FUNCTAB + 8, (uint32_t)(g->code - AT_CODE));
	goimage_put_u32(g, REGION_RODATA, AT_FUNCTAB + 16, 0);
	assert_int_equal(function_list_read(&g->memory, &image, &list), -EBADMSG);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("two runtimes in one process are observed, not written", test_two_runtimes),
	SUITE_TEST("without build information schedinit tells the version", test_version_from_code),
	SUITE_TEST("what hangs by a global that was not found is not guessed", test_older_lock),
	SUITE_TEST("an image that is not relocated yet has the mark of one", test_unrelocated),
	SUITE_TEST("no memory is no Go", test_nothing),
	SUITE_TEST("functions that overlap are refused", test_overlap),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_release, releases);
	SUITE_TABLE(&s, test_tamper, tampers);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "gobin");
}
