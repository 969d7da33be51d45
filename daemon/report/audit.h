/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/trail.h"
#include "kube/cgroup_name.h"
#include "kube/pods.h"
#include "report/journal.h"
#include "sense/culprits.h"

/*
 * Records in the journal: one function per kind, each with its own MESSAGE_ID and an entry in gomemd.catalog. Names that
 * a tenant chose are escaped. Fields: GOMEMD_WORKLOAD, _CGROUP, of a container in a pod _NAMESPACE, _POD, _CONTAINER,
 * _POD_UID, _CONTAINER_ID and _QOS as far as they are known; _PID, _LEVER, _OLD, _NEW, _REASON, _EVIDENCE (one JSON
 * object), _POLICY_FILE, _POLICY_LINE, _OUTCOME, _DECISION_ID; those of culprits are in gomemd(8).
 */
#define AUDIT_ID_CHANGE	     "ff2bc6f2cd2a447c9649927989fdd5d5"
#define AUDIT_ID_ALERT	     "918d95ed3dc84462b00bdb3ed12b65bb"
#define AUDIT_ID_MANUAL	     "f8b61f71c6144569bada9a99d4d05c0c"
#define AUDIT_ID_OPERATOR    "a49133d5faca40c9a628300dd8695658"
#define AUDIT_ID_QUARANTINE  "3216ef7fe96f481b84d2a99328a40b51"
#define AUDIT_ID_FEATURE     "6f57de2e7a884cbb95cc898527b08bdb"
#define AUDIT_ID_SUPPRESSED  "b55117e065194e1cabf0aa88abb6fbaf"
#define AUDIT_ID_RECONCILE   "3dc771da8a314ce18b1f6080fb0e0402"
#define AUDIT_ID_OOM	     "fd42628802664b44921820134c846f62"
#define AUDIT_ID_CULPRIT     "29931a8a4a0141619b6350d1f78f3014"
#define AUDIT_ID_ENVIRONMENT "d8cfbdc5b2ba46d19e8a6b6b40b42402"
#define AUDIT_ID_RESTART     "be34e19f107a4c02b836f8bfcedd15fe"
#define AUDIT_ID_KILL	     "5b4046aefe9847509ee3036b6ce73131"
#define AUDIT_ID_ENDPOINT    "07e0ffad144e4746be2ea35697b45806"
#define AUDIT_ID_RECLAIM     "65cfd419a3704f2daf28571338d9613c"

/* Whom a record is about. */
struct audit_subject {
	const char
		*workload; /* as a person names it: namespace/pod/container, unit, or cgroup path */
	const char *cgroup;
	const struct cgroup_name *name;	  /* what its path tells; NULL where that is not known */
	const struct pod_name *pod;	  /* what its container is called; NULL likewise */
	const struct policy_rules *rules; /* NULL where no policy led to it */
	const char *decision_id;	  /* NULL where no decision did */
};

/* So many records in a row for one workload, then one per interval; what is left out is counted and said. */
struct audit_bucket {
	uint64_t tokens, suppressed;
	usec_t refilled;
};

struct audit_limits {
	uint64_t burst;
	usec_t interval;
};

/* True where a record may be written now. Says how many were suppressed before, in a record of its own. */
bool audit_admit(struct journal *j, struct audit_bucket *bucket, const struct audit_limits *limits,
		 const struct audit_subject *subject, usec_t now);

/* A lever was changed, or would have been: @outcome is what came of it. */
struct audit_change {
	pid_t pid; /* 0: the cgroup's */
	enum policy_lever lever;
	int64_t from, to;
	int32_t reason; /* enum decide_reason */
	const char *outcome;
	const char *evidence; /* JSON object */
};

void audit_change(struct journal *j, const struct audit_subject *subject,
		  const struct audit_change *c);

/* The cap on a process's goroutine creation was set or lifted, or could not be; as a lever of the name goroutine_rate. */
struct audit_goroutines {
	pid_t pid;
	uint32_t from, to; /* a second; 0: no cap */
	int32_t reason;	   /* enum decide_reason */
	const char *outcome, *evidence;
};

void audit_goroutines(struct journal *j, const struct audit_subject *subject,
		      const struct audit_goroutines *g);

/* A workload needs a person: an enum decide_alert with the numbers. */
void audit_alert(struct journal *j, const struct audit_subject *subject, const struct decision *d,
		 const char *evidence);

/* The kernel chose this process to be killed; the numbers are what was known at the last look. */
void audit_oom(struct journal *j, const struct audit_subject *subject, pid_t pid,
	       const struct decision *d, const char *evidence);

/* What was kept of a kill in the record @name; or @why it could not be. */
void audit_kill(struct journal *j, const struct audit_subject *subject, pid_t pid, const char *name,
		const struct trail_verdict *v, const char *why);

/* Memory of a workload that is idle is asked back, @bytes at a time, from now on. */
void audit_reclaim(struct journal *j, const struct audit_subject *subject, uint64_t bytes,
		   const char *outcome, const char *evidence);

/* Why culprits are told. */
enum audit_occasion {
	OCCASION_INTERVAL, /* the policy's */
	OCCASION_EMERGENCY,
	OCCASION_TIGHT,
	OCCASION_HOT,
	OCCASION_GROWTH, /* the forecast's alert */
	OCCASION_OOM,
	OCCASION_MAX_,
};

/* One of those that make a process's heap what it is; @rank: 1 has most impact. */
void audit_culprit(struct journal *j, const struct audit_subject *subject, pid_t pid,
		   enum audit_occasion occasion, uint32_t rank, const struct culprit *c);

/* Somebody else writes this lever: it is left alone from now on. */
void audit_manual(struct journal *j, const struct audit_subject *subject, pid_t pid,
		  enum policy_lever lever, int64_t ours, int64_t theirs);

/* An operator's order, by whom. */
void audit_operator(struct journal *j, uid_t uid, pid_t pid, const char *verb, const char *workload,
		    const char *detail);

/* What a unit begins with at its next start was set, given back, or would have been set: @outcome. */
struct audit_environment {
	const char *unit;
	const char *variables; /* "GOMEMLIMIT=104857600 GOGC=50" */
	int32_t reason;	       /* enum decide_reason */
	const char *outcome;
};

void audit_environment(struct journal *j, const struct audit_subject *subject,
		       const struct audit_environment *e);

/* A unit that is tight is about to be restarted, was, or is not for a reason: by decision->restart and @outcome. */
void audit_restart(struct journal *j, const struct audit_subject *subject, const struct decision *d,
		   const char *outcome, const char *evidence);

/* An endpoint says what memory shows to be otherwise: memory counts. */
struct audit_endpoint {
	pid_t pid;
	const char *url;
	const char *figure; /* the first that is contradicted, ... */
	int64_t told, shown;
	const char *figures; /* ... and all of them, by their names */
};

void audit_endpoint(struct journal *j, const struct audit_subject *subject,
		    const struct audit_endpoint *e);

/* A process that made a helper hang. */
void audit_quarantine(struct journal *j, const char *cgroup, pid_t pid);

/* A feature that is missing: what is lost, what would bring it back. */
void audit_feature(struct journal *j, const char *feature, const char *lost, const char *mend);

/* What the start found of an earlier run. */
void audit_reconcile(struct journal *j, unsigned int restored, unsigned int gone,
		     unsigned int foreign, unsigned int failed);

/* The numbers of a decision by their names in gomemd(8), as a JSON object. Returns @buf. */
#define AUDIT_EVIDENCE_MAX 1024
const char *audit_evidence(char buf[AUDIT_EVIDENCE_MAX], const struct decision *d,
			   const struct snapshot *s, const struct proc_key *proc);
