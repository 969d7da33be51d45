/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * What a service is to begin with at its next start: the values that gomemd gives the levers of its one Go process, once
 * they have stayed the same in calm for a while. Levers that the owner set are in none of it.
 */
/* Those before it: of profiles the linker's word is above GODEBUG's. */
#define ENVIRONMENT_LEVERS LEVER_HEAP_PROFILE

struct environment {
	bool set[ENVIRONMENT_LEVERS];
	int64_t value[ENVIRONMENT_LEVERS]; /* where it is set */
};

/* What was seen of a workload so far. */
struct environment_watch {
	struct environment seen;
	usec_t since; /* about this is what it has had since then; 0: it is not calm */
};

enum environment_verdict {
	ENVIRONMENT_OFF,	/* the tier does not ask for it */
	ENVIRONMENT_NO_SERVICE, /* no service of the system's: it has no environment that could be set */
	ENVIRONMENT_PROCESSES, /* more than one Go process, or one that is only observed: whose would it be? */
	ENVIRONMENT_UNSETTLED, /* not calm, little learned yet, or changed a while ago */
	ENVIRONMENT_SETTLED,   /* this is it: also where it is nothing */
	ENVIRONMENT_MAX_,
};

const char *environment_verdict_name(enum environment_verdict verdict);

bool environment_is_empty(const struct environment *e);

/* The same for a start: a soft limit within a 20th of the other is. */
bool environment_is_about(const struct environment *a, const struct environment *b);

/* @d is the workload's decision on @s by @rules. *ret is written only with ENVIRONMENT_SETTLED. */
enum environment_verdict environment_decide(const struct policy_rules *rules,
					    const struct snapshot *s, const struct history *h,
					    const struct decision *d, struct environment_watch *w,
					    struct environment *ret);
