/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Reads a token from a file that nobody but its owner, root or this process's user, can read or write. Line breaks at its end
 * are not part of it. Returns 0, -EPERM where others can, -EINVAL where it is empty, not a regular file, or not of printable
 * ASCII without blanks; -EFBIG where it has @size bytes or more; another -errno.
 */
int secret_file_read(const char *path, char *buf, size_t size);
