/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <json-c/json.h>

#include "base/span.h"

/* What one text of JSON may be at most. A value takes some hundred bytes of memory and can be two of text. */
struct json_caps {
	size_t bytes, values;
	int depth;
};

/*
 * Parses a whole text of somebody else's, strictly. What it can cost is known before it is read. Returns 0, -EBADMSG, -EFBIG
 * where it is beyond a cap, or -ENOMEM; *ret is the caller's (json_object_put).
 */
int json_read(struct span text, const struct json_caps *caps, json_object **ret);

/* For _cleanup_: NULL too. */
static inline void json_object_putp(json_object **o)
{
	json_object_put(*o);
}
