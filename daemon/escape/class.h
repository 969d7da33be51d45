/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/span.h"

/*
 * Why something is on the heap, from the compiler's explanation (-m=2). The names are those of the decision layers,
 * 0 to 6; the level is where the cause lies: L1 syntax, L2 what functions and their callers do, L3 run time.
 */
enum escape_class {
	CLASS_UNEXPLAINED, /* a report of -m alone, or a flow that says nothing */
	CLASS_RUNTIME, /* 0: the runtime allocates, the compiler prints no line (chan, map, append, +) */
	CLASS_ADDRESS,	 /* 1: its address is stored where it outlives the function */
	CLASS_RETURNED,	 /* 2a */
	CLASS_CAPTURED,	 /* 2b: by a closure */
	CLASS_ARGUMENT,	 /* 2c: a callee keeps it, or cannot be seen through */
	CLASS_SENT,	 /* 3a: over a channel */
	CLASS_GOROUTINE, /* 3b: go, or defer in a loop */
	CLASS_POOL,	 /* 3c: sync.Pool */
	CLASS_BOXED,	 /* 4a: a value in an interface */
	CLASS_INTERFACE, /* 4b: a pointer in an interface */
	CLASS_REFLECTED, /* 4c */
	CLASS_PANIC,	 /* 4d */
	CLASS_ELEMENT,	 /* 5a: of a slice, map, array or struct that is built */
	CLASS_ASSIGNED,	 /* 5b: to a field, an element or a map's value */
	CLASS_SIZE,	 /* 6: too large, or of a size that is not constant */
	CLASS_LEAK, /* a parameter that its function keeps: what makes the callers' arguments escape */
	CLASS_MAX_,
};

/* "0" to "6", "leak", "unexplained"; NULL for no class. */
const char *escape_class_name(enum escape_class class);
/* Returns 0, or -EINVAL. */
int escape_class_parse(const char *name, enum escape_class *ret);
/* "L1" to "L3", or "-". */
const char *escape_class_level(enum escape_class class);
/* What it means, for a person. */
const char *escape_class_about(enum escape_class class);
/* What can be done, and the condition under which that is better than leaving it. */
const char *escape_class_advice(enum escape_class class);

/* Reasons of a step, as the compiler words them. */
enum escape_reason {
	STEP_OTHER,
	STEP_ADDRESS, /* address-of */
	STEP_REFERENCE,
	STEP_SPILL,
	STEP_ASSIGN, /* assign, assign-pair and their like */
	STEP_RETURN,
	STEP_ARGUMENT, /* call parameter, callee operand */
	STEP_CAPTURED,
	STEP_CONVERTED, /* interface-converted */
	STEP_SEND,
	STEP_ELEMENT, /* literal elements, keys and values, what append and copy take */
	STEP_SIZE,    /* the four of size and alignment */
	STEP_MAX_,
};

enum escape_reason escape_reason_of(struct span text);

/* One step of the way to the heap: @text is the expression, @to what the flow it belongs to ends in. */
struct escape_step {
	const char *text, *reason_text, *to, *file;
	uint32_t line, column;
	enum escape_reason reason;
};

/* Explanations that lead one to another: each begins with the step `first` and holds `n`. */
struct escape_link {
	const char *text; /* what escapes */
	const char *to;	  /* {heap}, ~r0, {storage for E}, or a variable */
	size_t first, n;
};

struct escape_path {
	const struct escape_step *steps;
	size_t n_steps;
	const struct escape_link *links;
	size_t n_links; /* 0: there is no explanation */
};

/*
 * The root cause, pure. Over the whole path: size, send, goroutine and sync.Pool first, then a value in reflection or
 * panic, assignment to a field, compound elements, capture, a pointer in an interface, boxing, result, argument,
 * address. The slice that the compiler makes for variadic arguments is no compound element. *ret_step is the step
 * that decides, or n_steps.
 */
enum escape_class escape_classify(const struct escape_path *path, size_t *ret_step);
