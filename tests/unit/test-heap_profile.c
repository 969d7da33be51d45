/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "fixture/goimage.h"
#include "fixture/suite.h"
#include "gobin/heap_profile.h"

enum {
	AT_FIRST = 0x4000, /* in the heap region; the second bucket behind it */
	AT_SECOND = 0x4800,
};

struct fixture {
	struct goimage *image;
	struct go_runtime runtime;
};

static struct fixture make(int minor)
{
	struct fixture f = { .image = goimage_new(minor) };

	f.runtime = (struct go_runtime){ .minor = minor, .profiles_heap = true };
	f.runtime.global[GLOBAL_MBUCKETS] = goimage_data(f.image, AT_MBUCKETS);
	f.runtime.global[GLOBAL_MPROF_CYCLE] = goimage_data(f.image, AT_MPROF_CYCLE);
	f.runtime.global[GLOBAL_MEM_PROFILE_RATE] = goimage_data(f.image, AT_PROFILE_RATE);
	return f;
}

static void put(struct fixture *f, size_t at, uint64_t v)
{
	goimage_put_u64(f->image, REGION_HEAP, at, v);
}

/* A bucket of objects of 100 bytes: @cycles are {allocs, frees} of the published and the three waiting ones. */
static void put_bucket(struct fixture *f, size_t at, uint64_t next, uint64_t n_pcs,
		       const uint64_t cycles[4][2])
{
	const bool bytes = f->image->release->minor < 27;
	size_t record = at + 48 + 8 * n_pcs;

	put(f, at + 8, next);
	put(f, at + 16, 1);
	put(f, at + 32, 100);
	put(f, at + 40, n_pcs);
	for (size_t i = 0; i < n_pcs; i++)
		put(f, at + 48 + 8 * i, 0x401000 + i);
	for (size_t i = 0; i < 4; i++) {
		put(f, record, cycles[i][0]);
		put(f, record + 8, cycles[i][1]);
		if (bytes) {
			put(f, record + 16, 100 * cycles[i][0]);
			put(f, record + 24, 100 * cycles[i][1]);
		}
		record += bytes ? 32 : 16;
	}
}

static void put_list(struct fixture *f, const uint64_t cycles[4][2])
{
	static const uint64_t nothing[4][2];

	goimage_put_u64(f->image, REGION_DATA, AT_MBUCKETS, GOIMAGE_HEAP + AT_FIRST);
	put_bucket(f, AT_FIRST, GOIMAGE_HEAP + AT_SECOND, 3, cycles);
	put_bucket(f, AT_SECOND, 0, 2, nothing);
}

static int read_profile(const struct fixture *f, struct heap_profile *ret)
{
	return heap_profile_read(&f->image->memory, &f->runtime, ret);
}

/* --- which cycles count --- */

struct cycle_case {
	const char *name;
	uint32_t cycle;	       /* mProfCycle: twice the number, and whether it is flushed */
	uint64_t cycles[4][2]; /* published, then waiting 0, 1, 2 */
	uint64_t allocs, frees;
	bool published;
};

static const struct cycle_case cycles[] = {
	{ "what is published counts",
	  6 << 1 | 1,
	  { { 9, 4 }, { 0, 0 }, { 5, 1 }, { 7, 2 } },
	  9,
	  4,
	  true },
	{ "what is being published counts as well",
	  6 << 1,
	  { { 9, 4 }, { 2, 1 }, { 5, 1 }, { 7, 2 } },
	  11,
	  5,
	  true },
	{ "by the number of its own cycle",
	  8 << 1,
	  { { 9, 4 }, { 2, 1 }, { 5, 1 }, { 7, 2 } },
	  16,
	  6,
	  true },
	{ "before the first publication all counts",
	  0,
	  { { 0, 0 }, { 0, 0 }, { 5, 1 }, { 7, 2 } },
	  12,
	  3,
	  false },
};

static void test_cycles(void **state)
{
	const struct cycle_case *c = *state;

	for (int minor = 19; minor <= 27; minor++) {
		struct fixture f = make(minor);
		struct heap_profile p = { 0 };

		put_list(&f, c->cycles);
		goimage_put_u32(f.image, REGION_DATA, AT_MPROF_CYCLE, c->cycle);
		assert_int_equal(read_profile(&f, &p), 0);
		assert_int_equal(p.n, 2);
		assert_int_equal(p.rate, 524288);
		assert_int_equal(p.published, c->published);
		assert_false(p.torn);
		assert_int_equal(p.buckets[0].allocs, c->allocs);
		assert_int_equal(p.buckets[0].frees, c->frees);
		assert_int_equal(heap_bucket_inuse(&p.buckets[0]), c->allocs - c->frees);
		assert_int_equal(heap_bucket_inuse_bytes(&p.buckets[0]),
				 100 * (c->allocs - c->frees));
		assert_int_equal(p.buckets[0].n_pcs, 3);
		assert_int_equal(p.pcs[p.buckets[1].first_pc + 1], 0x401001);
		heap_profile_done(&p);
		free(f.image);
	}
}

/* --- forged or unusual --- */

static const uint64_t some[4][2] = { { 9, 4 } };

static void second_is_first(struct fixture *f)
{
	put(f, AT_SECOND + 8, GOIMAGE_HEAP + AT_FIRST);
}

static void is_block_profile(struct fixture *f)
{
	put(f, AT_SECOND + 16, 2);
}

static void has_endless_stack(struct fixture *f)
{
	put(f, AT_SECOND + 40, 1025);
}

static void next_is_odd(struct fixture *f)
{
	put(f, AT_FIRST + 8, GOIMAGE_HEAP + AT_SECOND + 4);
}

static void next_is_nowhere(struct fixture *f)
{
	put(f, AT_FIRST + 8, 0x1000);
}

static void rate_and_list_are_empty(struct fixture *f)
{
	goimage_put_u64(f->image, REGION_DATA, AT_MBUCKETS, 0);
	goimage_put_u64(f->image, REGION_DATA, AT_PROFILE_RATE, 0);
}

static void list_is_empty(struct fixture *f)
{
	goimage_put_u64(f->image, REGION_DATA, AT_MBUCKETS, 0);
}

static void linker_switched_off(struct fixture *f)
{
	goimage_put_u64(f->image, REGION_DATA, AT_PROFILE_RATE, 0);
	f->runtime.profiles_heap = false;
}

static void rate_is_zero(struct fixture *f)
{
	goimage_put_u64(f->image, REGION_DATA, AT_PROFILE_RATE, 0);
}

static void list_was_not_found(struct fixture *f)
{
	f->runtime.global[GLOBAL_MBUCKETS] = 0;
}

static void release_is_unknown(struct fixture *f)
{
	f->runtime.minor = 99;
}

struct odd_case {
	const char *name;
	void (*change)(struct fixture *f);
	int result;
};

static const struct odd_case odd[] = {
	{ "a list that comes back to itself ends", second_is_first, -E2BIG },
	{ "a bucket of another profile is refused", is_block_profile, -EBADMSG },
	{ "a stack deeper than the runtime's is refused", has_endless_stack, -EBADMSG },
	{ "an odd address is refused", next_is_odd, -EBADMSG },
	{ "an address that is not there is an error", next_is_nowhere, -EIO },
	{ "nothing sampled at rate 0 is off", rate_and_list_are_empty, HEAP_PROFILE_OFF },
	{ "nothing sampled so far is an empty profile", list_is_empty, 0 },
	{ "switched off by the linker is off, whatever was sampled before", linker_switched_off,
	  HEAP_PROFILE_OFF },
	{ "switched off while it ran is a profile", rate_is_zero, 0 },
	{ "a list that was not found is unknown", list_was_not_found, HEAP_PROFILE_UNKNOWN },
	{ "a release that is not known is unknown", release_is_unknown, HEAP_PROFILE_UNKNOWN },
};

static void test_odd(void **state)
{
	const struct odd_case *c = *state;
	struct fixture f = make(24);
	struct heap_profile p = { .n = 77 };
	int r;

	put_list(&f, some);
	c->change(&f);
	r = read_profile(&f, &p);
	assert_int_equal(r, c->result);
	if (r == 0)
		heap_profile_done(&p);
	else
		assert_int_equal(p.n, 77); /* untouched */
	free(f.image);
}

/* A collection between any two reads: each look at the cycle's number finds the next. */
static int read_and_collect(void *context, uint64_t addr, void *buf, size_t len)
{
	struct goimage *g = context;
	int r = goimage_read(context, addr, buf, len);

	if (addr == goimage_data(g, AT_MPROF_CYCLE))
		g->bytes[REGION_DATA][AT_MPROF_CYCLE] += 2;
	return r;
}

static void test_torn(void **state)
{
	struct fixture f = make(24);
	struct heap_profile p = { 0 };

	(void)state;
	put_list(&f, some);
	f.image->memory.read = read_and_collect;
	assert_int_equal(read_profile(&f, &p), 0);
	assert_true(p.torn);
	assert_int_equal(p.n, 2);
	heap_profile_done(&p);
	free(f.image);
}

static void test_deep_stack(void **state)
{
	struct fixture f = make(24);
	struct heap_profile p = { 0 };

	(void)state;
	goimage_put_u64(f.image, REGION_DATA, AT_MBUCKETS, GOIMAGE_HEAP + AT_FIRST);
	put_bucket(&f, AT_FIRST, 0, HEAP_STACK_MAX + 20, some);
	assert_int_equal(read_profile(&f, &p), 0);
	assert_int_equal(p.buckets[0].n_pcs, HEAP_STACK_MAX);
	assert_int_equal(p.buckets[0].allocs, 9);
	assert_int_equal(p.pcs_left_out, 20);
	heap_profile_done(&p);
	free(f.image);
}

static void test_estimate(void **state)
{
	static const struct {
		uint64_t sampled, size;
		int64_t rate;
		uint64_t low, high;
	} rows[] = {
		{ 10, 100, 1, 10, 10 },
		{ 10, 100, 0, 10, 10 },
		{ 10, 1 << 30, 524288, 10, 10 },
		{ 1, 524288, 524288, 1, 1 }, /* 1 / (1 - 1/e) = 1.58 */
		{ 1000, 524288, 524288, 1581, 1582 },
		{ 1000, 512, 524288, 1024499, 1024501 }, /* about rate / size, and a half */
		{ UINT64_MAX, 1, 524288, UINT64_MAX / 2, UINT64_MAX / 2 },
		{ 0, 512, 524288, 0, 0 },
		{ 5, 0, 524288, 5, 5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_in_range(heap_profile_estimate(rows[i].sampled, rows[i].size, rows[i].rate),
				rows[i].low, rows[i].high);
}

/* Against libm's, over all sizes that objects have. */
static void test_estimate_is_exact(void **state)
{
	const int64_t rate = 512 * 1024;

	(void)state;
	for (double size = 1; size < 1e10; size *= 1.37) {
		const double want = 1e9 / -expm1(-floor(size) / (double)rate);
		const double got = (double)heap_profile_estimate(1000000000, (uint64_t)size, rate);

		assert_true(fabs(got - want) <= 1 + want * 1e-12);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("a profile that changes at each try is said to be torn", test_torn),
		SUITE_TEST("a deep stack is cut and counted", test_deep_stack),
		SUITE_TEST("samples stand for what the sampler's probability says", test_estimate),
		SUITE_TEST("an estimate is what libm says of any size", test_estimate_is_exact),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_cycles, cycles);
	SUITE_TABLE(&s, test_odd, odd);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "heap_profile");
}
