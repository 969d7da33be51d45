/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "kube/names.h"
#include "kube/pods.h"

enum {
	ID_BYTES = 64,
	ID_CUT_BYTES_MIN = 12, /* so much of an id tells it from all others of a node */
	LINK_BYTES_MAX = 255,  /* where the kubelet cuts */
};

/* Read again only so long after the last time ... */
#define READ_INTERVAL (50 * USEC_MSEC)
/* ... and also unchanged where it had changed so shortly before: its time is no finer than the kernel's tick. */
#define SETTLED_AFTER USEC_SEC

/* Takes a name that @is one. */
static bool take(char *buf, size_t size, const char *s, size_t len, bool (*is)(const char *name))
{
	if (len >= size || memchr(s, '\0', len))
		return false;
	memcpy(buf, s, len);
	buf[len] = '\0';
	return is(buf);
}

/* The separators are in no name. */
int pods_parse(const char *file, const char *id, struct pod_name *ret)
{
	const size_t len = strlen(file);
	const char *space = strchr(file, '_'), *container, *dash, *end = file + len - 4;
	struct pod_name name;
	size_t n;

	if (len < 4 || strcmp(end, ".log") != 0 || strlen(id) != ID_BYTES)
		return -EINVAL;
	container = space ? strchr(space + 1, '_') : NULL;
	dash = container ? strrchr(container, '-') : NULL;
	if (!dash)
		return -EINVAL;
	n = (size_t)(end - dash - 1);
	if (strncmp(dash + 1, id, n) != 0 ||
	    n < (len == LINK_BYTES_MAX ? (size_t)ID_CUT_BYTES_MIN : (size_t)ID_BYTES))
		return -EINVAL;
	if (!take(name.pod, sizeof(name.pod), file, (size_t)(space - file), kube_is_subdomain) ||
	    !take(name.space, sizeof(name.space), space + 1, (size_t)(container - space - 1),
		  kube_is_label_name) ||
	    !take(name.container, sizeof(name.container), container + 1,
		  (size_t)(dash - container - 1), kube_is_label_name))
		return -EINVAL;
	*ret = name;
	return 0;
}

int pods_parse_directory(const char *file, const char *uid, struct pod_name *ret)
{
	const char *pod = strchr(file, '_'), *last = pod ? strchr(pod + 1, '_') : NULL;
	struct pod_name name = { .container = "" };

	if (!last || !uid[0] || strcmp(last + 1, uid) != 0 ||
	    !take(name.space, sizeof(name.space), file, (size_t)(pod - file), kube_is_label_name) ||
	    !take(name.pod, sizeof(name.pod), pod + 1, (size_t)(last - pod - 1), kube_is_subdomain))
		return -EINVAL;
	*ret = name;
	return 0;
}

static void listing_clear(struct pod_listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct pod_listing){ 0 };
}

void pod_index_done(struct pod_index *x)
{
	listing_clear(&x->containers);
	listing_clear(&x->pods);
}

static bool listing_add(struct pod_listing *l, const char *name)
{
	char *copy;

	if (l->n == PODS_FILES_MAX)
		return false;
	if (l->n == l->room) {
		const size_t room = l->room ? 2 * l->room : 64;
		char **grown = reallocarray(l->names, room, sizeof(*grown));

		if (!grown)
			return false;
		l->names = grown;
		l->room = room;
	}
	copy = strdup(name);
	if (!copy)
		return false;
	l->names[l->n++] = copy;
	return true;
}

static bool is_current(const struct pod_listing *l, const struct stat *st, usec_t wall)
{
	const usec_t changed =
		(usec_t)st->st_mtim.tv_sec * USEC_SEC + (usec_t)st->st_mtim.tv_nsec / 1000;

	if (!l->read || wall < l->read)
		return false;
	if (wall - l->read < READ_INTERVAL)
		return true;
	return l->inode == st->st_ino && l->changed.tv_sec == st->st_mtim.tv_sec &&
	       l->changed.tv_nsec == st->st_mtim.tv_nsec && changed + SETTLED_AFTER < l->read;
}

/* One that is absent is looked for again each time: it costs an open alone. */
static void listing_refresh(struct pod_index *x, struct pod_listing *l, int logs, const char *path,
			    usec_t wall)
{
	int fd = logs < 0 ? -1 : openat(logs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!d || fstat(fd, &st) < 0 || (st.st_mode & S_IWOTH)) {
		if (fd >= 0 && !d)
			close(fd);
		if (l->there)
			x->generation++;
		listing_clear(l);
		return;
	}
	if (is_current(l, &st, wall))
		return;
	listing_clear(l);
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		if (e->d_name[0] != '.' && !listing_add(l, e->d_name))
			x->left_out++;
	l->there = true;
	l->read = wall;
	l->inode = st.st_ino;
	l->changed = st.st_mtim;
	x->generation++;
	x->reads++;
}

void pod_index_refresh(struct pod_index *x, int logs, usec_t wall)
{
	listing_refresh(x, &x->containers, logs, "containers", wall);
	listing_refresh(x, &x->pods, logs, "pods", wall);
}

bool pod_index_there(const struct pod_index *x)
{
	return x->containers.there || x->pods.there;
}

static int find_link(const struct pod_index *x, const char *id, struct pod_name *ret)
{
	for (size_t i = 0; id[0] && i < x->containers.n; i++)
		if (pods_parse(x->containers.names[i], id, ret) == 0)
			return 0;
	return -ENOENT;
}

/*
 * The only container of a pod needs no link to be known by: its directory is there before it is. Of several, one
 * that has ended or an init container's, it could be any.
 */
static bool find_only_container(int logs, const char *directory, struct pod_name *name)
{
	char path[512] = "pods/";
	_cleanup_(closedirp) DIR *d = NULL;
	bool found = false;
	int fd, n = 0;

	if (!text_copy(path + 5, sizeof(path) - 5, directory))
		return false;
	fd = openat(logs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !d)
		close(fd);
	for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		if (n++)
			return false;
		found = take(name->container, sizeof(name->container), e->d_name, strlen(e->d_name),
			     kube_is_label_name);
	}
	return found;
}

int pod_index_find(const struct pod_index *x, int logs, const char *uid, const char *id,
		   struct pod_name *ret)
{
	struct pod_name link, name;
	const char *directory = NULL;
	const bool linked = find_link(x, id, &link) == 0;

	for (size_t i = 0; uid[0] && !directory && i < x->pods.n; i++)
		if (pods_parse_directory(x->pods.names[i], uid, &name) == 0)
			directory = x->pods.names[i];
	if (!directory && !linked)
		return -ENOENT;
	if (!directory)
		name = link;
	else if (linked && !strcmp(link.space, name.space) && !strcmp(link.pod, name.pod))
		text_copy(name.container, sizeof(name.container), link.container);
	else if (linked || !find_only_container(logs, directory, &name))
		name.container[0] = '\0';
	*ret = name;
	return name.container[0] ? 0 : POD_NAME_PARTIAL;
}
