/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * A container has a cgroup namespace of its own even where the host's whole tree is mounted into it: /proc/PID/cgroup is
 * then relative to the container's cgroup ("/../../system.slice/a.service"), and the tree is not. The base is the path of
 * that cgroup in the tree, "" where both begin at the same place. Source: cgroup_namespaces(7).
 */
enum {
	CGROUP_BASE_MAX = 512,
};

/*
 * Finds the base: how deep it is, by the root that PROC/self/mountinfo has for @mount_point, and there the cgroup that holds
 * the process @self. @proc and @cgroup are directories (struct hostroot). Returns 0; -EXDEV where another part of the tree is
 * mounted, -ESRCH where no cgroup at that depth holds @self, -errno. *ret is "" unless 0 is returned.
 */
int cgroup_base_find(int proc, int cgroup, const char *mount_point, pid_t self,
		     char ret[CGROUP_BASE_MAX]);

/*
 * What is @path, as /proc/PID/cgroup has it, from the root of the tree on. Returns 0, -EXDEV where that is outside of the tree,
 * or -ENAMETOOLONG.
 */
int cgroup_base_resolve(const char *base, const char *path, char *ret, size_t size);
