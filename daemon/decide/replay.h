/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * Everything that one decision was made from, and the decision: plain data, kept in a capped file, so that another
 * process can reach the same decision or see what another input would have changed.
 */
#define REPLAY_MAGIC   "gomemd-decisions"
#define REPLAY_VERSION 2

struct replay_header {
	char magic[16];
	uint32_t version;
	uint32_t
		record_bytes; /* sizeof(struct replay_record): another build's file is refused, not misread */
};

struct replay_record {
	char id[48];
	char workload[WORKLOAD_NAME_MAX];
	usec_t now;
	struct decide_settings settings;
	struct policy_rules rules;
	struct snapshot snapshot;
	struct history history; /* before the snapshot was taken over */
	struct decision decision;
};

/* Decides again from the record alone. */
void replay_decide(const struct replay_record *r, struct decision *ret);

/* Is every verdict the same? */
bool replay_same(const struct decision *a, const struct decision *b);

/*
 * Changes one input by name ("cgroup.room", "proc0.heap_marked", ...); returns false where there is no such input.
 * replay_input_name lists the names; NULL at the end.
 */
bool replay_set_input(struct replay_record *r, const char *name, int64_t value);
const char *replay_input_name(size_t i);
