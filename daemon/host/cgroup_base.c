/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "host/cgroup_base.h"

enum {
	DEPTH_MAX = 16,
	DIRECTORIES_MAX = 65536, /* users may make as many as they like */
	TEXT_MAX = 4 << 20,
};

struct search {
	char own[CGROUP_BASE_MAX]; /* "/a", "" for the base itself: where we are below it */
	pid_t self;
	unsigned int depth, directories;
	char path[CGROUP_BASE_MAX];
};

static bool begins_upwards(const char *path)
{
	return !strncmp(path, "/..", 3) && (path[3] == '/' || !path[3]);
}

/* "/../.." is two; -EXDEV for what leads down again. */
static int count_upwards(const char *path)
{
	int n = 0;

	for (; begins_upwards(path); path += 3)
		n++;
	return !path[0] || !strcmp(path, "/") ? n : -EXDEV;
}

/* Root and mount point are the 4th and 5th field; the type of the file system is behind " - " (proc(5)). */
static bool parse_mount(const char *line, const char *mount_point, char root[CGROUP_BASE_MAX])
{
	const char *type = strstr(line, " - cgroup2 ");
	char at[CGROUP_BASE_MAX];

	return type && sscanf(line, "%*s %*s %*s %511s %511s", root, at) == 2 &&
	       !strcmp(at, mount_point);
}

/* How far above the namespace's root the tree begins. Of several mounts at one place the last is seen. */
static int find_depth(int proc, const char *mount_point)
{
	_cleanup_(freep) char *text = NULL;
	char root[CGROUP_BASE_MAX], *save = NULL;
	int depth = 0, r = fd_read_alloc(proc, "self/mountinfo", TEXT_MAX, &text, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (parse_mount(line, mount_point, root))
			depth = count_upwards(root);
	return depth;
}

static int find_own(int proc, char own[CGROUP_BASE_MAX])
{
	_cleanup_(freep) char *text = NULL;
	char *line;
	int r = fd_read_alloc(proc, "self/cgroup", TEXT_MAX, &text, NULL);

	if (r < 0)
		return r;
	line = !strncmp(text, "0::/", 4) ? text : strstr(text, "\n0::/");
	if (!line)
		return -ENOENT;
	line = strchr(line, '/');
	line[strcspn(line, "\n")] = '\0';
	return text_copy(own, CGROUP_BASE_MAX, strcmp(line, "/") ? line : "") ? 0 : -ENAMETOOLONG;
}

/* A cgroup whose processes cannot be listed (a threaded one, one that has gone) is not ours. */
static bool holds_self(const struct search *s, int dir)
{
	_cleanup_(freep) char *text = NULL;
	char file[CGROUP_BASE_MAX + sizeof("./cgroup.procs")], *save = NULL;
	uint64_t pid;

	snprintf(file, sizeof(file), ".%s/cgroup.procs", s->own);
	if (fd_read_alloc(dir, file, TEXT_MAX, &text, NULL) < 0)
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (text_parse_u64(line, &pid) == 0 && pid == (uint64_t)s->self)
			return true;
	return false;
}

/* What is delegated to users is not on our way, and may have any number of directories. */
static bool is_roots(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* Below the cgroup that s->path names, so many levels down. 1: found, and s->path is it. */
static int search(struct search *s, int parent, unsigned int level)
{
	const size_t len = strlen(s->path);
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *e;
	int fd, r = 0;

	if (level == s->depth)
		return holds_self(s, parent);
	fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	}
	while (r == 0 && (e = readdir(dir))) {
		_cleanup_(closep) int child = -1;

		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (++s->directories > DIRECTORIES_MAX)
			return -E2BIG;
		if ((size_t)snprintf(s->path + len, sizeof(s->path) - len, "/%s", e->d_name) <
		    sizeof(s->path) - len)
			child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (child >= 0 && is_roots(child))
			r = search(s, child, level + 1);
		if (r == 0)
			s->path[len] = '\0';
	}
	return r;
}

int cgroup_base_find(int proc, int cgroup, const char *mount_point, pid_t self,
		     char ret[CGROUP_BASE_MAX])
{
	struct search s = { .self = self };
	int depth = find_depth(proc, mount_point), r;

	ret[0] = '\0';
	if (depth <= 0)
		return depth;
	if (depth > DEPTH_MAX)
		return -E2BIG;
	s.depth = (unsigned int)depth;
	r = find_own(proc, s.own);
	if (r == 0)
		r = search(&s, cgroup, 0);
	if (r <= 0)
		return r < 0 ? r : -ESRCH;
	text_copy(ret, CGROUP_BASE_MAX, s.path);
	return 0;
}

int cgroup_base_resolve(const char *base, const char *path, char *ret, size_t size)
{
	size_t len = strlen(base);
	int n;

	for (; begins_upwards(path); path += 3) {
		if (len == 0)
			return -EXDEV;
		while (base[--len] != '/')
			;
	}
	if (len > 0 && !strcmp(path, "/"))
		path = "";
	n = snprintf(ret, size, "%.*s%s", (int)len, base, len == 0 && !path[0] ? "/" : path);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
