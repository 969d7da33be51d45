/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/util.h"
#include "gobin/profile_layout.h"

/* clang-format off */
static const struct go_profile_layout layouts[] = {
	/* from, to, g: status, startpc; wrapper, bytes */
	{ 19, 19, 144, 312, 21, true },
	{ 20, 20,   0,   0, 21, true },
	{ 21, 21, 144, 296, 21, true },
	{ 22, 22, 144, 296, 22, true },
	{ 23, 24, 152, 304, 22, true },
	{ 25, 25, 144, 296, 23, true },
	{ 26, 26, 144, 304, 23, true },
	{ 27, 27, 144, 304, 23, false },
};
/* clang-format on */

const struct go_profile_layout *go_profile_layout_of(int minor)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (minor >= layouts[i].minor_from && minor <= layouts[i].minor_to)
			return &layouts[i];
	return NULL;
}
