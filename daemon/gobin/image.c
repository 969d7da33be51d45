/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/span.h"
#include "base/util.h"
#include "gobin/image.h"

enum {
	WORD_PCHEADER = 0,
	WORD_MINPC = 20,
	WORD_MAXPC = 21,
	WORD_TEXT = 22,
	WORD_ETEXT = 23,
	WORD_NOPTRDATA = 24,
	WORD_ENOPTRBSS = 31,
	MODULEDATA_WORDS = 36,
	PCHEADER_BYTES = 72,
};

#define MAGIC_118	0xfffffff0u
#define MAGIC_120	0xfffffff1u
#define SCAN_MAX_BYTES	(512 * MIB)
#define FUNCS_MAX	(4u << 20)
#define NAMES_MAX_BYTES (256 * MIB)

static uint64_t word(const uint8_t *p, size_t i)
{
	uint64_t v;

	memcpy(&v, p + 8 * i, sizeof(v));
	return v;
}

/* The cheap test that all but a few words of a program fail; no memory is read for it. */
static bool looks_like_moduledata(const uint8_t *p)
{
	uint64_t text = word(p, WORD_TEXT), etext = word(p, WORD_ETEXT);
	uint64_t minpc = word(p, WORD_MINPC), maxpc = word(p, WORD_MAXPC);

	return text && word(p, WORD_PCHEADER) && text <= minpc && minpc < maxpc && maxpc <= etext;
}

/* Fills what the pcHeader says (Go src/runtime/symtab.go, struct pcHeader). Its textStart is never used: 0 since 1.26. */
static bool read_pcheader(const struct memory *m, struct go_image *image)
{
	uint8_t header[PCHEADER_BYTES];
	uint64_t names, cutab, functab;

	if (memory_read(m, image->pclntab, header, sizeof(header)) < 0)
		return false;
	memcpy(&image->magic, header, sizeof(image->magic));
	if ((image->magic != MAGIC_118 && image->magic != MAGIC_120) || header[4] || header[5] ||
	    header[6] != 1 || header[7] != 8)
		return false;
	image->n_funcs = word(header, 1);
	names = word(header, 4);
	cutab = word(header, 5);
	functab = word(header, 8);
	if (image->n_funcs == 0 || image->n_funcs > FUNCS_MAX || names >= cutab ||
	    cutab - names > NAMES_MAX_BYTES)
		return false;
	image->names = image->pclntab + names;
	image->names_bytes = cutab - names;
	image->functab = image->pclntab + functab;
	return memory_covers(m, image->names, image->names_bytes, MEMORY_READ) &&
	       memory_covers(m, image->functab, image->n_funcs * 8 + 4, MEMORY_READ);
}

static bool image_from_moduledata(const struct memory *m, uint64_t addr, const uint8_t *p,
				  struct go_image *ret)
{
	struct go_image image = {
		.moduledata = addr,
		.pclntab = word(p, WORD_PCHEADER),
		.text = word(p, WORD_TEXT),
		.etext = word(p, WORD_ETEXT),
		.data = UINT64_MAX,
	};

	if (!memory_covers(m, image.text, 1, MEMORY_EXEC) || !read_pcheader(m, &image))
		return false;
	for (size_t i = WORD_NOPTRDATA; i <= WORD_ENOPTRBSS; i++) {
		uint64_t v = word(p, i);

		if (v)
			image.data = MIN(image.data, v);
		image.enddata = MAX(image.enddata, v);
	}
	if (image.data >= image.enddata || image.enddata - image.data > SCAN_MAX_BYTES)
		return false;
	*ret = image;
	return true;
}

struct scan {
	struct go_image *images;
	size_t max;
	int found;
};

static int scan_region(const struct memory *m, const struct memory_region *region,
		       struct memory_window *w, struct scan *scan)
{
	const size_t span_bytes = MODULEDATA_WORDS * 8;
	const size_t step = MEMORY_WINDOW_BYTES - span_bytes;

	for (uint64_t at = region->start; at + span_bytes <= region->end; at += step) {
		size_t len = MIN((uint64_t)MEMORY_WINDOW_BYTES, region->end - at);
		const uint8_t *p;
		struct go_image image;

		/* A hole (a truncated file, a page that cannot be read) ends this region, not the search. */
		if (memory_window_get(w, at, len, &p) < 0)
			return 0;
		for (size_t off = 0; off + span_bytes <= len && off < step; off += 8) {
			if (!looks_like_moduledata(p + off) ||
			    !image_from_moduledata(m, at + off, p + off, &image))
				continue;
			if ((size_t)scan->found < scan->max)
				scan->images[scan->found] = image;
			if (++scan->found > 1024)
				return -EFBIG;
		}
	}
	return 0;
}

int go_image_find(const struct memory *m, struct go_image *ret, size_t max)
{
	_cleanup_(freep) struct memory_window *w = calloc(1, sizeof(*w));
	struct scan scan = { .images = ret, .max = max };
	uint64_t total = 0;

	if (!w)
		return -ENOMEM;
	w->memory = m;
	for (size_t i = 0; i < m->n_regions; i++) {
		const struct memory_region *region = &m->regions[i];
		const uint32_t want = MEMORY_READ | MEMORY_WRITE | MEMORY_FILE;
		int r;

		if ((region->flags & want) != want || (region->flags & MEMORY_SHARED))
			continue;
		total += region->end - region->start;
		if (total > SCAN_MAX_BYTES)
			return scan.found ? scan.found : -EFBIG;
		r = scan_region(m, region, w, &scan);
		if (r < 0)
			return r;
	}
	return scan.found;
}
