/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "core/manager.h"

/* What the daemon shows, as JSON. All objects are the caller's (json_object_put). Names of tenants are escaped. */
json_object *view_workload(const struct workload *w);

/* The same with the tiers that did and did not match, the numbers, and what would happen next. */
json_object *view_explain(const struct workload *w);

json_object *view_daemon(const struct manager *m);
json_object *view_config(const struct manager *m);

/* A string with everything but printable ASCII as \xNN. */
json_object *view_text(const char *s);

/* Bytes, or null for BYTES_UNLIMITED and "no limit". */
json_object *view_bytes(uint64_t v);
