/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/module.h"

/*
 * From addresses in a program's text to functions, files and lines, with every inlined call, by the tables that the
 * Go runtime itself needs: stripping does not remove them. All of it is what a tenant wrote: names are cut at their
 * room and otherwise passed through, every table is bounded, the work per address has a cap.
 * Source: Go src/runtime/{symtab,symtabinl}.go of 1.19 to 1.27.
 */
enum {
	GO_NAME_MAX = 256,
	GO_FRAMES_MAX = 64, /* calls inlined into one another at one address; more are left out */
};

/* Outcomes above 0. */
enum {
	GO_SYMBOL_NONE = 48, /* no Go function lies there: C code, or no code at all */
};

struct go_frame {
	uint64_t entry;	     /* of the machine function that this was inlined into, or that it is */
	uint32_t line;	     /* 0: unknown */
	uint32_t start_line; /* where the function itself begins; 0: unknown (Go 1.19) */
	bool inlined;	     /* into the next frame */
	bool wrapper; /* made by the compiler around a method: Go's own stacks leave it out, unless it is what panicked */
	bool cut;		    /* a name was longer than its room */
	char function[GO_NAME_MAX]; /* with full type arguments: main.F[go.shape.int] */
	char file[GO_NAME_MAX];	    /* "?" where the tables do not tell */
};

enum {
	/*
	 * The address is one that a call returns to: the instruction before it is meant, as runtime.CallersFrames does. All
	 * but the first of a stack that the processor was stopped in, and every address that runtime.Callers gives.
	 */
	SYMBOLS_RETURN = 1 << 0,
	/*
	 * Only the innermost call. runtime.Callers, and with it the runtime's profiles, give one address for each call, those
	 * inlined included; a frame pointer walk gives one for each machine function.
	 */
	SYMBOLS_INNERMOST = 1 << 1,
};

struct go_symbols;

/* Needs @m (with its regions) for as long as it lives. Returns 0, -EBADMSG where the tables contradict themselves, or -errno. */
int go_symbols_new(const struct memory *m, const struct go_runtime *rt, struct go_symbols **ret);
struct go_symbols *go_symbols_free(struct go_symbols *s);

static inline void go_symbols_freep(struct go_symbols **s)
{
	go_symbols_free(*s);
}

/*
 * The calls at @pc, innermost first, at most @max (at least 1) of them into @ret. Returns 0, GO_SYMBOL_NONE,
 * -EBADMSG where the tables contradict themselves, -E2BIG where they ask for more work than any real one, or -errno.
 */
int go_symbols_frames(struct go_symbols *s, uint64_t pc, uint32_t flags, struct go_frame *ret,
		      size_t max, size_t *ret_n);

/* The machine function at @pc, with the file and line of its first instruction. Returns as go_symbols_frames. */
int go_symbols_function(struct go_symbols *s, uint64_t pc, struct go_frame *ret);

/*
 * Type arguments of a generic function by "[...]", as Go itself prints it from 1.21 on: the same source is one
 * function then, whatever it is instantiated with.
 */
void go_symbols_fold_type_arguments(char *function);

const struct go_module *go_symbols_module(const struct go_symbols *s);
struct memory_pages *go_symbols_pages(struct go_symbols *s);
