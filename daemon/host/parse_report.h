/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/util.h"
#include "escape/told.h"
#include "host/escape_files.h"

/* The parse helper's room: files are mapped in it. */
#define PARSE_ADDRESS_SPACE_MAX (256 * MIB)

/* A compiler's report that came along with a profile, mapped and checked: for the helper that has no rights. */
struct parse_report {
	struct span bytes;
	struct escape_index index; /* where the state is REPORT_MATCHES */
	enum escape_report_state state;
};

/*
 * Maps the index, and the executable file (where there is one in @files) for as long as its digest takes. That one is a tenant's: whoever shortens it
 * meanwhile ends the helper. @files stay the caller's; @ret is to be ended with parse_report_close.
 */
void parse_report_open(const struct escape_files *files, struct parse_report *ret);
void parse_report_close(struct parse_report *r);
