/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/text.h"
#include "base/util.h"
#include "host/file_watch.h"

#define EVENTS                                                                                     \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |           \
	 IN_MOVE_SELF | IN_ONLYDIR)
#define GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

struct directory {
	int wd; /* -1: it is not there */
	char path[PATH_MAX], name[NAME_MAX + 1];
};

struct file_watch {
	int fd;
	struct directory of[FILE_WATCH_MAX];
	size_t n;
};

int file_watch_new(struct file_watch **ret)
{
	_cleanup_(file_watch_freep) struct file_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return -errno;
	*ret = TAKE_PTR(w);
	return 0;
}

struct file_watch *file_watch_free(struct file_watch *w)
{
	if (!w)
		return NULL;
	closep(&w->fd);
	free(w);
	return NULL;
}

int file_watch_fd(const struct file_watch *w)
{
	return w->fd;
}

static int find_directory(struct file_watch *w, const char *path, const char *name,
			  struct directory **ret)
{
	struct directory *d = w->of;

	for (; d < w->of + w->n; d++)
		if (!strcmp(d->path, path) && !strcmp(d->name, name)) {
			*ret = d;
			return 0;
		}
	if (w->n == FILE_WATCH_MAX)
		return -ENOSPC;
	d->wd = -1;
	if (!text_copy(d->path, sizeof(d->path), path) ||
	    !text_copy(d->name, sizeof(d->name), name))
		return -ENAMETOOLONG;
	w->n++;
	*ret = d;
	return 0;
}

int file_watch_add(struct file_watch *w, const char *path, const char *name)
{
	struct directory *d;
	int r = find_directory(w, path, name, &d), wd;

	if (r < 0)
		return r;
	wd = inotify_add_watch(w->fd, path, EVENTS);
	r = wd < 0 ? -errno : wd != d->wd;
	/* What was at this path is elsewhere, or no more. */
	if (d->wd >= 0 && wd != d->wd)
		inotify_rm_watch(w->fd, d->wd);
	d->wd = wd < 0 ? -1 : wd;
	return r;
}

static bool name_counts(const struct directory *d, const char *name)
{
	const size_t len = strlen(name), end = strlen(d->name);

	if (!strcmp(name, "..data"))
		return true;
	if (d->name[0] != '.')
		return !strcmp(name, d->name);
	return len > end && name[0] != '.' && !strcmp(name + len - end, d->name);
}

/* A directory may be watched for several names. */
static bool event_counts(struct file_watch *w, const struct inotify_event *e)
{
	bool counts = e->mask & IN_Q_OVERFLOW;

	for (struct directory *d = w->of; d < w->of + w->n; d++) {
		if (d->wd < 0 || d->wd != e->wd)
			continue;
		if (e->mask & GONE) {
			/* What was moved away would be watched on. */
			if (e->mask & IN_MOVE_SELF)
				inotify_rm_watch(w->fd, e->wd);
			d->wd = -1;
			counts = true;
		} else if (e->len > 0 && name_counts(d, e->name)) {
			counts = true;
		}
	}
	return counts;
}

bool file_watch_dispatch(struct file_watch *w)
{
	char buf[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	bool counts = false;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			counts = event_counts(w, e) || counts;
			p += sizeof(*e) + e->len;
		}
	return counts;
}
