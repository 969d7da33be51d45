/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <time.h>

/* Microseconds. Instants are CLOCK_BOOTTIME, so that intervals count what a suspended host slept. */
typedef uint64_t usec_t;

#define USEC_MSEC UINT64_C(1000)
#define USEC_SEC  UINT64_C(1000000)
#define USEC_MIN  (60 * USEC_SEC)

static inline usec_t clock_usec(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (usec_t)ts.tv_sec * USEC_SEC + (usec_t)ts.tv_nsec / 1000;
}

/* The one clock of every interval and every decision. */
static inline usec_t clock_now(void)
{
	return clock_usec(CLOCK_BOOTTIME);
}

/* Wall time, for what a person reads and for nothing else. */
static inline usec_t clock_wall(void)
{
	return clock_usec(CLOCK_REALTIME);
}
