/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/util.h"
#include "gobin/layout.h"

/* Tables are read by their columns, which are the members in their order. */
/* clang-format off */
static const struct go_controller_layout controllers[] = {
	/* GOGC, limit, min | goal, sweep, triggered | last goal | live, stacks, globals, marked |
	   times | in use, released, free | allocated, freed, ready */
	{ 0, 8, 16,  104, 112, 120,  128,  136, 160, 176, 184,  224,  304, 312, 320,  328, 336, 344 }, /* 1.19 */
	{ 0, 8, 16,   48,  56,  64,   72,   80, 104, 120, 128,  168,  248, 256, 264,  272, 280, 288 }, /* 1.20 */
	{ 0, 8, 16,   72,  80,  88,   96,  104, 128, 144, 152,  192,  272, 280, 288,  296, 304, 312 }, /* 1.21 to 1.27 */
};

static const struct go_release_layout releases[] = {
	/* Go 1.x  last GC, number  enablegc                sched: lock, ngsys, gfree, resized  P: gfree, ids, limiter */
	{ 19, 19,  3592, 7704,      { 7736, 8256, 10432 },  24, 72,  { 176, 0 },    288,         2472, 384, 72 },
	{ 20, 20,  3592, 7704,      { 7736, 8256, 10432 },  24, 72,  { 184, 0 },    0,           2472, 0,   72 },
	{ 21, 22,  3592, 7704,      { 7736, 8256, 10432 },  24, 72,  { 184, 0 },    296,         2472, 384, 72 },
	{ 23, 24,  3592, 7704,      { 7736, 8256, 10432 },  24, 72,  { 184, 0 },    296,         2464, 376, 72 },
	{ 25, 25,  3568, 7680,      { 8256, 7736, 10432 },  32, 80,  { 184, 200 },  312,         2464, 376, 72 },
	{ 26, 27,  3568, 7680,      { 10432, 8256, 7736 },  32, 96,  { 200, 216 },  328,         2472, 384, 72 },
};
/* clang-format on */

const struct go_controller_layout *go_controller_layout_of(int last_heap_goal_offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		if (controllers[i].last_heap_goal == last_heap_goal_offset)
			return &controllers[i];
	return NULL;
}

const struct go_release_layout *go_release_layout_of(int minor)
{
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++)
		if (minor >= releases[i].minor_from && minor <= releases[i].minor_to)
			return &releases[i];
	return NULL;
}
