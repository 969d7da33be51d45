/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "act/change.h"
#include "act/undo.h"
#include "base/table.h"
#include "policy/config.h"
#include "decide/replay.h"
#include "host/cgroup.h"
#include "host/inspector.h"
#include "host/proc_events.h"
#include "host/watch.h"
#include "kube/cgroup_name.h"
#include "policy/load.h"
#include "policy/match.h"
#include "report/audit.h"
#include "report/record.h"
#include "sense/tracker.h"
#include "state/store.h"

/*
 * The daemon's one object, and the files of core/ that work on it: discover.c (workloads come and go), look.c (one
 * look at a workload), apply.c (its changes), orders.c (what operators want), view.c (what it shows), control.c (the
 * socket), restore.c (giving back). Everything runs in one sd-event loop; nothing here may block.
 */
struct manager;

/* A lever of a process or of a cgroup, as the daemon knows it. */
struct lever_state {
	struct lever_facts facts;
	int64_t before;	     /* what was there just before our last write */
	int64_t written;     /* what we wrote last, where facts.ours */
	int64_t recommended; /* last value that was only said */
	bool changing;	     /* a change is under way */
	bool unsure; /* the helper died over a change: what is there now may be old or new */
};

struct goproc {
	struct process_id id;
	uint32_t slot;
	unsigned int generation; /* of the helper that holds the slot */
	bool refused;
	char refusal[128];
	struct process_info info;
	struct go_buildinfo build;
	int32_t minor;
	usec_t at;
	struct inspect_row row;
	struct lever_state lever[LEVER_MEMORY_HIGH];
};

struct workload {
	struct manager *manager;
	uint64_t token; /* the cgroup's id */
	struct cgroup *cgroup;
	struct cgroup_name name;
	char label[256]; /* namespace/pod/container, unit, or path: what a person calls it */
	int tier;	 /* -1: none */
	enum policy_mode mode;
	bool infrastructure, quarantined;
	unsigned int timeouts, namings;
	struct goproc
		*procs; /* every Go process of it; the first SNAPSHOT_PROCS_MAX are decided on */
	size_t n_procs;
	struct lever_state high;
	struct snapshot snapshot;
	struct history history;
	struct decision decision;
	char decision_id[48];
	sd_event_source *timer, *pressure;
	bool looking, look_again;
	usec_t looked, next_look;
	uint64_t growth; /* bytes a second: the fastest of late */
	struct audit_bucket bucket;
	int32_t alert;
	usec_t alerted;
};

struct manager {
	struct config config;
	const char *config_file;
	struct policy_set *policy;
	struct hostroot host;
	sd_event *event;
	struct inspector *inspector, *writer;
	sd_event_source *inspector_io, *inspector_timer, *writer_io, *writer_timer;
	unsigned int inspector_generation, writer_generation;
	struct tracker *tracker;
	sd_event_source *tracker_timer, *scan_timer;
	struct proc_events *events;
	struct watch *watch;
	struct unit_bus *bus;
	struct store *store;
	struct orders orders;
	struct recorder *recorder;
	struct table workloads;
	struct table by_pid; /* pid -> workload */
	uint64_t next_id;
	char boot_id[24];
	bool stopping, host_swaps;
	unsigned int changes_under_way;
	usec_t started;
	uint64_t looks, changes;
	uint64_t names_too_long;
};

int manager_new(const char *config_file, struct manager **ret);
struct manager *manager_free(struct manager *m);

static inline void manager_freep(struct manager **m)
{
	manager_free(*m);
}

/* Runs until SIGTERM. Returns 0 or -errno. */
int manager_run(struct manager *m);

/* Reads configuration and policies anew; on an error the old ones stay in force, and it is said. */
int manager_reload(struct manager *m);

/* discover.c */
void manager_tracker_callbacks(struct manager *m, struct tracker_callbacks *ret);
struct goproc *workload_proc(struct workload *w, pid_t pid);
struct workload *workload_free(struct workload *w);
/* What policies match a workload by; the strings are the workload's. */
void workload_subject_of(const struct workload *w, struct policy_subject *ret);
/* Matches the tier anew: the limit, the policies or the processes have changed. */
void workload_match(struct workload *w);

/* look.c */
/* Looks at a workload after @delay at the latest. */
void workload_look_in(struct workload *w, usec_t delay);
int workload_timer(sd_event_source *s, uint64_t usec, void *userdata);

/* apply.c */
/* Starts what the last decision asks for, as far as mode and orders allow. */
void workload_apply(struct workload *w);
void workload_subject(const struct workload *w, struct audit_subject *ret);

/* helpers.c */
int manager_start_helpers(struct manager *m);
/* Call after each request: keeps the loop's descriptor and timer in step with the helper. */
void manager_arm(struct manager *m);
/* The helper for writes that may block; started at the first use. NULL where it cannot be. */
struct inspector *manager_writer(struct manager *m);

/* restore.c */
/*
 * Gives back what an earlier run left, by the undo records, waiting for each. Needs no loop and no manager: at a start
 * before anything else, and for gomemd --restore.
 */
int restore_all(const struct hostroot *host, struct store *store, usec_t deadline);

/* control.c */
struct control;
int control_new(struct manager *m, const char *path, struct control **ret);
struct control *control_free(struct control *c);
