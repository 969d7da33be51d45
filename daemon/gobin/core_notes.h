/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/core_file.h"

/* The notes of a core file: who it was, and which files were mapped where. Only core_file.c uses them. */

/* One entry of NT_FILE. */
struct core_mapping {
	uint64_t start, end;
	uint64_t offset; /* in the file, in bytes */
	uint64_t file;	 /* a hash of its path, never 0 */
	uint32_t name;	 /* where the path begins in `names` */
};

struct core_notes {
	struct core_info info;
	uint64_t entry;		       /* the program's entry point, by NT_AUXV; 0: unknown */
	uint64_t program;	       /* the file that holds it, 0: unknown */
	struct core_mapping *mappings; /* by address, as they are listed */
	size_t n_mappings;
	char *names;	     /* terminated */
	bool pid_is_process; /* and not that of the thread that comes first */
	bool files_seen;
	unsigned int n_notes;
};

/* Reads one PT_NOTE segment into *ret, which is zeroed before the first. Notes that are not understood are passed over. */
int core_notes_read(const struct memory *file, uint64_t offset, uint64_t size,
		    struct core_notes *ret);
void core_notes_done(struct core_notes *notes);

/* The mapping that holds @addr, or NULL. */
const struct core_mapping *core_notes_mapping_at(const struct core_notes *notes, uint64_t addr);

/* Copies the path of a file; "" where there is none, or it is too long to be copied whole. */
void core_notes_name(const struct core_notes *notes, uint64_t file, char ret[CORE_NAME_MAX]);

/* Settles `program` and info.exe, when all notes have been read: the file that holds the entry point. */
void core_notes_name_program(struct core_notes *notes);
