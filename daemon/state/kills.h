/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Records of kills on disk: one file each, within a number and a size of all. Where one more does not fit, the oldest
 * of whoever has most goes: a workload that is killed again and again pays for its records with its own.
 */
enum {
	KILL_NAME_MAX = 48,
};

struct kills_caps {
	uint64_t records_max, bytes_max; /* 0 records: nothing is kept */
};

/* When, and whose: names sort by time. @owner is what stays the same when a workload is started anew. */
void kills_name(char buf[KILL_NAME_MAX], uint64_t wall_usec, const char *owner);

/*
 * Writes a record, in whole or not at all, after those have gone that it takes the place of; *ret_dropped says how many.
 * Returns 0, -EFBIG where it alone is over the cap, or -errno.
 */
int kills_put(int dirfd, const char *name, const char *text, size_t len,
	      const struct kills_caps *caps, unsigned int *ret_dropped);
