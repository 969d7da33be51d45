/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/causes.h"

enum {
	PCS_MAX = 8,
	CALL_BYTES = 5,
};

/* "function file:line", and what it was inlined into behind " in ". */
static const char *line_text(const struct cause_line *line)
{
	static char buf[4 * GO_NAME_MAX + 64];
	int n = snprintf(buf, sizeof(buf), "%s %s:%u", line->call.function, line->call.file,
			 line->call.line);

	if (line->inlined)
		snprintf(buf + n, sizeof(buf) - (size_t)n, " in %s %s:%u", line->into.function,
			 line->into.file, line->into.line);
	else
		assert_int_equal(call_site_key(&line->call), call_site_key(&line->into));
	return buf;
}

/* --- one stack --- */

enum walk {
	HEAP,	    /* of the runtime's profile: an address for each call */
	SAMPLED,    /* by frame pointers: one for each machine function */
	GOROUTINES, /* the first address is that of the statement */
};

struct stack_case {
	const char *name, *module;
	struct causes_names names;
	enum walk walk;
	uint32_t pcs[PCS_MAX];
	size_t n;
	const char *at, *site;
	bool in_module;
	const char *class;
};

static const struct stack_case stacks[] = {
	{ "the cause is the main module's call, the site the one that allocates",
	  "",
	  { .plain = "lib.org/z.Grow" },
	  HEAP,
	  { SYM_PC_PLAIN, SYM_PC_OUTER },
	  2,
	  "main.outer outer.go:10",
	  "lib.org/z.Grow ?:0",
	  true,
	  "other" },
	{ "the same of samples",
	  "",
	  { .plain = "lib.org/z.Grow" },
	  SAMPLED,
	  { SYM_PC_PLAIN, SYM_PC_OUTER },
	  2,
	  "main.outer outer.go:10",
	  "lib.org/z.Grow ?:0",
	  true,
	  "other" },
	{ "the innermost of them",
	  "example.org/x",
	  { .outer = "example.org/x/y.F", .plain = "main.main" },
	  SAMPLED,
	  { SYM_PC_OUTER, SYM_PC_PLAIN },
	  2,
	  "example.org/x/y.F outer.go:10",
	  "example.org/x/y.F outer.go:10",
	  true,
	  "other" },
	{ "what is vendored is none of it",
	  "example.org/x",
	  { .outer = "example.org/x/vendor/lib.F", .plain = "example.org/x/y.G" },
	  HEAP,
	  { SYM_PC_OUTER, SYM_PC_PLAIN },
	  2,
	  "example.org/x/y.G ?:0",
	  "example.org/x/vendor/lib.F outer.go:10",
	  true,
	  "other" },
	{ "without a module only package main is",
	  "",
	  { .outer = "example.org/x.F", .plain = "main.main" },
	  HEAP,
	  { SYM_PC_OUTER, SYM_PC_PLAIN },
	  2,
	  "main.main ?:0",
	  "example.org/x.F outer.go:10",
	  true,
	  "other" },
	{ "a module's path with cmd/ is that of what has it",
	  "example.org/x/cmd/tool",
	  { .outer = "example.org/x/y.F", .plain = "main.main" },
	  HEAP,
	  { SYM_PC_OUTER, SYM_PC_PLAIN },
	  2,
	  "example.org/x/y.F outer.go:10",
	  "example.org/x/y.F outer.go:10",
	  true,
	  "other" },
	{ "where nothing is the module's the site stands for it",
	  "example.org/x",
	  { .outer = "lib.org/z.F", .plain = "net/http.G" },
	  HEAP,
	  { SYM_PC_OUTER, SYM_PC_PLAIN },
	  2,
	  "lib.org/z.F outer.go:10",
	  "lib.org/z.F outer.go:10",
	  false,
	  "other" },
	{ "where all is the runtime's, its innermost call",
	  "example.org/x",
	  { .outer = "runtime.newproc1", .plain = "runtime.malg" },
	  SAMPLED,
	  { SYM_PC_PLAIN, SYM_PC_OUTER },
	  2,
	  "runtime.malg ?:0",
	  "runtime.malg ?:0",
	  false,
	  "goroutine" },
	{ "calls of the runtime's tell the class",
	  "",
	  { .plain = "runtime.growslice" },
	  SAMPLED,
	  { SYM_PC_PLAIN, SYM_PC_OUTER },
	  2,
	  "main.outer outer.go:10",
	  "main.outer outer.go:10",
	  true,
	  "slice-grown" },
	{ "those of the way from the site to the cause do not",
	  "",
	  { .middle = "runtime.mapassign", .leaf = "lib.org/z.F" },
	  SAMPLED,
	  { SYM_PC_LEAF },
	  1,
	  "main.outer outer.go:10",
	  "lib.org/z.F leaf.go:30 in main.outer outer.go:10",
	  true,
	  "other" },
	{ "an address without a symbol is its number",
	  "",
	  { 0 },
	  HEAP,
	  { SYM_PC_NONE },
	  1,
	  "0x402000 ?:0",
	  "0x402000 ?:0",
	  false,
	  "other" },
	{ "one below the cause is the site",
	  "",
	  { 0 },
	  SAMPLED,
	  { SYM_PC_NONE, SYM_PC_OUTER },
	  2,
	  "main.outer outer.go:10",
	  "0x402000 ?:0",
	  true,
	  "other" },
	{ "no address is a site as well",
	  "",
	  { 0 },
	  HEAP,
	  { 0 },
	  0,
	  "0x0 ?:0",
	  "0x0 ?:0",
	  false,
	  "other" },
	{ "an inlined call is told with what has its code",
	  "",
	  { 0 },
	  SAMPLED,
	  { SYM_PC_LEAF },
	  1,
	  "main.Leaf[...] leaf.go:30 in main.outer outer.go:10",
	  "main.Leaf[...] leaf.go:30 in main.outer outer.go:10",
	  true,
	  "other" },
	{ "in a profile its calls are the next addresses",
	  "",
	  { 0 },
	  HEAP,
	  { SYM_PC_LEAF, PC_MIDDLE, PC_OUTER_OF_MIDDLE, SYM_PC_PLAIN },
	  4,
	  "main.Leaf[...] leaf.go:30 in main.outer outer.go:10",
	  "main.Leaf[...] leaf.go:30 in main.outer outer.go:10",
	  true,
	  "other" },
	{ "the cause may be between two that are inlined",
	  "",
	  { .outer = "lib.org/z.F", .leaf = "lib.org/z.G" },
	  SAMPLED,
	  { SYM_PC_LEAF },
	  1,
	  "main.middle middle.go:20 in lib.org/z.F outer.go:10",
	  "lib.org/z.G leaf.go:30 in lib.org/z.F outer.go:10",
	  true,
	  "other" },
	{ "the same in a profile",
	  "",
	  { .outer = "lib.org/z.F", .leaf = "lib.org/z.G" },
	  HEAP,
	  { SYM_PC_LEAF, PC_MIDDLE, PC_OUTER_OF_MIDDLE },
	  3,
	  "main.middle middle.go:20 in lib.org/z.F outer.go:10",
	  "lib.org/z.G leaf.go:30 in lib.org/z.F outer.go:10",
	  true,
	  "other" },
	{ "a stack that was cut there knows as far as it goes",
	  "",
	  { 0 },
	  HEAP,
	  { SYM_PC_LEAF, PC_MIDDLE },
	  2,
	  "main.Leaf[...] leaf.go:30 in main.middle middle.go:20",
	  "main.Leaf[...] leaf.go:30 in main.middle middle.go:20",
	  true,
	  "other" },
	{ "one that goes on in nothing does as well",
	  "",
	  { 0 },
	  HEAP,
	  { SYM_PC_LEAF, SYM_PC_NONE },
	  2,
	  "main.Leaf[...] leaf.go:30 in main.Leaf[...] leaf.go:30",
	  "main.Leaf[...] leaf.go:30 in main.Leaf[...] leaf.go:30",
	  true,
	  "other" },
	{ "a go statement is its own cause",
	  "",
	  { 0 },
	  GOROUTINES,
	  { SYM_PC_OUTER },
	  1,
	  "main.outer outer.go:10",
	  "main.outer outer.go:10",
	  true,
	  "goroutine" },
	{ "one of a library stands for itself",
	  "example.org/x",
	  { .outer = "lib.org/z.F" },
	  GOROUTINES,
	  { SYM_PC_OUTER },
	  1,
	  "lib.org/z.F outer.go:10",
	  "lib.org/z.F outer.go:10",
	  false,
	  "goroutine" },
};

static void read_one(struct causes_fixture *f, const struct stack_case *c)
{
	struct alloc_stack sampled = { .bytes = 700, .samples = 7, .n_pcs = (uint32_t)c->n };
	struct goroutine_group group = { .n = 7,
					 .stack_bytes = 700,
					 .created_pc = gosymbols_text(&f->g) + c->pcs[0] };
	const struct goroutines g = { .groups = &group, .n = 1 };

	causes_room(f, 1, PCS_MAX);
	causes_add(f, 100, 7, 0, c->pcs, c->n);
	for (size_t i = 0; i < c->n; i++)
		sampled.pcs[i] = gosymbols_text(&f->g) + c->pcs[i];
	if (c->walk == HEAP)
		assert_int_equal(causes_of_heap(&f->profile, f->symbols, c->module, 9, &f->causes),
				 0);
	else if (c->walk == SAMPLED)
		assert_int_equal(
			causes_of_stacks(&sampled, 1, f->symbols, c->module, 9, &f->causes), 0);
	else
		assert_int_equal(causes_of_goroutines(&g, f->symbols, c->module, 9, &f->causes), 0);
}

static void test_stack(void **state)
{
	const struct stack_case *c = *state;
	struct causes_fixture f;
	const struct cause *cause;

	causes_make(&f, &c->names);
	causes_open(&f);
	read_one(&f, c);
	assert_int_equal(f.causes.n, 1);
	cause = f.causes.causes;
	assert_string_equal(line_text(&cause->at), c->at);
	assert_string_equal(line_text(&cause->site), c->site);
	assert_int_equal(cause->in_module, c->in_module);
	assert_string_equal(alloc_class_name((enum alloc_class)cause->class), c->class);
	assert_int_equal(cause->figures.alloc_bytes, c->walk == GOROUTINES ? 0 : 700);
	assert_int_equal(cause->figures.inuse_bytes, c->walk == SAMPLED ? 0 : 700);
	assert_int_equal(cause->figures.inuse_objects, c->walk == SAMPLED ? 0 : 7);
	assert_int_equal(cause->object_bytes, c->walk == HEAP ? 100 : 0);
	causes_close(&f);
}

/* --- what the innermost address of a profile returns from --- */

struct call_case {
	const char *name, *outer, *plain;
	uint32_t pc; /* where the call returns to; it begins five bytes before */
	uint8_t opcode;
	uint32_t target;
	bool sampled;
	const char *class;
};

static const struct call_case calls[] = {
	{ "a slice that grows", "main.f", "runtime.growslice", 0x05, 0xe8, 0x40, false,
	  "slice-grown" },
	{ "a slice that is made", "main.f", "runtime.makeslice", 0x25, 0xe8, 0x40, false,
	  "slice-made" },
	{ "a call backwards", "runtime.newobject", "main.f", 0x51, 0xe8, 0, false, "new" },
	{ "into the middle of a function is none", "main.f", "runtime.growslice", 0x05, 0xe8, 0x41,
	  false, "other" },
	{ "to where no function is, is none", "main.f", "runtime.growslice", 0x05, 0xe8, 0x1000,
	  false, "other" },
	{ "far out of the text is none", "main.f", "runtime.growslice", 0x05, 0xe8, INT32_MAX,
	  false, "other" },
	{ "of the program's own function it says nothing", "main.f", "main.growslice", 0x05, 0xe8,
	  0x40, false, "other" },
	{ "another instruction is no call", "main.f", "runtime.growslice", 0x05, 0xe9, 0x40, false,
	  "other" },
	{ "a sampled stack has the callee in it", "main.f", "runtime.growslice", 0x05, 0xe8, 0x40,
	  true, "other" },
};

static void put_call(struct causes_fixture *f, const struct call_case *c)
{
	const uint32_t distance = c->target - c->pc;

	goimage_put(f->g.image, REGION_TEXT, AT_CODE + c->pc - CALL_BYTES, &c->opcode, 1);
	goimage_put(f->g.image, REGION_TEXT, AT_CODE + c->pc - CALL_BYTES + 1, &distance,
		    sizeof(distance));
}

static void test_call(void **state)
{
	const struct call_case *c = *state;
	const struct causes_names names = {
		.outer = c->outer, .middle = "main.g", .leaf = "main.h", .plain = c->plain
	};
	const struct stack_case stack = {
		.module = "", .walk = c->sampled ? SAMPLED : HEAP, .pcs = { c->pc }, .n = 1
	};
	struct causes_fixture f;

	causes_make(&f, &names);
	put_call(&f, c);
	causes_open(&f);
	read_one(&f, &stack);
	assert_int_equal(f.causes.n, 1);
	assert_string_equal(alloc_class_name((enum alloc_class)f.causes.causes->class), c->class);
	causes_close(&f);
}

/* Nothing lies before these. */
static void test_call_at_an_edge(void **state)
{
	struct causes_fixture f;

	(void)state;
	causes_make(&f, NULL);
	causes_open(&f);
	causes_room(&f, 4, 4);
	for (size_t i = 0; i < 4; i++)
		causes_add(&f, 100, 1, 0, (const uint32_t[]){ 0 }, 1);
	f.pcs[0] = f.g.image->base;
	f.pcs[1] = f.g.image->base + 4;
	f.pcs[2] = 4;
	f.pcs[3] = UINT64_MAX;
	assert_int_equal(causes_of_heap(&f.profile, f.symbols, "", 9, &f.causes), 0);
	assert_int_equal(f.causes.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f.causes.causes[i].class, ALLOC_OTHER);
	causes_close(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("before the first bytes of memory there is no call",
			   test_call_at_an_edge),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_stack, stacks);
	SUITE_TABLE(&s, test_call, calls);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "causes");
}
