/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "wire/figures.h"

#define MOST_BYTES (INT64_C(1) << 57) /* a whole address space of five levels */
#define MOST_COUNT (INT64_C(1) << 62)
#define MOST_PPM   (INT64_C(1000000))

static const struct info {
	const char *name;
	int64_t most;
} infos[] = {
	[FIGURE_HEAP_ALLOC_BYTES] = { "heap_alloc_bytes", MOST_BYTES },
	[FIGURE_HEAP_LIVE_BYTES] = { "heap_live_bytes", MOST_BYTES },
	[FIGURE_HEAP_SYS_BYTES] = { "heap_sys_bytes", MOST_BYTES },
	[FIGURE_HEAP_IDLE_BYTES] = { "heap_idle_bytes", MOST_BYTES },
	[FIGURE_HEAP_INUSE_BYTES] = { "heap_inuse_bytes", MOST_BYTES },
	[FIGURE_HEAP_RELEASED_BYTES] = { "heap_released_bytes", MOST_BYTES },
	[FIGURE_HEAP_OBJECTS] = { "heap_objects", MOST_COUNT },
	[FIGURE_HEAP_GOAL_BYTES] = { "heap_goal_bytes", MOST_BYTES },
	[FIGURE_SYS_BYTES] = { "sys_bytes", MOST_BYTES },
	[FIGURE_STACK_INUSE_BYTES] = { "stack_inuse_bytes", MOST_BYTES },
	[FIGURE_TOTAL_ALLOC_BYTES] = { "total_alloc_bytes", MOST_COUNT },
	[FIGURE_MALLOCS] = { "mallocs", MOST_COUNT },
	[FIGURE_FREES] = { "frees", MOST_COUNT },
	[FIGURE_NUM_GC] = { "num_gc", UINT32_MAX },
	[FIGURE_NUM_FORCED_GC] = { "num_forced_gc", UINT32_MAX },
	[FIGURE_LAST_GC_UNIX_NS] = { "last_gc_unix_ns", INT64_MAX },
	[FIGURE_PAUSE_TOTAL_NS] = { "pause_total_ns", INT64_MAX },
	[FIGURE_GC_CPU_PPM] = { "gc_cpu_ppm", MOST_PPM },
	[FIGURE_GOROUTINES] = { "goroutines", MOST_COUNT },
	[FIGURE_THREADS] = { "threads", UINT32_MAX },
	[FIGURE_GOMAXPROCS] = { "gomaxprocs", UINT32_MAX },
	[FIGURE_GOGC_PERCENT] = { "gogc", INT32_MAX },
	[FIGURE_MEMORY_LIMIT_BYTES] = { "memory_limit_bytes", INT64_MAX },
};
_Static_assert(ARRAY_SIZE(infos) == FIGURE_MAX_, "each figure is described");
_Static_assert(FIGURE_MAX_ <= 64, "a bit for each");

const char *figure_name(enum figure figure)
{
	return figure < FIGURE_MAX_ ? infos[figure].name : "unknown";
}

bool figure_is_bytes(enum figure figure)
{
	return figure < FIGURE_MAX_ &&
	       (infos[figure].most == MOST_BYTES || figure == FIGURE_TOTAL_ALLOC_BYTES ||
		figure == FIGURE_MEMORY_LIMIT_BYTES);
}

void figures_drop(struct figures *f, enum figure figure)
{
	f->known &= ~(UINT64_C(1) << figure);
	f->value[figure] = 0;
}

void figures_put(struct figures *f, enum figure figure, int64_t value)
{
	const int64_t least = figure == FIGURE_GOGC_PERCENT ? -1 : 0;

	if (value < least || value > infos[figure].most) {
		figures_drop(f, figure);
		return;
	}
	f->known |= UINT64_C(1) << figure;
	f->value[figure] = value;
}
