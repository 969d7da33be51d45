/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/util.h"
#include "host/root_path.h"

enum {
	LINKS_MAX = 16,
	STEPS_MAX = 256,
};

struct walk {
	char done[PATH_MAX]; /* "/a/b": names that are no links */
	char rest[PATH_MAX];
	unsigned int links;
};

/* Takes the next name off a path; false where there is none. */
static bool take_name(char *path, char name[NAME_MAX + 1])
{
	const char *start = path + strspn(path, "/");
	const size_t len = strcspn(start, "/");

	if (len == 0 || len > NAME_MAX)
		return false;
	memcpy(name, start, len);
	name[len] = '\0';
	memmove(path, start + len, strlen(start + len) + 1);
	return true;
}

/* No link is followed: a name that has become one meanwhile is no directory. */
static int open_done(int root, const char *done)
{
	char rest[PATH_MAX], name[NAME_MAX + 1];
	int fd = openat(root, ".", O_PATH | O_CLOEXEC), next;

	text_copy(rest, sizeof(rest), done);
	while (fd >= 0 && take_name(rest, name)) {
		next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			next = -errno;
		close(fd);
		fd = next;
	}
	return fd;
}

static void drop_last(char *done)
{
	char *slash = strrchr(done, '/');

	if (slash)
		*slash = '\0';
}

/* The last name of `done` is a link: it is what stands in it. */
static int follow(struct walk *w, int link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	const ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	target[n] = '\0';
	text_copy(rest, sizeof(rest), w->rest);
	if ((size_t)snprintf(w->rest, sizeof(w->rest), "%s%s", target, rest) >= sizeof(w->rest))
		return -ENAMETOOLONG;
	drop_last(w->done);
	if (target[0] == '/')
		w->done[0] = '\0';
	return 0;
}

static int step(int root, struct walk *w, const char *name)
{
	const size_t len = strlen(w->done);
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		drop_last(w->done);
		return 0;
	}
	if ((size_t)snprintf(w->done + len, sizeof(w->done) - len, "/%s", name) >=
	    sizeof(w->done) - len)
		return -ENAMETOOLONG;
	fd = open_done(root, w->done);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? follow(w, fd) : 0;
}

int root_path_open(int root, const char *path)
{
	struct walk w = { 0 };
	char name[NAME_MAX + 1];
	int r = 0;

	if (!text_copy(w.rest, sizeof(w.rest), path))
		return -ENAMETOOLONG;
	for (unsigned int i = 0; r == 0 && take_name(w.rest, name); i++)
		r = i < STEPS_MAX ? step(root, &w, name) : -ELOOP;
	return r < 0 ? r : open_done(root, w.done);
}
