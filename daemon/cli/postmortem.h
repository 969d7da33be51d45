/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * Records of kills as the daemon has left them (report/kill_record.h), told in words. A reader believes nothing: what is
 * missing is "-" or 0, and no byte that a terminal obeys is printed.
 */

/* Is the record of what @name means: a workload, cgroup, unit, pod, namespace/pod, PID, or the record's own name? */
bool postmortem_names(json_object *record, const char *name);

/* What happened, and what to do. */
void postmortem_print(FILE *f, json_object *record);
