/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

/* What `gomemctl scan` sees, for others to show: a helper of its own and the installed policies. */
struct scanner;

/* Returns 0 or -errno. */
int scanner_new(struct scanner **ret);
/* *ret: the list "processes" of `scan --json`, the caller's. Returns 0 or -errno. */
int scanner_scan(struct scanner *s, json_object **ret);
struct scanner *scanner_free(struct scanner *s);
