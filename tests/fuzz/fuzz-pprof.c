/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/pprof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that is told lies within what was read. */
static void check(const struct pprof *p)
{
	size_t sum = 0;

	for (size_t i = 0; i < p->n_samples; i++)
		for (uint32_t k = 0; k < p->samples[i].n; k++)
			if (p->stacks[p->samples[i].first + k] >= p->n_locations)
				abort();
	for (size_t i = 0; i < p->n_locations; i++)
		if (p->locations[i].first_line + p->locations[i].n_lines > p->n_lines)
			abort();
	for (size_t i = 0; i < p->n_lines; i++)
		if (p->lines[i].function >= p->n_functions)
			abort();
	for (size_t i = 0; i < p->n_functions; i++)
		sum += strlen(p->functions[i].name) + strlen(p->functions[i].file);
	for (uint32_t i = 0; i < p->n_types; i++)
		sum += strlen(p->types[i].name) + strlen(p->types[i].unit);
	sum += strlen(p->binary) + strlen(p->build_id) + strlen(p->period_type);
	if (sum == SIZE_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pprof p = { 0 };

	if (pprof_read(span_of(data, size), &p) == 0) {
		check(&p);
		pprof_done(&p);
	}
	return 0;
}
