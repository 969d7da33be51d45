/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * systemd units by D-Bus. Where a cgroup is a unit, its limits are systemd's, which resets what is written behind its
 * back at the next daemon-reload: so memory.high goes through SetUnitProperties(runtime) there.
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

/* A unit as the service manager has it. */
enum {
	UNIT_PATHS_MAX = 32,
};

struct unit_facts {
	bool loaded; /* there is a unit of this name, with a file of its own or a transient one */
	bool active; /* and it runs */
	bool restartable; /* by anybody: not RefuseManualStart= or Stop=, and nothing that runs once */
	char cgroup[512]; /* "" where it has none */
	size_t n_paths;	  /* of its own file and its drop-ins */
	bool paths_cut;	  /* there are more, or longer ones, than are here */
	char paths[UNIT_PATHS_MAX][256];
};

/* @facts is NULL where @result is not 0. */
typedef void (*unit_answer)(void *userdata, int result, const struct unit_facts *facts);

/* Asks for these, without waiting. @answer is called once. */
int unit_ask(struct unit_bus *ub, const char *unit, unit_answer answer, void *userdata);

/*
 * Has the service manager read its units anew (systemctl daemon-reload), without waiting. @done is called when it has. On
 * the way down nothing is read any more: 0 as well.
 */
int unit_reload(struct unit_bus *ub, unit_done done, void *userdata);

/* The same, waiting, on a connection of its own. */
int unit_reload_now(void);

/*
 * Restarts it as systemctl restart does (the mode "replace"), without waiting. @done is called when the job has ended:
 * 0, -ECANCELED where another job took its place, -EIO where it failed, -ETIMEDOUT where it has not ended for long.
 */
int unit_restart(struct unit_bus *ub, const char *unit, unit_done done, void *userdata);
