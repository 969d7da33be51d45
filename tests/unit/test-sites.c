/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "fixture/suite.h"
#include "gobin/functions.h"
#include "gobin/sites.h"

/* (*mcache).refill begins so in programs of these releases, and the like; its code is all that there is in memory. */
enum {
	CODE = 0x400000,
	CODE_BYTES = 96,
	FILE_OFFSET = 0x1000,
};

#define CHECK_STACK 0x49, 0x3B, 0x66, 0x10 /* cmp rsp, [r14+16] */
#define SAVE_FP	    0x55, 0x48, 0x89, 0xE5

static const struct row {
	const char *name;
	uint8_t code[CODE_BYTES];
	enum probed_function probed;
	enum go_site_kind kind;
	bool found;
	uint32_t at;
	uint8_t opcode, span_slot, span_counts;
} rows[] = {
	{ "1.19 has its jump, and a span's counts at 96",
	  { CHECK_STACK, 0x0F, 0x86, 0x2B, 0x02, 0x00, 0x00, 0x48, 0x83, 0xEC, 0x38, 0x48,
	    0x89,	 0x6C, 0x24, 0x30, 0x48, 0x8D, 0x6C, 0x24, 0x30, 0x84, 0x00, 0x0F,
	    0xB6,	 0xD3, 0x0F, 0x1F, 0x00, 0x48, 0x81, 0xFA, 0x88, 0x00, 0x00, 0x00,
	    0x0F,	 0x83, 0xFA, 0x01, 0x00, 0x00, 0x48, 0x8B, 0x4C, 0xD0, 0x28, 0x0F,
	    0xB7,	 0x71, 0x60, 0x90, 0x48, 0x39, 0x71, 0x38 },
	  PROBED_REFILL,
	  SITE_REFILL,
	  true,
	  4,
	  0x0F,
	  0x28,
	  0x60 },
	{ "1.21 saves its frame pointer, and has them at 104",
	  { CHECK_STACK, 0x0F, 0x86, 0x22, 0x02, 0x00, 0x00, SAVE_FP, 0x48, 0x83, 0xEC,
	    0x30,	 0x0F, 0xB6, 0xD3, 0x48, 0x81, 0xFA, 0x88,    0x00, 0x00, 0x00,
	    0x0F,	 0x83, 0xF1, 0x01, 0x00, 0x00, 0x84, 0x00,    0x48, 0x8B, 0x4C,
	    0xD0,	 0x28, 0x0F, 0xB7, 0x71, 0x68, 0x48, 0x39,    0x71, 0x38 },
	  PROBED_REFILL,
	  SITE_REFILL,
	  true,
	  10,
	  0x55,
	  0x28,
	  0x68 },
	{ "1.27 has other registers",
	  { CHECK_STACK, 0x0F, 0x86, 0x2F, 0x02, 0x00, 0x00, SAVE_FP, 0x48, 0x83, 0xEC,
	    0x30,	 0x84, 0x00, 0x0F, 0xB6, 0xCB, 0x48, 0x81,    0xF9, 0x88, 0x00,
	    0x00,	 0x00, 0x0F, 0x83, 0x01, 0x02, 0x00, 0x00,    0x48, 0x8B, 0x54,
	    0xC8,	 0x30, 0x0F, 0xB7, 0x72, 0x60, 0x66, 0x39,    0x72, 0x32 },
	  PROBED_REFILL,
	  SITE_REFILL,
	  true,
	  10,
	  0x55,
	  0x30,
	  0x60 },
	{ "a count of another register's is none",
	  { CHECK_STACK, 0x76, 0x20, SAVE_FP, 0x48, 0x8B, 0x54, 0xC8, 0x30, 0x0F, 0xB7, 0x71,
	    0x60 },
	  PROBED_REFILL,
	  SITE_REFILL,
	  true,
	  6,
	  0x55,
	  0,
	  0 },
	{ "nor is one at a distance below 0",
	  { CHECK_STACK, 0x76, 0x20, SAVE_FP, 0x48, 0x8B, 0x54, 0xC8, 0x30, 0x0F, 0xB7, 0x72,
	    0x80 },
	  PROBED_REFILL,
	  SITE_REFILL,
	  true,
	  6,
	  0x55,
	  0,
	  0 },
	{ "somebody's breakpoint is where the push was",
	  { CHECK_STACK, 0x76, 0x20, 0xCC, 0x48, 0x89, 0xE5, 0x48, 0x8B, 0x54, 0xC8, 0x30, 0x0F,
	    0xB7, 0x72, 0x60 },
	  PROBED_REFILL,
	  SITE_REFILL,
	  true,
	  6,
	  0x55,
	  0x30,
	  0x60 },
	{ "allocLarge begins as others do",
	  { CHECK_STACK, 0x0F, 0x86, 0x93, 0x01, 0x00, 0x00, SAVE_FP, 0x48, 0x83, 0xEC, 0x40 },
	  PROBED_ALLOC_LARGE,
	  SITE_ALLOC_LARGE,
	  true,
	  10,
	  0x55,
	  0,
	  0 },
	{ "a beginning that is not known has no place",
	  { 0x48, 0x83, 0xEC, 0x40, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 },
	  PROBED_ALLOC_LARGE,
	  SITE_ALLOC_LARGE,
	  false,
	  0,
	  0,
	  0,
	  0 },
};

static int read_code(void *context, uint64_t addr, void *buf, size_t len)
{
	const struct row *row = context;

	if (addr < CODE || addr - CODE > CODE_BYTES || len > CODE_BYTES - (addr - CODE))
		return -EIO;
	memcpy(buf, row->code + (addr - CODE), len);
	return 0;
}

static void find(const struct row *row, uint32_t flags, struct go_sites *ret)
{
	const struct memory_region region = { .start = CODE,
					      .end = CODE + CODE_BYTES,
					      .file = flags & MEMORY_FILE ? 1 : 0,
					      .offset = FILE_OFFSET,
					      .flags = flags };
	const struct memory memory = { .read = read_code,
				       .context = (void *)(uintptr_t)row,
				       .regions = &region,
				       .n_regions = 1 };
	struct function function = { .entry = CODE,
				     .end = CODE + CODE_BYTES,
				     .probed = row->probed };
	const struct function_list list = { .functions = &function, .n = 1 };

	go_sites_find(&memory, &list, ret);
}

static void test_found(void **state)
{
	const struct row *row = *state;
	struct go_sites sites;

	find(row, MEMORY_READ | MEMORY_EXEC | MEMORY_FILE, &sites);
	assert_int_equal(go_sites_have(&sites, row->kind), row->found);
	assert_int_equal(sites.n, row->found);
	if (row->found) {
		assert_int_equal(sites.site[0].address, CODE + row->at);
		assert_int_equal(sites.site[0].file_offset, FILE_OFFSET + row->at);
		assert_int_equal(sites.site[0].code[0], row->opcode);
	}
	assert_int_equal(sites.span_slot, row->span_slot);
	assert_int_equal(sites.span_counts, row->span_counts);
}

static void test_anonymous(void **state)
{
	struct go_sites sites;

	(void)state;
	find(&rows[0], MEMORY_READ | MEMORY_EXEC, &sites);
	assert_int_equal(sites.n, 0);
	find(&rows[0], MEMORY_READ | MEMORY_FILE, &sites);
	assert_int_equal(sites.n, 0);
}

/* newproc as assembly calls it, as Go code does, and a function of the runtime that calls the latter twice. */
static const struct row newprocs = {
	.name = "newproc",
	.code = {
		/* 0: loads g, and saves the frame pointer as others do */
		0x4D, 0x8B, 0x34, 0x24, CHECK_STACK, 0x76, 0x06, SAVE_FP, 0x90, 0x90, 0x90, 0x90,
		0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
		/* 32 */
		CHECK_STACK, 0x76, 0x06, SAVE_FP, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
		0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
		/* 64 */
		0x90, 0xE8, 0xDA, 0xFF, 0xFF, 0xFF, 0xE8, 0xB5, 0xFF, 0xFF, 0xFF, 0xE8, 0xD0, 0xFF,
		0xFF, 0xFF, 0x90, 0x90,
	},
};

static void find_newprocs(const struct row *row, struct go_sites *ret)
{
	const struct memory_region region = { .start = CODE,
					      .end = CODE + CODE_BYTES,
					      .file = 1,
					      .offset = FILE_OFFSET,
					      .flags = MEMORY_READ | MEMORY_EXEC | MEMORY_FILE };
	const struct memory memory = { .read = read_code,
				       .context = (void *)(uintptr_t)row,
				       .regions = &region,
				       .n_regions = 1 };
	struct function functions[] = {
		{ .entry = CODE, .end = CODE + 32, .probed = PROBED_NEWPROC },
		{ .entry = CODE + 32, .end = CODE + 64, .probed = PROBED_NEWPROC },
		{ .entry = CODE + 64, .end = CODE + CODE_BYTES },
	};
	const struct function_list list = { .functions = functions, .n = ARRAY_SIZE(functions) };

	go_sites_find(&memory, &list, ret);
}

static void test_newproc(void **state)
{
	struct go_sites sites;
	const struct go_site *site;

	(void)state;
	find_newprocs(&newprocs, &sites);
	assert_int_equal(sites.n, 1);
	site = go_sites_get(&sites, SITE_NEWPROC);
	assert_non_null(site);
	assert_int_equal(site->address, CODE + 38);
	assert_int_equal(go_site_length(site), 1);
	/* The call in between is one of the other. */
	assert_int_equal(sites.n_own_calls, 2);
	assert_int_equal(sites.own_calls[0], CODE + 70);
	assert_int_equal(sites.own_calls[1], CODE + 80);
}

static void test_newproc_unknown(void **state)
{
	struct row other = newprocs;
	struct go_sites sites;

	(void)state;
	other.code[33] = 0x90; /* of the stack check */
	find_newprocs(&other, &sites);
	assert_int_equal(sites.n, 0);
	assert_int_equal(sites.n_own_calls, 0);
	assert_null(go_sites_get(&sites, SITE_NEWPROC));
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(go_site_name(SITE_REFILL), "refill");
	assert_string_equal(go_site_name(SITE_KIND_MAX_), "none");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("code of no file has no place for a probe", test_anonymous),
		SUITE_TEST("of two newprocs Go code's is taken, with its callers in the runtime",
			   test_newproc),
		SUITE_TEST("a newproc that begins otherwise has no place", test_newproc_unknown),
		SUITE_TEST("each kind has a name", test_names),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_found, rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "sites");
}
