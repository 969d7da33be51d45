/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Why a program allocated, by the runtime's functions that its call went through. */
enum alloc_class {
	ALLOC_OTHER,
	ALLOC_NEW, /* new, &T{}, a variable that escapes, a closure */
	ALLOC_SLICE_MADE,
	ALLOC_SLICE_GROWN,
	ALLOC_BOXING, /* a value put into an interface */
	ALLOC_MAP,
	ALLOC_GOROUTINE,
	ALLOC_STRING, /* built, or converted from or to bytes or runes */
	ALLOC_CHANNEL,
	ALLOC_REFLECTION,
	ALLOC_TIMER, /* timers, defers, finalizers */
	ALLOC_CLASS_MAX_,
};

const char *alloc_class_name(enum alloc_class c);

/*
 * @calls: names of functions, innermost first; the last is the program's own call, or one that package runtime has for
 * another package. The outermost that is known tells what the program did, those inside of it merely how.
 */
enum alloc_class alloc_class_of(const char *const *calls, size_t n);

enum {
	ALLOC_CALLS_MAX = 33,
	ALLOC_CALL_BYTES = 256,
};

/* The calls of a stack up to the program's own, innermost first. Of too many the outermost are kept: they tell the class. */
struct alloc_calls {
	size_t n;
	char call[ALLOC_CALLS_MAX][ALLOC_CALL_BYTES];
};

void alloc_calls_add(struct alloc_calls *c, const char *function);
enum alloc_class alloc_calls_class(const struct alloc_calls *c);
