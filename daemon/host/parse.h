/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "gobin/core_file.h"
#include "gobin/pulse.h"
#include "host/escape_files.h"
#include "host/profile.h"

/*
 * The parse helper: finds a runtime in a hostile image without being able to do anything else. It has no
 * capabilities, another uid, a system call filter and little address space; it gets a descriptor of the memory and
 * a list of regions, or those of a core file and of files that were mapped there, and gives back structs of fixed
 * size, one a message.
 */
struct parser {
	pid_t pid;
	int fd;
};

#define PARSER_NONE                                                                                \
	(struct parser)                                                                            \
	{                                                                                          \
		.pid = -1, .fd = -1                                                                \
	}

/* Forks the helper; -EPERM where it cannot give up its rights here. Its death is its parent's business: parser_locate then says -EPIPE. */
int parser_start(struct parser *ret);
/* Returns the CPU time that it had used; 0 as well where the caller ignores SIGCHLD, since nobody keeps it then. */
usec_t parser_stop(struct parser *p);

/* The memory of a process: the helper reads by the descriptor, and is told the regions. */
struct parser_memory {
	int fd;
	const struct memory *memory;
};

/* Returns what go_runtime_locate returned there, or -EPIPE where the helper died of its input. */
int parser_locate(struct parser *p, const struct parser_memory *of, struct go_runtime *ret);

/* A core file's descriptor, and those of mapped files that it lacks pages of. */
struct parser_core {
	int fd;
	uint32_t n_files;
	int files[CORE_FILES_MAX];
	uint64_t ids[CORE_FILES_MAX]; /* of core_lack */
};

struct parser_core_result {
	int32_t result; /* of core_file_read, else of go_runtime_locate and go_runtime_sample */
	bool is_core;	/* it was the latter */
	bool proved;	/* result is 0, and all gates hold */
	int32_t lent;	/* of the last core_file_lend */
	struct core_info info;
	struct core_lack lack;
	struct go_runtime runtime;
	struct go_sample sample;
	struct go_pulse pulse; /* without pauses */
};

/* Finds and samples the runtime in a core file. Returns 0, or -EPIPE where the helper died of its input. */
int parser_locate_core(struct parser *p, const struct parser_core *core,
		       struct parser_core_result *ret);

/*
 * Takes a profile of the process whose runtime is @rt, which stays in the helper until the next is taken. @report: of
 * causes, else NULL; @order has no index of its own. Returns what profile_take returned there, or -EPIPE.
 */
int parser_profile(struct parser *p, const struct parser_memory *of, const struct go_runtime *rt,
		   const struct profile_order *order, const struct escape_files *report,
		   struct profile_summary *ret);

/* One row of it. -ENOENT where it has no such row, -EPIPE where the helper is no more. */
int parser_profile_row(struct parser *p, uint32_t row, union profile_row *ret);
