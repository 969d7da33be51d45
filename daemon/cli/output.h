/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes a file that the user has named: a regular one, or one that is not there yet, is whole or as it was, with @mode;
 * into whatever else it is (a link, a pipe, /dev/null) it is written. Returns 0 or -errno.
 */
int output_write(const char *path, const void *data, size_t size, mode_t mode);
