/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "gobin/pages.h"

_Static_assert((PAGES & (PAGES - 1)) == 0, "a place is the low bits of a page's number");

int pages_get(struct memory_pages *p, uint64_t addr, const uint8_t **ret, size_t *ret_len)
{
	const uint64_t page = addr / PAGE_BYTES;
	const size_t place = page & (PAGES - 1), off = addr % PAGE_BYTES;
	int r;

	if (p->number[place] != page + 1) {
		p->evictions += p->number[place] != 0;
		p->number[place] = 0;
		p->reads++;
		r = memory_read(p->memory, page * PAGE_BYTES, p->bytes[place], PAGE_BYTES);
		if (r < 0)
			return r;
		p->number[place] = page + 1;
	}
	*ret = p->bytes[place] + off;
	*ret_len = PAGE_BYTES - off;
	return 0;
}

int pages_read(struct memory_pages *p, uint64_t addr, void *buf, size_t len)
{
	uint8_t *at = buf;

	while (len > 0) {
		const uint8_t *bytes;
		size_t n;
		int r = pages_get(p, addr, &bytes, &n);

		if (r < 0)
			return r;
		n = MIN(n, len);
		memcpy(at, bytes, n);
		at += n;
		len -= n;
		if (__builtin_add_overflow(addr, n, &addr) && len > 0)
			return -EFAULT;
	}
	return 0;
}

int pages_text(struct memory_pages *p, uint64_t addr, uint64_t len, char *buf, size_t size,
	       bool *ret_cut)
{
	size_t used = 0;

	*ret_cut = false;
	while (len > 0) {
		const uint8_t *bytes, *nul;
		size_t n;
		int r = pages_get(p, addr, &bytes, &n);

		if (r < 0)
			return r;
		n = MIN(n, len);
		nul = memchr(bytes, '\0', n);
		if (nul)
			n = (size_t)(nul - bytes);
		*ret_cut = n > size - 1 - used;
		memcpy(buf + used, bytes, MIN(n, size - 1 - used));
		used += MIN(n, size - 1 - used);
		if (nul || *ret_cut)
			break;
		len -= n;
		if (__builtin_add_overflow(addr, n, &addr))
			break;
	}
	buf[used] = '\0';
	return 0;
}
