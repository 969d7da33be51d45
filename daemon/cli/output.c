/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "cli/output.h"

/* A name that is given to another file is lost to the device, or to whom a link leads to. */
static bool may_replace(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode);
}

static int write_into(const char *path, const void *data, size_t size)
{
	_cleanup_(closep) int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);

	return fd < 0 ? -errno : fd_write_all(fd, data, size);
}

int output_write(const char *path, const void *data, size_t size, mode_t mode)
{
	_cleanup_(freep) char *new = NULL;
	_cleanup_(closep) int fd = -1;
	int r;

	if (!may_replace(path))
		return write_into(path, data, size);
	if (asprintf(&new, "%s.XXXXXX", path) < 0) {
		new = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, size);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(new, path) < 0))
		r = -errno;
	if (r < 0)
		unlink(new);
	return r;
}
