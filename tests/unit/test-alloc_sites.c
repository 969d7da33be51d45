/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gosymbols.h"
#include "fixture/suite.h"
#include "gobin/alloc_sites.h"

struct fixture {
	struct gosymbols g;
	struct go_symbols *symbols;
	struct alloc_stack stacks[8];
	size_t n;
	struct alloc_sites sites;
};

static void open_fixture(struct fixture *f, const char *runtime_function)
{
	*f = (struct fixture){ .g = gosymbols_make(goimage_new(24)) };
	gosymbols_rename_plain(&f->g, runtime_function);
	assert_int_equal(go_symbols_new(&f->g.image->memory, &f->g.runtime, &f->symbols), 0);
}

static void close_fixture(struct fixture *f)
{
	alloc_sites_done(&f->sites);
	go_symbols_free(f->symbols);
	free(f->g.image);
}

static struct alloc_stack *add(struct fixture *f, uint64_t bytes, const uint32_t *offsets, size_t n)
{
	struct alloc_stack *stack = &f->stacks[f->n++];

	*stack = (struct alloc_stack){ .bytes = bytes, .samples = 1, .n_pcs = (uint32_t)n };
	for (size_t i = 0; i < n; i++)
		stack->pcs[i] = gosymbols_text(&f->g) + offsets[i];
	return stack;
}

#define ADD(f, bytes, ...)                                                                         \
	add(f, bytes, (const uint32_t[]){ __VA_ARGS__ },                                           \
	    sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void read_sites(struct fixture *f, size_t top)
{
	assert_int_equal(alloc_sites_read(f->stacks, f->n, f->symbols, top, &f->sites), 0);
}

static void test_sums(void **state)
{
	struct fixture f;
	const struct alloc_site *site;

	(void)state;
	open_fixture(&f, "runtime.growslice");
	ADD(&f, 100, SYM_PC_OUTER);
	/* One address is three calls here: two are inlined. */
	ADD(&f, 70, SYM_PC_LEAF, SYM_PC_OUTER);
	ADD(&f, 80, SYM_PC_PLAIN, SYM_PC_LEAF, SYM_PC_NONE);
	read_sites(&f, 10);
	assert_int_equal(f.sites.n, 2);
	assert_int_equal(f.sites.n_sites, 2);
	site = &f.sites.sites[0];
	assert_string_equal(site->at.function, "main.Leaf[...]");
	assert_string_equal(site->at.file, "leaf.go");
	assert_int_equal(site->at.line, 30);
	assert_int_equal(site->bytes, 150);
	assert_int_equal(site->samples, 2);
	/* Of the stack with most bytes. */
	assert_int_equal(site->class, ALLOC_SLICE_GROWN);
	assert_int_equal(site->n_callers, 3);
	assert_string_equal(site->callers[0].function, "main.middle");
	assert_string_equal(site->callers[1].function, "main.outer");
	assert_string_equal(site->callers[2].file, "?");
	assert_string_equal(f.sites.sites[1].at.function, "main.outer");
	assert_int_equal(f.sites.sites[1].class, ALLOC_OTHER);
	close_fixture(&f);
}

static void test_top(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, "runtime.growslice");
	ADD(&f, 10, SYM_PC_OUTER);
	ADD(&f, 30, SYM_PC_LEAF);
	ADD(&f, 20, SYM_PC_NONE);
	read_sites(&f, 2);
	assert_int_equal(f.sites.n, 2);
	assert_int_equal(f.sites.n_sites, 3);
	assert_int_equal(f.sites.sites[0].bytes, 30);
	assert_int_equal(f.sites.sites[1].bytes, 20);
	alloc_sites_done(&f.sites);
	read_sites(&f, SIZE_MAX);
	assert_int_equal(f.sites.n, 3);
	alloc_sites_done(&f.sites);
	assert_int_equal(alloc_sites_read(f.stacks, 0, f.symbols, 10, &f.sites), 0);
	assert_int_equal(f.sites.n, 0);
	assert_int_equal(alloc_sites_read(f.stacks, ALLOC_STACKS_MAX + 1, f.symbols, 10, &f.sites),
			 -E2BIG);
	close_fixture(&f);
}

static void test_all_runtime(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, "runtime.malg");
	ADD(&f, 10, SYM_PC_PLAIN, SYM_PC_PLAIN + 1);
	read_sites(&f, 1);
	assert_string_equal(f.sites.sites[0].at.function, "runtime.malg");
	assert_int_equal(f.sites.sites[0].class, ALLOC_GOROUTINE);
	assert_int_equal(f.sites.sites[0].n_callers, 1);
	close_fixture(&f);
}

/* The words of the frame of mallocgc, 24 bytes being the size of main.T; "" where they are not believed. */
static const struct typed {
	const char *name, *function;
	uint64_t size_bytes;
	uint32_t type; /* its offset */
	const char *want;
} typed[] = {
	{ "a type is named", "runtime.mallocgc", 24, SYM_TYPE, "*main.T" },
	{ "of each element", "runtime.mallocgc", 240, SYM_TYPE, "*main.T" },
	{ "not of a part of one", "runtime.mallocgc", 25, SYM_TYPE, "" },
	{ "not where no type is", "runtime.mallocgc", 24, SYM_TYPE + 8, "" },
	{ "not of another function's words", "runtime.growslice", 24, SYM_TYPE, "" },
};

static void test_type(void **state)
{
	const struct typed *row = *state;
	struct fixture f;
	struct alloc_stack *stack;

	open_fixture(&f, row->function);
	stack = ADD(&f, 10, SYM_PC_PLAIN, SYM_PC_OUTER);
	stack->words[0] = (struct alloc_words){ .size_bytes = row->size_bytes,
						.type = gosymbols_at(&f.g, row->type) };
	read_sites(&f, 1);
	assert_string_equal(f.sites.sites[0].type, row->want);
	close_fixture(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("stacks of one site are summed up", test_sums),
		SUITE_TEST("the top by bytes comes in its order", test_top),
		SUITE_TEST("where all is the runtime's its innermost call is the site",
			   test_all_runtime),
	};
	static struct suite s;

	SUITE_TESTS(&s, tests);
	SUITE_TABLE(&s, test_type, typed);
	return suite_run(&s, "alloc_sites");
}
