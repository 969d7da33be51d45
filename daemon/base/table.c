/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/table.h"

/* A taken entry leaves a mark, so that walks and probes go on over it. */
static char taken_mark;
#define TAKEN ((void *)&taken_mark)

struct table_slot {
	uint64_t key;
	void *value; /* NULL: never used */
};

static size_t slot_of(const struct table *t, uint64_t key)
{
	/* Fibonacci hashing: keys are pids and inode numbers, that is, runs. */
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (t->room - 1);
}

static struct table_slot *find(const struct table *t, uint64_t key)
{
	if (!t->room)
		return NULL;
	for (size_t i = slot_of(t, key);; i = (i + 1) & (t->room - 1)) {
		struct table_slot *s = &t->slots[i];

		if (!s->value)
			return NULL;
		if (s->value != TAKEN && s->key == key)
			return s;
	}
}

static void insert(struct table *t, uint64_t key, void *value)
{
	size_t i = slot_of(t, key);

	while (t->slots[i].value && t->slots[i].value != TAKEN)
		i = (i + 1) & (t->room - 1);
	t->used += !t->slots[i].value;
	t->slots[i] = (struct table_slot){ .key = key, .value = value };
}

/* Twice the entries at most, never over 3/4 full with marks: also clears the marks. */
static int make_room(struct table *t)
{
	struct table old = *t;

	if (t->room && 4 * (t->used + 1) <= 3 * t->room)
		return 0;
	t->room = 16;
	while (t->room < 2 * (t->n + 1))
		t->room *= 2;
	t->slots = calloc(t->room, sizeof(*t->slots));
	if (!t->slots) {
		*t = old;
		return -ENOMEM;
	}
	t->used = 0;
	for (size_t i = 0; i < old.room; i++)
		if (old.slots[i].value && old.slots[i].value != TAKEN)
			insert(t, old.slots[i].key, old.slots[i].value);
	free(old.slots);
	return 0;
}

void *table_get(const struct table *t, uint64_t key)
{
	struct table_slot *s = find(t, key);

	return s ? s->value : NULL;
}

int table_put(struct table *t, uint64_t key, void *value)
{
	int r;

	if (find(t, key))
		return -EEXIST;
	if (t->n == t->max) {
		t->dropped++;
		return -ENOSPC;
	}
	r = make_room(t);
	if (r < 0)
		return r;
	insert(t, key, value);
	t->n++;
	return 0;
}

void *table_take(struct table *t, uint64_t key)
{
	struct table_slot *s = find(t, key);
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	s->value = TAKEN;
	t->n--;
	return value;
}

void *table_next(const struct table *t, size_t *cursor)
{
	while (*cursor < t->room) {
		void *value = t->slots[(*cursor)++].value;

		if (value && value != TAKEN)
			return value;
	}
	return NULL;
}

void table_done(struct table *t)
{
	free(t->slots);
	*t = (struct table){ .max = t->max };
}
