/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a helper that reads a tenant's bytes keeps. */
struct confine {
	const int *calls; /* system calls, by their numbers of seccomp.h; all others are refused */
	size_t n_calls;
	uint64_t address_space_bytes;
	bool refuses;	 /* other calls fail with EPERM; else they are its end */
	bool connects;	 /* connect(2) is not done, and said to have been */
	bool keeps_user; /* root's files stay readable; the capabilities go all the same */
};

/*
 * Gives up everything else, for good: the user (nobody's, where it was root's), every privilege, files it could write,
 * children. Returns false where one of it could not be given up: a helper never reads with rights, and is to end.
 */
bool confine_self(const struct confine *to);
