/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Whole small files. All return 0 or -errno and open with O_CLOEXEC. Where @dirfd is AT_FDCWD, @path is the
 * caller's own; else it is below that directory.
 */

/* Reads at most @size - 1 bytes and terminates them. -EFBIG where the file has more. *ret_len may be NULL. */
int fd_read_file(int dirfd, const char *path, char *buf, size_t size, size_t *ret_len);

/* Reads a file of at most @max bytes into memory that the caller frees; terminated. -EFBIG beyond. */
int fd_read_alloc(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len);

/* One write(2) to an existing file: what cgroup files want. */
int fd_write_file(int dirfd, const char *path, const char *text);

/*
 * Replaces a file: written beside it, then renamed, so that a reader finds the old or the new one. With @sync the
 * content is on disk before the name is (power loss); without, it outlives any death of the process.
 */
int fd_replace_file(int dirfd, const char *name, const void *data, size_t len, bool sync);

/* All of @len, over short writes and signals. */
int fd_write_all(int fd, const void *data, size_t len);

/* All of @len from @offset on, over short reads and signals; -EIO where the file ends before. */
int fd_read_at(int fd, uint64_t offset, void *buf, size_t len);

/* Opens a directory below @dirfd, making it (mode 0700) where it is absent. Returns the descriptor or -errno. */
int fd_open_dir(int dirfd, const char *path, bool create);

/* For _cleanup_: closes a directory stream, NULL too. */
static inline void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}
