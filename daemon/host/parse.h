/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "gobin/runtime.h"

/*
 * The parse helper: finds a runtime in a hostile image without being able to do anything else. It has no
 * capabilities, another uid, a system call filter and little address space; it gets a descriptor of the memory and
 * a list of regions, and gives back one struct of fixed size.
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
void parser_stop(struct parser *p);

/* Returns what go_runtime_locate returned there, or -EPIPE where the helper died of its input. */
int parser_locate(struct parser *p, int mem_fd, const struct memory *m, struct go_runtime *ret);
