/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "policy/ini.h"

struct dropin {
	char *path;
	bool masked;
};

struct dropins {
	struct dropin *file;
	size_t n;
};

static void dropins_done(struct dropins *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->file[i].path);
	free(list->file);
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int compare_dropins(const void *a, const void *b)
{
	const struct dropin *x = a, *y = b;

	return strcmp(base_name(x->path), base_name(y->path));
}

static bool is_dropin(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(".ini") && !strcmp(name + len - 4, ".ini");
}

static bool is_masked(int dirfd, const char *name)
{
	char target[sizeof("/dev/null") + 1];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	return n == (ssize_t)strlen("/dev/null") && !memcmp(target, "/dev/null", (size_t)n);
}

static int add_dropin(struct dropins *list, const char *root, const char *directory,
		      const char *name, bool masked)
{
	struct dropin *grown;
	char *path;

	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(base_name(list->file[i].path), name))
			return 0;
	if (list->n == INI_DROPINS_MAX)
		return -E2BIG;
	grown = reallocarray(list->file, list->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->file = grown;
	if (asprintf(&path, "%s%s/%s", root, directory, name) < 0)
		return -ENOMEM;
	list->file[list->n++] = (struct dropin){ .path = path, .masked = masked };
	return 0;
}

static int add_directory(struct dropins *list, const char *root, const char *directory)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closedirp) DIR *dir = NULL;
	int r = 0;

	if (asprintf(&path, "%s%s", root, directory) < 0)
		return -ENOMEM;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	while (r == 0) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (is_dropin(entry->d_name))
			r = add_dropin(list, root, directory, entry->d_name,
				       is_masked(dirfd(dir), entry->d_name));
	}
	return r;
}

int ini_list_dropins(const char *root, const char *const *directories, size_t n, char ***ret)
{
	_cleanup_(dropins_done) struct dropins list = { 0 };
	char **paths;
	int count = 0;

	for (size_t i = 0; i < n; i++) {
		int r = add_directory(&list, root, directories[i]);

		if (r < 0)
			return r;
	}
	if (list.n)
		qsort(list.file, list.n, sizeof(list.file[0]), compare_dropins);
	paths = calloc(list.n + 1, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < list.n; i++)
		if (!list.file[i].masked)
			paths[count++] = TAKE_PTR(list.file[i].path);
	*ret = paths;
	return count;
}

void ini_free_list(char **paths, int n)
{
	for (int i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}
