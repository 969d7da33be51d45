/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gosymbols.h"
#include "fixture/suite.h"
#include "gobin/heap_sites.h"

struct fixture {
	struct gosymbols g;
	struct go_symbols *symbols;
	struct heap_profile profile;
	struct heap_bucket buckets[8];
	uint64_t pcs[64];
};

static void open_fixture(struct fixture *f, int64_t rate)
{
	*f = (struct fixture){ .g = gosymbols_make(goimage_new(24)) };
	gosymbols_rename_plain(&f->g, "runtime.p");
	assert_int_equal(go_symbols_new(&f->g.image->memory, &f->g.runtime, &f->symbols), 0);
	f->profile = (struct heap_profile){
		.buckets = f->buckets, .pcs = f->pcs, .rate = rate, .published = true
	};
}

static void close_fixture(struct fixture *f)
{
	go_symbols_free(f->symbols);
	free(f->g.image);
}

/* A stack that allocated @allocs objects of 100 bytes, of which @frees are gone. */
static void add(struct fixture *f, uint64_t allocs, uint64_t frees, const uint32_t *offsets,
		size_t n)
{
	f->buckets[f->profile.n++] = (struct heap_bucket){
		.size_bytes = 100,
		.allocs = allocs,
		.frees = frees,
		.alloc_bytes = 100 * allocs,
		.free_bytes = 100 * frees,
		.first_pc = (uint32_t)f->profile.n_pcs,
		.n_pcs = (uint32_t)n,
	};
	for (size_t i = 0; i < n; i++)
		f->pcs[f->profile.n_pcs++] = gosymbols_text(&f->g) + offsets[i];
}

#define ADD(f, allocs, frees, ...)                                                                 \
	add(f, allocs, frees, (const uint32_t[]){ __VA_ARGS__ },                                   \
	    sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static const struct heap_site *site_named(const struct heap_sites *s, const char *function)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->sites[i].at.function, function))
			return &s->sites[i];
	fail_msg("no site %s", function);
	return NULL;
}

static int read_top(const struct fixture *f, size_t top, struct heap_sites *ret)
{
	const struct heap_sites_order wanted = { .top = top, .callers = CALL_SITE_CALLERS_MAX };

	return heap_sites_read(&f->profile, f->symbols, &wanted, ret);
}

static void test_sums(void **state)
{
	struct fixture f;
	struct heap_sites s;
	const struct heap_site *site;

	(void)state;
	open_fixture(&f, 1);
	ADD(&f, 10, 4, SYM_PC_PLAIN, SYM_PC_LEAF, SYM_PC_OUTER);
	ADD(&f, 30, 0, SYM_PC_LEAF, SYM_PC_OUTER, SYM_PC_OUTER);
	ADD(&f, 5, 5, SYM_PC_OUTER);
	ADD(&f, 0, 0, SYM_PC_NONE);
	assert_int_equal(read_top(&f, 10, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.summary.n_sites, 2);
	assert_int_equal(s.summary.n_buckets, 4);
	assert_int_equal(s.summary.figures.alloc_bytes, 4500);
	assert_int_equal(s.summary.figures.inuse_objects, 36);
	/* The runtime's own call in front does not count; type arguments are folded. */
	site = site_named(&s, "main.Leaf[...]");
	assert_string_equal(site->at.file, "leaf.go");
	assert_int_equal(site->at.line, 30);
	assert_int_equal(site->n_stacks, 2);
	assert_int_equal(site->figures.inuse_bytes, 3600);
	assert_int_equal(site->figures.alloc_objects, 40);
	/* Callers are those of the stack with most in use. */
	assert_int_equal(site->n_callers, 2);
	assert_string_equal(site->callers[1].function, "main.outer");
	assert_int_equal(site_named(&s, "main.outer")->figures.inuse_bytes, 0);
	heap_sites_done(&s);
	close_fixture(&f);
}

static void test_top(void **state)
{
	struct fixture f;
	struct heap_sites s;

	(void)state;
	open_fixture(&f, 1);
	ADD(&f, 10, 0, SYM_PC_LEAF);   /* most in use */
	ADD(&f, 90, 89, SYM_PC_OUTER); /* most allocated */
	ADD(&f, 5, 3, SYM_PC_NONE);
	assert_int_equal(read_top(&f, 1, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.summary.n_sites, 3);
	site_named(&s, "main.Leaf[...]");
	site_named(&s, "main.outer");
	heap_sites_done(&s);
	assert_int_equal(read_top(&f, SIZE_MAX, &s), 0);
	assert_int_equal(s.n, 3);
	heap_sites_done(&s);
	assert_int_equal(read_top(&f, 0, &s), 0);
	assert_int_equal(s.n, 0);
	heap_sites_done(&s);
	close_fixture(&f);
}

static void test_unnamed(void **state)
{
	struct fixture f;
	struct heap_sites s;
	char number[32];

	(void)state;
	open_fixture(&f, 1);
	ADD(&f, 1, 0, SYM_PC_NONE, SYM_PC_OUTER);
	ADD(&f, 2, 0, SYM_PC_PLAIN, SYM_PC_PLAIN);
	assert_int_equal(read_top(&f, 10, &s), 0);
	snprintf(number, sizeof(number), "0x%llx",
		 (unsigned long long)(gosymbols_text(&f.g) + SYM_PC_NONE));
	assert_string_equal(site_named(&s, number)->at.file, "?");
	/* All of it the runtime's: its innermost call. */
	assert_int_equal(site_named(&s, "runtime.p")->figures.inuse_objects, 2);
	heap_sites_done(&s);
	close_fixture(&f);
}

static void test_estimates(void **state)
{
	struct fixture f;
	struct heap_sites s;

	(void)state;
	open_fixture(&f, 524288);
	ADD(&f, 1000, 0, SYM_PC_LEAF);
	assert_int_equal(read_top(&f, 10, &s), 0);
	assert_in_range(s.sites[0].figures.inuse_objects, 5243379, 5243381);
	assert_int_equal(s.summary.figures.inuse_bytes, s.sites[0].figures.inuse_bytes);
	heap_sites_done(&s);
	close_fixture(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("stacks of one site are summed up", test_sums),
		SUITE_TEST("each figure has its own top", test_top),
		SUITE_TEST("what has no name has a number", test_unnamed),
		SUITE_TEST("figures are estimates of all that was allocated", test_estimates),
	};
	static struct suite s;

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "heap_sites");
}
