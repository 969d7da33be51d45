/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-event.h>

#include "act/change.h"
#include "act/undo.h"
#include "base/table.h"
#include "core/workload.h"
#include "decide/environment.h"
#include "decide/replay.h"
#include "policy/config.h"
#include "host/capability.h"
#include "host/cgroup.h"
#include "host/features.h"
#include "host/inspector.h"
#include "host/listen.h"
#include "host/proc_events.h"
#include "host/throttle.h"
#include "host/watch.h"
#include "kube/index.h"
#include "kube/pods.h"
#include "policy/load.h"
#include "policy/match.h"
#include "report/audit.h"
#include "report/record.h"
#include "sense/tracker.h"
#include "state/learned.h"
#include "state/store.h"

/*
 * The daemon's one object, and the files of core/ that work on it: processes.c (execs and exits), discover.c (workloads
 * come and go), identity.c (what they are called, and which policy is theirs), kubernetes.c (what the API server says of them), look.c (one look at a workload), siblings.c
 * (others under the same limit), shares.c (others of the same namespace), apply.c (its changes), reclaim.c (what is asked
 * back of it), hear.c (what is told by eBPF), endpoints.c (what programs say of themselves), series.c (heap profiles over
 * time), culprits.c (what of them is told), evidence.c (what is kept of a kill), throttle.c (who may create how many
 * goroutines), learned.c (what outlives a workload), environment.c and restart.c (its unit), orders.c (what operators
 * want), figures.c and exporter.c (metrics), view.c (what it shows), control.c (the socket), helpers.c (who else works),
 * reload.c (settings that change),
 * restore.c (giving back). Everything runs in one sd-event loop; nothing here may block.
 */
struct manager;

enum {
	QUARANTINE_MAX = 64,
	THROTTLED_MAX = 16,
};

/* A cgroup that is left alone (quarantine.h). */
struct quarantined {
	uint64_t cgroup_id;
	char workload[512];
	unsigned int times; /* how often it made a helper hang */
	usec_t until;
};

/* How processes that come and go are noticed. */
enum process_source {
	PROCESSES_BY_SCAN,
	PROCESSES_BY_CONNECTOR,
	PROCESSES_BY_BPF,
};

/* Profiles of one process that are being taken: of its heap, then of its goroutines (series.c). */
enum walk_phase {
	WALK_HEAP,
	WALK_GOROUTINES,
	WALK_PHASE_MAX_,
};

/* One at a time, by a helper of its own. */
struct heap_walk {
	bool under_way;
	bool urgent; /* evidence is wanted: the next need not wait until the last is paid for, ... */
	uint32_t unpaid;     /* ... so many times, ... */
	usec_t unpaid_since; /* ... since then */
	uint32_t series;     /* that are kept, of all processes */
	uint64_t left_out;   /* profiles that had no room for a series */
	enum walk_phase phase;
	uint64_t token;
	struct process_id process;
	usec_t began, took, rest_until, rest_max; /* `took`: of the CPU */
	uint32_t n, next;			  /* rows, and the next whose name may be missing */
	uint64_t causes[PROFILE_FIGURES_MAX];
	uint64_t walks, cost_usec; /* all so far */
};

/* A unit's environment at its next start, as it stands in its drop-in (environment.c). */
struct unit_environment {
	char unit[256], workload[512], tier[48];
	struct environment wanted; /* all that is right by the policy ... */
	struct environment values; /* ... and what of it the owner has left: the drop-in's */
	bool loading;		   /* the service manager is about to read it */
	bool in_force;		   /* it has */
	usec_t asked;		   /* when it was looked up last what of it is the owner's */
};

enum {
	ENVIRONMENTS_MAX = 512,
};

struct environments {
	struct unit_environment *of;
	size_t n, room;
	uint64_t left_out;
	bool owed;	/* the service manager is to read its units anew, ... */
	bool reloading; /* ... does so, ... */
	bool again;	/* ... and is to once more */
	usec_t reloaded, reviewed;
	uint64_t reloads;
	sd_event_source *timer;
};

/* A process whose goroutine creation is limited, by a helper of its own (throttle.c). */
struct throttled {
	struct manager *manager;
	struct process_id process; /* pid 0: only tries whether it could be */
	struct throttler *throttler;
	sd_event_source *io, *timer;
};

struct manager {
	struct config config;
	const char *config_file;
	struct policy_set *policy;
	struct hostroot host;
	sd_event *event;
	struct inspector *inspector, *writer, *walker;
	sd_event_source *inspector_io, *inspector_timer, *writer_io, *writer_timer, *walker_io,
		*walker_timer;
	unsigned int inspector_generation, writer_generation, walker_generation;
	struct heap_walk walk;
	struct endpoints *endpoints; /* NULL before the first is asked */
	struct tracker *tracker;
	sd_event_source *tracker_timer, *scan_timer;
	struct proc_events *events;
	enum process_source process_source;
	usec_t scanned, scan_at; /* the last scan of all processes, the next */
	struct watch *watch;
	struct reloader *reloader; /* NULL: only SIGHUP reloads */
	bool reload_refused;	   /* the last one */
	struct unit_bus *bus;
	struct store *store;
	struct orders orders;
	struct pod_index pods;	       /* what containers are called */
	struct kubernetes *kubernetes; /* what the API server says; NULL where it is not asked */
	struct learned learned;	       /* of earlier runs of workloads */
	usec_t learned_at;	       /* when that was saved */
	struct environments environments;
	struct recorder *recorder;
	struct exporter *exporter; /* NULL until metrics are asked for */
	struct notices *notices;   /* NULL while alerts are sent nowhere */
	struct journal *journal;
	struct features features;
	struct throttled throttled[THROTTLED_MAX];
	struct listener *listener;
	sd_event_source *listener_io, *listener_timer;
	unsigned int listener_generation;
	bool hears_processes; /* it was asked for execs and exits ... */
	bool hears_alone;     /* ... and is asked for nothing else any more */
	uint64_t events_lost; /* of which the cycles know */
	struct table workloads;
	struct table by_pid; /* pid -> workload */
	uint64_t next_id;
	char boot_id[24];
	bool stopping, host_swaps;
	uint64_t capabilities; /* our own */
	enum rights rights;
	unsigned int changes_under_way;
	usec_t started;
	uint64_t started_wall;
	uint64_t looks, changes, kills;
	void (*seen)(void *userdata,
		     const struct workload *w); /* told of each look; NULL: nobody */
	void *seen_userdata;
	uint64_t names_too_long;
	struct quarantined quarantine[QUARANTINE_MAX];
	size_t n_quarantined;
	uint64_t quarantine_forgotten;
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

/* reload.c */
/* Before settings are read: what changes from now on is not missed. */
void reload_watch(struct manager *m);
/* After they were: goes on watching where they say so, and has a change read. */
void reload_apply(struct manager *m);
/* Directories that are there by now are watched, too. */
void reload_review(struct manager *m);
struct reloader *reloader_free(struct reloader *r);

/* discover.c */
void manager_tracker_callbacks(struct manager *m, struct tracker_callbacks *ret);
struct goproc *workload_proc(struct workload *w, pid_t pid);
struct workload *workload_free(struct workload *w);
/*
 * Takes processes that were moved to another cgroup without an exec over to that one's workload; each is asked for
 * every few seconds, all of them at once with @now_all. One that has nowhere to go becomes homeless.
 */
void workload_place_procs(struct workload *w, bool now_all);

/* identity.c */
/* Looks up what it is called, as far as that is not known yet. True where more is known now: it is to be matched anew. */
bool workload_name(struct workload *w);
/* It is young, and what it is called is not all known yet but may soon be. */
bool workload_awaits_name(const struct workload *w, usec_t now);
/* The process that speaks for the workload where only one can: the one that maps most. NULL where there is none. */
const struct goproc *workload_largest_proc(const struct workload *w);
/* What policies match a workload by; the strings are the workload's, the API server's until its next word, and @ret's. */
struct workload_subject {
	struct policy_subject as; /* what is matched */
	char space_mode[KUBE_PAIR_BYTES], pod_mode[KUBE_PAIR_BYTES], owner[KUBE_NAME_BYTES];
};
void workload_subject_of(const struct workload *w, struct workload_subject *ret);
const char *observed_name(enum observed observed);
/* Matches the tier anew: the limit, the policies or the processes have changed. */
void workload_match(struct workload *w);

/* look.c */
/* Looks at a workload after @delay at the latest. */
void workload_look_in(struct workload *w, usec_t delay);
int workload_timer(sd_event_source *s, uint64_t usec, void *userdata);

/* siblings.c */
/*
 * After the cgroup was read: how much of its room may be promised to it, since others are below the same limits. Those
 * that were promised what is not theirs any more look again soon.
 */
void siblings_allot(struct workload *w);

/* shares.c */
/* Lowers what is allotted of the room to its part of its namespace's share, where a policy has one; after siblings_allot. */
void shares_allot(struct workload *w, usec_t now);
/* What its runtimes cannot do without, by the last decision; 0 where there was none. */
uint64_t workload_floors(const struct workload *w);

/* apply.c */
/* Starts what the last decision asks for, as far as mode and orders allow. */
void workload_apply(struct workload *w);
/* No write may stay here: everything of ours goes back to its owner. @proc may be NULL: is it so of the cgroup. */
bool workload_gives_back(const struct workload *w, const struct goproc *proc);
void workload_subject(const struct workload *w, struct audit_subject *ret);
/* Something came of a decision: counted, whether or not a record says it. @outcome is a literal. */
void workload_count(struct workload *w, int32_t lever, int32_t reason, const char *outcome);
struct audit_limits manager_audit_limits(const struct manager *m);

/* reclaim.c */
/* Asks the kernel for what the last decision wants back of a workload that is idle. */
void reclaim_apply(struct workload *w);

/* Whether a feature works is known now; one that is missing is said, once. */
void manager_feature(struct manager *m, enum feature feature, int error);

/* environment.c */
/* After a decision: has the unit begin with what has proved right, where the policy wants it. */
void environment_look(struct workload *w, usec_t now);
/* A process of it was found: what the service manager has given it is looked up. */
void environment_started(struct workload *w);
/* It has ended: there may be no next start. */
void environment_ended(struct workload *w);
/* Orders, policies or units may have changed: what may not stand any more is given back. */
void environments_review(struct manager *m);
/* That of a unit, or NULL. */
const struct unit_environment *environment_get(const struct manager *m, const char *unit);
/* Is something of ours in a unit, or the service manager not told yet that it has gone? */
bool environments_pending(const struct manager *m);
void environments_done(struct manager *m);

/* restart.c */
/* What restarts before this run of the workload say of the next. */
void restart_facts(const struct workload *w, usec_t now, struct snapshot_unit *ret);
/* After a decision: has the unit restarted where that is due, and says why, or why not. */
void restart_look(struct workload *w, usec_t now);

/* helpers.c */
int manager_start_helpers(struct manager *m);
/* Call after each request: keeps the loop's descriptor and timer in step with the helper. */
void manager_arm(struct manager *m);
/*
 * Watches a duplicate of @fd for input. Its owner may close it, and the number become another's, before the source is gone:
 * by then epoll must not know it. Returns 0 or -errno.
 */
int manager_watch_fd(struct manager *m, sd_event_source **ret, int fd,
		     sd_event_io_handler_t handler, void *userdata);
/* The helper for writes that may block; started at the first use. NULL where it cannot be. */
struct inspector *manager_writer(struct manager *m);
/* The helper that takes heap profiles, so that no look waits for one; as manager_writer, but it cannot write. */
struct inspector *manager_walker(struct manager *m);

/* throttle.c */
/* Tries whether it can be done here at all. */
void throttle_try(struct manager *m);
/* Has the process limited as it was decided, as far as mode and orders allow; or no more. */
void throttle_apply(struct workload *w, struct goproc *p, const struct rate_decision *d);
/* It has ended, or has another image. */
void throttle_drop(struct manager *m, pid_t pid);
void throttle_drop_all(struct manager *m);
/* How many are limited. */
unsigned int throttle_count(const struct manager *m);

/* endpoints.c */
/* After a look: asks whose turn it is by policy, and judges what was told since the look before. */
void endpoints_look(struct workload *w, usec_t now);
void endpoints_drop(struct goproc *p);
/* False where the process is not asked. Else whether the last answer had figures, and whether memory contradicts them. */
bool endpoint_health(const struct goproc *p, bool *ret_answers, bool *ret_contradicted);
void endpoints_free(struct manager *m);

/* series.c */
/* Takes the profile that is most overdue, where one is, none is being taken, and the last has been paid for. */
void series_run(struct manager *m);
/* Forgets what is known of a process's heap: it has ended, or has another image. */
void series_drop(struct manager *m, struct goproc *p);

/* learned.c */
/* Begins with what an earlier run of the workload has learned, once its name is known; before the first look. */
void learned_recall(struct workload *w);
/* Remembers what was learned of one, since it goes. */
void learned_keep(struct workload *w);
/* What is kept of it, or NULL; the name by which it is goes to @name, "" where it has none (yet). */
const struct learned_entry *learned_of(const struct workload *w, char name[LEARNED_NAME_MAX]);
/* Remembers that its unit is restarted now. */
void learned_restarted(struct workload *w);
/* Remembers it of all and saves it, from time to time or @now. */
void learned_save(struct manager *m, bool now);

/* culprits.c */
/* What a process's culprits are told by. */
struct culprit_sources culprits_of(const struct goproc *p);
/* How often profiles of a workload's processes are wanted; 0: never. */
usec_t culprits_interval(const struct workload *w);
/* After a decision: tells them where it is time to, and has evidence gathered where the state has become an alarm. */
void culprits_look(struct workload *w, usec_t now);
/* Profiles of a process were taken, or cannot be. */
void culprits_walked(struct workload *w, struct goproc *p);
/* The kernel has chosen a process of it: what is known is told. */
void culprits_oom(struct workload *w, pid_t pid);
/*
 * A process has ended: its series are kept for a while, since its end may be heard of before its kill is (each comes from
 * the kernel by a way of its own). Takes them over from @p.
 */
void culprits_ended(struct workload *w, struct goproc *p);
void culprits_forget_ended(struct workload *w);

/* evidence.c */
/* After a decision: what was seen and decided goes to the trail. */
void evidence_look(struct workload *w, usec_t now);
/* A person is called. */
void evidence_alert(struct workload *w, usec_t now);
/* A kill of it was recorded so shortly ago that it is to be known again. */
bool evidence_rests(const struct workload *w, usec_t now);
/* A lever was changed, or would have been: @outcome as in the audit record. */
void evidence_change(struct workload *w, pid_t pid, enum policy_lever lever,
		     const struct lever_decision *d, const char *outcome);
/*
 * Has the kernel killed in it since the last time? Then that is recorded. At once when its counters are heard to have
 * changed: the service manager may remove the cgroup a moment later.
 */
void evidence_check(struct workload *w);
/* The kernel has chosen this process. */
void evidence_victim(struct workload *w, pid_t pid);
/* A Go process of it has ended, by whatever. */
void evidence_ended(struct workload *w);
void evidence_done(struct workload *w);

/* processes.c */
/* Has execs and exits told, by what there is. Without, and where some were lost, all processes are scanned. */
void processes_start(struct manager *m);
usec_t processes_scan_interval(const struct manager *m);
/* For hear.c, which has them from the helper that listens. */
void processes_ready(struct manager *m, const struct listen_ready *ready);
void processes_told(struct manager *m, const struct event *e);
void processes_lost(struct manager *m);

/* hear.c */
/* Has execs and exits heard, by a helper that is there from now on. */
void hear_processes(struct manager *m);
/*
 * Where that helper was given up: one more, that hears of nothing else. Attaching to a tenant's program is what can make
 * a helper hang, and a tenant's doing must not make the daemon slow to see everybody's.
 */
void hear_processes_alone(struct manager *m);
/* Listens to a process that was found (starting the helper for it with the first), and ends it. */
void hear_process(struct manager *m, struct goproc *p);
void hear_no_more(struct manager *m, pid_t pid);
/* What the daemon did and saw itself, on the workload's time line. */
void hear_adjustment(struct workload *w, pid_t pid, enum policy_lever lever,
		     const struct lever_decision *d);
/* The cap on a process's goroutine creation has become another; 0: none. */
#define HEAR_GOROUTINE_RATE (-1) /* in the place of a lever */
void hear_goroutine_rate(struct workload *w, pid_t pid, uint32_t from, uint32_t to, int32_t reason);
/* What has come to pass since the look before, which saw @before. */
void hear_stalls(struct workload *w, const struct snapshot_cgroup *before);
void hear_swap(struct workload *w, const struct snapshot_cgroup *before);

/* restore.c */
/*
 * Gives back what an earlier run left, by the undo records, waiting for each. Needs no loop and no manager: at a start
 * before anything else, and for gomemd --restore.
 */
int restore_all(const struct hostroot *host, struct store *store, struct journal *journal,
		usec_t deadline);

/* control.c */
struct control;
int control_new(struct manager *m, const char *path, struct control **ret);
struct control *control_free(struct control *c);
/* Lets the group gomemd use a socket of the daemon's, where there is one; else it is root's alone. */
void control_set_access(const char *path);

/* kubernetes.c */
/* Asks the API server as the configuration has it, from now on; what cannot be is said, and asked for again later. */
void kubernetes_apply(struct manager *m);
void kubernetes_free(struct manager *m);
struct kube_api;
/*
 * Where the API server is, by the configuration; where that has none, by what a pod is told of it. @wanted_by is for the
 * message where it cannot be known: then false.
 */
bool kubernetes_server(const struct config *config, const char *wanted_by, struct kube_api *ret);
/* What it says of the workload's pod, where that is of the same name as here; NULL where nothing is known. */
const struct kube_object *kubernetes_pod(const struct workload *w);
/* ... and of the namespace, where that has a word for gomemd. */
const struct kube_object *kubernetes_namespace(const struct workload *w);
/* It answers, or may be about to, and has not told of the workload's pod yet: that may forbid what policies allow. */
bool kubernetes_is_awaited(const struct workload *w, usec_t now);
/* How its client fares; NULL where it is not asked. */
const struct health *kubernetes_health(const struct manager *m);
/* When it has told of pods, or of namespaces, whichever is longer ago; 0: not yet of both. */
usec_t kubernetes_told(const struct manager *m);

/* exporter.c */
/* Serves metrics as the configuration has it, from now on. Returns 0 or -errno, which has been said. */
int exporter_apply(struct manager *m);
struct exporter *exporter_free(struct exporter *e);

/* notices.c */
/* Sends alerts as the configuration has it, from now on. Returns 0 or -errno, which has been said. */
int notices_apply(struct manager *m);
struct notices *notices_free(struct notices *x);
/* After a decision, when the journal has it: whether its alert fires. */
void notices_look(struct workload *w, usec_t now);
/* Its culprits were ranked. */
void notices_culprits(struct workload *w, const struct culprit *of, size_t n, usec_t now);
/* It ends, and what it was alerted for. */
void notices_gone(struct workload *w, usec_t now);
