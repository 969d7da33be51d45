/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/span.h"
#include "wire/figures.h"

/*
 * What package expvar serves at /debug/vars: one object of JSON, whose member "memstats" is runtime.MemStats. Whoever
 * serves it may be hostile: sizes, depth and the number of values have caps.
 */
enum {
	EXPVAR_BYTES_MAX = 4 * 1024 * 1024,
	EXPVAR_VALUES_MAX = 64 * 1024,
	EXPVAR_DEPTH_MAX = 16,
};

/*
 * Reads the figures; one that is no number, negative, or larger than any machine is not known. Of a member that comes
 * twice the last counts, as with other readers of JSON. Returns 0, -EBADMSG where it is no such object or has no
 * "memstats", -EFBIG over a cap, -ENOMEM. *ret is written only on 0.
 */
int expvar_read(struct span body, struct figures *ret);
