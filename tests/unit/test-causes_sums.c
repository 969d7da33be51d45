/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/causes.h"

enum {
	FUNC_ID_AT = 40, /* of 1.20 and later */
	FUNC_ID_WRAPPER = 22,
};

static const struct cause *cause_at(const struct causes *c, const char *function)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->causes[i].at.call.function, function))
			return &c->causes[i];
	fail_msg("no cause in %s", function);
	return NULL;
}

static void test_sums(void **state)
{
	const struct causes_names names = { .plain = "lib.org/z.Grow" };
	struct causes_fixture f;
	const struct cause *c;

	(void)state;
	causes_make(&f, &names);
	causes_open(&f);
	causes_room(&f, 8, 32);
	CAUSES_ADD(&f, 10, 100, 90, SYM_PC_OUTER);
	CAUSES_ADD(&f, 50, 40, 0, SYM_PC_PLAIN, SYM_PC_OUTER, SYM_PC_NONE);
	CAUSES_ADD(&f, 8, 1, 1, SYM_PC_NONE, SYM_PC_OUTER);
	CAUSES_ADD(&f, 7, 2, 0, SYM_PC_LEAF, PC_MIDDLE, PC_OUTER_OF_MIDDLE);
	CAUSES_ADD(&f, 9, 0, 0, SYM_PC_PLAIN);
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", 9, &f.causes), 0);
	assert_int_equal(f.causes.n, 2);
	assert_int_equal(f.causes.summary.n_causes, 2);
	/* What is not published yet has nothing to tell. */
	assert_int_equal(f.causes.summary.n_stacks, 4);
	assert_int_equal(f.causes.summary.left_out, 0);
	assert_int_equal(f.causes.summary.figures.alloc_bytes, 1000 + 2000 + 8 + 14);
	assert_int_equal(f.causes.summary.figures.inuse_objects, 10 + 40 + 2);
	c = cause_at(&f.causes, "main.outer");
	assert_int_equal(c->n_stacks, 3);
	assert_int_equal(c->figures.alloc_objects, 141);
	assert_int_equal(c->figures.inuse_bytes, 100 + 2000);
	/* The site, and the size of what it allocates, are those of the stack that allocated most. */
	assert_int_equal(c->object_bytes, 50);
	assert_string_equal(c->site.call.function, "lib.org/z.Grow");
	assert_int_equal(cause_at(&f.causes, "main.Leaf[...]")->figures.inuse_bytes, 14);
	causes_close(&f);
}

static void test_top(void **state)
{
	struct causes_fixture f;

	(void)state;
	causes_make(&f, NULL);
	causes_open(&f);
	causes_room(&f, 8, 8);
	CAUSES_ADD(&f, 10, 10, 0, SYM_PC_LEAF);	  /* most in use */
	CAUSES_ADD(&f, 10, 90, 89, SYM_PC_OUTER); /* most allocated */
	CAUSES_ADD(&f, 10, 5, 3, SYM_PC_NONE);
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", 1, &f.causes), 0);
	assert_int_equal(f.causes.n, 2);
	assert_int_equal(f.causes.summary.n_causes, 3);
	cause_at(&f.causes, "main.Leaf[...]");
	cause_at(&f.causes, "main.outer");
	causes_done(&f.causes);
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", SIZE_MAX, &f.causes), 0);
	assert_int_equal(f.causes.n, 3);
	causes_done(&f.causes);
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", 0, &f.causes), 0);
	assert_int_equal(f.causes.n, 0);
	assert_int_equal(f.causes.summary.n_causes, 3);
	causes_done(&f.causes);
	f.profile.n = 0;
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", 9, &f.causes), 0);
	assert_int_equal(f.causes.n, 0);
	causes_close(&f);
}

static void test_goroutines(void **state)
{
	struct causes_fixture f;
	struct goroutine_group groups[4];
	const struct goroutines g = { .groups = groups, .n = ARRAY_SIZE(groups) };
	const struct cause *c;

	(void)state;
	causes_make(&f, NULL);
	causes_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		groups[i] = (struct goroutine_group){
			.created_pc = gosymbols_text(&f.g) + SYM_PC_OUTER,
			.n = 3 + i,
			.stack_bytes = 2048 * (3 + i),
		};
	groups[2].system = true;
	groups[3].created_pc = 0;
	assert_int_equal(causes_of_goroutines(&g, f.symbols, "", 9, &f.causes), 0);
	assert_int_equal(f.causes.n, 1);
	c = cause_at(&f.causes, "main.outer");
	assert_int_equal(c->figures.inuse_objects, 3 + 4);
	assert_int_equal(c->figures.inuse_bytes, 2048 * (3 + 4));
	assert_int_equal(c->figures.alloc_bytes, 0);
	assert_int_equal(c->n_stacks, 2);
	causes_close(&f);
}

static void test_type(void **state)
{
	const struct causes_names names = { .plain = "runtime.mallocgc" };
	struct causes_fixture f;
	struct alloc_stack stack = { .bytes = 24, .samples = 1, .n_pcs = 2 };

	(void)state;
	causes_make(&f, &names);
	causes_open(&f);
	stack.pcs[0] = gosymbols_text(&f.g) + SYM_PC_PLAIN;
	stack.pcs[1] = gosymbols_text(&f.g) + SYM_PC_OUTER;
	stack.words[0] =
		(struct alloc_words){ .size_bytes = 24, .type = gosymbols_at(&f.g, SYM_TYPE) };
	assert_int_equal(causes_of_stacks(&stack, 1, f.symbols, "", 9, &f.causes), 0);
	assert_string_equal(cause_at(&f.causes, "main.outer")->type, "*main.T");
	causes_close(&f);
}

/* What the compiler made around a method is passed over where frames are machine functions, and counts where they are calls. */
static void test_wrapper(void **state)
{
	struct causes_fixture f;
	struct alloc_stack stack = { .bytes = 24, .samples = 1, .n_pcs = 2 };

	(void)state;
	causes_make(&f, NULL);
	f.g.image->bytes[REGION_RODATA][SYM_FUNCS + SYM_PLAIN + FUNC_ID_AT] = FUNC_ID_WRAPPER;
	causes_open(&f);
	stack.pcs[0] = gosymbols_text(&f.g) + SYM_PC_PLAIN;
	stack.pcs[1] = gosymbols_text(&f.g) + SYM_PC_OUTER;
	assert_int_equal(causes_of_stacks(&stack, 1, f.symbols, "", 9, &f.causes), 0);
	assert_string_equal(cause_at(&f.causes, "main.outer")->site.call.function, "main.outer");
	causes_done(&f.causes);
	causes_room(&f, 1, 2);
	CAUSES_ADD(&f, 24, 1, 0, SYM_PC_PLAIN, SYM_PC_OUTER);
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", 9, &f.causes), 0);
	cause_at(&f.causes, "main.plain");
	causes_close(&f);
}

/* --- caps --- */

static void test_more_causes(void **state)
{
	enum { MORE = 10 };
	struct causes_fixture f;
	const size_t n = CAUSES_MAX + MORE;

	(void)state;
	causes_make(&f, NULL);
	causes_open(&f);
	causes_room(&f, n + 1, n + 1);
	for (uint32_t i = 0; i < n; i++)
		causes_add(&f, 8, 1, 0, &(uint32_t){ SYM_PC_NONE + i }, 1);
	causes_add(&f, 8, 1, 0, &(uint32_t){ SYM_PC_NONE + 5 }, 1);
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", SIZE_MAX, &f.causes), 0);
	assert_int_equal(f.causes.summary.n_causes, CAUSES_MAX);
	assert_int_equal(f.causes.summary.left_out, MORE);
	assert_int_equal(f.causes.summary.n_stacks, n + 1);
	assert_int_equal(f.causes.summary.figures.alloc_bytes, 8 * (n + 1));
	assert_int_equal(f.causes.n, CALL_SITE_TOP_MAX);
	assert_int_equal(f.causes.causes[0].n_stacks, 2);
	causes_close(&f);
}

/* What has no room any more is looked up again, and is found as before. */
static void test_more_addresses(void **state)
{
	struct causes_fixture f;
	const size_t stacks_n = CAUSE_ADDRESSES_MAX / HEAP_STACK_MAX + 1;
	uint32_t offsets[HEAP_STACK_MAX];

	(void)state;
	causes_make(&f, NULL);
	causes_open(&f);
	causes_room(&f, stacks_n + 2, (stacks_n + 2) * HEAP_STACK_MAX);
	for (uint32_t i = 0; i < stacks_n; i++) {
		for (uint32_t k = 0; k < HEAP_STACK_MAX; k++)
			offsets[k] = SYM_PC_NONE + i * HEAP_STACK_MAX + k;
		causes_add(&f, 8, 1, 0, offsets, HEAP_STACK_MAX);
	}
	CAUSES_ADD(&f, 8, 100, 0, SYM_PC_NONE, SYM_PC_OUTER);
	CAUSES_ADD(&f, 8, 100, 0, SYM_PC_NONE, SYM_PC_OUTER);
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", 1, &f.causes), 0);
	assert_int_equal(f.causes.summary.n_causes, stacks_n + 1);
	assert_int_equal(cause_at(&f.causes, "main.outer")->figures.inuse_objects, 200);
	causes_close(&f);
}

static void test_largest(void **state)
{
	struct causes_fixture f;
	struct alloc_stack two[2] = {
		{ .bytes = UINT64_MAX, .samples = UINT64_MAX, .n_pcs = UINT32_MAX },
		{ .bytes = UINT64_MAX, .samples = 1, .n_pcs = 1 },
	};

	(void)state;
	causes_make(&f, NULL);
	causes_open(&f);
	/* No call of the module's ends the way through what is no stack any more. */
	two[0].pcs[0] = two[1].pcs[0] = gosymbols_text(&f.g) + SYM_PC_NONE;
	assert_int_equal(causes_of_stacks(two, 2, f.symbols, "", 9, &f.causes), 0);
	assert_int_equal(f.causes.n, 1);
	assert_int_equal(f.causes.causes->n_stacks, 2);
	assert_true(f.causes.causes->figures.alloc_bytes == UINT64_MAX &&
		    f.causes.causes->figures.alloc_objects == UINT64_MAX);
	causes_close(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("stacks of one cause are summed up", test_sums),
		SUITE_TEST("each figure has its own top", test_top),
		SUITE_TEST("goroutines count for the statements that made them", test_goroutines),
		SUITE_TEST("a sampled type is named", test_type),
		SUITE_TEST("wrappers are no calls of a sampled stack", test_wrapper),
		SUITE_TEST("what has no room is counted", test_more_causes),
		SUITE_TEST("an address that was forgotten is looked up again", test_more_addresses),
		SUITE_TEST("the largest figures stay figures", test_largest),
	};
	static struct suite s;

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "causes_sums");
}
