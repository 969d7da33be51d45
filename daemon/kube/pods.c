/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/util.h"
#include "kube/pods.h"

enum {
	FILES_MAX = 8192,
};

/* Takes what is before @end of "A_B_C", with the separators that Kubernetes names cannot contain. */
int pods_parse(const char *file, const char *id, struct pod_name *ret)
{
	const char *space = strchr(file, '_'), *container, *end;

	container = space ? strchr(space + 1, '_') : NULL;
	end = container ? strstr(container, id) : NULL;
	if (!end || end < container + 3 || end[-1] != '-' || strcmp(end + strlen(id), ".log"))
		return -EINVAL;
	snprintf(ret->pod, sizeof(ret->pod), "%.*s", (int)(space - file), file);
	snprintf(ret->space, sizeof(ret->space), "%.*s", (int)(container - space - 1), space + 1);
	snprintf(ret->container, sizeof(ret->container), "%.*s", (int)(end - 2 - container),
		 container + 1);
	return 0;
}

int pods_find(const char *dir, const char *id, struct pod_name *ret)
{
	_cleanup_(closedirp) DIR *d = opendir(dir);
	int n = 0;

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e && n < FILES_MAX; e = readdir(d), n++)
		if (pods_parse(e->d_name, id, ret) == 0)
			return 0;
	return -ENOENT;
}
