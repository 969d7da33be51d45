/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * How the daemon gets on with a server that it asks or tells (the Kubernetes API, a receiver of alerts), by what came of
 * it so far. Pure; zeroed where nothing was tried yet.
 */
enum {
	HEALTH_ERROR_MAX = 96,
};

struct health {
	bool known, works; /* by what came last; works only where it is known */
	usec_t since;	   /* when it came to work, or not to */
	usec_t told;	   /* the last good answer; 0: none */
	usec_t failed;	   /* the last that was not; 0: none */
	uint64_t errors;   /* so many were not */
	char error
		[HEALTH_ERROR_MAX]; /* of the last that was not; "": none, or for no known reason */
};

void health_works(struct health *h, usec_t now);

/* An error of no consequence: it answers, and does not want this one. @why: NULL leaves the last. */
void health_error(struct health *h, usec_t now, const char *why);

/* The same, and it does not work any more. */
void health_fails(struct health *h, usec_t now, const char *why);
