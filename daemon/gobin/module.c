/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "gobin/module.h"

enum {
	WORD_NAMES = 1,
	WORD_UNITS = 4,
	WORD_FILES = 7,
	WORD_PCTAB = 10,
	WORD_FUNCS = 13,
	WORD_FUNCTAB = 16,
	WORD_TEXT = 22,
	WORD_TYPES_119 = 35,
	WORD_TYPES = 37,
	WORDS = 44,
	MINOR_TYPEDESCLEN =
		27, /* this release put a word between types and etypes, and two before rodata */
};

#define MAGIC_118	0xfffffff0u
#define FUNCS_MAX	(4u << 20)
#define RANGE_MAX_BYTES (1 * GIB)

/*
 * All of it readable, in one region or in several side by side: what a loader protects after relocation ends at a page,
 * and the tables may lie on both sides of it.
 */
static bool is_readable(const struct memory *m, uint64_t start, uint64_t bytes)
{
	const struct memory_region *last = m->regions + m->n_regions;
	const struct memory_region *region = memory_region_at(m, start);

	for (; region && region < last && (region->flags & MEMORY_READ); region++) {
		uint64_t here = region->end - start;

		if (bytes <= here)
			return true;
		bytes -= here;
		start = region->end;
		if (region + 1 == last || region[1].start != start)
			return false;
	}
	return false;
}

/* A slice of moduledata: {pointer, length, capacity}, its elements @size bytes each. */
static bool take_slice(const struct memory *m, const uint64_t *words, uint64_t size,
		       struct go_range *ret)
{
	*ret = (struct go_range){ .start = words[0], .bytes = words[1] * size };
	return words[1] > 0 && words[1] <= RANGE_MAX_BYTES / size &&
	       is_readable(m, ret->start, ret->bytes);
}

/* The linker says where go:func.* begins; what lies in it is bounded by its region. */
static bool take_rest_of_region(const struct memory *m, uint64_t start, struct go_range *ret)
{
	const struct memory_region *region = memory_region_at(m, start);

	if (!region || !(region->flags & MEMORY_READ))
		return false;
	*ret = (struct go_range){ .start = start, .bytes = region->end - start };
	return true;
}

static bool take_types(const struct memory *m, uint64_t start, uint64_t end, struct go_range *ret)
{
	*ret = (struct go_range){ .start = start, .bytes = end - start };
	return start && start < end && ret->bytes <= RANGE_MAX_BYTES &&
	       is_readable(m, start, ret->bytes);
}

int go_module_read(const struct memory *m, const struct go_runtime *rt, struct go_module *ret)
{
	const bool is_119 = rt->magic == MAGIC_118, late = rt->minor >= MINOR_TYPEDESCLEN;
	const size_t types = is_119 ? WORD_TYPES_119 : WORD_TYPES;
	struct go_module module = { .is_119 = is_119 };
	uint64_t w[WORDS];
	int r = memory_read(m, rt->moduledata, w, sizeof(w));

	if (r < 0)
		return r;
	module.text = w[WORD_TEXT];
	module.etext = w[WORD_TEXT + 1];
	/* The last entry of ftab is the sentinel. */
	module.n_funcs = w[WORD_FUNCTAB + 1] - 1;
	if (w[0] != rt->pclntab || module.text >= module.etext || w[WORD_FUNCTAB + 1] < 2 ||
	    w[WORD_FUNCTAB + 1] > FUNCS_MAX || w[WORD_FUNCTAB] != w[WORD_FUNCS] ||
	    !take_slice(m, w + WORD_NAMES, 1, &module.names) ||
	    !take_slice(m, w + WORD_UNITS, 4, &module.units) ||
	    !take_slice(m, w + WORD_FILES, 1, &module.files) ||
	    !take_slice(m, w + WORD_PCTAB, 1, &module.pctab) ||
	    !take_slice(m, w + WORD_FUNCS, 1, &module.funcs) ||
	    !take_rest_of_region(m, w[types + (late ? 6 : 3)], &module.funcdata) ||
	    !take_types(m, w[types], w[types + (late ? 2 : 1)], &module.types))
		return -EBADMSG;
	*ret = module;
	return 0;
}

int go_range_u32(struct memory_pages *p, const struct go_range *range, uint64_t off, uint32_t *ret)
{
	if (range->bytes < sizeof(*ret) || off > range->bytes - sizeof(*ret))
		return -EBADMSG;
	return pages_read(p, range->start + off, ret, sizeof(*ret));
}
