/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/goimage.h"
#include "gobin/pulse.h"

static int read_since(struct goimage *g, const struct go_pulse_since *since, struct go_pulse *ret)
{
	struct go_runtime rt;
	struct go_sample s;

	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, 0, &s), 0);
	return go_pulse_read(&g->memory, &rt, &s, since, ret);
}

static struct go_pulse read_all(struct goimage *g)
{
	const struct go_pulse_since since = { 0 };
	struct go_pulse p;

	assert_int_equal(read_since(g, &since, &p), 0);
	return p;
}

static uint64_t n_of(const struct go_pulse *p)
{
	struct histogram h = { 0 };

	histogram_add_small(&h, &p->pause);
	return histogram_n(&h);
}

static void test_releases(void **state)
{
	(void)state;
	for (int minor = 19; minor <= 27; minor++) {
		_cleanup_(freep) struct goimage *g = goimage_new(minor);
		const struct go_pulse p = read_all(g);

		/* 112 numbers, of which each of both Ps has 2 left. */
		assert_int_equal(p.goroutines_created, minor == 20 ? -1 : 108);
		/* A quarter of 100 s and of 50 s on two. */
		assert_int_equal(p.gc_cpu_ns, minor == 20 ? -1 : INT64_C(50000000000));
		assert_int_equal(p.pauses, 17);
		assert_int_equal(n_of(&p), 17);
		assert_int_equal(p.pause.max_ns, 180000);
		assert_int_equal(p.pauses_ns, 17 * (20000 + 180000) / 2);
	}
}

struct since_case {
	const char *name;
	uint32_t num_gc, since;
	uint64_t unix_ns;
	uint32_t pauses, missed;
	uint64_t max_ns, oldest_ns;
};

#define S UINT64_C(1000000000)

static const struct since_case sinces[] = {
	{ "none since the last", 17, 17, 0, 0, 0, 0, 0 },
	{ "one since the last but one", 17, 16, 0, 1, 0, 180000, 0 },
	{ "all since the start", 17, 0, 0, 17, 0, 180000, 0 },
	{ "a number that is not reached yet is none", 17, 18, 0, 0, 0, 0, 0 },
	{ "by when they ended", 17, 0, 15 * S, 3, 0, 180000, 15 * S },
	{ "of both the later", 17, 16, 15 * S, 1, 0, 180000, 17 * S },
	{ "more than the runtime keeps are missed", 300, 0, 0, 256, 44, 180000, 0 },
	{ "but not those that ended before", 300, 0, 1, 17, 0, 180000, S },
	{ "its counter goes round", 3, UINT32_MAX - 1, 0, 5, 0, 40000, 0 },
};

static void test_since(void **state)
{
	const struct since_case *c = *state;
	const struct go_pulse_since since = { .num_gc = c->since, .unix_ns = c->unix_ns };
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_pulse p;

	goimage_put_u32(g, REGION_DATA, AT_MEMSTATS + g->release->num_gc, c->num_gc);
	assert_int_equal(read_since(g, &since, &p), 0);
	assert_int_equal(p.pauses, c->pauses);
	assert_int_equal(n_of(&p), c->pauses);
	assert_int_equal(p.pauses_missed, c->missed);
	assert_int_equal(p.pause.max_ns, c->max_ns);
	assert_int_equal(p.oldest_unix_ns, c->oldest_ns);
}

/* --- what is not believed --- */

struct odd_case {
	const char *name;
	size_t offset; /* in data, of Go 1.24 */
	uint64_t value;
	bool no_cpu, no_created;
};

#define FRACTION (AT_MEMSTATS + 7704 + 8)
#define RESIZED	 (AT_SCHED + 296)

static const struct odd_case odds[] = {
	{ "more than all CPU time", FRACTION, UINT64_C(0x3ff8000000000000), true, false },
	{ "less than none", FRACTION, UINT64_C(0xbff8000000000000), true, false },
	{ "no number", FRACTION, UINT64_C(0x7ff8000000000001), true, false },
	{ "a world started after the last collection", RESIZED, 260 * S, false, false },
	{ "a world started when there was none yet", RESIZED, 400 * S, true, false },
	{ "a world to be started in 200 years", RESIZED, UINT64_MAX / 2, true, false },
	{ "GOMAXPROCS never set", RESIZED, 0, true, false },
	{ "a negative time", RESIZED + 8, UINT64_MAX, true, false },
	{ "no plausible time", RESIZED + 8, INT64_MAX, true, false },
	{ "a negative count of numbers", AT_SCHED, UINT64_MAX, false, true },
	{ "all that there is", FRACTION, UINT64_C(0x3ff0000000000000), false, false },
};

static void test_odd(void **state)
{
	const struct odd_case *c = *state;
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_pulse p;

	goimage_put_u64(g, REGION_DATA, c->offset, c->value);
	p = read_all(g);
	assert_int_equal(p.gc_cpu_ns == -1, c->no_cpu);
	assert_int_equal(p.goroutines_created == -1, c->no_created);
}

static void test_batch_taken_meanwhile(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);

	(void)state;
	goimage_put_u64(g, REGION_HEAP, 0x1000 + g->release->goidcache, 113);
	goimage_put_u64(g, REGION_HEAP, 0x1000 + g->release->goidcache + 8u, 129);
	assert_int_equal(read_all(g).goroutines_created, 110);
}

static void test_no_batch(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);

	(void)state;
	goimage_put_u64(g, REGION_HEAP, 0x1000 + g->release->goidcache, 50);
	assert_int_equal(read_all(g).goroutines_created, -1);
	goimage_put_u64(g, REGION_HEAP, 0x1000 + g->release->goidcache, 200);
	assert_int_equal(read_all(g).goroutines_created, -1);
}

/* Locks say where sched is, and newproc1 takes its numbers elsewhere. */
static void test_contradiction(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	static const uint8_t lea[] = { 0x4c, 0x8d, 0x15 };
	size_t found = 0;

	(void)state;
	for (size_t i = AT_CODE; i + 12 < g->code; i++)
		if (!memcmp(g->bytes[REGION_TEXT] + i, lea, sizeof(lea))) {
			g->bytes[REGION_TEXT][i + 3] ^= 8;
			found++;
		}
	assert_int_equal(found, 1);
	assert_int_equal(read_all(g).goroutines_created, -1);
}

static void test_gone(void **state)
{
	const struct go_pulse_since since = { 0 };
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_pulse p = { .pauses = 7 };
	struct go_runtime rt;
	struct go_sample s;

	(void)state;
	assert_int_equal(go_runtime_locate(&g->memory, &rt), 0);
	assert_int_equal(go_runtime_sample(&g->memory, &rt, 0, &s), 0);
	rt.global[GLOBAL_MEMSTATS] = 0x1000;
	assert_int_equal(go_pulse_read(&g->memory, &rt, &s, &since, &p), -EIO);
	assert_int_equal(p.pauses, 7);
}

static void test_never(void **state)
{
	_cleanup_(freep) struct goimage *g = goimage_new(24);
	struct go_pulse p;

	(void)state;
	goimage_put_u32(g, REGION_DATA, AT_MEMSTATS + g->release->num_gc, 0);
	p = read_all(g);
	assert_true(p.pauses == 0 && p.gc_cpu_ns == 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("every release tells what it did, but for 1.20", test_releases),
		SUITE_TEST("a batch taken after the count is not in it",
			   test_batch_taken_meanwhile),
		SUITE_TEST("what is no batch of numbers is no count", test_no_batch),
		SUITE_TEST("two proofs that contradict each other are none", test_contradiction),
		SUITE_TEST("memory that is gone is an error", test_gone),
		SUITE_TEST("before the first collection none has cost anything", test_never),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_since, sinces);
	SUITE_TABLE(&s, test_odd, odds);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "pulse");
}
