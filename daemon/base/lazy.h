/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Zeroed memory in pages of its own, for what is mostly room: of what is never touched nothing is resident, and all of it goes
 * back when it is freed. (calloc clears what it takes from a heap that is there, which touches it.) NULL, with errno.
 */
void *lazy_new(size_t bytes);

/* @p may be NULL; @bytes as they were. */
void lazy_free(void *p, size_t bytes);
