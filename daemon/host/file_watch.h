/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * Directories of settings, by inotify: whether a file that counts was written, came, went or was replaced. A volume that
 * Kubernetes makes of a ConfigMap changes by another target of its link "..data", which counts in every directory.
 */
struct file_watch;

enum {
	FILE_WATCH_MAX = 8, /* directories */
};

int file_watch_new(struct file_watch **ret);
struct file_watch *file_watch_free(struct file_watch *w);

static inline void file_watch_freep(struct file_watch **w)
{
	file_watch_free(*w);
}

int file_watch_fd(const struct file_watch *w);

/*
 * Watches the directory @path for @name, or for names that end in @name where it begins with a dot (".ini"). May be asked
 * again at any time. Returns 0 where it is watched already, 1 where it is from now on (it has come, or stands in the place of
 * another), -ENOENT where there is none, -ENOSPC where watches are at their cap (fs.inotify.max_user_watches), or -errno.
 */
int file_watch_add(struct file_watch *w, const char *path, const char *name);

/* Takes what has come; true where something that counts has changed, or where events were lost. */
bool file_watch_dispatch(struct file_watch *w);
