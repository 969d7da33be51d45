/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

/* Records describe a workload, not a place in this file. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/text.h"
#include "base/util.h"
#include "report/audit.h"

enum {
	FIELDS_MAX = 24,
	FIELD_BYTES = 1536,
	VALUE_BYTES = 32,
};

/* Fields are collected here and sent as one record; each is cut and escaped on its way in. */
struct record {
	size_t n;
	struct iovec iov[FIELDS_MAX];
	char text[FIELDS_MAX][FIELD_BYTES];
};

static void add(struct record *r, const char *name, const char *format, ...) _printf_(3, 4);

static void add(struct record *r, const char *name, const char *format, ...)
{
	char raw[FIELD_BYTES], clean[FIELD_BYTES];
	va_list ap;
	int n;

	if (r->n == FIELDS_MAX)
		return;
	va_start(ap, format);
	vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	text_escape(clean, sizeof(clean), raw);
	n = snprintf(r->text[r->n], FIELD_BYTES, "%s=%s", name, clean);
	r->iov[r->n] = (struct iovec){ .iov_base = r->text[r->n],
				       .iov_len = MIN((size_t)n, (size_t)FIELD_BYTES - 1) };
	r->n++;
}

/* JSON that this file made holds no control bytes, but backslashes that must stay. */
static void add_json(struct record *r, const char *name, const char *json)
{
	int n = snprintf(r->text[r->n], FIELD_BYTES, "%s=%s", name, json);

	r->iov[r->n] = (struct iovec){ .iov_base = r->text[r->n],
				       .iov_len = MIN((size_t)n, (size_t)FIELD_BYTES - 1) };
	r->n++;
}

static void start(struct record *r, const char *id, int priority)
{
	r->n = 0;
	add(r, "MESSAGE_ID", "%s", id);
	add(r, "PRIORITY", "%d", priority);
	add(r, "SYSLOG_IDENTIFIER", "gomemd");
}

static void add_subject(struct record *r, const struct audit_subject *s)
{
	add(r, "GOMEMD_WORKLOAD", "%s", s->workload);
	add(r, "GOMEMD_CGROUP", "%s", s->cgroup);
	if (s->decision_id)
		add(r, "GOMEMD_DECISION_ID", "%s", s->decision_id);
	if (s->rules && s->rules->tier[0]) {
		add(r, "GOMEMD_TIER", "%s", s->rules->tier);
		add(r, "GOMEMD_POLICY_FILE", "%s", s->rules->file);
		add(r, "GOMEMD_POLICY_LINE", "%" PRIu32, s->rules->line);
	}
}

/* Where no journal listens there is nowhere to write to: the daemon has said so at its start. */
static void finish(struct record *r)
{
	(void)sd_journal_sendv(r->iov, (int)r->n);
}

static const char *value_text(char buf[VALUE_BYTES], enum policy_lever lever, int64_t v)
{
	if (lever == LEVER_GOGC && v < 0)
		snprintf(buf, VALUE_BYTES, "off");
	else if ((lever == LEVER_SOFT_LIMIT || lever == LEVER_MEMORY_HIGH) && v == VALUE_NONE)
		snprintf(buf, VALUE_BYTES, "none");
	else
		snprintf(buf, VALUE_BYTES, "%" PRId64, v);
	return buf;
}

bool audit_admit(struct audit_bucket *bucket, const struct audit_limits *limits,
		 const struct audit_subject *subject, usec_t now)
{
	struct record r;

	if (!bucket->refilled) {
		bucket->tokens = limits->burst;
		bucket->refilled = now;
	}
	if (limits->interval && now - bucket->refilled >= limits->interval) {
		uint64_t fresh = (now - bucket->refilled) / limits->interval;

		bucket->tokens = MIN(add_sat(bucket->tokens, fresh), limits->burst);
		bucket->refilled += fresh * limits->interval;
	}
	if (bucket->tokens == 0) {
		bucket->suppressed++;
		return false;
	}
	bucket->tokens--;
	if (bucket->suppressed) {
		start(&r, AUDIT_ID_SUPPRESSED, LOG_NOTICE);
		add(&r, "MESSAGE", "%s: %" PRIu64 " records were suppressed", subject->workload,
		    bucket->suppressed);
		add(&r, "GOMEMD_SUPPRESSED", "%" PRIu64, bucket->suppressed);
		add_subject(&r, subject);
		finish(&r);
		bucket->suppressed = 0;
	}
	return true;
}

void audit_change(const struct audit_subject *subject, const struct audit_change *c)
{
	char from[VALUE_BYTES], to[VALUE_BYTES];
	struct record r;

	value_text(from, c->lever, c->from);
	value_text(to, c->lever, c->to);
	start(&r, AUDIT_ID_CHANGE, LOG_INFO);
	add(&r, "MESSAGE", "%s: %s %s -> %s (%s): %s", subject->workload,
	    policy_lever_name(c->lever), from, to, decide_reason_name(c->reason), c->outcome);
	add_subject(&r, subject);
	if (c->pid)
		add(&r, "GOMEMD_PID", "%d", c->pid);
	add(&r, "GOMEMD_LEVER", "%s", policy_lever_name(c->lever));
	add(&r, "GOMEMD_OLD", "%s", from);
	add(&r, "GOMEMD_NEW", "%s", to);
	add(&r, "GOMEMD_REASON", "%s", decide_reason_name(c->reason));
	add(&r, "GOMEMD_OUTCOME", "%s", c->outcome);
	add_json(&r, "GOMEMD_EVIDENCE", c->evidence);
	finish(&r);
}

static void alert_message(struct record *r, const struct audit_subject *subject,
			  const struct decision *d)
{
	char usage[TEXT_BYTES_MAX], room[TEXT_BYTES_MAX], fits[TEXT_BYTES_MAX];

	text_bytes(usage, d->usage);
	text_bytes(room, d->room);
	text_bytes(fits, d->recommended_limit);
	switch (d->alert) {
	case ALERT_DOES_NOT_FIT:
		add(r, "MESSAGE",
		    "%s: its live data does not fit into %s; raise memory.max to %s, or it will "
		    "be killed",
		    subject->workload, room, fits);
		add(r, "GOMEMD_RECOMMENDED_LIMIT", "%" PRIu64, d->recommended_limit);
		return;
	case ALERT_HOT:
		add(r, "MESSAGE", "%s: its garbage collector needs over half of the CPU",
		    subject->workload);
		return;
	default:
		add(r, "MESSAGE", "%s: uses %s of %s and may be killed soon", subject->workload,
		    usage, room);
	}
}

void audit_alert(const struct audit_subject *subject, const struct decision *d,
		 const char *evidence)
{
	struct record r;

	start(&r, AUDIT_ID_ALERT, LOG_WARNING);
	alert_message(&r, subject, d);
	add(&r, "GOMEMD_ALERT", "%s", decide_alert_name(d->alert));
	add(&r, "GOMEMD_REASON", "%s", decide_reason_name(d->reason));
	add_subject(&r, subject);
	add_json(&r, "GOMEMD_EVIDENCE", evidence);
	finish(&r);
}

void audit_manual(const struct audit_subject *subject, pid_t pid, enum policy_lever lever,
		  int64_t ours, int64_t theirs)
{
	char from[VALUE_BYTES], to[VALUE_BYTES];
	struct record r;

	value_text(from, lever, ours);
	value_text(to, lever, theirs);
	start(&r, AUDIT_ID_MANUAL, LOG_NOTICE);
	add(&r, "MESSAGE", "%s: somebody else changed %s from %s to %s; gomemd leaves it alone",
	    subject->workload, policy_lever_name(lever), from, to);
	add_subject(&r, subject);
	if (pid)
		add(&r, "GOMEMD_PID", "%d", pid);
	add(&r, "GOMEMD_LEVER", "%s", policy_lever_name(lever));
	add(&r, "GOMEMD_OLD", "%s", from);
	add(&r, "GOMEMD_NEW", "%s", to);
	add(&r, "GOMEMD_REASON", "manual");
	finish(&r);
}

void audit_operator(uid_t uid, pid_t pid, const char *verb, const char *workload,
		    const char *detail)
{
	struct record r;

	start(&r, AUDIT_ID_OPERATOR, LOG_NOTICE);
	add(&r, "MESSAGE", "Operator (uid %u): %s %s %s", (unsigned int)uid, verb, workload,
	    detail);
	add(&r, "GOMEMD_VERB", "%s", verb);
	add(&r, "GOMEMD_WORKLOAD", "%s", workload);
	add(&r, "GOMEMD_REASON", "operator");
	add(&r, "GOMEMD_OPERATOR_UID", "%u", (unsigned int)uid);
	add(&r, "GOMEMD_OPERATOR_PID", "%d", pid);
	finish(&r);
}

void audit_quarantine(const char *cgroup, pid_t pid)
{
	struct record r;

	start(&r, AUDIT_ID_QUARANTINE, LOG_WARNING);
	add(&r, "MESSAGE", "Process %d in %s made a helper hang; it is left alone", pid, cgroup);
	add(&r, "GOMEMD_CGROUP", "%s", cgroup);
	add(&r, "GOMEMD_PID", "%d", pid);
	finish(&r);
}

void audit_feature(const char *feature, const char *lost, const char *mend)
{
	struct record r;

	start(&r, AUDIT_ID_FEATURE, LOG_NOTICE);
	add(&r, "MESSAGE", "%s is not available: %s. %s", feature, lost, mend);
	add(&r, "GOMEMD_FEATURE", "%s", feature);
	finish(&r);
}

void audit_reconcile(unsigned int restored, unsigned int gone, unsigned int foreign,
		     unsigned int failed)
{
	struct record r;

	start(&r, AUDIT_ID_RECONCILE, failed ? LOG_WARNING : LOG_NOTICE);
	add(&r, "MESSAGE",
	    "Of an earlier run: %u setting(s) given back, %u of workloads that are gone, %u that "
	    "somebody else has changed, %u failed",
	    restored, gone, foreign, failed);
	finish(&r);
}

const char *audit_evidence(char buf[AUDIT_EVIDENCE_MAX], const struct decision *d,
			   const struct snapshot *s, const struct proc_key *proc)
{
	int n = snprintf(buf, AUDIT_EVIDENCE_MAX,
			 "{\"state\":\"%s\",\"limit\":%" PRIu64 ",\"M\":%" PRIu64 ",\"U\":%" PRIu64
			 ",\"N\":%" PRIu64 ",\"margin\":%" PRIu64 ",\"T\":%" PRIu64
			 ",\"heap_alloc_peak\":%" PRIu64 ",\"trigger\":%" PRIu64,
			 policy_state_name((enum policy_state)d->state), d->limit, d->room,
			 d->usage, d->nongo, d->margin, d->mapped, d->trigger_value,
			 d->trigger_bytes);

	for (uint32_t i = 0; proc && i < d->n_procs; i++) {
		const struct proc_decision *p = &d->procs[i];
		const struct go_sample *g = &s->procs[i].sample;

		if (p->key.pid != proc->pid || n < 0 || n >= AUDIT_EVIDENCE_MAX)
			continue;
		n += snprintf(buf + n, (size_t)(AUDIT_EVIDENCE_MAX - n),
			      ",\"L\":%" PRIu64 ",\"goal\":%" PRIu64 ",\"S\":%" PRId64
			      ",\"p\":%" PRId32 ",\"S_floor\":%" PRIu64 ",\"e\":%" PRId32
			      ",\"num_gc\":%" PRIu32,
			      g->heap_marked_bytes, p->goal_bytes, g->memory_limit_bytes,
			      g->gc_percent, p->floor_bytes, p->effective_gogc, g->num_gc);
	}
	n = MIN(n, AUDIT_EVIDENCE_MAX - 2);
	buf[n] = '}';
	buf[n + 1] = '\0';
	return buf;
}
