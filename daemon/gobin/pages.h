/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/memory.h"

/*
 * Pages of memory that does not change (a program's tables), kept so that thousands of small reads cost few calls.
 * The room is fixed: a page that falls on another's place puts it out, and that is counted.
 */
enum {
	PAGES = 256, /* a power of two */
	PAGE_BYTES = 4096,
};

struct memory_pages {
	const struct memory *memory;
	uint64_t reads, evictions;
	uint64_t number[PAGES]; /* address / PAGE_BYTES + 1; 0: empty */
	uint8_t bytes[PAGES][PAGE_BYTES];
};

/* *ret points to the byte at @addr and holds until the next call; *ret_len bytes of its page follow (at least 1). */
int pages_get(struct memory_pages *p, uint64_t addr, const uint8_t **ret, size_t *ret_len);

int pages_read(struct memory_pages *p, uint64_t addr, void *buf, size_t len);

/*
 * Copies the bytes from @addr to a NUL, to @len bytes or to the end of @buf, whichever is first, and terminates.
 * *ret_cut tells whether the room of @size was too small.
 */
int pages_text(struct memory_pages *p, uint64_t addr, uint64_t len, char *buf, size_t size,
	       bool *ret_cut);
