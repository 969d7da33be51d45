/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/goimage.h"

/* --- one figure is wrong: which gate does not believe it --- */

struct judge_case {
	const char *name;
	size_t offset; /* in the controller of Go 1.24; 1 << 20: enablegc */
	uint64_t value;
	enum go_gate gate;
};

static const struct judge_case judges[] = {
	{ "GOGC below -1", 0, (uint32_t)-2, GATE_GC_PERCENT },
	{ "GOGC beyond all reason", 0, 0x7fffffff, GATE_GC_PERCENT },
	{ "a negative soft limit", 8, UINT64_MAX, GATE_MEMORY_LIMIT },
	{ "a soft limit of 0", 8, 0, GATE_MEMORY_LIMIT },
	{ "a goal that does not follow from the marked heap", 72, 190 * MIB, GATE_HEAP_GOAL },
	{ "a marked heap that does not lead to the goal", 152, 104 * MIB, GATE_HEAP_GOAL },
	{ "a goal of none with a finite GOGC", 72, UINT64_MAX, GATE_HEAP_GOAL },
	{ "less mapped than allocated", 312, 129 * MIB, GATE_MAPPED_READY },
	{ "more mapped than there are addresses", 312, UINT64_C(1) << 48, GATE_MAPPED_READY },
	{ "a runtime that has not started", 1 << 20, 0, GATE_ENABLEGC },
	{ "a goal at heapMinimum is believed", 72, 4 * MIB, GATE_MAX_ },
	{ "a goal within 1 % is believed", 152, 100 * MIB + 500 * KIB, GATE_MAX_ },
};

static void test_judge(void **state)
{
	const struct judge_case *c = *state;
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;
	struct go_sample s;

	if (c->offset == 1 << 20)
		g->bytes[REGION_DATA][AT_MEMSTATS + 7736] = 0;
	else if (c->offset == 0)
		goimage_put_u32(g, REGION_DATA, AT_CONTROLLER, (uint32_t)c->value);
	else
		goimage_put_u64(g, REGION_DATA, AT_CONTROLLER + c->offset, c->value);
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, 0, &s), 0);
	assert_int_equal(go_runtime_judge(&rt, &s, 200 * MIB), c->gate == GATE_MAX_);
	assert_string_equal(go_gate_name(go_runtime_refusal(&rt)), go_gate_name(c->gate));
}

static void test_gogc_off(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(22);
	struct go_runtime rt;
	struct go_sample s;

	(void)state;
	goimage_put_u32(g, REGION_DATA, AT_CONTROLLER, UINT32_MAX);
	goimage_put_u64(g, REGION_DATA, AT_CONTROLLER + g->release->goal, UINT64_MAX);
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, 0, &s), 0);
	assert_int_equal(s.gc_percent, -1);
	assert_true(go_runtime_judge(&rt, &s, 0));
}

/* --- samples, fields, moved results --- */

static void test_wrong_values(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;
	struct go_sample s;

	(void)state;
	goimage_put_u32(g, REGION_DATA, AT_MADVDONTNEED, 7);
	goimage_put_u64(g, REGION_DATA, AT_FORCE_PERIOD, 5);
	goimage_put_u64(g, REGION_DATA, AT_ALLP + 8, 3);
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(rt.global[GLOBAL_MADVDONTNEED], 0);
	assert_int_equal(rt.global[GLOBAL_FORCE_GC_PERIOD], 0);
	assert_int_equal(rt.global[GLOBAL_ALLP], 0);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, GO_SAMPLE_GOROUTINES, &s), 0);
	assert_int_equal(s.madvdontneed, -1);
	assert_int_equal(s.goroutines, -1);
}

static void test_hostile_procs(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;
	struct go_sample s;

	(void)state;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	goimage_put_u64(g, REGION_DATA, AT_ALLP + 16, UINT64_MAX);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, GO_SAMPLE_GOROUTINES, &s), 0);
	assert_int_equal(s.goroutines, -1);
	goimage_put_u64(g, REGION_DATA, AT_ALLP + 16, 2);
	goimage_put_u64(g, REGION_HEAP, 8, UINT64_MAX - 100);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, GO_SAMPLE_GOROUTINES, &s), 0);
	assert_int_equal(s.goroutines, -1);
}

static void test_rebase(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	_cleanup_(freep) struct goimage *moved =
		goimage_new_at(24, GOIMAGE_BASE + UINT64_C(0x555500000000));
	struct go_runtime rt;
	struct go_sample s;

	(void)state;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_true(go_runtime_rebase(&rt, &moved->memory));
	assert_int_equal(rt.global[GLOBAL_GC_CONTROLLER], goimage_data(moved, AT_CONTROLLER));
	assert_int_equal(rt.global[GLOBAL_ALLP], goimage_data(moved, AT_ALLP));
	assert_int_equal(go_runtime_sample(&moved->memory, &rt, 0, &s), 0);
	assert_int_equal(s.num_gc, 17);
}

static void test_rebase_refused(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt;

	(void)state;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	goimage_put_u64(g, REGION_DATA, AT_MODULEDATA, 0);
	assert_false(go_runtime_rebase(&rt, &g->memory));
	for (size_t i = 0; i < REGIONS; i++)
		g->regions[i].file = 8;
	assert_false(go_runtime_rebase(&rt, &g->memory));
}

static void test_fields(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(19);
	struct go_runtime rt;
	uint64_t at;
	size_t size;

	(void)state;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_true(go_runtime_field(&rt, FIELD_GC_PERCENT, &at, &size));
	assert_true(at == goimage_data(g, AT_CONTROLLER) && size == 4);
	assert_true(go_runtime_field(&rt, FIELD_MEMORY_LIMIT, &at, &size));
	assert_true(at == goimage_data(g, AT_CONTROLLER) + 8 && size == 8);
	assert_true(go_runtime_field(&rt, FIELD_HEAP_MINIMUM, &at, &size));
	assert_true(at == goimage_data(g, AT_CONTROLLER) + 16 && size == 8);
	assert_true(go_runtime_field(&rt, FIELD_GC_PERCENT_GOAL, &at, &size));
	assert_true(at == goimage_data(g, AT_CONTROLLER) + 104 && size == 8);
	assert_true(go_runtime_field(&rt, FIELD_MADVDONTNEED, &at, &size));
	assert_true(at == goimage_data(g, AT_MADVDONTNEED) && size == 4);
	assert_false(go_runtime_field(&rt, FIELD_MAX_, &at, &size));
	rt.global[GLOBAL_MADVDONTNEED] = 0;
	assert_false(go_runtime_field(&rt, FIELD_MADVDONTNEED, &at, &size));
	rt.last_goal_offset = 1;
	assert_false(go_runtime_field(&rt, FIELD_GC_PERCENT, &at, &size));
}

static int gone(void *context, uint64_t addr, void *buf, size_t len)
{
	(void)context;
	(void)addr;
	(void)buf;
	(void)len;
	return -EIO;
}

static void test_gone(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_runtime rt, other;
	struct go_sample s = { .num_gc = 99 };

	(void)state;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	g->memory.read = gone;
	assert_true(go_runtime_sample(&g->memory, &rt, 0, &s) < 0);
	assert_int_equal(s.num_gc, 99);
	assert_int_equal(go_runtime_locate(&g->memory, &other), GO_NONE);
}

/* --- build information --- */

struct info_case {
	const char *name, *version, *module;
	int r;
	const char *expected_version, *expected_module;
};

static const struct info_case infos[] = {
	{ "a module is told", "go1.22.1", "path\ta/b\nmod\ta\tv1\n", 0, "go1.22.1", "a" },
	{ "without a module the package is told", "go1.22.1", "path\tcommand-line-arguments\n", 0,
	  "go1.22.1", "command-line-arguments" },
	{ "no module information is none", "go1.22.1", "", 0, "go1.22.1", "" },
	{ "a development version is told", "devel go1.23-abc Tue", "", 0, "devel go1.23-abc Tue",
	  "" },
	{ "a value of another key is not the module", "go1.22.1", "dep\tmod\tx\n", 0, "go1.22.1",
	  "" },
	{ "a version without length is none", "", "", -ENOENT, "", "" },
	{ "a version that does not fit is none",
	  "go1.22.1-0123456789012345678901234567890123456789", "", -ENOENT, "", "" },
};

static void test_info(void **state)
{
	const struct info_case *c = *state;
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_buildinfo info;
	struct go_image image;

	memset(g->bytes[REGION_DATA] + AT_BUILDINFO, 0, AT_DATA_START - AT_BUILDINFO);
	goimage_buildinfo(g, c->version, c->module);
	assert_int_equal(go_image_find(&g->memory, &image, 1), 1);
	assert_int_equal(go_buildinfo_read(&g->memory, &image, &info), c->r);
	assert_string_equal(info.version, c->expected_version);
	assert_string_equal(info.module, c->expected_module);
}

static void test_info_at_the_end(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_buildinfo info;
	struct go_image image;

	(void)state;
	assert_int_equal(go_image_find(&g->memory, &image, 1), 1);
	memset(g->bytes[REGION_DATA] + AT_BUILDINFO, 0, AT_DATA_START - AT_BUILDINFO);
	/* The last bytes of the region: a version that would lie behind it. */
	goimage_put(g, REGION_DATA, GOIMAGE_REGION - 48, "\xff Go buildinf:\x08\x02", 16);
	g->bytes[REGION_DATA][GOIMAGE_REGION - 16] = 40;
	assert_int_equal(go_buildinfo_read(&g->memory, &image, &info), -ENOENT);
}

struct minor_case {
	const char *name, *version;
	int minor;
};

static const struct minor_case minors[] = {
	{ "go1.22.12 is 22", "go1.22.12", 22 },
	{ "go1.9 is 9", "go1.9", 9 },
	{ "a development version is its release", "devel go1.25-5f3a Mon", 25 },
	{ "an experiment is its release", "go1.24.2 X:boringcrypto", 24 },
	{ "go2 is none", "go2.1", -EINVAL },
	{ "no number is none", "go1.x", -EINVAL },
	{ "nothing is none", "", -EINVAL },
	{ "digits without end are cut", "go1.99999999999999999999", 9999 },
};

static void test_minor(void **state)
{
	const struct minor_case *c = *state;

	assert_int_equal(go_version_minor(c->version), c->minor);
}

/* --- memory --- */

static void test_memory(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	const struct memory *m = &g->memory;
	uint64_t v;

	(void)state;
	assert_ptr_equal(memory_region_at(m, GOIMAGE_BASE), &g->regions[0]);
	assert_ptr_equal(memory_region_at(m, GOIMAGE_BASE + GOIMAGE_REGION), &g->regions[1]);
	assert_null(memory_region_at(m, GOIMAGE_BASE - 1));
	assert_null(memory_region_at(m, GOIMAGE_BASE + 3 * GOIMAGE_REGION));
	assert_true(memory_covers(m, GOIMAGE_BASE, GOIMAGE_REGION, MEMORY_EXEC));
	assert_false(memory_covers(m, GOIMAGE_BASE, GOIMAGE_REGION + 1, MEMORY_READ));
	assert_false(memory_covers(m, GOIMAGE_BASE + 1, UINT64_MAX, MEMORY_READ));
	assert_false(memory_covers(m, GOIMAGE_BASE, 1, MEMORY_WRITE));
	assert_true(memory_read_u64(m, UINT64_MAX - 3, &v) < 0);
}

static void test_window(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	_cleanup_(freep) struct memory_window *w = calloc(1, sizeof(*w));
	uint64_t seed = 5;
	const uint8_t *p;

	(void)state;
	w->memory = &g->memory;
	for (int i = 0; i < 2000; i++) {
		size_t region = suite_random(&seed) % 3;
		size_t off = suite_random(&seed) % GOIMAGE_REGION;
		size_t len = suite_random(&seed) % (GOIMAGE_REGION - off + 1);

		assert_int_equal(memory_window_get(w, g->regions[region].start + off, len, &p), 0);
		assert_memory_equal(p, g->bytes[region] + off, len);
	}
	assert_true(memory_window_get(w, GOIMAGE_BASE + GOIMAGE_REGION - 4, 8, &p) < 0);
	assert_true(memory_window_get(w, GOIMAGE_BASE, MEMORY_WINDOW_BYTES + 1, &p) < 0);
	assert_true(memory_window_get(w, 16, 8, &p) < 0);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("GOGC=off is believed", test_gogc_off),
	SUITE_TEST("a global whose value cannot be is not taken", test_wrong_values),
	SUITE_TEST("hostile Ps leave the goroutines unknown", test_hostile_procs),
	SUITE_TEST("a result is moved to another load address", test_rebase),
	SUITE_TEST("another image refuses a moved result", test_rebase_refused),
	SUITE_TEST("fields lie where the release has them", test_fields),
	SUITE_TEST("a process that has gone gives no sample", test_gone),
	SUITE_TEST("build information cut off by the region's end is none", test_info_at_the_end),
	SUITE_TEST("regions are found by address and covered whole", test_memory),
	SUITE_TEST("a window gives the bytes that are there", test_window),
};

/* --- a copy of a runtime that runs elsewhere --- */

struct alive_case {
	const char *name;
	uint64_t mark_start_ns, started_ns;
	uint32_t threads;
	bool alive;
};

#define SECOND UINT64_C(1000000000)

static const struct alive_case alives[] = {
	{ "several threads, a cycle after the start", 20 * SECOND, 10 * SECOND, 5, true },
	{ "several threads, no cycle yet", 0, 10 * SECOND, 5, true },
	{ "nothing known of the process", 20 * SECOND, 0, 0, true },
	{ "one thread is a forked copy", 20 * SECOND, 10 * SECOND, 1, false },
	{ "a cycle before the start is a forked copy's", 9 * SECOND, 10 * SECOND, 5, false },
	{ "a cycle within the same tick is not", 10 * SECOND - 10000000, 10 * SECOND, 5, true },
	{ "a time that no clock has", UINT64_MAX, 10 * SECOND, 5, true },
};

static void test_alive(void **state)
{
	const struct alive_case *c = *state;
	const struct go_sample s = { .mark_start_ns = c->mark_start_ns };
	struct go_runtime rt = { 0 };

	assert_int_equal(go_runtime_judge_alive(&rt, &s, c->threads, c->started_ns), c->alive);
	assert_int_equal(go_runtime_refusal(&rt), c->alive ? GATE_MAX_ : GATE_ALIVE);
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_judge, judges);
	SUITE_TABLE(&s, test_info, infos);
	SUITE_TABLE(&s, test_minor, minors);
	SUITE_TABLE(&s, test_alive, alives);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "gobin_sample");
}
