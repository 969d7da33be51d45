/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/sites.h"

/*
 * The allocating sites of a report by file and line: what a stack is joined with. Made once (gomemctl escape import)
 * and filed under the build it belongs to; whoever reads it maps it and checks it whole, so that afterwards nothing
 * needs checking.
 */
enum {
	INDEX_DIGEST_BYTES = 16,
	INDEX_BUILD_ID_MAX = 128,
	INDEX_ENTRIES_MAX = 4 * 1024 * 1024,
	INDEX_TEXT_MAX = 256 * 1024 * 1024,
};

/* What a report was made of. Not known: zeroes, "". */
struct escape_origin {
	char build_id[INDEX_BUILD_ID_MAX]; /* the Go linker's */
	char go_version[32];
	uint8_t digest[INDEX_DIGEST_BYTES]; /* of the binary's pclntab (gobin/binary.h) */
	uint32_t made_with_l; /* inlining was switched off: other lines than the binary's */
	uint32_t detailed;    /* the report had explanations */
};

/* One site. Texts are places in the index's text; 0 is "". */
struct index_entry {
	uint32_t line, column;
	uint32_t kind;	/* enum escape_kind */
	uint32_t class; /* enum escape_class */
	uint32_t text;	/* the variable or expression */
	uint32_t function;
	/* The step that decides the class, where there is one: expression, the compiler's reason, its place. */
	uint32_t step, reason, step_file, step_line;
};

/*
 * A file is there once for each package whose part of the report names it: a generic function, and a function literal that
 * went along when the function around it was inlined, are told of in the package that they were compiled into.
 */
struct index_file {
	uint32_t name; /* as the report has it, after a build directory where one was given */
	uint32_t package;
	uint32_t first, n; /* entries, by line and column */
};

struct escape_index {
	const struct escape_origin *origin;
	const struct index_file *files; /* by the last part of their names */
	const struct index_entry *entries;
	const char *text;
	uint32_t n_files, n_entries;
};

/* Where indexes are filed: a directory of the operator's. */
#define ESCAPE_INDEX_DIRECTORY "/var/lib/gomemd/escape"

/*
 * The file of the index for a build id, which is a tenant's text. Returns 0, or -EINVAL for one that no file could be
 * named after.
 */
int escape_index_path(const char *build_id, char *buf, size_t size);

struct escape_index_builder;

/* @directory: where the report was made, which relative names are completed by; "" where that is not known. */
int escape_index_new(const char *directory, struct escape_index_builder **ret);
struct escape_index_builder *escape_index_free(struct escape_index_builder *b);

static inline void escape_index_freep(struct escape_index_builder **b)
{
	escape_index_free(*b);
}

/*
 * Takes a site; those that do not allocate are left out. An escape_site_handler, whose userdata is the builder.
 * Returns 0, -EFBIG over a cap, -ENOMEM.
 */
int escape_index_add(void *builder, const struct escape_site *site);

/* The bytes of the file, the caller's. Returns 0 or -ENOMEM. Nothing more may be added. */
int escape_index_finish(struct escape_index_builder *b, const struct escape_origin *origin,
			uint8_t **ret, size_t *ret_len);

/* Does it begin as an index does? */
bool escape_index_is(const struct span *bytes);

/* Checks all of it; what is returned points into the bytes. Returns 0, or -EBADMSG. */
int escape_index_open(struct span bytes, struct escape_index *ret);

static inline const char *escape_index_text(const struct escape_index *index, uint32_t at)
{
	return index->text + at;
}

/*
 * The report's file that a binary's @path of @function is, whatever either of them is relative to: the same name (that of
 * the function's own package first), or the same package and last part, or one is the end of the other; of several the one
 * with the longest common end, and only one. Returns its place, or -ENOENT.
 */
int escape_index_file(const struct escape_index *index, const char *function, const char *path);

/*
 * The entries of a line: the first, and how many. Where that package's part of the report has none, those of the first other
 * package that has some of this line of the file.
 */
const struct index_entry *escape_index_line(const struct escape_index *index, int file,
					    uint32_t line, size_t *ret_n);
