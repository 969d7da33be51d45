/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/util.h"

enum {
	ROOM_FIRST = 4096,
	DIGITS_MAX = 20, /* of 64 bits */
};

void buffer_done(struct buffer *b)
{
	free(b->text);
	*b = (struct buffer){ 0 };
}

static bool has_room(struct buffer *b, size_t len)
{
	size_t room;
	char *text;

	if (b->full || len > b->max - b->n) {
		b->full = true;
		return false;
	}
	if (len <= b->room - b->n)
		return true;
	room = MIN(b->max, MAX(2 * b->room, b->n + len + ROOM_FIRST));
	text = realloc(b->text, room);
	if (!text) {
		b->full = true;
		return false;
	}
	b->text = text;
	b->room = room;
	return true;
}

void buffer_add(struct buffer *b, const char *text, size_t len)
{
	if (!has_room(b, len))
		return;
	memcpy(b->text + b->n, text, len);
	b->n += len;
}

void buffer_text(struct buffer *b, const char *text)
{
	buffer_add(b, text, strlen(text));
}

void buffer_i64(struct buffer *b, int64_t v)
{
	buffer_decimal(b, v, 0);
}

/* By hand: an answer has ten thousand of them, and printf takes most of its time to read its format. */
void buffer_decimal(struct buffer *b, int64_t v, unsigned int decimals)
{
	char text[DIGITS_MAX + 3], *p = text + sizeof(text);
	uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;

	for (unsigned int i = 0; i < decimals || rest || i == decimals; i++) {
		if (i && i == decimals)
			*--p = '.';
		*--p = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (v < 0)
		*--p = '-';
	buffer_add(b, p, (size_t)(text + sizeof(text) - p));
}

void buffer_back(struct buffer *b, size_t mark)
{
	b->n = MIN(b->n, mark);
	b->full = false;
}
