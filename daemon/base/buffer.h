/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text that grows as it is written, up to a cap. What does not fit leaves the buffer `full`: from then on nothing is added,
 * until the writer goes back to a mark, so that what is there is whole.
 */
struct buffer {
	char *text;
	size_t n, room, max;
	bool full; /* beyond the cap, or no memory */
};

void buffer_done(struct buffer *b);

void buffer_add(struct buffer *b, const char *text, size_t len);
void buffer_text(struct buffer *b, const char *text);
void buffer_i64(struct buffer *b, int64_t v);
/* @v as a number with so many decimals (at most 18): 1234 with 3 is "1.234". */
void buffer_decimal(struct buffer *b, int64_t v, unsigned int decimals);

/* Forgets what was added since the buffer had @mark bytes. */
void buffer_back(struct buffer *b, size_t mark);
