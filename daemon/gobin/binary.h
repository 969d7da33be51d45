/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/elf_file.h"
#include "gobin/image.h"

/*
 * What identifies a build, from its executable file: a build id can be copied into another program, its tables of
 * functions and lines cannot without being those. The code itself is not in the digest: it has addresses of data, which
 * move with the length of what the linker notes of the build (a build with -gcflags=-m=2 differs in that alone).
 */
enum {
	GO_DIGEST_BYTES = 16,
};

struct go_binary {
	struct go_buildinfo build;
	uint8_t digest
		[GO_DIGEST_BYTES]; /* XXH3 (128 bits) of pclntab and of the size of .text, canonical */
};

/* Returns 0, -ENOEXEC where it is no executable of x86-64, -ENOENT where it is not Go's or has no sections, -EBADMSG. */
int go_binary_read(struct span file, struct go_binary *ret);
