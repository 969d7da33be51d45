/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/util.h"
#include "host/probe_file.h"

int probe_file_open(pid_t pid)
{
	_cleanup_(closep) int fd = -1;
	char path[48], value[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -ESTALE;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & (S_ISUID | S_ISGID)) ||
	    fgetxattr(fd, "security.capability", value, sizeof(value)) >= 0)
		return -ESTALE;
	return TAKE_FD(fd);
}

bool probe_file_agrees(int fd, const struct go_site *s)
{
	uint8_t code[sizeof(s->code)];

	return s->file_offset <= INT64_MAX &&
	       pread(fd, code, sizeof(code), (off_t)s->file_offset) == (ssize_t)sizeof(code) &&
	       !memcmp(code, s->code, sizeof(code));
}
