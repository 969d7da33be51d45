/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Does it begin as a gzip file does (RFC 1952)? */
bool gzip_is(const struct span *packed);

/*
 * Unpacks the first member of @packed. Returns 0, -EFBIG where more than @max bytes come out (what a few kilobytes can
 * unpack to has no bound of its own), -EBADMSG where it is no gzip, cut off or damaged, -ENOMEM. *ret is the caller's.
 */
int gzip_unpack(struct span packed, size_t max, uint8_t **ret, size_t *ret_len);
