/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "act/lever.h"
#include "host/inspector.h"
#include "host/unit.h"

/*
 * One change of one lever, on its way through a helper: written, read back, judged. Does not know why.
 */
enum change_outcome {
	CHANGE_DONE,	/* written, and the next sample shows it */
	CHANGE_GONE,	/* the process or cgroup is not there any more */
	CHANGE_REFUSED, /* the gates did not hold at that moment: nothing was written */
	CHANGE_STALE,	/* the helper was replaced: not known whether it was written */
	CHANGE_FAILED,	/* refused by the kernel, or it did not stick */
	CHANGE_OUTCOME_MAX_,
};

const char *change_outcome_name(enum change_outcome outcome);

/* @row is the sample after the change; NULL for memory.high, and where there is none. @error is -errno or 0. */
typedef void (*change_done)(void *userdata, enum change_outcome outcome, int error,
			    const struct inspect_row *row);

/*
 * Starts a change of a process's lever, from the sample that it was decided on. The value is the caller's to judge
 * (ops->valid): an owner's own, given back, may be one that nobody would set. @done is called once, later. */
int change_process(struct inspector *in, uint32_t slot, const struct lever_ops *ops,
		   const struct go_sample *from, int64_t value, change_done done, void *userdata);

/*
 * The cgroup whose memory.high is meant: through systemd where `bus` is not NULL and it is a unit, else by file through
 * a helper of its own, since the write may block.
 */
struct high_target {
	struct unit_bus *bus;
	const char *unit; /* "": none */
	struct inspector *writer;
	const char *cgroup;
	uint64_t cgroup_id;
};

/* INT64_MAX is "max". @done is called once, later. */
int change_memory_high(const struct high_target *target, int64_t value, change_done done,
		       void *userdata);
