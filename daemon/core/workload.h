/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "decide/environment.h"
#include "decide/namespace_share.h"
#include "decide/replay.h"
#include "decide/rhythm.h"
#include "decide/trail.h"
#include "host/cgroup.h"
#include "host/inspector.h"
#include "host/listen.h"
#include "host/throttle.h"
#include "kube/cgroup_name.h"
#include "kube/pods.h"
#include "policy/policy.h"
#include "report/audit.h"
#include "report/tally.h"
#include "sense/activity.h"
#include "sense/cycles.h"
#include "sense/heap_series.h"
#include "sense/totals.h"
#include "wire/timeline.h"

/*
 * What the daemon knows of a workload and of its Go processes: plain data, owned by the manager, and worked on by the files
 * of core/ that manager.h names.
 */
struct manager;

enum {
	LABEL_BYTES = 512,
};

/* Why a workload is observed only. */
enum observed {
	OBSERVED_NOT,
	OBSERVED_POLICY,	 /* a scope, its tier, or the daemon's mode wants it so */
	OBSERVED_NO_LIMIT,	 /* the same, of a tier for what has no limit */
	OBSERVED_NO_TIER,	 /* none matches */
	OBSERVED_QUARANTINED,	 /* it made a helper hang */
	OBSERVED_NOT_NAMED,	 /* a pod's, and it may be of kube-system: not known yet */
	OBSERVED_NOT_LISTED,	 /* a pod's, and the API server has not told yet what it wants */
	OBSERVED_STATIC_POD,	 /* these three no policy names exactly */
	OBSERVED_SYSTEM_POD,	 /* of kube-system */
	OBSERVED_INFRASTRUCTURE, /* gomemd itself, a container runtime, the kubelet */
	OBSERVED_MAX_,
};

/* A lever of a process or of a cgroup, as the daemon knows it. */
struct lever_state {
	struct lever_facts facts;
	int64_t before;	     /* what was there just before our last write */
	int64_t written;     /* what we wrote last, where facts.ours */
	int64_t recommended; /* last value that was only said */
	bool changing;	     /* a change is under way */
	bool unsure; /* the helper died over a change: what is there now may be old or new */
};

/* The cap on goroutine creation, as the daemon knows it of one process. */
struct goroutine_limit {
	uint32_t rate;	      /* in force, or about to be; 0: none */
	uint32_t recommended; /* last that was only said */
	int32_t reason;	      /* why it was asked for last */
	int32_t told;	      /* enum throttle_outcome that was said last ... */
	int32_t told_tracer;  /* ... and of whom */
	usec_t rest_until;    /* it could not be: not tried again before */
	struct throttle_report report;
};

struct goproc {
	struct process_id id;
	uint32_t slot;
	unsigned int generation; /* of the helper that holds the slot */
	bool refused;
	bool homeless; /* in no cgroup that can be governed any more: everything is given back */
	usec_t placed; /* when its cgroup was read last */
	char refusal[128];
	struct process_info info;
	struct go_buildinfo build;
	int32_t minor;
	usec_t at;
	struct inspect_row row;
	struct lever_state lever[LEVER_MEMORY_HIGH];
	struct probe_target target; /* where its runtime can be listened to */
	bool asked;		    /* that is asked for */
	bool heard;		    /* it is listened to */
	bool deaf;		    /* it cannot be */
	struct cycles cycles;
	struct heap_series *series;	/* its own; NULL before the first profile */
	struct heap_series *goroutines; /* the same by go statement */
	uint32_t goroutine_points;
	usec_t evidence_until; /* its culprits are to be told with a profile that is there by then; 0: they are not */
	enum escape_report_state
		report; /* is the compiler's report on it there: by the last profile */
	usec_t walked;	/* when a profile was taken last, or was tried to be */
	struct endpoint_watch *endpoint; /* what it says of itself; NULL: it is not asked */
	struct goroutine_limit limit;
	struct activity *activity; /* from the first look that is believed */
};

/* What was told of a workload's culprits, and why it is to be told again. */
struct culprit_log {
	enum audit_occasion alarm;    /* at the last look; OCCASION_INTERVAL: none */
	enum audit_occasion occasion; /* of the evidence that is wanted */
	usec_t told, oomed, alarmed[OCCASION_MAX_];
	usec_t follow_up; /* when an alarm that still lasts is told of again; 0: it is not */
	struct goproc *
		ended; /* the last that did, with its series, while its kill may still be told; NULL: none */
	struct audit_bucket interval_bucket, alarm_bucket;
};

/* Its unit's environment at the next start, while it runs (environment.c). */
struct workload_environment {
	struct environment_watch watch;
	enum environment_verdict verdict;
	struct environment said; /* in the mode recommend */
	bool asking;
	usec_t ask_from; /* not again before then */
};

/* What was said and done about a tight workload (restart.c). */
struct workload_restart {
	int32_t said; /* enum restart_verdict; RESTART_NONE: nothing */
	usec_t said_at;
	bool under_way;
};

/* Its part of what its namespace may use (shares.c). */
struct workload_share {
	struct share_watch watch;
	uint64_t given; /* 0: no share is its namespace's */
	usec_t stepped;
};

enum {
	EVIDENCE_LEVELS = 4,
};

/* What is kept of a workload to tell of after a kill, and what the kernel has counted of kills so far (evidence.c). */
struct workload_evidence {
	struct trail trail;
	uint64_t kills
		[EVIDENCE_LEVELS]; /* oom_kill of the cgroup, its parent and so on; UINT64_MAX: not known */
	bool known;		   /* `kills` is of a look at it */
	uint64_t left_out;	   /* kills since the last record */
	usec_t recorded;
	usec_t ended_at; /* when a process of it ended last */
	pid_t victim;	 /* whom the kernel chose, where it was heard; 0: not known */
	int32_t state;	 /* at the last look */
};

struct workload {
	struct manager *manager;
	uint64_t token; /* the cgroup's id */
	struct cgroup *cgroup;
	struct cgroup_name name;
	struct pod_name pod; /* what is known of it */
	bool named;	     /* that is all of it */
	uint64_t pods_seen;  /* generation of the names that were searched last */
	char owner[254];     /* that the pod's name lets guess (kube/owner.h) */
	char label
		[LABEL_BYTES]; /* namespace/pod/container, unit, or path: what a person calls it */
	usec_t found;	       /* when it was */
	int tier;	       /* -1: none */
	enum policy_mode mode;
	enum observed observed;
	bool infrastructure, quarantined;
	bool deaf; /* a process of it made the helper that listens hang: none is listened to */
	unsigned int timeouts;
	usec_t limit_rest; /* limiting a process of it made a helper hang: none before */
	unsigned int limit_hangs;
	usec_t walk_rest; /* a profile of it made a helper hang: none before */
	unsigned int walk_hangs;
	unsigned int
		walk_located; /* generation of the walker that was excused for an executable of it */
	struct goproc
		*procs; /* every Go process of it; the first SNAPSHOT_PROCS_MAX are decided on */
	size_t n_procs;
	struct lever_state high;
	char decision_id[48];
	sd_event_source *timer, *pressure;
	bool looking, look_again;
	usec_t looked, next_look;
	usec_t counted; /* when each P was asked for its counters */
	struct rhythm rhythm;
	struct audit_bucket bucket;
	struct timeline timeline;
	struct totals totals; /* what its runtimes have done, and ... */
	struct tally tally;   /* ... what came of decisions: since it is known */
	int32_t alert;
	usec_t alerted;
	struct culprit_log culprits;
	struct workload_environment environment;
	struct workload_restart restart;
	struct workload_share share;
	struct workload_evidence evidence;
	bool recalled; /* it was looked up what an earlier run had learned */
	/* Last, and the room for more processes, which is not touched (base/lazy.h), at their ends. */
	struct decision decision;
	struct snapshot snapshot;
	struct history history;
};
