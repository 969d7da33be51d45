/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* Ownership that can be seen: an owning local carries _cleanup_, what leaves goes through TAKE_*. */
#define _cleanup_(f)	     __attribute__((cleanup(f)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__auto_type _take = (p);                                                           \
		(p) = NULL;                                                                        \
		_take;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int _take = (fd);                                                                  \
		(fd) = -1;                                                                         \
		_take;                                                                             \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* "No limit" wherever a number of bytes is a limit. */
#define BYTES_UNLIMITED UINT64_MAX

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* a - b, or 0 where b is the larger: for figures that two files of the kernel give at two moments. */
static inline uint64_t sub_sat(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* a + b, or the largest number: for bytes that a tenant's memory claims. */
static inline uint64_t add_sat(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* a * num / den without overflow in between; the largest number where the result does not fit. den is not 0. */
static inline uint64_t mul_div(uint64_t a, uint64_t num, uint64_t den)
{
	__extension__ typedef unsigned __int128 wide;
	wide r = (wide)a * num / den;

	return r > UINT64_MAX ? UINT64_MAX : (uint64_t)r;
}

/* FNV-1a over whole words: for identities, not against collisions that somebody makes for himself alone. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t v)
{
	return (hash ^ v) * UINT64_C(0x100000001b3) + (v >> 29);
}
