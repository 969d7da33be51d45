/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/escape.h"
#include "escape/index.h"
#include "gobin/binary.h"

/* A file that is mapped as long as it is used; of a pipe all that came. */
struct mapped_file {
	struct span bytes;
	bool was_read; /* memory of ours, not a mapping */
};

/* Maps a whole file, or reads a pipe to its end. Returns an exit code; what is wrong has been said. */
int mapped_file_open(const char *path, struct mapped_file *ret);
void mapped_file_close(struct mapped_file *f);

/* What identifies the build of an executable file. Returns an exit code; what is wrong has been said. */
int escape_read_binary(const char *path, struct go_binary *ret);

/* An index, from a report or as `escape import` has filed it. */
struct escape_indexed {
	struct escape_index index;
	struct mapped_file file; /* where it was filed */
	uint8_t *made;		 /* where it was made just now */
	size_t made_bytes;
};

/* A report that was read, before it is known which build it is of. */
struct escape_collected {
	struct escape_index_builder *builder;
	struct escape_report *report;
};

/* Reads a report into @ret, which is zeroed and the caller's; relative names are completed by --dir. Returns an exit code; what is wrong has been said. */
int escape_index_collect(const struct options *o, const char *path, struct escape_collected *ret);
void escape_collected_done(struct escape_collected *c);

/* The index of what was read, of @binary where it is not NULL. Returns an exit code; what is wrong has been said. */
int escape_index_make(struct escape_collected *c, const struct go_binary *binary,
		      struct escape_indexed *ret);

/*
 * Files an index that was made under the build id of its program, or puts it to --output, and says so. Returns an exit
 * code; what is wrong has been said.
 */
int escape_index_put(const struct options *o, const struct go_binary *binary,
		     const struct escape_indexed *indexed);

/*
 * Makes an index of a report, or opens one that is filed, told apart by their first bytes. @binary: of this build, or
 * NULL; a filed index of another one does not match. Relative names are completed by --dir. Returns an exit code; what
 * is wrong has been said.
 */
int escape_index_read(const struct options *o, const char *path, const struct go_binary *binary,
		      struct escape_indexed *ret);
void escape_indexed_done(struct escape_indexed *i);
