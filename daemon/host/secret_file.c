/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "host/secret_file.h"

/* In a header anything else would end it. */
static int take(char *buf, size_t len)
{
	while (len > 0 && (buf[len - 1] == '\n' || buf[len - 1] == '\r'))
		len--;
	buf[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (buf[i] <= ' ' || buf[i] > '~')
			return -EINVAL;
	return len ? 0 : -EINVAL;
}

int secret_file_read(const char *path, char *buf, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;
	int r;

	buf[0] = '\0';
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IRWXG | S_IRWXO))
		return -EPERM;
	n = read(fd, buf, size);
	if (n < 0)
		return -errno;
	r = (size_t)n < size ? take(buf, (size_t)n) : -EFBIG;
	if (r < 0)
		buf[0] = '\0';
	return r;
}
