/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "state/store.h"

/*
 * What was learned of workloads, so that the next run of one begins with it: by a name that outlives it (the unit, or
 * namespace, owner and container). Capped; the one that was seen longest ago goes for a new one.
 */
enum {
	LEARNED_MAX = 2048,
	LEARNED_NAME_MAX = 512,
};

struct learned_entry {
	char name[LEARNED_NAME_MAX];
	uint64_t nongo_bytes;	      /* [N]; 0: not known */
	uint64_t live_at_start_bytes; /* [R] soon after a start; 0: not known */
	uint64_t restarted_wall;      /* by gomemd, the last time; 0: never */
	uint32_t restarts;	      /* in a row */
	uint64_t seen_wall;	      /* microseconds since the epoch */
};

struct learned {
	struct learned_entry *entries;
	size_t n, room;
	bool changed; /* since it was read or written */
};

void learned_done(struct learned *l);

/* Adds or replaces. -EINVAL for a name that is empty, too long or has a newline, -ENOMEM. */
int learned_put(struct learned *l, const struct learned_entry *e);
/* NULL where nothing is known. */
const struct learned_entry *learned_get(const struct learned *l, const char *name);

/* One a line, and back (a line that is none is dropped, and counted). */
int learned_format(const struct learned *l, char **ret, size_t *ret_len);
unsigned int learned_parse(const char *text, struct learned *ret);

int store_put_learned(struct store *st, struct learned *l);
int store_get_learned(struct store *st, struct learned *ret);
