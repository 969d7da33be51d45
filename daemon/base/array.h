/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/util.h"

#define ARRAY_ROOM_START 4

/*
 * Room for @more than the @n items of @size bytes in *array (a pointer to an array's pointer), which has room for
 * *room and may never hold more than @max. Returns 0, -EFBIG at the cap, -ENOMEM; then the array is as it was.
 */
static inline int array_make_room_for(void *array, size_t *room, size_t n, size_t more, size_t max,
				      size_t size)
{
	void **items = array, *grown;
	size_t want;

	if (n > max || more > max - n)
		return -EFBIG;
	if (n + more <= *room)
		return 0;
	want = MIN(MAX(MAX(2 * *room, n + more), (size_t)ARRAY_ROOM_START), max);
	grown = reallocarray(*items, want, size);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*room = want;
	return 0;
}

/* Room for one more. */
static inline int array_make_room(void *array, size_t *room, size_t n, size_t max, size_t size)
{
	return array_make_room_for(array, room, n, 1, max, size);
}
