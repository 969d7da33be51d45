/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/goimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first KiB of the input is the image's first page (ELF header and notes), the rest its data. */
enum {
	HEAD = 1024,
};

static void check_text(const char *text, size_t size)
{
	if (strnlen(text, size) >= size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct goimage g;
	const size_t head = MIN(size, (size_t)HEAD);
	struct go_buildinfo info;
	struct go_image image = { 0 };
	int r;

	memset(&g, 0, sizeof(g));
	g.base = GOIMAGE_BASE;
	goimage_regions(&g);
	/* Regions are as long as the input, so that a read beyond it is one beyond the memory. */
	g.regions[REGION_TEXT].end = g.regions[REGION_TEXT].start + HEAD;
	g.regions[REGION_DATA].end = g.regions[REGION_DATA].start + MAX(size - head, 1u);
	goimage_put(&g, REGION_TEXT, 0, data, head);
	goimage_put(&g, REGION_DATA, 0, data + head, size - head);
	image.text = GOIMAGE_BASE;
	r = go_buildinfo_read(&g.memory, &image, &info);
	check_text(info.version, sizeof(info.version));
	check_text(info.module, sizeof(info.module));
	check_text(info.build_id, sizeof(info.build_id));
	if ((r == 0) != (info.version[0] != '\0') && r != 0)
		abort();
	if (go_version_minor(info.version) > 9999)
		abort();
	return 0;
}
