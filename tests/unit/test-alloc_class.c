/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fixture/suite.h"
#include "gobin/alloc_class.h"

enum {
	CALLS = 6,
};

static const struct row {
	const char *name;
	const char *calls[CALLS]; /* innermost first */
	const char *class;
} rows[] = {
	{ "new is new", { "runtime.mallocgc", "runtime.newobject", "main.f" }, "new" },
	{ "a size class's allocator that the program calls is new",
	  { "runtime.profilealloc", "runtime.mallocgcSmallScanNoHeaderSC12", "main.f" },
	  "new" },
	{ "the same within the runtime is not",
	  { "runtime.mallocgcSmallNoScanSC3", "runtime.odd", "main.f" },
	  "other" },
	{ "newobject within the runtime is not new",
	  { "runtime.mallocgc", "runtime.newobject", "runtime.odd", "main.f" },
	  "other" },
	{ "a slice is made", { "runtime.mallocgc", "runtime.makeslice", "main.f" }, "slice-made" },
	{ "a large one as well",
	  { "runtime.makeslice", "runtime.makeslice64", "main.f" },
	  "slice-made" },
	{ "append grows a slice",
	  { "runtime.mallocgc", "runtime.growslice", "main.f" },
	  "slice-grown" },
	{ "1.26 moves a slice",
	  { "runtime.mallocgc", "runtime.moveSliceNoScan", "main.f" },
	  "slice-grown" },
	{ "an interface boxes", { "runtime.mallocgc", "runtime.convTstring", "main.f" }, "boxing" },
	{ "an old map grows: the outermost tells",
	  { "runtime.mallocgc", "runtime.newarray", "runtime.makeBucketArray", "runtime.hashGrow",
	    "runtime.mapassign_faststr", "main.f" },
	  "map" },
	{ "a new map grows",
	  { "runtime.mallocgc", "runtime.newarray", "internal/runtime/maps.newarray",
	    "internal/runtime/maps.newGroups", "runtime.mapassign_fast64", "main.f" },
	  "map" },
	{ "a map is made", { "runtime.newobject", "runtime.makemap_small", "main.f" }, "map" },
	{ "a map is cloned for package maps",
	  { "runtime.newobject", "runtime.mapclone2", "maps.clone" },
	  "map" },
	{ "a goroutine begins on the system's stack",
	  { "runtime.malg", "runtime.newproc1", "runtime.newproc.func1", "runtime.systemstack" },
	  "goroutine" },
	{ "strings are joined",
	  { "runtime.mallocgc", "runtime.rawstring", "runtime.rawstringtmp",
	    "runtime.concatstrings", "runtime.concatstring2", "main.f" },
	  "string" },
	{ "bytes become a string",
	  { "runtime.mallocgc", "runtime.slicebytetostring", "main.f" },
	  "string" },
	{ "a channel is made", { "runtime.mallocgc", "runtime.makechan", "main.f" }, "channel" },
	{ "waiting for a channel takes a sudog",
	  { "runtime.mallocgc", "runtime.newobject", "runtime.acquireSudog", "runtime.chanrecv",
	    "runtime.chanrecv1", "main.f" },
	  "channel" },
	{ "reflection makes a value", { "runtime.mallocgc", "reflect.unsafe_New" }, "reflection" },
	{ "reflection makes a map: not just a map",
	  { "runtime.newobject", "runtime.makemap", "reflect.makemap" },
	  "reflection" },
	{ "a timer is made",
	  { "runtime.mallocgc", "runtime.newobject", "time.newTimer" },
	  "timer" },
	{ "a finalizer is set",
	  { "runtime.persistentalloc", "runtime.SetFinalizer", "main.f" },
	  "timer" },
	{ "the program's own newobject is none of the runtime's", { "main.newobject" }, "other" },
	{ "mallocgc alone says nothing", { "runtime.mallocgc", "main.f" }, "other" },
	{ "a span that has run out: new",
	  { "runtime.(*mcache).nextFree", "runtime.mallocgc", "runtime.newobject", "main.f" },
	  "new" },
	{ "the same of a size class's allocator",
	  { "runtime.(*mcache).nextFree", "runtime.mallocgcSmallScanNoHeaderSC5", "main.f" },
	  "new" },
	{ "and of a tiny one",
	  { "runtime.(*mcache).nextFree", "runtime.mallocgcTinySC2", "main.f" },
	  "new" },
	{ "a span for a slice",
	  { "runtime.(*mcache).nextFree", "runtime.mallocgcSmallNoscan", "runtime.mallocgc",
	    "runtime.makeslice", "main.f" },
	  "slice-made" },
	{ "a large slice",
	  { "runtime.mallocgcLarge", "runtime.mallocgc", "runtime.growslice", "main.f" },
	  "slice-grown" },
	{ "nothing says nothing", { NULL }, "other" },
};

static void test_class(void **state)
{
	const struct row *row = *state;
	size_t n = 0;

	while (n < CALLS && row->calls[n])
		n++;
	assert_string_equal(alloc_class_name(alloc_class_of(row->calls, n)), row->class);
}

static void test_names(void **state)
{
	(void)state;
	for (int c = 0; c < ALLOC_CLASS_MAX_; c++)
		assert_true(strlen(alloc_class_name((enum alloc_class)c)) > 0);
	assert_string_equal(alloc_class_name(ALLOC_CLASS_MAX_), "other");
}

/* The calls of a row through the list that they are collected in. */
static void test_collected(void **state)
{
	const struct row *row = *state;
	static struct alloc_calls c;

	c.n = 0;
	for (size_t i = 0; i < CALLS && row->calls[i]; i++)
		alloc_calls_add(&c, row->calls[i]);
	assert_string_equal(alloc_class_name(alloc_calls_class(&c)), row->class);
}

static void test_too_many_calls(void **state)
{
	static struct alloc_calls c;

	(void)state;
	alloc_calls_add(&c, "runtime.mapassign_faststr");
	for (size_t i = 0; i < 2 * ALLOC_CALLS_MAX; i++)
		alloc_calls_add(&c, "runtime.odd");
	alloc_calls_add(&c, "runtime.growslice");
	alloc_calls_add(&c, "main.f");
	assert_int_equal(c.n, ALLOC_CALLS_MAX);
	assert_string_equal(c.call[ALLOC_CALLS_MAX - 1], "main.f");
	assert_int_equal(alloc_calls_class(&c), ALLOC_SLICE_GROWN);
}

static void test_long_call(void **state)
{
	static struct alloc_calls c;
	char name[2 * ALLOC_CALL_BYTES];

	(void)state;
	memset(name, 'f', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	alloc_calls_add(&c, name);
	assert_int_equal(strlen(c.call[0]), ALLOC_CALL_BYTES - 1);
	assert_int_equal(alloc_calls_class(&c), ALLOC_OTHER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("each class has a name", test_names),
		SUITE_TEST("of too many calls the outermost tell", test_too_many_calls),
		SUITE_TEST("a name that is too long is cut", test_long_call),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_class, rows);
	SUITE_TABLE(&s, test_collected, rows);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "alloc_class");
}
