/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/span.h"

enum {
	DECIMAL_NAN = 1,
};

/*
 * A decimal number as programs print floating point ("1.5e+06", "-3", "+Inf"), times ten to the power of @scale, cut to a
 * whole number: 1.5 with a scale of 3 is 1500. What does not fit, the infinities as well, is the largest or the smallest
 * number there is. The whole of @text. No locale, no rounding by way of binary.
 *
 * Returns 0, DECIMAL_NAN, or -EINVAL where it is no number.
 */
int decimal_parse(struct span text, int scale, int64_t *ret);
