/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/inspect.h"
#include "host/parse.h"

/*
 * Looks at a core file by way of the parse helper, which is started where there is none. Opens it, and of the files
 * that were mapped those it lacks pages of: regular ones only, and ELF files only, since their names are a stranger's.
 * Fills *reply as INSPECT_OPEN would. Returns an INSPECT_* result, or -errno (of opening the core file).
 */
int core_look(const struct hostroot *host, struct parser *parser, const char *path,
	      struct inspect_reply *reply);
