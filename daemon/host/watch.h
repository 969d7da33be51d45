/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Writes to the limits of cgroups, by anybody, and cgroups that come and go: inotify on their directories, which
 * cgroup v2 reports by file name. Events of memory (memory.events) by a watch of that file.
 */
struct watch;

enum watch_kind {
	WATCH_LIMIT,	/* memory.max, memory.high, memory.min, memory.low, cpu.max was written */
	WATCH_EVENTS,	/* memory.events changed: high, max, oom */
	WATCH_OVERFLOW, /* events were lost */
};

int watch_new(struct watch **ret);
struct watch *watch_free(struct watch *w);

static inline void watch_freep(struct watch **w)
{
	watch_free(*w);
}

int watch_fd(const struct watch *w);

/*
 * Watches one cgroup directory (with @events its memory.events too) for the workload @token. Several workloads may
 * watch one ancestor: each is told. Returns 0 or -errno; -ENOSPC where the watches are at their cap.
 */
int watch_add(struct watch *w, int dirfd, bool events, uint64_t token);

/* Forgets all of a workload's watches. */
void watch_remove(struct watch *w, uint64_t token);

void watch_dispatch(struct watch *w,
		    void (*each)(void *userdata, enum watch_kind kind, uint64_t token),
		    void *userdata);
