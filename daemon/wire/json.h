/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/text.h"
#include "base/util.h"

/* A figure of bytes, nanoseconds or the like; what JSON's signed 64 bits do not hold is cut to the largest. */
static inline void json_put_u64(json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)MIN(v, (uint64_t)INT64_MAX)));
}

/* @text as it is: whatever a tenant wrote is escaped or cleaned before. */
static inline void json_put_text(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

/* Text of a tenant's or a compiler's: everything but printable ASCII as \xNN. */
static inline json_object *json_escaped(const char *text)
{
	char clean[2048];

	text_escape(clean, sizeof(clean), text);
	return json_object_new_string(clean);
}

static inline void json_put_escaped(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_escaped(text));
}

static inline void json_put_bool(json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

/* Shares and seconds, with six decimals: json-c would print seventeen digits. */
static inline void json_put_double(json_object *o, const char *key, double v)
{
	char text[64];

	snprintf(text, sizeof(text), "%.6f", v);
	json_object_object_add(o, key, json_object_new_double_s(v, text));
}

/* @o, which is put, as text in one line; the caller frees. NULL without memory. */
static inline char *json_take_text(json_object *o)
{
	const char *text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *copy = text ? strdup(text) : NULL;

	json_object_put(o);
	return copy;
}
