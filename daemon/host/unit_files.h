/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/hostroot.h"

/*
 * Drop-ins of ours for units, /run/systemd/system/UNIT.d/+gomemd.conf, where systemd.unit(5) wants what is added to a
 * unit until the next boot. Environment= of a unit that is loaded cannot be set by SetUnitProperties, which takes it for
 * a transient unit's start alone; and the directory system.control is what that call itself writes. The name sorts before
 * any other: of two drop-ins that set one variable the later wins, and that is the owner's.
 *
 * The file is its own undo record: it is gone with /run, and whatever dies, what is found there is ours to remove. It
 * begins with UNIT_DROPIN_HEAD; a file of this name that does not is somebody's, and left alone.
 */
#define UNIT_DROPIN_NAME "+gomemd.conf"
#define UNIT_DROPIN_HEAD "# Made by gomemd; do not edit.\n"

enum {
	UNIT_DROPIN_GONE = 1, /* there is none */
	UNIT_DROPIN_FOREIGN,  /* there is one that is not ours */
};

/*
 * Writes it, atomically and over no link; readable by all. @unit is a unit's name and @text begins with UNIT_DROPIN_HEAD.
 * Returns 0, UNIT_DROPIN_FOREIGN, or -errno (-ENOENT: no systemd; -EPERM: the directory is not root's alone).
 */
int unit_dropin_write(const struct hostroot *host, const char *unit, const char *text, size_t len);

/* Removes it, and its directory where nothing else is there. Returns 0, an outcome above, or -errno. */
int unit_dropin_remove(const struct hostroot *host, const char *unit);

/* Calls @each with every unit that has one of this name, ours or not. Returns 0 or -errno. */
int unit_dropin_each(const struct hostroot *host, void (*each)(void *userdata, const char *unit),
		     void *userdata);

/*
 * Does the unit's file at @path name this variable anywhere outside of a comment? True as well where the file cannot be
 * read: then nobody knows. Never of the drop-in of ours.
 */
bool unit_file_names(const char *path, const char *variable);
