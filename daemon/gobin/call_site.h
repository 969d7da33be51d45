/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/symbols.h"

enum {
	CALL_SITE_CALLERS_MAX = 8, /* told of a site, from the stack that counts most */
	CALL_SITE_TOP_MAX = 1000,  /* sites that can be asked for */
};

/*
 * A call as profiles tell of it. The site of an allocation is the innermost call of its stack that is not the
 * runtime's own, by function and line.
 */
struct call_site {
	uint32_t line;
	char function[GO_NAME_MAX];
	char file[GO_NAME_MAX];
};

/* With type arguments folded. */
void call_site_of(struct go_frame *frame, struct call_site *ret);

/* An address without a symbol is a call of its own, named by its number. */
void call_site_unnamed(uint64_t pc, struct call_site *ret);

bool call_site_is_runtime(const struct call_site *call);

/* The same for calls that are the same. */
uint64_t call_site_key(const struct call_site *call);
