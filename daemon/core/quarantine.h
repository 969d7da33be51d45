/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "core/manager.h"

/*
 * Cgroups with a process that made a helper hang: left alone, with every process that appears in them later, since
 * each would cost the helper's deadline again. For a minute, then ten, then an hour each time, as a helper that a busy
 * machine kept from running looks the same. Ends with the cgroup; a unit that is started anew begins anew.
 */

/* @path: as a process's cgroup reads; the workload that it belongs to is what is left alone. */
void quarantine_add(struct manager *m, const char *path);

/* Is the workload of this process left alone? Reads nothing where no workload is. */
bool quarantine_has_process(struct manager *m, pid_t pid);
bool quarantine_has_workload(struct manager *m, const char *workload);
