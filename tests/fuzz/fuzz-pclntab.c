/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/goimage.h"
#include "gobin/functions.h"
#include "gobin/globals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the rest of the search relies on: sorted, not overlapping, inside the text. */
static void check_functions(const struct go_image *image, const struct function_list *list)
{
	uint64_t last = image->text;

	for (size_t i = 0; i < list->n; i++) {
		const struct function *f = &list->functions[i];

		if (f->entry < last || f->end < f->entry || f->end > image->etext ||
		    (int)f->kind < 0 || f->kind >= FUNCTION_KIND_MAX_)
			abort();
		last = f->end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct goimage *pristine, g;
	struct function_list list = { 0 };
	struct go_runtime rt = { .minor = 24 };
	struct go_image image;

	if (!pristine)
		pristine = goimage_new(24);
	memcpy(&g, pristine, sizeof(g));
	goimage_regions(&g);
	/* The input is the whole pclntab, over the fixture's own: what it does not reach is sound. */
	goimage_put(&g, REGION_RODATA, 0, data, MIN(size, (size_t)GOIMAGE_REGION));
	if (go_image_find(&g.memory, &image, 1) < 1)
		return 0;
	if (image.text >= image.etext || image.data >= image.enddata || !image.n_funcs)
		abort();
	if (function_list_read(&g.memory, &image, &list) == 0) {
		if (!list.n)
			abort();
		check_functions(&image, &list);
		if (globals_locate(&g.memory, &image, &list, &rt) == 0 &&
		    !rt.global[GLOBAL_GC_CONTROLLER])
			abort();
	} else if (list.functions) {
		abort();
	}
	function_list_done(&list);
	return 0;
}
