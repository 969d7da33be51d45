/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <zlib.h>

#include "base/util.h"
#include "wire/gzip.h"

#define GZIP_WINDOW (15 + 16) /* the largest window, and gzip's header rather than zlib's */
#define START_BYTES (64 * KIB)

bool gzip_is(const struct span *packed)
{
	return packed->len >= 2 && packed->p[0] == 0x1f && packed->p[1] == 0x8b;
}

static int result_of(int r)
{
	if (r == Z_STREAM_END)
		return 0;
	return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

/* Unpacks to the end, the room doubled as it fills. */
static int unpack(z_stream *z, size_t max, uint8_t **out, size_t *ret_len)
{
	size_t room = MIN((size_t)START_BYTES, max + 1);
	size_t n = 0;

	for (;;) {
		uint8_t *grown = realloc(*out, room);
		int r;

		if (!grown)
			return -ENOMEM;
		*out = grown;
		z->next_out = *out + n;
		z->avail_out = (uInt)(room - n);
		r = inflate(z, Z_NO_FLUSH);
		n = room - z->avail_out;
		*ret_len = n;
		if (n > max)
			return -EFBIG;
		if (r != Z_OK || z->avail_out > 0)
			return result_of(r);
		room = MIN(2 * room, max + 1);
	}
}

int gzip_unpack(struct span packed, size_t max, uint8_t **ret, size_t *ret_len)
{
	_cleanup_(freep) uint8_t *out = NULL;
	z_stream z = { .next_in = (uint8_t *)packed.p, .avail_in = (uInt)packed.len };
	int r;

	if (packed.len > UINT32_MAX || max >= UINT32_MAX)
		return -EFBIG;
	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	r = unpack(&z, max, &out, ret_len);
	inflateEnd(&z);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(out);
	return 0;
}
