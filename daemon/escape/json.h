/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/line.h"

/*
 * What -json=0,DIR writes, one object a line, as the lines that the compiler would have printed: the same flows, but no
 * function's name, and a variable is told from a value by its first flow alone. Source: cmd/compile/internal/logopt.
 */
enum {
	ESCAPE_JSON_UNKNOWN = 1, /* no object, or none of the compiler's */
};

typedef int (*escape_json_handler)(void *userdata, const struct escape_line *line);

struct escape_json;

int escape_json_new(escape_json_handler handler, void *userdata, struct escape_json **ret);
/* Returns 0, ESCAPE_JSON_UNKNOWN, -ENOMEM, or what the handler returned. */
int escape_json_take(struct escape_json *j, struct span line);
/* As the last head of a file says: "1.24.4", or "". */
const char *escape_json_version(const struct escape_json *j);
void escape_json_free(struct escape_json *j);
