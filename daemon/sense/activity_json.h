/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "sense/activity.h"

/* The object of one window, the caller's; NULL, which is null, where it has no figures yet. @buckets: the histogram with it. */
json_object *activity_json(const struct activity_figures *f, bool buckets);

/* Puts how long the pauses of collections were: half and 99 of 100 of them, the longest, and with @buckets how many of which length. */
void activity_put_pauses(json_object *o, const struct histogram *h, bool buckets);

/* A number with three decimals. */
void activity_put_milli(json_object *o, const char *key, uint64_t milli);
