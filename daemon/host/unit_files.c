/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host/unit_files.h"

#define DIR_SUFFIX     ".d"
#define FILE_BYTES_MAX (256 * KIB)

enum {
	DIR_NAME_MAX = 256 + sizeof(DIR_SUFFIX),
};

/* Only root may have a say in what is below. */
static int check_dir(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

static int open_dir(const struct hostroot *host, const char *unit, bool create)
{
	_cleanup_(closep) int fd = -1;
	char name[DIR_NAME_MAX];
	bool made;
	int r;

	if (host->units < 0)
		return -ENOENT;
	if (!unit[0] || unit[0] == '.' || strchr(unit, '/') ||
	    (size_t)snprintf(name, sizeof(name), "%s" DIR_SUFFIX, unit) >= sizeof(name))
		return -EINVAL;
	made = create && mkdirat(host->units, name, 0755) == 0;
	if (create && !made && errno != EEXIST)
		return -errno;
	fd = openat(host->units, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The daemon's umask is strict; systemctl cat and status of others read it. */
	if (made && fchmod(fd, 0755) < 0)
		return -errno;
	r = check_dir(fd);
	return r < 0 ? r : TAKE_FD(fd);
}

/* 0 where the file is ours, else an outcome or -errno. */
static int check_ours(int dir)
{
	_cleanup_(closep) int fd =
		openat(dir, UNIT_DROPIN_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char head[sizeof(UNIT_DROPIN_HEAD)] = "";
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? UNIT_DROPIN_GONE :
		       errno == ELOOP  ? UNIT_DROPIN_FOREIGN :
					 -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || fd_read_at(fd, 0, head, sizeof(head) - 1) < 0 ||
	    strcmp(head, UNIT_DROPIN_HEAD) != 0)
		return UNIT_DROPIN_FOREIGN;
	return 0;
}

int unit_dropin_write(const struct hostroot *host, const char *unit, const char *text, size_t len)
{
	_cleanup_(closep) int dir = open_dir(host, unit, true);
	_cleanup_(closep) int fd = -1;
	const char *tmp = "." UNIT_DROPIN_NAME ".new";
	int r = dir < 0 ? dir : check_ours(dir);

	if (r < 0 || r == UNIT_DROPIN_FOREIGN)
		return r;
	/* What a run that was killed left of this name. */
	(void)unlinkat(dir, tmp, 0);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, len);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, tmp, dir, UNIT_DROPIN_NAME) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, tmp, 0);
	return r;
}

int unit_dropin_remove(const struct hostroot *host, const char *unit)
{
	_cleanup_(closep) int dir = open_dir(host, unit, false);
	char name[DIR_NAME_MAX];
	int r = dir < 0 ? dir : check_ours(dir);

	if (r == -ENOENT)
		return UNIT_DROPIN_GONE;
	if (r)
		return r;
	if (unlinkat(dir, UNIT_DROPIN_NAME, 0) < 0)
		return -errno;
	/* Where drop-ins of others are there it stays. */
	snprintf(name, sizeof(name), "%s" DIR_SUFFIX, unit);
	(void)unlinkat(host->units, name, AT_REMOVEDIR);
	return 0;
}

int unit_dropin_each(const struct hostroot *host, void (*each)(void *userdata, const char *unit),
		     void *userdata)
{
	int fd =
		host->units < 0 ? -1 : openat(host->units, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return host->units < 0 ? 0 : -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		const size_t len = strlen(e->d_name), suffix = strlen(DIR_SUFFIX);
		char path[DIR_NAME_MAX + sizeof(UNIT_DROPIN_NAME) + 1], unit[DIR_NAME_MAX];

		if (e->d_name[0] == '.' || len <= suffix ||
		    strcmp(e->d_name + len - suffix, DIR_SUFFIX) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/" UNIT_DROPIN_NAME, e->d_name);
		if (faccessat(host->units, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		snprintf(unit, sizeof(unit), "%.*s", (int)(len - suffix), e->d_name);
		each(userdata, unit);
	}
	return 0;
}

static bool is_comment(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && isspace((unsigned char)line[n]))
		n++;
	return n == len || line[n] == '#' || line[n] == ';';
}

bool unit_file_names(const char *path, const char *variable)
{
	_cleanup_(freep) char *text = NULL;
	const char *base = strrchr(path, '/');
	struct stat st;

	if (base && !strcmp(base + 1, UNIT_DROPIN_NAME) &&
	    !strncmp(path, UNITS_PATH "/", strlen(UNITS_PATH "/")))
		return false;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
	    fd_read_alloc(AT_FDCWD, path, FILE_BYTES_MAX, &text, NULL) < 0)
		return true;
	for (const char *line = text; *line;) {
		const size_t len = strcspn(line, "\n");

		if (!is_comment(line, len) && memmem(line, len, variable, strlen(variable)))
			return true;
		line += len + (line[len] == '\n');
	}
	return false;
}
