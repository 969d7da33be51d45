/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/util.h"
#include "gobin/layout.h"

/* clang-format off: a table is read by its columns. */
static const struct go_controller_layout controllers[] = {
	/* Go 1.19 */
	{ .gc_percent = 0,
	  .memory_limit = 8,
	  .heap_minimum = 16,
	  .gc_percent_goal = 104,
	  .sweep_min_trigger = 112,
	  .triggered = 120,
	  .last_heap_goal = 128,
	  .heap_live = 136,
	  .stack_scan = 160,
	  .globals_scan = 176,
	  .heap_marked = 184,
	  .assist_time = 224,
	  .heap_inuse = 304,
	  .heap_released = 312,
	  .heap_free = 320,
	  .total_alloc = 328,
	  .total_free = 336,
	  .mapped_ready = 344 },
	/* Go 1.20 */
	{ .gc_percent = 0,
	  .memory_limit = 8,
	  .heap_minimum = 16,
	  .gc_percent_goal = 48,
	  .sweep_min_trigger = 56,
	  .triggered = 64,
	  .last_heap_goal = 72,
	  .heap_live = 80,
	  .stack_scan = 104,
	  .globals_scan = 120,
	  .heap_marked = 128,
	  .assist_time = 168,
	  .heap_inuse = 248,
	  .heap_released = 256,
	  .heap_free = 264,
	  .total_alloc = 272,
	  .total_free = 280,
	  .mapped_ready = 288 },
	/* Go 1.21 to 1.27 */
	{ .gc_percent = 0,
	  .memory_limit = 8,
	  .heap_minimum = 16,
	  .gc_percent_goal = 72,
	  .sweep_min_trigger = 80,
	  .triggered = 88,
	  .last_heap_goal = 96,
	  .heap_live = 104,
	  .stack_scan = 128,
	  .globals_scan = 144,
	  .heap_marked = 152,
	  .assist_time = 192,
	  .heap_inuse = 272,
	  .heap_released = 280,
	  .heap_free = 288,
	  .total_alloc = 296,
	  .total_free = 304,
	  .mapped_ready = 312 },
};

static const struct go_release_layout releases[] = {
	{ .minor_from = 19,
	  .minor_to = 19,
	  .last_gc_unix = 3592,
	  .num_gc = 7704,
	  .enablegc = { 7736, 8256, 10432 },
	  .sched_lock = 24,
	  .sched_ngsys = 72,
	  .sched_gfree = { 176, 0 },
	  .p_gfree = 2472,
	  .limiter_last_cycle = 72 },
	{ .minor_from = 20,
	  .minor_to = 20,
	  .last_gc_unix = 3592,
	  .num_gc = 7704,
	  .enablegc = { 7736, 8256, 10432 },
	  .sched_lock = 24,
	  .sched_ngsys = 72,
	  .sched_gfree = { 184, 0 },
	  .p_gfree = 0,
	  .limiter_last_cycle = 72 },
	{ .minor_from = 21,
	  .minor_to = 22,
	  .last_gc_unix = 3592,
	  .num_gc = 7704,
	  .enablegc = { 7736, 8256, 10432 },
	  .sched_lock = 24,
	  .sched_ngsys = 72,
	  .sched_gfree = { 184, 0 },
	  .p_gfree = 2472,
	  .limiter_last_cycle = 72 },
	{ .minor_from = 23,
	  .minor_to = 24,
	  .last_gc_unix = 3592,
	  .num_gc = 7704,
	  .enablegc = { 7736, 8256, 10432 },
	  .sched_lock = 24,
	  .sched_ngsys = 72,
	  .sched_gfree = { 184, 0 },
	  .p_gfree = 2464,
	  .limiter_last_cycle = 72 },
	{ .minor_from = 25,
	  .minor_to = 25,
	  .last_gc_unix = 3568,
	  .num_gc = 7680,
	  .enablegc = { 8256, 7736, 10432 },
	  .sched_lock = 32,
	  .sched_ngsys = 80,
	  .sched_gfree = { 184, 200 },
	  .p_gfree = 2464,
	  .limiter_last_cycle = 72 },
	{ .minor_from = 26,
	  .minor_to = 27,
	  .last_gc_unix = 3568,
	  .num_gc = 7680,
	  .enablegc = { 10432, 8256, 7736 },
	  .sched_lock = 32,
	  .sched_ngsys = 96,
	  .sched_gfree = { 200, 216 },
	  .p_gfree = 2472,
	  .limiter_last_cycle = 72 },
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
