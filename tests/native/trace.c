/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "decide/simulate.h"
#include "decide/trace.h"

/*
 * native-trace SHAPE LIMIT_MIB SECONDS: prints the trace of a modelled workload that nobody governs. SHAPE: steady,
 * leak, or burst (a heap that is six times as large for ten seconds of each minute).
 */
#define POINTS 512

static void put(json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void on_look(void *userdata, const struct simulation *s)
{
	static struct trace_look look;

	(void)userdata;
	look.snapshot = s->plant.snapshot;
	look.now = look.snapshot.cgroup.at;
	text_copy(look.workload, sizeof(look.workload), "/system.slice/model.service");
	text_copy(look.exe, sizeof(look.exe), "/usr/bin/model");
	text_copy(look.mode, sizeof(look.mode), "observe");
	put(trace_look_json(&look));
}

static size_t shape(const char *name, uint64_t limit, usec_t end, struct plant_point points[POINTS])
{
	const uint64_t base = limit / 10, rate = limit / 20;
	size_t n = 0;

	points[n++] = (struct plant_point){ 0, base, rate, 4 * MIB };
	if (!strcmp(name, "leak"))
		points[n++] = (struct plant_point){ end, limit / 10 * 8, rate, 4 * MIB };
	for (usec_t at = 40 * USEC_SEC; !strcmp(name, "burst") && at < end && n + 4 <= POINTS;
	     at += USEC_MIN) {
		points[n++] = (struct plant_point){ at, base, rate, 4 * MIB };
		points[n++] =
			(struct plant_point){ at + 4 * USEC_SEC, base * 6, 3 * rate, 4 * MIB };
		points[n++] =
			(struct plant_point){ at + 10 * USEC_SEC, base * 6, 3 * rate, 4 * MIB };
		points[n++] = (struct plant_point){ at + 12 * USEC_SEC, base, rate, 4 * MIB };
	}
	return n;
}

int main(int argc, char **argv)
{
	const struct decide_settings settings = { .interval = 5 * USEC_SEC };
	const struct rhythm rhythm = { .min = 50 * USEC_MSEC, .max = 2 * USEC_SEC };
	const struct trace_head head = { .interval = settings.interval,
					 .look_min = rhythm.min,
					 .look_max = rhythm.max };
	static struct plant_point points[POINTS];
	static struct simulation s;
	struct plant_around around;
	struct plant_setup setup = { .parent_bytes = BYTES_UNLIMITED,
				     .cpu_quota_permille = UINT64_MAX,
				     .scavenge_bytes_per_second = 64 * MIB,
				     .kernel_bytes = MIB,
				     .around = &around,
				     .n_around = 1,
				     .n_loads = 1 };
	usec_t end;

	if (argc != 4)
		return 2;
	setup.max_bytes = strtoull(argv[2], NULL, 10) * MIB;
	end = strtoull(argv[3], NULL, 10) * USEC_SEC;
	around = (struct plant_around){ .nongo_bytes = setup.max_bytes / 20 };
	setup.loads[0] =
		(struct plant_load){ .points = points,
				     .n_points = shape(argv[1], setup.max_bytes, end, points),
				     .mark_bytes_per_second = 512 * MIB,
				     .fragmentation_permille = 40,
				     .minor = 24,
				     .gomaxprocs = 4,
				     .gogc = 100,
				     .memory_limit_bytes = VALUE_NONE,
				     .madvdontneed = 1 };
	put(trace_head_json(&head));
	simulation_start(&s, &setup, NULL, &settings, &rhythm);
	while (simulation_look(&s, end, on_look, NULL))
		;
	return 0;
}
