/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/environment.h"

/*
 * An environment as text: variables for a person, and the drop-in that gives them to a unit. ENVIRONMENT_MARK goes with
 * them: what a process finds in it is gomemd's and not its owner's word, also for a later run of the daemon.
 */
#define ENVIRONMENT_MARK	 "GOMEMD_ENVIRONMENT"
#define ENVIRONMENT_MADVDONTNEED "madvdontneed="

enum {
	ENVIRONMENT_TEXT_MAX = 100, /* as much as host/process.h reads of a variable */
	ENVIRONMENT_DROPIN_MAX = 768,
};

/* "GOMEMLIMIT=104857600 GOGC=50"; "" where it is empty. Returns @buf. */
const char *environment_text(char buf[ENVIRONMENT_TEXT_MAX], const struct environment *e);

/* The drop-in's text, from numbers alone. Returns its length. */
size_t environment_dropin(char buf[ENVIRONMENT_DROPIN_MAX], const struct environment *e);
