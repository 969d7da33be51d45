/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A map from a number to a pointer, with a cap: what falls out of it is counted. Pointers are the caller's. The
 * struct is to be zeroed but for `max`.
 */
struct table {
	size_t max;
	uint64_t dropped; /* puts that did not fit */
	size_t n, room;	  /* room is 0 or a power of two */
	size_t used;	  /* of that: entries, and the marks of those that were taken */
	struct table_slot *slots;
};

void *table_get(const struct table *t, uint64_t key);

/* @value is not NULL. Returns 0, -ENOSPC at the cap, -ENOMEM, -EEXIST. */
int table_put(struct table *t, uint64_t key, void *value);

/* Returns what was there, or NULL. */
void *table_take(struct table *t, uint64_t key);

/*
 * Walks: *cursor starts at 0; NULL at the end. Taking the entry that was just given out is allowed, any other change
 * is not.
 */
void *table_next(const struct table *t, size_t *cursor);

void table_done(struct table *t);
