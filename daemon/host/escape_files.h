/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "escape/told.h"
#include "gobin/image.h"
#include "host/hostroot.h"

/*
 * The compiler's report on a program, as gomemctl escape import has filed it, and the program's executable file, which
 * tells whether it is about this build: descriptors for the helper that parses.
 */
struct escape_files {
	int exe, index; /* -1: none; exe: or it is known that the index is of it */
	uint64_t exe_bytes, index_bytes;
	uint64_t key; /* the same where both files are */
};

#define ESCAPE_FILES_NONE                                                                          \
	(struct escape_files)                                                                      \
	{                                                                                          \
		.exe = -1, .index = -1                                                             \
	}

/*
 * @path: of the index; "" for the one filed under the program's build id. Nothing is opened where there is none, or
 * where the executable file cannot be opened. May block on a tenant's file system: for a helper.
 */
void escape_files_open(const struct hostroot *host, pid_t pid, const struct go_buildinfo *build,
		       const char *path, struct escape_files *ret);
void escape_files_close(struct escape_files *f);

enum {
	ESCAPE_KNOWN_MAX = 128,
};

/* Whether a report is of a program: neither file changes often, and the digest of a large one takes its time. */
struct escape_known {
	struct {
		uint64_t key; /* 0: none */
		enum escape_report_state state;
	} known[ESCAPE_KNOWN_MAX]; /* a ring */
	uint32_t next;
};

/*
 * Closes what the parser need not be given: the executable of a report that is known to match, both of one that is known
 * not to. Returns what is known, or REPORT_STATE_MAX_.
 */
enum escape_report_state escape_files_need(const struct escape_known *k, struct escape_files *f);

/* What the parser has found out. */
void escape_files_note(struct escape_known *k, const struct escape_files *f, uint32_t state);
