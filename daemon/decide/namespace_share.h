/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * [namespace-share]: what the Go workloads of one namespace are to use together, divided where it saves most marking: extra
 * heap in proportion to the square root of what a collection marks times what is allocated. Both are guessed from the
 * kernel's own figures (memory that stays, CPU time). What a process says of itself may only lower its own part. Bytes.
 */
#define SHARE_WINDOW   (2 * USEC_MIN)  /* memory that stayed for one of these was needed */
#define SHARE_INTERVAL (10 * USEC_SEC) /* between two steps */
#define SHARE_STEP     4	       /* of the part in force, each step */
#define SHARE_SMALL    8 /* less than that of it is not worth a step, while the sum holds */

struct share_member {
	uint64_t needs; /* what it cannot do without: what is left of its use at its least */
	uint64_t used;
	uint64_t requested; /* memory.min or memory.low: never less */
	uint64_t cap;	    /* what its own limits leave it; BYTES_UNLIMITED */
	uint64_t given;	    /* the part in force; 0: none yet */
	uint32_t cpu_permille;
};

/*
 * The part of member @i of the @n of @total: what it needs, and of the rest a share by its weight as far as its cap. Where
 * the needs alone are more, its needs: the sum is above @total then.
 */
uint64_t namespace_share(uint64_t total, const struct share_member *members, size_t n, size_t i);

/*
 * The part that comes into force: towards @want by a quarter of what is given at most, up only as far as others have made
 * room. The first is what it uses, where that is more. Small ones are left out. The sum of @used or @given, whichever is larger, does not rise
 * above @total.
 */
uint64_t namespace_share_step(uint64_t total, const struct share_member *members, size_t n,
			      size_t i, uint64_t want);

/*
 * What soft limits go by for all that: as much as leaves a collector some room beside what is not Go's ([S_floor] and N;
 * @floors, @nongo and @margin are the decision's), since a namespace's share is no reason to collect without end. What a
 * process says of itself counts as far as half as much again as the kernel sees in use.
 */
uint64_t namespace_share_least(uint64_t floors, uint64_t nongo, uint64_t margin, uint64_t used);

/* What one workload used at its least, and its CPU time: by the kernel, from look to look. Zeroed at first. */
struct share_watch {
	usec_t since, at;
	uint64_t least, least_before; /* of this window and of the last */
	uint64_t cpu_us;	      /* at @at */
	uint64_t cpu_ppm;	      /* of one CPU, smoothed over about a minute */
};

void share_watch_note(struct share_watch *w, uint64_t used, uint64_t cpu_us, usec_t now);

/* The least of both windows; 0 before the first note. */
uint64_t share_watch_least(const struct share_watch *w);

uint32_t share_watch_cpu_permille(const struct share_watch *w);
