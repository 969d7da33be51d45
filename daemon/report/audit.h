/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/*
 * Records in the journal: one function per kind, each with its own MESSAGE_ID and an entry in gomemd.catalog. Names that
 * a tenant chose are escaped. Fields: GOMEMD_WORKLOAD, _CGROUP, _PID, _LEVER, _OLD, _NEW, _REASON, _EVIDENCE (one JSON
 * object), _POLICY_FILE, _POLICY_LINE, _OUTCOME, _DECISION_ID.
 */
#define AUDIT_ID_CHANGE	    "ff2bc6f2cd2a447c9649927989fdd5d5"
#define AUDIT_ID_ALERT	    "918d95ed3dc84462b00bdb3ed12b65bb"
#define AUDIT_ID_MANUAL	    "f8b61f71c6144569bada9a99d4d05c0c"
#define AUDIT_ID_OPERATOR   "a49133d5faca40c9a628300dd8695658"
#define AUDIT_ID_QUARANTINE "3216ef7fe96f481b84d2a99328a40b51"
#define AUDIT_ID_FEATURE    "6f57de2e7a884cbb95cc898527b08bdb"
#define AUDIT_ID_SUPPRESSED "b55117e065194e1cabf0aa88abb6fbaf"
#define AUDIT_ID_RECONCILE  "3dc771da8a314ce18b1f6080fb0e0402"

/* Whom a record is about. */
struct audit_subject {
	const char
		*workload; /* as a person names it: namespace/pod/container, unit, or cgroup path */
	const char *cgroup;
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
bool audit_admit(struct audit_bucket *bucket, const struct audit_limits *limits,
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

void audit_change(const struct audit_subject *subject, const struct audit_change *c);

/* A workload needs a person: an enum decide_alert with the numbers. */
void audit_alert(const struct audit_subject *subject, const struct decision *d,
		 const char *evidence);

/* Somebody else writes this lever: it is left alone from now on. */
void audit_manual(const struct audit_subject *subject, pid_t pid, enum policy_lever lever,
		  int64_t ours, int64_t theirs);

/* An operator's order, by whom. */
void audit_operator(uid_t uid, pid_t pid, const char *verb, const char *workload,
		    const char *detail);

/* A process that made a helper hang. */
void audit_quarantine(const char *cgroup, pid_t pid);

/* A feature that is missing: what is lost, what would bring it back. */
void audit_feature(const char *feature, const char *lost, const char *mend);

/* What the start found of an earlier run. */
void audit_reconcile(unsigned int restored, unsigned int gone, unsigned int foreign,
		     unsigned int failed);

/* The numbers of a decision by their names in gomemd(8), as a JSON object. Returns @buf. */
#define AUDIT_EVIDENCE_MAX 1024
const char *audit_evidence(char buf[AUDIT_EVIDENCE_MAX], const struct decision *d,
			   const struct snapshot *s, const struct proc_key *proc);
