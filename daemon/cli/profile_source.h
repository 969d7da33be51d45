/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/escape_index.h"

/*
 * A profile by the name of its file, or by where a program serves it: http://ADDRESS:PORT/PATH, https:// or
 * http://unix:/SOCKET:/PATH (wire/endpoint.h), in this process's network namespace, without redirects and without
 * credentials. Of a URL at most FETCH_WHOLE_BYTES_MAX are read, within 10 s, and within as long again as its seconds=N
 * says, by the helper without rights; what came is looked at by nobody yet.
 *
 * Returns an exit code; what is wrong, and what would mend it, has been said. @ret is closed by mapped_file_close.
 */
int profile_source_open(const char *name, struct mapped_file *ret);
