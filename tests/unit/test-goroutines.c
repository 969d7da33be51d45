/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gosymbols.h"
#include "fixture/suite.h"
#include "gobin/goroutines.h"

enum {
	AT_LIST = 0x6000, /* in the heap region */
	AT_G = 0x8000,
	G_BYTES = 0x200,
	GS_MAX = 64,
	REASON_RECEIVE = 14,
	SYSTEM = 1, /* began in package runtime */
	USER = 2,   /* began in main.plain */
};

struct fixture {
	struct gosymbols g;
	struct go_symbols *symbols;
	const struct goroutines_blocked *blocked;
};

/* Where struct g has its fields (src/runtime/runtime2.go of each release). */
static size_t status_at(int minor)
{
	return minor == 23 || minor == 24 ? 152 : 144;
}

static size_t start_at(int minor)
{
	return minor == 19 ? 312 : minor <= 22 || minor == 25 ? 296 : 304;
}

static void put_g(struct fixture *f, size_t i, uint32_t status, uint8_t reason, uint64_t start_pc)
{
	struct goimage *image = f->g.image;
	const size_t at = AT_G + i * G_BYTES, status_off = at + status_at(image->release->minor);

	goimage_put_u64(image, REGION_HEAP, AT_LIST + 8 * i, GOIMAGE_HEAP + at);
	goimage_put_u32(image, REGION_HEAP, status_off, status);
	goimage_put_u64(image, REGION_HEAP, status_off + 8, i + 1);
	image->bytes[REGION_HEAP][status_off + 32] = reason;
	goimage_put_u64(image, REGION_HEAP, at + start_at(image->release->minor), start_pc);
}

static void put_created(struct fixture *f, size_t i, uint64_t pc)
{
	struct goimage *image = f->g.image;

	goimage_put_u64(image, REGION_HEAP,
			AT_G + i * G_BYTES + start_at(image->release->minor) - 16, pc);
}

static void put_stack(struct fixture *f, size_t i, uint64_t lo, uint64_t hi)
{
	goimage_put_u64(f->g.image, REGION_HEAP, AT_G + i * G_BYTES, lo);
	goimage_put_u64(f->g.image, REGION_HEAP, AT_G + i * G_BYTES + 8, hi);
}

static void put_since(struct fixture *f, size_t i, uint64_t since_ns)
{
	struct goimage *image = f->g.image;

	goimage_put_u64(image, REGION_HEAP,
			AT_G + i * G_BYTES + status_at(image->release->minor) + 24, since_ns);
}

static void put_list(struct fixture *f, uint64_t n)
{
	const uint64_t list[3] = { GOIMAGE_HEAP + AT_LIST, n, n };

	for (size_t i = 0; i < 3; i++)
		goimage_put_u64(f->g.image, REGION_DATA, AT_ALLGS + 8 * i, list[i]);
}

static uint64_t start_pc(const struct fixture *f, int where)
{
	return where ? gosymbols_text(&f->g) + (where == SYSTEM ? 0 : 0x40) : 0;
}

static struct fixture make(int minor)
{
	struct fixture f = { .g = gosymbols_make(goimage_new(minor)) };
	struct goimage *image = f.g.image;

	/* The first function is one of the runtime's. */
	goimage_put(image, REGION_RODATA, SYM_NAMES, "runtime.x", 10);
	f.g.runtime.global[GLOBAL_ALLGS] = goimage_data(image, AT_ALLGS);
	f.g.runtime.global[GLOBAL_WAIT_REASONS] = goimage_data(image, AT_WAIT_REASONS);
	goimage_put(image, REGION_RODATA, AT_TEXT_OF_REASON, "chan receive", 12);
	goimage_put_u64(image, REGION_DATA, AT_WAIT_REASONS + 16 * REASON_RECEIVE,
			image->base + REGION_RODATA * GOIMAGE_REGION + AT_TEXT_OF_REASON);
	goimage_put_u64(image, REGION_DATA, AT_WAIT_REASONS + 16 * REASON_RECEIVE + 8, 12);
	assert_int_equal(go_symbols_new(&image->memory, &f.g.runtime, &f.symbols), 0);
	return f;
}

static void end(struct fixture *f)
{
	go_symbols_free(f->symbols);
	free(f->g.image);
}

static int read_all(struct fixture *f, struct goroutines *ret)
{
	return goroutines_read(&f->g.image->memory, &f->g.runtime, f->symbols, f->blocked, ret);
}

/* --- one goroutine --- */

struct one_case {
	const char *name;
	uint32_t status;
	uint8_t reason;
	int where;
	const char *doing; /* NULL: not alive */
	uint64_t alive, system, dead, unreadable;
};

static const struct one_case ones[] = {
	{ "waiting is told by its reason", 4, REASON_RECEIVE, USER, "chan receive", 1, 0, 0, 0 },
	{ "the collector's bit on it does not matter", 0x1004, REASON_RECEIVE, USER, "chan receive",
	  1, 0, 0, 0 },
	{ "waiting for no reason is waiting", 4, 0, USER, "waiting", 1, 0, 0, 0 },
	{ "a reason that the program does not name is waiting", 4, 63, USER, "waiting", 1, 0, 0,
	  0 },
	{ "a reason that no release has is waiting", 4, 200, USER, "waiting", 1, 0, 0, 0 },
	{ "running has no reason, whatever the byte says", 2, REASON_RECEIVE, USER, "running", 1, 0,
	  0, 0 },
	{ "a system call is one", 3, 0, USER, "syscall", 1, 0, 0, 0 },
	{ "leaked is alive", 10, 0, USER, "leaked", 1, 0, 0, 0 },
	{ "begun in package runtime it is the system's", 4, REASON_RECEIVE, SYSTEM, "chan receive",
	  0, 1, 0, 0 },
	{ "begun nowhere it is the program's", 4, REASON_RECEIVE, 0, "chan receive", 1, 0, 0, 0 },
	{ "dead is dead", 6, 0, USER, NULL, 0, 0, 1, 0 },
	{ "a dead one for C's threads is dead", 11, 0, USER, NULL, 0, 0, 1, 0 },
	{ "a status that there is not is unreadable", 7, 0, USER, NULL, 0, 0, 0, 1 },
	{ "a status beyond all is unreadable", 0x54321, 0, USER, NULL, 0, 0, 0, 1 },
};

static void test_one(void **state)
{
	const struct one_case *c = *state;

	for (int minor = 19; minor <= 27; minor++) {
		struct fixture f;
		struct goroutines g = { 0 };

		if (minor == 20)
			continue;
		f = make(minor);
		put_g(&f, 0, c->status, c->reason, start_pc(&f, c->where));
		put_list(&f, 1);
		assert_int_equal(read_all(&f, &g), 0);
		assert_int_equal(g.summary.listed, 1);
		assert_int_equal(g.summary.alive, c->alive);
		assert_int_equal(g.summary.system, c->system);
		assert_int_equal(g.summary.dead, c->dead);
		assert_int_equal(g.summary.unreadable, c->unreadable);
		assert_int_equal(g.n, c->doing != NULL);
		if (c->doing) {
			assert_string_equal(goroutines_doing(&g, &g.groups[0]), c->doing);
			assert_int_equal(g.groups[0].start_pc, start_pc(&f, c->where));
			assert_int_equal(g.groups[0].system, c->where == SYSTEM);
		}
		goroutines_done(&g);
		end(&f);
	}
}

static void test_groups(void **state)
{
	struct fixture f = make(24);
	struct goroutines g = { 0 };

	(void)state;
	for (size_t i = 0; i < GS_MAX; i++)
		put_g(&f, i, i % 4 == 0 ? 1 : 4, i % 2 ? REASON_RECEIVE : 0, start_pc(&f, USER));
	put_list(&f, GS_MAX);
	assert_int_equal(read_all(&f, &g), 0);
	assert_int_equal(g.summary.alive, GS_MAX);
	assert_int_equal(g.n, 3);
	assert_int_equal(g.groups[0].n + g.groups[1].n + g.groups[2].n, GS_MAX);
	assert_false(g.summary.torn);
	goroutines_done(&g);
	end(&f);
}

static void test_unreadable(void **state)
{
	struct fixture f = make(24);
	struct goroutines g = { 0 };
	const uint64_t list = GOIMAGE_HEAP + AT_LIST;

	(void)state;
	put_g(&f, 0, 4, REASON_RECEIVE, start_pc(&f, USER));
	for (size_t i = 1; i < 1024; i++)
		goimage_put_u64(f.g.image, REGION_HEAP, AT_LIST + 8 * i, list | 1);
	put_list(&f, 1024);
	assert_int_equal(read_all(&f, &g), 0);
	assert_int_equal(g.summary.alive, 1);
	assert_int_equal(g.summary.unreadable, 1023);
	goroutines_done(&g);
	end(&f);
}

/* --- what made them, and their stacks --- */

enum where {
	IN_OUTER,
	IN_PLAIN,
	BEFORE_TEXT,
	BEHIND_TEXT,
	NOWHERE,
};

static uint64_t created_pc(const struct fixture *f, enum where where)
{
	const struct go_module *module = go_symbols_module(f->symbols);
	const uint64_t pcs[] = {
		[IN_OUTER] = gosymbols_text(&f->g) + SYM_PC_OUTER,
		[IN_PLAIN] = gosymbols_text(&f->g) + SYM_PC_PLAIN,
		[BEFORE_TEXT] = module->text - 1,
		[BEHIND_TEXT] = module->etext,
		[NOWHERE] = 0,
	};

	return pcs[where];
}

struct created_case {
	const char *name;
	enum where where;
	bool is_told;
	uint64_t lo, hi, stack_bytes;
};

static const struct created_case created_ones[] = {
	{ "the statement is told, and the stack that it holds", IN_OUTER, true, 0xc000040000,
	  0xc000040800, 2048 },
	{ "what lies before the text is no statement", BEFORE_TEXT, false, 0x4000, 0x8000, 0x4000 },
	{ "nor is what lies behind it", BEHIND_TEXT, false, 0x4000, 0x8000, 0x4000 },
	{ "without a statement and a stack it has none", NOWHERE, false, 0, 0, 0 },
	{ "a gigabyte is a stack", IN_PLAIN, true, 1ull << 32, (1ull << 32) + GIB, GIB },
	{ "two are none", IN_PLAIN, true, 1ull << 32, (1ull << 32) + 2 * GIB, 0 },
	{ "a stack whose size no allocator gives is none", IN_PLAIN, true, 0x4000, 0x7000, 0 },
	{ "one that ends before it begins is none", IN_PLAIN, true, 0x8000, 0x4000, 0 },
	{ "one from end to end of all there is is none", IN_PLAIN, true, 0, UINT64_MAX, 0 },
};

static void test_created(void **state)
{
	const struct created_case *c = *state;

	for (int minor = 19; minor <= 27; minor++) {
		struct fixture f;
		struct goroutines g = { 0 };

		if (minor == 20)
			continue;
		f = make(minor);
		put_g(&f, 0, 4, REASON_RECEIVE, start_pc(&f, USER));
		put_created(&f, 0, created_pc(&f, c->where));
		put_stack(&f, 0, c->lo, c->hi);
		put_list(&f, 1);
		assert_int_equal(read_all(&f, &g), 0);
		assert_int_equal(g.n, 1);
		assert_int_equal(g.groups[0].start_pc, start_pc(&f, USER));
		assert_int_equal(g.groups[0].created_pc, c->is_told ? created_pc(&f, c->where) : 0);
		assert_int_equal(g.groups[0].stack_bytes, c->stack_bytes);
		goroutines_done(&g);
		end(&f);
	}
}

/* Begun in one function by two statements: 2 KiB and 4 KiB of stack each. */
static void test_created_groups(void **state)
{
	struct fixture f = make(24);
	struct goroutines g = { 0 };

	(void)state;
	for (size_t i = 0; i < GS_MAX; i++) {
		const bool plain = i % 4 == 0;

		put_g(&f, i, 4, REASON_RECEIVE, start_pc(&f, USER));
		put_created(&f, i, created_pc(&f, plain ? IN_PLAIN : IN_OUTER));
		put_stack(&f, i, 0x10000, plain ? 0x11000 : 0x10800);
	}
	put_list(&f, GS_MAX);
	assert_int_equal(read_all(&f, &g), 0);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.groups[0].created_pc, created_pc(&f, IN_PLAIN));
	assert_int_equal(g.groups[0].n, GS_MAX / 4);
	assert_int_equal(g.groups[0].stack_bytes, 4 * KIB * GS_MAX / 4);
	assert_int_equal(g.groups[1].created_pc, created_pc(&f, IN_OUTER));
	assert_int_equal(g.groups[1].n, 3 * GS_MAX / 4);
	assert_int_equal(g.groups[1].stack_bytes, 2 * KIB * 3 * GS_MAX / 4);
	goroutines_done(&g);
	end(&f);
}

/* --- how long they are blocked --- */

struct blocked_case {
	const char *name;
	uint32_t status;
	uint64_t since_ns, at_least_ns;
	uint64_t n, n_dated, waited_ns;
};

static const struct blocked_case blocked_ones[] = {
	{ "one that waits is dated", 4, 300, 0, 1, 1, 700 },
	{ "so is one in a system call", 3, 300, 0, 1, 1, 700 },
	{ "and one that leaked", 10, 300, 0, 1, 1, 700 },
	{ "one that runs is not blocked, whatever it was before", 2, 300, 0, 0, 0, 0 },
	{ "one that could run is not", 1, 300, 0, 0, 0, 0 },
	{ "one that no collection has found is not dated", 4, 0, 0, 1, 0, 0 },
	{ "a date of tomorrow is none", 4, 1001, 0, 1, 0, 0 },
	{ "no date is large enough to be another group's", 4, 1, 0, 1, 1, 999 },
	{ "for as long as was asked for", 4, 300, 700, 1, 1, 700 },
	{ "not as long", 4, 300, 701, 0, 0, 0 },
	{ "without a date it is as good as not at all", 4, 0, 1, 0, 0, 0 },
};

static void test_blocked(void **state)
{
	const struct blocked_case *c = *state;
	const struct goroutines_blocked blocked = { .now_ns = 1000, .at_least_ns = c->at_least_ns };

	for (int minor = 19; minor <= 27; minor++) {
		struct fixture f;
		struct goroutines g = { 0 };

		if (minor == 20)
			continue;
		f = make(minor);
		f.blocked = &blocked;
		put_g(&f, 0, c->status, REASON_RECEIVE, start_pc(&f, USER));
		put_since(&f, 0, c->since_ns);
		put_list(&f, 1);
		assert_int_equal(read_all(&f, &g), 0);
		assert_int_equal(g.summary.alive, 1);
		assert_int_equal(g.summary.left_out, 0);
		assert_int_equal(g.n, c->n);
		if (c->n) {
			assert_int_equal(g.groups[0].n_dated, c->n_dated);
			assert_int_equal(g.groups[0].waited_p50_ns, c->waited_ns);
			assert_int_equal(g.groups[0].waited_max_ns, c->waited_ns);
		}
		goroutines_done(&g);
		end(&f);
	}
}

/* Two groups whose waits are mixed in the list: 1, 3, 5, ... and 2, 4, 6, ... */
static void test_quantiles(void **state)
{
	static const struct goroutines_blocked blocked = { .now_ns = 1000 };
	struct fixture f = make(24);
	struct goroutines g = { 0 };

	(void)state;
	f.blocked = &blocked;
	for (size_t i = 0; i < GS_MAX; i++) {
		put_g(&f, i, 4, i % 2 ? REASON_RECEIVE : 0, start_pc(&f, USER));
		put_since(&f, i, 1000 - (i * 37 % GS_MAX + 1));
	}
	put_since(&f, 3, 0);
	put_list(&f, GS_MAX);
	assert_int_equal(read_all(&f, &g), 0);
	assert_int_equal(g.n, 2);
	assert_true(g.groups[0].n_dated == 32 && g.groups[1].n_dated == 31);
	assert_true(g.groups[0].waited_p50_ns == 31 && g.groups[0].waited_max_ns == 63);
	assert_int_equal(g.groups[1].waited_max_ns, 64);
	goroutines_done(&g);
	end(&f);
}

/* --- lists that are none --- */

struct list_case {
	const char *name;
	uint64_t list[3];
	int minor, result;
};

static const struct list_case lists[] = {
	{ "an empty list is an empty result", { 0, 0, 0 }, 24, 0 },
	{ "a list longer than its room is refused", { GOIMAGE_HEAP, 9, 8 }, 24, -EBADMSG },
	{ "more than a process can have is refused",
	  { GOIMAGE_HEAP, 1ull << 40, 1ull << 40 },
	  24,
	  -EBADMSG },
	{ "an odd list is refused", { GOIMAGE_HEAP + 4, 1, 1 }, 24, -EBADMSG },
	{ "a list that is not there is an error", { 0x1000, 1, 1 }, 24, -EIO },
	{ "a release whose goroutines are not proved is unknown",
	  { GOIMAGE_HEAP, 1, 1 },
	  20,
	  GOROUTINES_UNKNOWN },
};

static void test_list(void **state)
{
	const struct list_case *c = *state;
	struct fixture f = make(24);
	struct goroutines g = { .n = 77 };
	int r;

	f.g.runtime.minor = c->minor;
	for (size_t i = 0; i < 3; i++)
		goimage_put_u64(f.g.image, REGION_DATA, AT_ALLGS + 8 * i, c->list[i]);
	r = read_all(&f, &g);
	assert_int_equal(r, c->result);
	if (r == 0)
		goroutines_done(&g);
	else
		assert_int_equal(g.n, 77); /* untouched */
	end(&f);
}

/* A list that moves whenever it is looked at. */
static int read_and_move(void *context, uint64_t addr, void *buf, size_t len)
{
	struct goimage *g = context;
	int r = goimage_read(context, addr, buf, len);

	if (addr == goimage_data(g, AT_ALLGS))
		g->bytes[REGION_DATA][AT_ALLGS + 1] ^= 0x20;
	return r;
}

static void test_torn(void **state)
{
	struct fixture f = make(24);
	struct goroutines g = { 0 };

	(void)state;
	put_g(&f, 0, 4, REASON_RECEIVE, start_pc(&f, USER));
	put_list(&f, 1);
	f.g.image->memory.read = read_and_move;
	assert_int_equal(read_all(&f, &g), 0);
	assert_true(g.summary.torn);
	goroutines_done(&g);
	end(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("half of a group and its longest are its own", test_quantiles),
		SUITE_TEST("those that do the same from the same place are one group", test_groups),
		SUITE_TEST("those that two statements made are two groups, each with its stacks",
			   test_created_groups),
		SUITE_TEST("words that are no goroutines are counted as such", test_unreadable),
		SUITE_TEST("a list that moves at each try is said to be torn", test_torn),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_one, ones);
	SUITE_TABLE(&s, test_created, created_ones);
	SUITE_TABLE(&s, test_blocked, blocked_ones);
	SUITE_TABLE(&s, test_list, lists);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "goroutines");
}
