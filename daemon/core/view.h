/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "core/manager.h"

/* What the daemon shows, as JSON. All objects are the caller's (json_object_put). Names of tenants are escaped. */
json_object *view_workload(const struct workload *w);

/* The same with the tiers that did and did not match, the numbers, and what would happen next. */
json_object *view_explain(const struct workload *w);

/* kubernetes.c: the API server and how it answers; NULL where it is not asked. */
json_object *view_kubernetes(const struct manager *m);

/* view_unit.c: what its unit begins with at its next start, whether it is to be restarted; NULL where no policy asks. */
json_object *view_environment(const struct workload *w);
json_object *view_restart(const struct workload *w);

/* The environments of all units, running or not. */
json_object *view_environments(const struct manager *m);

/* Its time line, oldest first, with what fell out of it. */
json_object *view_timeline(const struct workload *w);

/* How the heaps of its processes grow, site by site (view_heap.c). */
json_object *view_heap(const struct workload *w);

/* Every feature: whether it works, and if not, what is lost and what would bring it back. */
json_object *view_features(const struct features *f);

/* view_health.c: the Kubernetes API and each receiver of alerts, as rows of the same list, configured or not. */
void view_add_servers(const struct manager *m, json_object *list);

/* endpoints.c: what a process says of itself; NULL where it is not asked. */
json_object *view_endpoint(const struct goproc *p);

json_object *view_daemon(const struct manager *m);
json_object *view_config(const struct manager *m); /* view_unit.c */

/* The lines of a trace (decide/trace.h): the first, and one of a look that has just been decided on (trace.c). */
json_object *view_trace_head(const struct manager *m);
json_object *view_trace_look(const struct workload *w, uint64_t lost);

/* Bytes, or null for BYTES_UNLIMITED and "no limit". */
json_object *view_bytes(uint64_t v);
