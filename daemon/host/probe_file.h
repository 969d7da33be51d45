/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "gobin/sites.h"

/*
 * The process's file, held: what is probed by /proc/self/fd of it is this very file, whatever the process runs by then, and
 * never one that gives rights to whoever runs it. Reading a tenant's file may block: in a helper. Returns a descriptor,
 * -ESRCH where the process is gone, -ESTALE where its file may not be probed.
 */
int probe_file_open(pid_t pid);

/* The bytes that were found in memory must be the file's: a forged table must not put a probe elsewhere. */
bool probe_file_agrees(int fd, const struct go_site *s);
