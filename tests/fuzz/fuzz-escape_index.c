/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "escape/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that was accepted can be walked, and joined with. */
static void use(const struct escape_index *index)
{
	static const struct escape_frame frames[] = {
		{ "main.f", "/src/app/main.go", 10, false },
		{ "example.com/app.g", "main.go", 10, true },
	};
	const struct escape_allocation of = { .alloc = ALLOC_NEW, .type = "main.T" };
	const struct index_entry *found;
	struct escape_joined joined;
	size_t n, sum = strlen(index->origin->build_id) + strlen(index->origin->go_version);

	for (uint32_t i = 0; i < index->n_files; i++) {
		sum += strlen(escape_index_text(index, index->files[i].name));
		for (uint32_t k = 0; k < index->files[i].n; k++)
			sum += index->entries[index->files[i].first + k].line;
		/* Of this part of a file, or of another that has the line. */
		found = escape_index_line(index, (int)i, 10, &n);
		if (n > index->n_entries || (size_t)(found - index->entries) > index->n_entries - n)
			abort();
		for (size_t k = 0; k < n; k++)
			if (found[k].line != 10)
				abort();
	}
	for (uint32_t i = 0; i < index->n_entries; i++)
		sum += strlen(escape_index_text(index, index->entries[i].reason));
	escape_join(index, frames, 2, &of, &joined);
	if (sum == SIZE_MAX || joined.outcome >= JOIN_MAX_)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct escape_index index;
	/* Aligned, as a mapped file is. */
	uint8_t *bytes = malloc(size + 1);

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	if (escape_index_open(span_of(bytes, size), &index) == 0)
		use(&index);
	free(bytes);
	return 0;
}
