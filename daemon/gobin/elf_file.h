/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/span.h"
#include "gobin/memory.h"

/*
 * An executable file of x86-64 as it lies on disk (elf(5)), whose segments can be read as if they were memory. The
 * bytes are the caller's, and a stranger's.
 */
enum {
	ELF_SEGMENTS_MAX = 64,
};

struct elf_file {
	struct span bytes;
	struct memory_region regions[ELF_SEGMENTS_MAX];
	size_t n_regions;
};

/* Returns 0, -ENOEXEC where it is no such file, -EBADMSG where its headers lead outside of it. */
int elf_file_open(struct span bytes, struct elf_file *ret);

/* Its segments, at the addresses that they ask for; valid as long as @f. */
struct memory elf_file_memory(struct elf_file *f);

/* The bytes of a section by its name. Returns 0, -ENOENT where there is none, or no names of sections. */
int elf_file_section(const struct elf_file *f, const char *name, struct span *ret);
