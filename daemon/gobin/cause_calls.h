/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/causes.h"

/* The calls of a stack, and which of them are its site and its cause: the part of causes.c that reads symbols. */
struct cause_calls {
	struct go_symbols *symbols;
	const char *module; /* the main module */
	/* One address for each call, those inlined included (the profile of the heap); else for each machine function. */
	bool expanded;
	struct go_frame frames[GO_FRAMES_MAX]; /* of the address that is looked at */
	struct go_frame outer;
	struct alloc_calls inner; /* up to the site */
};

/* What an address was found to be: keys of calls, 0 where there is no such among those that it stands for. */
struct cause_address {
	uint64_t pc, site, cause;
};

void cause_calls_look_up(struct cause_calls *c, uint64_t pc, struct cause_address *ret);

/* The key of the innermost call at an address, whatever it is. */
uint64_t cause_calls_innermost(struct cause_calls *c, uint64_t pc);

/* Fills in the lines of cause and site, and the class. */
void cause_calls_name(struct cause_calls *c, const uint64_t *pcs, uint32_t n_pcs,
		      struct cause *ret);
