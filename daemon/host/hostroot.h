/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/cgroup_base.h"

/*
 * The host, as directory descriptors: every reader takes its files from here, so that the same code runs on a
 * fixture tree without privileges. The descriptors are owned by the struct.
 */
struct hostroot {
	int proc;
	int cgroup; /* the root of cgroup v2, -1 where there is none */
	char cgroup_base
		[CGROUP_BASE_MAX]; /* what paths of /proc/PID/cgroup are relative to (cgroup_base.h) */
	int cgroup1_memory; /* the root of cgroup v1's memory controller, -1 where there is none */
	int logs; /* /var/log, where the kubelet files what names a container; -1 where there is none */
	int units; /* what is added to systemd's units until the next boot, -1 where there is no systemd */
};

#define UNITS_PATH "/run/systemd/system"

#define HOSTROOT_NONE                                                                              \
	(struct hostroot)                                                                          \
	{                                                                                          \
		.proc = -1, .cgroup = -1, .cgroup1_memory = -1, .units = -1, .logs = -1            \
	}

/*
 * Opens PREFIX/proc, PREFIX/run/systemd/system and PREFIX/var/log, and below PREFIX/sys/fs/cgroup what is there: v2 at
 * the root or in unified/, v1 in memory/.
 * v2 counts as not there where it is not known what cgroup a process's path names in it (cgroup_base.h).
 * PREFIX is "" for the machine. Returns 0 or -errno where there is no /proc.
 */
int hostroot_open(const char *prefix, struct hostroot *ret);
void hostroot_close(struct hostroot *host);
