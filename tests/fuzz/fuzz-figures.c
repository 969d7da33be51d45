/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/expvar.h"
#include "wire/prom_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is told can be: no figure below what it may be, none that is not known has a value. */
static void check(const struct figures *f)
{
	if (f->known >> FIGURE_MAX_)
		abort();
	for (unsigned int i = 0; i < FIGURE_MAX_; i++)
		if (f->value[i] < (i == FIGURE_GOGC_PERCENT ? -1 : 0) ||
		    (!figures_has(f, i) && f->value[i]))
			abort();
}

/* The first byte chooses the format. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct figures f = { 0 };
	int (*const read)(struct span, struct figures *) =
		size > 0 && data[0] == '{' ? expvar_read : prom_text_read;

	if (read(span_of(data, size), &f) == 0)
		check(&f);
	return 0;
}
