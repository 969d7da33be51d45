/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/util.h"
#include "gobin/memory.h"

int memory_read(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	uint64_t end;

	if (__builtin_add_overflow(addr, len, &end))
		return -EFAULT;
	return m->read(m->context, addr, buf, len);
}

int memory_read_u32(const struct memory *m, uint64_t addr, uint32_t *ret)
{
	return memory_read(m, addr, ret, sizeof(*ret));
}

int memory_read_u64(const struct memory *m, uint64_t addr, uint64_t *ret)
{
	return memory_read(m, addr, ret, sizeof(*ret));
}

const struct memory_region *memory_region_at(const struct memory *m, uint64_t addr)
{
	size_t lo = 0, hi = m->n_regions;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr < m->regions[mid].start)
			hi = mid;
		else if (addr >= m->regions[mid].end)
			lo = mid + 1;
		else
			return &m->regions[mid];
	}
	return NULL;
}

bool memory_covers(const struct memory *m, uint64_t addr, uint64_t len, uint32_t flags)
{
	const struct memory_region *r = memory_region_at(m, addr);

	return r && (r->flags & flags) == flags && len <= r->end - addr;
}

int memory_window_get(struct memory_window *w, uint64_t addr, size_t len, const uint8_t **ret)
{
	int r;

	if (len > sizeof(w->bytes))
		return -E2BIG;
	if (addr < w->start || addr - w->start > w->filled || len > w->filled - (addr - w->start)) {
		const struct memory_region *region = memory_region_at(w->memory, addr);

		if (!region || len > region->end - addr)
			return -EFAULT;
		w->filled = 0;
		w->start = addr;
		r = memory_read(w->memory, addr, w->bytes,
				MIN(sizeof(w->bytes), region->end - addr));
		if (r < 0)
			return r;
		w->filled = MIN(sizeof(w->bytes), region->end - addr);
	}
	*ret = w->bytes + (addr - w->start);
	return 0;
}
