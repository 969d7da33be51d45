/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/memory.h"

/*
 * A core file of x86-64, as the kernel or gcore dumps it (core(5), elf(5); the notes: fs/binfmt_elf.c), as the memory of
 * the program that it was. What was not dumped - text and read-only data of files, as a rule - can be lent from the
 * file that was mapped there, if that is the same build. All of it belongs to a stranger.
 */
struct core_file;

/* Outcomes of core_file_read and core_file_lend. */
enum core_outcome {
	CORE_NONE = 1,	  /* no core file of x86-64 */
	CORE_NO_HEADER,	  /* the core has not the file's first page, nothing tells the build */
	CORE_NO_BUILD_ID, /* that page has no build id */
	CORE_OTHER_BUILD, /* the file's first page is another */
};

enum {
	CORE_FILES_MAX =
		4, /* that can be lent: the program, and libraries with a runtime of their own */
	CORE_NAME_MAX = 256,
};

/* Who it was, by the notes; 0 and "" where they do not say. */
struct core_info {
	int32_t pid;
	uint32_t uid, threads;
	char comm[16];
	char exe[CORE_NAME_MAX];
	uint64_t mapped_bytes; /* all segments together */
};

/* What was read for and is not there. */
struct core_lack {
	bool cut;		  /* the file ends before what its headers promise */
	bool memory;		  /* memory that no file can give back */
	uint64_t file;		  /* pages of this one, 0: of none */
	char name[CORE_NAME_MAX]; /* its path; "" where it does not fit */
};

/*
 * Reads the headers and notes of @file, whose addresses are offsets; it must outlive the result. Returns 0, CORE_NONE,
 * -EBADMSG where the headers contradict themselves, -EFBIG beyond the caps, or -errno.
 */
int core_file_read(const struct memory *file, struct core_file **ret);
struct core_file *core_file_free(struct core_file *core);

static inline void core_file_freep(struct core_file **core)
{
	core_file_free(*core);
}

const struct core_info *core_file_info(const struct core_file *core);

/* The program's memory; belongs to @core. A byte that was not dumped nor lent is -ENODATA. */
const struct memory *core_file_memory(const struct core_file *core);

/*
 * Lends the pages of the file @id (of a core_lack) that were not dumped, out of @bytes, whose addresses are offsets; it
 * must outlive @core. What the program could write is never taken from there. Returns 0, an outcome, or -errno.
 */
int core_file_lend(struct core_file *core, uint64_t id, const struct memory *bytes);

/* What reads have missed so far; the first file of them. */
void core_file_lack(const struct core_file *core, struct core_lack *ret);
