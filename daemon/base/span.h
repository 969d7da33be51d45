/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A bounded cursor over bytes that somebody else wrote. Nothing of a tenant's is read in any other way:
 * a read beyond the end answers -EBADMSG and moves nothing.
 */
struct span {
	const uint8_t *p;
	size_t len;
};

static inline struct span span_of(const void *p, size_t len)
{
	return (struct span){ .p = p, .len = len };
}

static inline int span_skip(struct span *s, size_t n)
{
	if (n > s->len)
		return -EBADMSG;
	s->p += n;
	s->len -= n;
	return 0;
}

/* Little-endian value of @size bytes (1 to 8) at @off, zero-extended. */
static inline int span_peek(const struct span *s, size_t off, size_t size, uint64_t *ret)
{
	uint64_t v = 0;

	if (off > s->len || size > s->len - off || size > sizeof(v))
		return -EBADMSG;
	memcpy(&v, s->p + off, size);
	*ret = v;
	return 0;
}

static inline int span_u32(const struct span *s, size_t off, uint32_t *ret)
{
	uint64_t v;
	int r = span_peek(s, off, 4, &v);

	if (r == 0)
		*ret = (uint32_t)v;
	return r;
}

static inline int span_u64(const struct span *s, size_t off, uint64_t *ret)
{
	return span_peek(s, off, 8, ret);
}

static inline bool span_has_prefix(const struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s->len >= n && memcmp(s->p, prefix, n) == 0;
}

/* Takes one unsigned LEB128 number of at most 32 bits. */
static inline int span_take_varint(struct span *s, uint32_t *ret)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 35 && s->len > 0; shift += 7) {
		uint8_t b = s->p[0];

		span_skip(s, 1);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			if (v > UINT32_MAX)
				return -EBADMSG;
			*ret = (uint32_t)v;
			return 0;
		}
	}
	return -EBADMSG;
}
