/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include <json-c/json.h>

#include "gobin/call_site.h"

/* The calls of a profile, as the verbs that take one print them: the members of one, and the list of @n callers. */
void calls_put_one(json_object *o, const struct call_site *call);
void calls_put_callers(json_object *o, const struct call_site *callers, uint32_t n);
