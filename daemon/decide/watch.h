/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/history.h"

/*
 * Judges each lever's change that is being watched, once its cycles have passed: where it cost CPU (or stalled, or was
 * throttled for it) and gained no memory, the lever is set to rest, so that the decision takes it back. Two levers
 * that changed together are judged by the same figures: which of them did the harm cannot be told.
 */
void watch_judge(const struct snapshot *s, usec_t now, const struct snapshot_proc *p,
		 struct proc_history *ph);
