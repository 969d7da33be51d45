/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/plot.h"
#include "cli/trace_file.h"
#include "decide/fit.h"
#include "decide/simulate.h"
#include "kube/cgroup_name.h"
#include "policy/match.h"

enum {
	STUDY_WORKLOADS = 64,
};

/* One workload of a trace, and what a policy set makes of it. */
struct study {
	char workload[WORKLOAD_NAME_MAX], exe[TRACE_NAME_MAX], module[TRACE_NAME_MAX];
	struct cgroup_name name; /* what its path tells */
	char space[64], pod[TRACE_NAME_MAX], container[64], owner[TRACE_NAME_MAX];
	char labels[TRACE_PAIRS_MAX], annotations[TRACE_PAIRS_MAX];
	int tier; /* that matched last; -1: none, nothing is decided */
	usec_t began, ended;
	uint64_t looks, peak_usage, room, restarts;
	usec_t state_time[STATE_MAX_];
	int32_t state, alert;
	bool alerted[ALERT_MAX_];
	int64_t said[SNAPSHOT_PROCS_MAX][LEVER_MAX_];
	struct history history;
	struct plot seen;
	struct fit fit;
	/* With --plant: */
	bool planted;
	usec_t duration;
	struct plant_totals without, with;
	uint64_t changes, state_changes;
	struct plot plot_without, plot_with;
};

/*
 * Decides on a look by the set, without feedback: the snapshot stays as it was. What is wished for is a change when it is
 * said for the first time, or differs by a tenth from what was said last.
 */
void study_look(struct study *s, const struct policy_set *set,
		const struct decide_settings *settings, const struct trace_look *look);

/* The plant, fitted to all looks, without and with the last tier's rules. At most a day of it. */
void study_plant(struct study *s, const struct policy_set *set, const struct trace_head *head);
