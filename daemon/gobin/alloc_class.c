/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "gobin/alloc_class.h"

static const char *const names[] = {
	[ALLOC_OTHER] = "other",	   [ALLOC_NEW] = "new",
	[ALLOC_SLICE_MADE] = "slice-made", [ALLOC_SLICE_GROWN] = "slice-grown",
	[ALLOC_BOXING] = "boxing",	   [ALLOC_MAP] = "map",
	[ALLOC_GOROUTINE] = "goroutine",   [ALLOC_STRING] = "string",
	[ALLOC_CHANNEL] = "channel",	   [ALLOC_REFLECTION] = "reflection",
	[ALLOC_TIMER] = "timer",
};
_Static_assert(ARRAY_SIZE(names) == ALLOC_CLASS_MAX_, "a name for each class");

const char *alloc_class_name(enum alloc_class c)
{
	return c < ALLOC_CLASS_MAX_ ? names[c] : names[ALLOC_OTHER];
}

/* Beginnings of names, of Go 1.19 to 1.27; the first that fits is it. */
static const struct {
	const char *prefix, *contains; /* the latter behind the former, or NULL */
	enum alloc_class class;
	bool outermost; /* of use to the runtime itself as well: only where the program called it */
} rows[] = {
	{ "runtime.newobject", NULL, ALLOC_NEW, true },
	/* From 1.27 on the compiler calls the allocator of a size class itself. */
	{ "runtime.mallocgcSmall", "SC", ALLOC_NEW, true },
	{ "runtime.mallocTiny", NULL, ALLOC_NEW, true },
	{ "runtime.mallocgcTiny", NULL, ALLOC_NEW, true },
	{ "runtime.makeslice", NULL, ALLOC_SLICE_MADE, false },
	{ "runtime.newarray", NULL, ALLOC_SLICE_MADE, true },
	{ "runtime.growslice", NULL, ALLOC_SLICE_GROWN, false },
	{ "runtime.moveSlice", NULL, ALLOC_SLICE_GROWN, false },
	{ "runtime.convT", NULL, ALLOC_BOXING, false },
	{ "runtime.makemap", NULL, ALLOC_MAP, false },
	{ "runtime.mapassign", NULL, ALLOC_MAP, false },
	{ "runtime.mapclone", NULL, ALLOC_MAP, false },
	{ "runtime.hashGrow", NULL, ALLOC_MAP, false },
	{ "runtime.(*hmap).", NULL, ALLOC_MAP, false },
	{ "runtime.mapiterinit", NULL, ALLOC_MAP, false },
	{ "internal/runtime/maps.", NULL, ALLOC_MAP, false },
	{ "maps.clone", NULL, ALLOC_MAP, false },
	{ "runtime.newproc", NULL, ALLOC_GOROUTINE, false },
	{ "runtime.malg", NULL, ALLOC_GOROUTINE, false },
	{ "runtime.newcoro", NULL, ALLOC_GOROUTINE, false },
	{ "runtime.concatstring", NULL, ALLOC_STRING, false },
	{ "runtime.concatbyte", NULL, ALLOC_STRING, false },
	{ "runtime.rawstring", NULL, ALLOC_STRING, false },
	{ "runtime.rawbyteslice", NULL, ALLOC_STRING, false },
	{ "runtime.rawruneslice", NULL, ALLOC_STRING, false },
	{ "runtime.slicebytetostring", NULL, ALLOC_STRING, false },
	{ "runtime.slicerunetostring", NULL, ALLOC_STRING, false },
	{ "runtime.stringtoslice", NULL, ALLOC_STRING, false },
	{ "runtime.intstring", NULL, ALLOC_STRING, false },
	{ "runtime.makechan", NULL, ALLOC_CHANNEL, false },
	{ "runtime.acquireSudog", NULL, ALLOC_CHANNEL, false },
	/* Package runtime has these for others, under their names. */
	{ "reflect.makechan", NULL, ALLOC_CHANNEL, false },
	{ "reflect.unsafe_New", NULL, ALLOC_REFLECTION, false },
	{ "reflect.makemap", NULL, ALLOC_REFLECTION, false },
	{ "reflect.mapassign", NULL, ALLOC_REFLECTION, false },
	{ "reflect.mapclone", NULL, ALLOC_REFLECTION, false },
	{ "reflect.growslice", NULL, ALLOC_REFLECTION, false },
	{ "runtime.reflect_", NULL, ALLOC_REFLECTION, false },
	{ "internal/reflectlite.unsafe_New", NULL, ALLOC_REFLECTION, false },
	{ "time.newTimer", NULL, ALLOC_TIMER, false },
	{ "runtime.newTimer", NULL, ALLOC_TIMER, false },
	{ "runtime.newdefer", NULL, ALLOC_TIMER, false },
	{ "runtime.SetFinalizer", NULL, ALLOC_TIMER, false },
	{ "runtime.AddCleanup", NULL, ALLOC_TIMER, false },
};

static enum alloc_class class_of(const char *call, bool outermost)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const size_t len = strlen(rows[i].prefix);

		if ((!rows[i].outermost || outermost) && !strncmp(call, rows[i].prefix, len) &&
		    (!rows[i].contains || strstr(call + len, rows[i].contains)))
			return rows[i].class;
	}
	return ALLOC_OTHER;
}

enum alloc_class alloc_class_of(const char *const *calls, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		/* The program's own call stands last; the one that it made, before it. */
		const enum alloc_class c = class_of(calls[i], i + 2 >= n);

		if (c != ALLOC_OTHER)
			return c;
	}
	return ALLOC_OTHER;
}

void alloc_calls_add(struct alloc_calls *c, const char *function)
{
	if (c->n == ALLOC_CALLS_MAX) {
		memmove(c->call[0], c->call[1], sizeof(c->call) - sizeof(c->call[0]));
		c->n--;
	}
	text_copy(c->call[c->n++], ALLOC_CALL_BYTES, function);
}

enum alloc_class alloc_calls_class(const struct alloc_calls *c)
{
	const char *calls[ALLOC_CALLS_MAX];

	for (size_t i = 0; i < c->n; i++)
		calls[i] = c->call[i];
	return alloc_class_of(calls, c->n);
}
