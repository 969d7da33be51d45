/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the daemon's own capabilities let it do. A set has a bit per capability, by its number in
 * <linux/capability.h>. A root user's processes have what the unit's CapabilityBoundingSet= leaves.
 */
enum rights {
	RIGHTS_NONE,	/* other users' processes cannot even be read */
	RIGHTS_REDUCED, /* they are read: observe and recommend */
	RIGHTS_FULL,	/* and written: enforce */
	RIGHTS_MAX_,
};

/* One capability that the daemon uses, and what is lost without it. */
struct capability {
	const char *name;
	unsigned int number;
	const char *lost;
};

/* The effective set of this process. Returns 0 or -errno. */
int capability_effective(uint64_t *ret);

enum rights capability_rights(uint64_t set);
const char *rights_name(enum rights rights);

/*
 * The next capability, from *cursor on (0 at first), that @set lacks and whose lack costs something; NULL at the end.
 * CAP_DAC_READ_SEARCH is not missed where CAP_DAC_OVERRIDE, which is more, is there.
 */
const struct capability *capability_next_missing(uint64_t set, size_t *cursor);
