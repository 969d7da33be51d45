/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/util.h"
#include "host/hostroot.h"

static int open_dir(const char *prefix, const char *path)
{
	char full[PATH_MAX];

	if ((size_t)snprintf(full, sizeof(full), "%s%s", prefix, path) >= sizeof(full))
		return -1;
	return open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A tree in which processes cannot be placed is none. */
static void find_base(const char *prefix, const char *path, struct hostroot *host)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", prefix, path);
	if (cgroup_base_find(host->proc, host->cgroup, full, getpid(), host->cgroup_base) == 0)
		return;
	close(host->cgroup);
	host->cgroup = -1;
}

int hostroot_open(const char *prefix, struct hostroot *ret)
{
	static const char *const unified[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct hostroot host = HOSTROOT_NONE;

	host.proc = open_dir(prefix, "/proc");
	if (host.proc < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(unified) && host.cgroup < 0; i++) {
		host.cgroup = open_dir(prefix, unified[i]);
		/* Only cgroup v2 has this file at its root. */
		if (host.cgroup >= 0 && faccessat(host.cgroup, "cgroup.controllers", F_OK, 0) < 0) {
			close(host.cgroup);
			host.cgroup = -1;
		}
		if (host.cgroup >= 0)
			find_base(prefix, unified[i], &host);
	}
	host.cgroup1_memory = open_dir(prefix, "/sys/fs/cgroup/memory");
	host.units = open_dir(prefix, UNITS_PATH);
	host.logs = open_dir(prefix, "/var/log");
	*ret = host;
	return 0;
}

void hostroot_close(struct hostroot *host)
{
	closep(&host->proc);
	closep(&host->cgroup);
	closep(&host->cgroup1_memory);
	closep(&host->units);
	closep(&host->logs);
	*host = HOSTROOT_NONE;
}
