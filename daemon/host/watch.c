/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/array.h"
#include "base/util.h"
#include "host/watch.h"

enum {
	ENTRIES_MAX = 32768,
};

struct entry {
	int wd;
	bool events;
	uint64_t token;
};

struct watch {
	int fd;
	struct entry *entries;
	size_t n, room;
};

int watch_new(struct watch **ret)
{
	_cleanup_(watch_freep) struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return -errno;
	*ret = TAKE_PTR(w);
	return 0;
}

struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	closep(&w->fd);
	free(w->entries);
	free(w);
	return NULL;
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

static int add_entry(struct watch *w, struct entry e)
{
	int r;

	for (size_t i = 0; i < w->n; i++)
		if (w->entries[i].wd == e.wd && w->entries[i].token == e.token)
			return 0;
	r = array_make_room(&w->entries, &w->room, w->n, ENTRIES_MAX, sizeof(*w->entries));
	if (r < 0)
		return r;
	w->entries[w->n++] = e;
	return 0;
}

static int add_path(struct watch *w, const char *path, bool events, uint64_t token)
{
	int wd = inotify_add_watch(w->fd, path, IN_MODIFY);

	if (wd < 0)
		return -errno;
	return add_entry(w, (struct entry){ .wd = wd, .events = events, .token = token });
}

int watch_add(struct watch *w, int dirfd, bool events, uint64_t token)
{
	char path[64];
	int r;

	/* By the descriptor: the same directory, whatever its name is by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	r = add_path(w, path, false, token);
	if (r < 0 || !events)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", dirfd);
	r = add_path(w, path, true, token);
	return r == -ENOENT ? 0 : r;
}

static bool wd_used(const struct watch *w, int wd)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->entries[i].wd == wd)
			return true;
	return false;
}

void watch_remove(struct watch *w, uint64_t token)
{
	for (size_t i = 0; i < w->n;) {
		int wd = w->entries[i].wd;

		if (w->entries[i].token != token) {
			i++;
			continue;
		}
		w->entries[i] = w->entries[--w->n];
		if (!wd_used(w, wd))
			inotify_rm_watch(w->fd, wd);
	}
}

static bool is_limit_file(const char *name)
{
	static const char *const files[] = { "memory.max", "memory.high",     "memory.min",
					     "memory.low", "memory.swap.max", "cpu.max" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(name, files[i]))
			return true;
	return false;
}

static void dispatch_one(struct watch *w, const struct inotify_event *e,
			 void (*each)(void *, enum watch_kind, uint64_t), void *userdata)
{
	if (e->mask & IN_Q_OVERFLOW) {
		each(userdata, WATCH_OVERFLOW, 0);
		return;
	}
	/* Backwards: a workload that is told may remove its own entries. */
	for (size_t i = w->n; i-- > 0;) {
		if (i >= w->n || w->entries[i].wd != e->wd)
			continue;
		if (w->entries[i].events)
			each(userdata, WATCH_EVENTS, w->entries[i].token);
		else if (e->len > 0 && is_limit_file(e->name))
			each(userdata, WATCH_LIMIT, w->entries[i].token);
	}
}

void watch_dispatch(struct watch *w,
		    void (*each)(void *userdata, enum watch_kind kind, uint64_t token),
		    void *userdata)
{
	char buf[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(w->fd, buf, sizeof(buf));

	for (char *p = buf; n > 0 && p < buf + n;) {
		const struct inotify_event *e = (const struct inotify_event *)p;

		dispatch_one(w, e, each, userdata);
		p += sizeof(*e) + e->len;
	}
}
