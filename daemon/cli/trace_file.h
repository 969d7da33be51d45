/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/util.h"
#include "decide/trace.h"

#define TRACE_FILE_MAX (512 * MIB)

/*
 * Reads a trace that anybody may have written: @each is called with every look. Lines that are none are counted, as the
 * last one of a recording that was cut off. Returns 0, -EBADMSG where the file is no trace, -EPROTO where it is one of
 * another version, or -errno.
 */
struct trace_counts {
	uint64_t looks, bad;
	uint64_t lost; /* that were not recorded, as the daemon said */
};

int trace_file_read(const char *path, struct trace_head *ret_head,
		    void (*each)(void *userdata, const struct trace_look *look), void *userdata,
		    struct trace_counts *ret);
