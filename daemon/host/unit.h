/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * systemd units by D-Bus: where a cgroup is a unit, its limits are systemd's, which resets what is written behind its
 * back at the next daemon-reload. So memory.high goes through SetUnitProperties(runtime) there.
 */
struct unit_bus;
struct sd_event;

typedef void (*unit_done)(void *userdata, int result);

/* Connects to the system bus and to @event. -errno where there is none: then files are written. */
int unit_bus_new(struct sd_event *event, struct unit_bus **ret);
struct unit_bus *unit_bus_free(struct unit_bus *ub);

static inline void unit_bus_freep(struct unit_bus **ub)
{
	unit_bus_free(*ub);
}

/*
 * Sets MemoryHigh= (bytes; UINT64_MAX: infinity) of @unit until the next boot, without waiting. @done is called once
 * with 0 or -errno (-ENOENT: systemd does not know the unit).
 */
int unit_set_memory_high(struct unit_bus *ub, const char *unit, uint64_t bytes, unit_done done,
			 void *userdata);

/* The same, waiting for the answer, on a connection of its own: for giving back without a loop. */
int unit_set_memory_high_now(const char *unit, uint64_t bytes);
