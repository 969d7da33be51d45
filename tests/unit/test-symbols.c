/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gosymbols.h"
#include "fixture/suite.h"
#include "gobin/gotype.h"

struct fixture {
	struct gosymbols g;
	struct go_symbols *symbols;
};

static void open_fixture(struct fixture *f, int minor)
{
	f->g = gosymbols_make(goimage_new(minor));
	assert_int_equal(go_symbols_new(&f->g.image->memory, &f->g.runtime, &f->symbols), 0);
}

static void close_fixture(struct fixture *f)
{
	go_symbols_free(f->symbols);
	free(f->g.image);
}

/* --- what is where --- */

struct place_case {
	const char *name;
	uint32_t offset, flags;
	int result;
	const char *calls; /* "function file:line", innermost first, ", " between */
};

static const struct place_case places[] = {
	{ "an address before any inlined call is the function's own", 0x04, 0, 0,
	  "main.outer outer.go:10" },
	{ "an address in two inlined calls is all three", 0x20, 0, 0,
	  "main.Leaf[go.shape.int] leaf.go:30, main.middle middle.go:20, main.outer outer.go:10" },
	{ "the innermost alone, where that is asked for", 0x20, SYMBOLS_INNERMOST, 0,
	  "main.Leaf[go.shape.int] leaf.go:30" },
	{ "a return address belongs to the call before it", 0x18, SYMBOLS_RETURN, 0,
	  "main.middle middle.go:20, main.outer outer.go:10" },
	{ "the same address not returned to belongs to what begins there", 0x18, 0, 0,
	  "main.Leaf[go.shape.int] leaf.go:30, main.middle middle.go:20, main.outer outer.go:10" },
	{ "an entry that is returned to stays in its function", 0x40, SYMBOLS_RETURN, 0,
	  "main.plain ?:0" },
	{ "a file that the linker left out is unknown", 0x50, 0, 0, "main.plain ?:0" },
	{ "behind the last function there is none", 0x60, 0, GO_SYMBOL_NONE, "" },
	{ "before the text there is none", (uint32_t)-0x1000, 0, GO_SYMBOL_NONE, "" },
};

static void describe(char *buf, size_t size, const struct go_frame *frames, size_t n)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s %s:%u", i ? ", " : "",
					 frames[i].function, frames[i].file, frames[i].line);
}

static void resolves(struct fixture *f, const struct place_case *c)
{
	struct go_frame frames[8];
	char text[1024];
	size_t n = 0;
	int r = go_symbols_frames(f->symbols, gosymbols_text(&f->g) + (uint64_t)(int32_t)c->offset,
				  c->flags, frames, ARRAY_SIZE(frames), &n);

	assert_int_equal(r, c->result);
	describe(text, sizeof(text), frames, n);
	assert_string_equal(text, c->calls);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(frames[i].inlined, i + 1 < n || (c->flags & SYMBOLS_INNERMOST));
		assert_true(frames[i].entry >= gosymbols_text(&f->g));
		assert_int_equal(frames[i].start_line != 0, !f->g.old);
	}
}

static void test_places(void **state)
{
	for (int minor = 19; minor <= 27; minor += 4) { /* 19, 23, 27: each form of the tables */
		struct fixture f;

		open_fixture(&f, minor);
		resolves(&f, *state);
		close_fixture(&f);
	}
}

static void test_function(void **state)
{
	struct fixture f;
	struct go_frame frame;

	(void)state;
	open_fixture(&f, 24);
	assert_int_equal(go_symbols_function(f.symbols, gosymbols_text(&f.g) + 0x20, &frame), 0);
	assert_string_equal(frame.function, "main.outer");
	assert_int_equal(frame.line, 10);
	assert_int_equal(frame.start_line, 9);
	assert_int_equal(go_symbols_function(f.symbols, 1, &frame), GO_SYMBOL_NONE);
	close_fixture(&f);
}

static void test_room(void **state)
{
	struct fixture f;
	struct go_frame frames[2];
	size_t n = 0;

	(void)state;
	open_fixture(&f, 24);
	assert_int_equal(
		go_symbols_frames(f.symbols, gosymbols_text(&f.g) + 0x20, 0, frames, 2, &n), 0);
	assert_int_equal(n, 2);
	close_fixture(&f);
}

static void test_fold(void **state)
{
	static const char *const cases[][2] = {
		{ "main.F[go.shape.int]", "main.F[...]" },
		{ "main.(*T[go.shape.struct { a []int }]).f.func1", "main.(*T[...]).f.func1" },
		{ "main.plain", "main.plain" },
		{ "odd]name[", "odd]name[" },
		{ "short[x]", "short[x]" }, /* nothing is made longer */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s", cases[i][0]);
		go_symbols_fold_type_arguments(name);
		assert_string_equal(name, cases[i][1]);
	}
}

/* --- what is forged --- */

struct forged_case {
	const char *name;
	size_t at;	/* in read-only data ... */
	uint32_t value; /* ... this instead */
	int result;
};

static const struct forged_case forgeries[] = {
	{ "a call inlined into itself ends at the cap", SYM_TREE + 16 + 8, 0x20, 0 },
	{ "a tree beyond its region is refused", SYM_FUNCS + SYM_OUTER + 44 + 24, 0x7fffffff,
	  -EBADMSG },
	{ "a _func beyond its table is refused", SYM_FUNCS + 4, SYM_FUNCS_BYTES - 8, -EBADMSG },
	{ "a name beyond its table is refused", SYM_TREE + 16 + 4, 0x7fffffff, -EBADMSG },
	{ "a unit beyond its table is refused", SYM_FUNCS + SYM_OUTER + 32, 0xffffffff, -EBADMSG },
	{ "a file beyond its table is refused", SYM_UNITS + 12, 4000, -EBADMSG },
	{ "a table of lines beyond pctab is refused", SYM_FUNCS + SYM_OUTER + 24, 0xffffff00,
	  -EBADMSG },
	{ "more pcdata than memory is refused", SYM_FUNCS + SYM_OUTER + 28, 0xffffffff, -EBADMSG },
	{ "an entry behind the address is refused", SYM_FUNCS + SYM_OUTER, 0x30, -EBADMSG },
};

static void test_forged(void **state)
{
	const struct forged_case *c = *state;
	struct go_frame frames[GO_FRAMES_MAX + 1];
	struct fixture f;
	size_t n = 0;
	int r;

	open_fixture(&f, 24);
	gosymbols_u32(&f.g, c->at, c->value);
	r = go_symbols_frames(f.symbols, gosymbols_text(&f.g) + 0x20, 0, frames, ARRAY_SIZE(frames),
			      &n);
	assert_int_equal(r, c->result);
	assert_true(n <= GO_FRAMES_MAX);
	close_fixture(&f);
}

/* Pairs that add nothing: the work ends at the table's end, wherever its moduledata puts that. */
static void test_endless(void **state)
{
	struct fixture f;
	struct go_frame frame;
	size_t n;

	(void)state;
	open_fixture(&f, 24);
	memset(f.g.image->bytes[REGION_RODATA] + SYM_PCTAB, 2, SYM_PCTAB_BYTES);
	for (size_t i = 1; i < SYM_PCTAB_BYTES; i += 2)
		f.g.image->bytes[REGION_RODATA][SYM_PCTAB + i] = 0;
	assert_int_equal(
		go_symbols_frames(f.symbols, gosymbols_text(&f.g) + 0x20, 0, &frame, 1, &n),
		-EBADMSG);
	memset(f.g.image->bytes[REGION_RODATA] + SYM_PCTAB, 0xff, SYM_PCTAB_BYTES);
	go_symbols_free(f.symbols);
	assert_int_equal(go_symbols_new(&f.g.image->memory, &f.g.runtime, &f.symbols), 0);
	assert_int_equal(
		go_symbols_frames(f.symbols, gosymbols_text(&f.g) + 0x20, 0, &frame, 1, &n),
		-EBADMSG);
	close_fixture(&f);
}

static void test_long_name(void **state)
{
	struct fixture f;
	struct go_frame frame;
	size_t n;

	(void)state;
	open_fixture(&f, 24);
	memset(f.g.image->bytes[REGION_RODATA] + SYM_NAMES, 'x', SYM_LONG_NAME);
	goimage_put_u64(f.g.image, REGION_DATA, AT_MODULEDATA + 8 * 2, SYM_LONG_NAME);
	go_symbols_free(f.symbols);
	assert_int_equal(go_symbols_new(&f.g.image->memory, &f.g.runtime, &f.symbols), 0);
	assert_int_equal(go_symbols_frames(f.symbols, gosymbols_text(&f.g), 0, &frame, 1, &n), 0);
	assert_true(frame.cut);
	assert_int_equal(strlen(frame.function), GO_NAME_MAX - 1);
	close_fixture(&f);
}

struct module_case {
	const char *name;
	size_t word;
	uint64_t value;
};

static const struct module_case modules[] = {
	{ "names outside of memory are refused", 1, 0x1234 },
	{ "names longer than memory are refused", 2, UINT64_MAX },
	{ "units whose bytes do not fit a number are refused", 5, UINT64_MAX / 2 },
	{ "no function is refused", 17, 1 },
	{ "more functions than any program has are refused", 17, 1 << 24 },
	{ "a functab elsewhere than its functions is refused", 16, GOIMAGE_HEAP },
	{ "types that end before they begin are refused", 38, 1 },
	{ "function data outside of memory is refused", 40, 0 },
	{ "text that ends before it begins is refused", 23, 1 },
	{ "another pclntab than the one that was found is refused", 0, GOIMAGE_HEAP },
};

static void test_module(void **state)
{
	const struct module_case *c = *state;
	struct gosymbols g = gosymbols_make(goimage_new(24));
	struct go_symbols *symbols = NULL;

	goimage_put_u64(g.image, REGION_DATA, AT_MODULEDATA + 8 * c->word, c->value);
	assert_int_equal(go_symbols_new(&g.image->memory, &g.runtime, &symbols), -EBADMSG);
	assert_null(symbols);
	free(g.image);
}

/* --- types --- */

struct type_case {
	const char *name;
	size_t at;		      /* the descriptor, in read-only data */
	size_t forge_at, forge_value; /* one byte of it */
	const char *type;	      /* NULL: none */
};

static const struct type_case types[] = {
	{ "a type is named", SYM_TYPE, 0, 24, "*main.T" },
	{ "a star too many is left out", SYM_TYPE_STARRED, 0, 24, "main.T" },
	{ "an odd address is none", SYM_TYPE + 4, 0, 24, NULL },
	{ "an address outside of the types is none", SYM_NAMES, 0, 0, NULL },
	{ "an address at the very end is none", SYM_TYPES + SYM_TYPES_BYTES - 40, 0, 0, NULL },
	{ "a kind that does not exist is none", SYM_TYPE, 23, 27, NULL },
	{ "more pointers than bytes are none", SYM_TYPE, 8, 32, NULL },
	{ "an alignment of three is none", SYM_TYPE, 21, 3, NULL },
	{ "a size that its alignment does not divide is none", SYM_TYPE, 0, 23, NULL },
	{ "a name beyond the types is none", SYM_TYPE, 42, 1, NULL },
	{ "no name is none", SYM_TYPE, 41, 0, NULL },
};

static void test_type(void **state)
{
	const struct type_case *c = *state;
	struct fixture f;
	struct go_type t;
	int r;

	open_fixture(&f, 24);
	f.g.image->bytes[REGION_RODATA][c->at + c->forge_at] = (uint8_t)c->forge_value;
	r = go_type_read(go_symbols_pages(f.symbols), go_symbols_module(f.symbols),
			 gosymbols_at(&f.g, c->at), &t);
	assert_int_equal(r, c->type ? 0 : GO_TYPE_NONE);
	if (c->type) {
		assert_string_equal(t.name, c->type);
		assert_int_equal(t.size_bytes, 24);
		assert_int_equal(t.kind, 25);
	}
	close_fixture(&f);
}

/* --- pages --- */

static void test_pages(void **state)
{
	struct goimage *g = goimage_new(24);
	struct memory_pages *p = calloc(1, sizeof(*p));
	const uint64_t base = g->base + REGION_RODATA * GOIMAGE_REGION;
	char text[8];
	bool cut;
	uint32_t v;

	(void)state;
	p->memory = &g->memory;
	goimage_put(g, REGION_RODATA, PAGE_BYTES - 2, "\x11\x22\x33\x44", 4);
	assert_int_equal(pages_read(p, base + PAGE_BYTES - 2, &v, sizeof(v)), 0);
	assert_int_equal(v, 0x44332211);
	assert_int_equal(p->reads, 2);
	assert_int_equal(pages_read(p, base + PAGE_BYTES - 2, &v, sizeof(v)), 0);
	assert_int_equal(p->reads, 2);
	assert_true(pages_read(p, UINT64_MAX - 1, &v, sizeof(v)) < 0);
	assert_int_equal(pages_read(p, base - (uint64_t)PAGES * PAGE_BYTES * 64, &v, 4), -EIO);
	assert_int_equal(pages_text(p, base + PAGE_BYTES - 2, 4, text, 4, &cut), 0);
	assert_true(cut);
	assert_memory_equal(text, "\x11\x22\x33", 4);
	free(p);
	free(g);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("the machine function at an address, inlined calls or not",
			   test_function),
		SUITE_TEST("no more calls than there is room for", test_room),
		SUITE_TEST("type arguments are folded as Go prints them", test_fold),
		SUITE_TEST("tables without an end are left at their end", test_endless),
		SUITE_TEST("a long name is cut and says so", test_long_name),
		SUITE_TEST("pages are read once, over their borders, and not where there are none",
			   test_pages),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_places, places);
	SUITE_TABLE(&s, test_forged, forgeries);
	SUITE_TABLE(&s, test_module, modules);
	SUITE_TABLE(&s, test_type, types);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "symbols");
}
