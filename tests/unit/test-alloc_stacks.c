/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fixture/suite.h"
#include "gobin/alloc_stacks.h"

enum {
	SAMPLER = 0x10,
	CALLER = 0x20,
	TYPES = 0x1000,
	TYPES_END = 0x2000,
};

static const struct row {
	const char *name;
	uint32_t n_pcs;
	uint64_t pcs[5];
	uint32_t n_want;
	uint64_t want[5];
} rows[] = {
	{ "a caller that is missed is put in",
	  3,
	  { SAMPLER, 0x30, 0x40 },
	  3,
	  { CALLER, 0x30, 0x40 } },
	{ "one that is there is not put in twice",
	  4,
	  { SAMPLER, CALLER, 0x30, 0x40 },
	  3,
	  { CALLER, 0x30, 0x40 } },
	{ "the same address further out stays",
	  4,
	  { SAMPLER, 0x30, CALLER, 0x40 },
	  4,
	  { CALLER, 0x30, CALLER, 0x40 } },
	{ "and twice over: one of them is another call",
	  4,
	  { SAMPLER, CALLER, CALLER, 0x40 },
	  3,
	  { CALLER, CALLER, 0x40 } },
	{ "without frame pointers there is the caller", 1, { SAMPLER }, 1, { CALLER } },
	{ "without a stack as well", 0, { 0 }, 1, { CALLER } },
};

static void test_mend(void **state)
{
	const struct row *row = *state;
	struct event_alloc a = { .caller = CALLER, .n_pcs = row->n_pcs };
	uint64_t pcs[ALLOC_PCS_MAX];

	memcpy(a.pcs, row->pcs, sizeof(row->pcs));
	assert_int_equal(alloc_stack_mend(&a, pcs), row->n_want);
	assert_memory_equal(pcs, row->want, row->n_want * sizeof(pcs[0]));
}

static void test_mend_full(void **state)
{
	struct event_alloc a = { .caller = CALLER, .n_pcs = UINT32_MAX };
	uint64_t pcs[ALLOC_PCS_MAX];

	(void)state;
	for (uint64_t i = 0; i < EVENT_STACK_MAX; i++)
		a.pcs[i] = 0x1000 + i;
	assert_int_equal(alloc_stack_mend(&a, pcs), EVENT_STACK_MAX);
	assert_int_equal(pcs[0], CALLER);
	assert_int_equal(pcs[EVENT_STACK_MAX - 1], 0x1000 + EVENT_STACK_MAX - 1);
}

static struct event_alloc sample(uint64_t bytes, uint64_t outer, uint64_t size, uint64_t type)
{
	struct event_alloc a = { .head.value = bytes,
				 .caller = CALLER,
				 .n_pcs = 3,
				 .n_frames = EVENT_FRAMES,
				 .pcs = { SAMPLER, 0x30, outer } };

	a.frame[0].pc = CALLER;
	a.frame[1].pc = 0x30;
	a.frame[1].words[0] = size;
	a.frame[1].words[1] = type;
	return a;
}

static void test_sums(void **state)
{
	struct alloc_stacks s;
	struct event_alloc a;

	(void)state;
	assert_int_equal(alloc_stacks_init(&s, 1, TYPES, TYPES_END), 0);
	a = sample(100, 0x40, 96, 0x1008);
	alloc_stacks_add(&s, &a);
	alloc_stacks_add(&s, &a);
	a = sample(64, 0x50, 64, 0x1008);
	alloc_stacks_add(&s, &a);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.samples, 3);
	assert_int_equal(s.bytes, 264);
	assert_int_equal(s.stacks[0].samples, 2);
	assert_int_equal(s.stacks[0].bytes, 200);
	assert_int_equal(s.stacks[0].words[1].type, 0x1008);
	assert_int_equal(s.stacks[0].words[1].size_bytes, 96);
	/* Another type at the same stack is told apart. */
	a = sample(100, 0x40, 96, 0x1010);
	alloc_stacks_add(&s, &a);
	assert_int_equal(s.n, 3);
	alloc_stacks_done(&s);
}

static void test_words(void **state)
{
	struct alloc_stacks s;
	struct event_alloc a;

	(void)state;
	assert_int_equal(alloc_stacks_init(&s, 1, TYPES, TYPES_END), 0);
	/* Odd, outside of the types, of more bytes than were allocated: whatever stands there, it is one stack. */
	a = sample(100, 0x40, 96, 0x1001);
	alloc_stacks_add(&s, &a);
	a = sample(100, 0x40, 96, TYPES_END);
	alloc_stacks_add(&s, &a);
	a = sample(100, 0x40, 101, 0x1008);
	alloc_stacks_add(&s, &a);
	a = sample(100, 0x40, 96, 0x1008);
	a.frame[1].pc = 0x38;
	alloc_stacks_add(&s, &a);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.stacks[0].words[1].type, 0);
	alloc_stacks_done(&s);
}

static void test_weight(void **state)
{
	struct alloc_stacks s;
	struct event_alloc a = sample(100, 0x40, 0, 0);

	(void)state;
	assert_int_equal(alloc_stacks_init(&s, 524288, TYPES, TYPES_END), 0);
	alloc_stacks_add(&s, &a);
	/* 100 / (1 - e^(-100 / 524288)) */
	assert_in_range(s.bytes, 524337, 524339);
	a = sample(8 << 20, 0x40, 0, 0);
	alloc_stacks_add(&s, &a);
	assert_in_range(s.bytes, 524337 + (8 << 20), 524341 + (8 << 20));
	alloc_stacks_done(&s);
}

/* A span of 64 objects of 128 bytes ran out, of which 10 had been given. */
static struct event_alloc refill(uint64_t outer)
{
	struct event_alloc a = sample(10 << 1, outer, 120, 0x1008);

	a.head.kind = EVENT_REFILL;
	a.given = 10;
	return a;
}

static void test_spans(void **state)
{
	struct alloc_stacks s;
	struct event_alloc a = refill(0x40);

	(void)state;
	assert_int_equal(alloc_stacks_init(&s, 0, TYPES, TYPES_END), 0);
	alloc_stacks_add(&s, &a);
	assert_int_equal(s.samples, 1);
	assert_int_equal(s.bytes, 0);
	/* The object is at most as large as its class. */
	assert_int_equal(s.stacks[0].words[1].size_bytes, 120);
	alloc_stacks_settle(&s, 100, 0);
	assert_int_equal(s.bytes, 1280);
	a = refill(0x50);
	alloc_stacks_add(&s, &a);
	/* A tenth of this time was observed, and not of that before. */
	alloc_stacks_settle(&s, 100, 900);
	assert_int_equal(s.bytes, 1280 + 12800);
	assert_int_equal(s.stacks[0].bytes, 1280);
	assert_int_equal(s.stacks[1].bytes, 12800);
	alloc_stacks_settle(&s, 0, 0);
	assert_int_equal(s.bytes, 14080);
	a = sample(10 << 1, 0x60, 129, 0x1008);
	a.head.kind = EVENT_REFILL;
	alloc_stacks_add(&s, &a);
	assert_int_equal(s.stacks[2].words[1].type, 0);
	alloc_stacks_done(&s);
}

static void test_finish(void **state)
{
	struct alloc_stacks s;
	struct event_alloc a = refill(0x40);

	(void)state;
	assert_int_equal(alloc_stacks_init(&s, 0, TYPES, TYPES_END), 0);
	alloc_stacks_add(&s, &a);
	alloc_stacks_settle(&s, 100, 900);
	assert_int_equal(s.bytes, 12800);
	/* As much again was missed, and next to nothing observed: it was as before. */
	alloc_stacks_finish(&s, 0, 1000);
	assert_int_equal(s.bytes, 25600);
	assert_int_equal(s.stacks[0].bytes, 25600);
	alloc_stacks_done(&s);
	/* One slice alone. */
	assert_int_equal(alloc_stacks_init(&s, 0, TYPES, TYPES_END), 0);
	alloc_stacks_add(&s, &a);
	alloc_stacks_finish(&s, 50, 50);
	assert_int_equal(s.bytes, 2560);
	alloc_stacks_done(&s);
	/* Observed all the time, and told of by the second. */
	assert_int_equal(alloc_stacks_init(&s, 0, TYPES, TYPES_END), 0);
	alloc_stacks_add(&s, &a);
	alloc_stacks_settle(&s, 1000, 0);
	alloc_stacks_add(&s, &a);
	alloc_stacks_finish(&s, 10, 0);
	assert_int_equal(s.bytes, 2560);
	alloc_stacks_done(&s);
}

static void test_cap(void **state)
{
	struct alloc_stacks s;
	struct event_alloc a;

	(void)state;
	assert_int_equal(alloc_stacks_init(&s, 1, TYPES, TYPES_END), 0);
	for (uint64_t i = 0; i < ALLOC_STACKS_MAX + 10; i++) {
		a = sample(1, 0x4000 + i, 0, 0);
		alloc_stacks_add(&s, &a);
	}
	a = sample(1, 0x4000, 0, 0);
	alloc_stacks_add(&s, &a);
	assert_int_equal(s.n, ALLOC_STACKS_MAX);
	assert_int_equal(s.samples_left_out, 10);
	assert_int_equal(s.samples, ALLOC_STACKS_MAX + 11);
	assert_int_equal(s.stacks[0].samples, 2);
	alloc_stacks_done(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("a stack has at most its room", test_mend_full),
		SUITE_TEST("samples are summed up by stack and type", test_sums),
		SUITE_TEST("what cannot be a type tells nothing apart", test_words),
		SUITE_TEST("a sample stands for what was not sampled", test_weight),
		SUITE_TEST("what is heard of spans is scaled by its own slice", test_spans),
		SUITE_TEST("at the end nothing is scaled by too little", test_finish),
		SUITE_TEST("stacks over the cap are counted", test_cap),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_mend, rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "alloc_stacks");
}
