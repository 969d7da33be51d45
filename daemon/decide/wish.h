/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/allotment.h"
#include "decide/decide.h"

/*
 * What the state that holds wishes of each lever of a process, before ownership, pace and rest are asked (decide.c).
 */
struct decide_context {
	const struct decide_settings *settings;
	const struct policy_rules *rules;
	const struct snapshot *s;
	struct history *h;
	usec_t now;
	struct decision *d;
	uint64_t floors; /* [S_floor], sum over the proved processes */
	struct allotment_member
		members[SNAPSHOT_PROCS_MAX]; /* what each needs; nothing of those not proved */
	uint64_t needs;			     /* their sum */
};

struct wish {
	bool any; /* false: nothing is wished, and `reason` may say why */
	int64_t value;
	enum decide_reason reason;
};

static inline struct wish wish_set(int64_t value, enum decide_reason reason)
{
	return (struct wish){ .any = true, .value = value, .reason = reason };
}

/* Fills the context's members and needs, and the decision's shares, from its budget and floors; once, before wish_of. */
void wish_gather(struct decide_context *c);

/* @p is proved, has a history, and @pd its floor, goal and whether it is tight. */
struct wish wish_of(const struct decide_context *c, const struct snapshot_proc *p,
		    const struct proc_decision *pd, enum policy_lever lever);
