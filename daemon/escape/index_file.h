/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "escape/index.h"

/* The file of an index: this, the files, the entries, the text. */
#define INDEX_MAGIC "gomemd-escape-1"

struct index_header {
	char magic[16];
	uint32_t n_files, n_entries;
	uint64_t text_bytes;
	struct escape_origin origin;
};
_Static_assert(sizeof(struct index_header) % 8 == 0, "what follows is aligned");
_Static_assert(sizeof(struct index_file) % 8 == 0, "what follows is aligned");

static inline uint64_t index_file_bytes(const struct index_header *h)
{
	return sizeof(*h) + (uint64_t)h->n_files * sizeof(struct index_file) +
	       (uint64_t)h->n_entries * sizeof(struct index_entry) + h->text_bytes;
}

/* The last part of a path: what files are ordered by. */
static inline const char *index_base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
