/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * How often something came of a decision, of one workload, since gomemd watches it: counters that only rise. Zeroed is empty;
 * memory is taken as outcomes come.
 */
enum {
	TALLY_MAX = 64,			   /* combinations; what does not fit is counted */
	TALLY_GOROUTINE_RATE = LEVER_MAX_, /* in the place of a lever */
};

struct tally_row {
	int32_t lever;	     /* enum policy_lever or TALLY_GOROUTINE_RATE */
	int32_t reason;	     /* enum decide_reason */
	const char *outcome; /* a literal */
	uint64_t n;
	/* The last one. */
	char decision_id[48];
	uint64_t wall_usec;
};

struct tally {
	struct tally_row *rows;
	uint32_t n;
	uint64_t left_out;
	uint64_t alerts[ALERT_MAX_];
	uint64_t rolled_back, failed; /* told from 0 on, so that the first one is a rise */
};

void tally_done(struct tally *t);

/* One more; @row->n is not read. */
void tally_add(struct tally *t, const struct tally_row *row);

const char *tally_lever_name(int32_t lever);
