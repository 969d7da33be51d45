/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/text.h"
#include "base/util.h"
#include "report/alert_text.h"
#include "report/audit.h"
#include "report/fields.h"

enum {
	VALUE_BYTES = 32,
};

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

bool audit_admit(struct journal *j, struct audit_bucket *bucket, const struct audit_limits *limits,
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
		record_start(&r, AUDIT_ID_SUPPRESSED, LOG_NOTICE);
		record_add(&r, "MESSAGE", "%s: %" PRIu64 " records were suppressed",
			   subject->workload, bucket->suppressed);
		record_add(&r, "GOMEMD_SUPPRESSED", "%" PRIu64, bucket->suppressed);
		record_add_subject(&r, subject);
		record_send(&r, j);
		bucket->suppressed = 0;
	}
	return true;
}

/* A change by its words. */
struct change_words {
	pid_t pid;
	const char *lever, *from, *to, *reason, *outcome, *evidence;
};

static void send_change(struct journal *j, const struct audit_subject *subject,
			const struct change_words *c)
{
	struct record r;

	record_start(&r, AUDIT_ID_CHANGE, LOG_INFO);
	record_add(&r, "MESSAGE", "%s: %s %s -> %s (%s): %s", subject->workload, c->lever, c->from,
		   c->to, c->reason, c->outcome);
	record_add_subject(&r, subject);
	if (c->pid)
		record_add(&r, "GOMEMD_PID", "%d", c->pid);
	record_add(&r, "GOMEMD_LEVER", "%s", c->lever);
	record_add(&r, "GOMEMD_OLD", "%s", c->from);
	record_add(&r, "GOMEMD_NEW", "%s", c->to);
	record_add(&r, "GOMEMD_REASON", "%s", c->reason);
	record_add(&r, "GOMEMD_OUTCOME", "%s", c->outcome);
	record_add_json(&r, "GOMEMD_EVIDENCE", c->evidence);
	record_send(&r, j);
}

void audit_change(struct journal *j, const struct audit_subject *subject,
		  const struct audit_change *c)
{
	char from[VALUE_BYTES], to[VALUE_BYTES];

	send_change(j, subject,
		    &(const struct change_words){ .pid = c->pid,
						  .lever = policy_lever_name(c->lever),
						  .from = value_text(from, c->lever, c->from),
						  .to = value_text(to, c->lever, c->to),
						  .reason = decide_reason_name(c->reason),
						  .outcome = c->outcome,
						  .evidence = c->evidence });
}

static const char *rate_text(char buf[VALUE_BYTES], uint32_t rate)
{
	if (rate)
		snprintf(buf, VALUE_BYTES, "%" PRIu32 "/s", rate);
	else
		snprintf(buf, VALUE_BYTES, "none");
	return buf;
}

void audit_goroutines(struct journal *j, const struct audit_subject *subject,
		      const struct audit_goroutines *g)
{
	char from[VALUE_BYTES], to[VALUE_BYTES];

	send_change(j, subject,
		    &(const struct change_words){ .pid = g->pid,
						  .lever = "goroutine_rate",
						  .from = rate_text(from, g->from),
						  .to = rate_text(to, g->to),
						  .reason = decide_reason_name(g->reason),
						  .outcome = g->outcome,
						  .evidence = g->evidence });
}

void audit_reclaim(struct journal *j, const struct audit_subject *subject, uint64_t bytes,
		   const char *outcome, const char *evidence)
{
	char text[TEXT_BYTES_MAX];
	struct record r;

	record_start(&r, AUDIT_ID_RECLAIM, LOG_INFO);
	record_add(&r, "MESSAGE", "%s: idle, cold pages are asked back, %s at a time: %s",
		   subject->workload, text_bytes(text, bytes), outcome);
	record_add_subject(&r, subject);
	record_add(&r, "GOMEMD_BYTES", "%" PRIu64, bytes);
	record_add(&r, "GOMEMD_OUTCOME", "%s", outcome);
	record_add_json(&r, "GOMEMD_EVIDENCE", evidence);
	record_send(&r, j);
}

void audit_alert(struct journal *j, const struct audit_subject *subject, const struct decision *d,
		 const char *evidence)
{
	char text[ALERT_TEXT_MAX];
	struct record r;

	record_start(&r, AUDIT_ID_ALERT, LOG_WARNING);
	record_add(&r, "MESSAGE", "%s", alert_text(text, subject->workload, d));
	if (d->recommended_limit && d->alert != ALERT_HOT && d->alert != ALERT_EMERGENCY)
		record_add(&r, "GOMEMD_RECOMMENDED_LIMIT", "%" PRIu64, d->recommended_limit);
	record_add(&r, "GOMEMD_ALERT", "%s", decide_alert_name(d->alert));
	record_add(&r, "GOMEMD_FORECAST", "%s", forecast_kind_name(d->forecast.kind));
	if (d->forecast.to_oom != FORECAST_NEVER)
		record_add(&r, "GOMEMD_SECONDS_TO_OOM", "%" PRIu64, d->forecast.to_oom / USEC_SEC);
	record_add(&r, "GOMEMD_REASON", "%s", decide_reason_name(d->reason));
	record_add_subject(&r, subject);
	record_add_json(&r, "GOMEMD_EVIDENCE", evidence);
	record_send(&r, j);
}

void audit_oom(struct journal *j, const struct audit_subject *subject, pid_t pid,
	       const struct decision *d, const char *evidence)
{
	char usage[TEXT_BYTES_MAX], room[TEXT_BYTES_MAX];
	struct record r;

	record_start(&r, AUDIT_ID_OOM, LOG_WARNING);
	record_add(
		&r, "MESSAGE",
		"%s: the kernel kills process %d for lack of memory; at the last look it used %s of %s",
		subject->workload, pid, text_bytes(usage, d->usage), text_bytes(room, d->room));
	record_add(&r, "GOMEMD_PID", "%d", pid);
	record_add_subject(&r, subject);
	record_add_json(&r, "GOMEMD_EVIDENCE", evidence);
	record_send(&r, j);
}

/* A row for each occasion. */
static const char *const occasion_names[] = {
	[OCCASION_INTERVAL] = "interval", [OCCASION_EMERGENCY] = "emergency",
	[OCCASION_TIGHT] = "tight",	  [OCCASION_HOT] = "hot",
	[OCCASION_OOM] = "oom",		  [OCCASION_GROWTH] = "growth",
};
_Static_assert(ARRAY_SIZE(occasion_names) == OCCASION_MAX_, "a name for each");

/* What is known of it: how much it allocates needs two profiles that have it. */
static void culprit_figures(const struct culprit *c, char *buf, size_t size)
{
	const struct heap_growth *g = &c->growth;
	const uint32_t whole = c->alloc_permille / 10, tenth = c->alloc_permille % 10;
	char rate[TEXT_BYTES_MAX], inuse[TEXT_BYTES_MAX];

	text_bytes(rate, c->alloc_bytes_per_sec);
	text_bytes(inuse, g->inuse_bytes);
	if (c->kind == CULPRIT_GOROUTINES)
		snprintf(buf, size, "%" PRIu64 " goroutines with %s of stack", g->inuse_objects,
			 inuse);
	else if (c->since_start)
		snprintf(buf, size,
			 "holds %s, and %" PRIu32 ".%" PRIu32
			 " %% of what was allocated since the start is its",
			 inuse, whole, tenth);
	else if (g->points < 2)
		snprintf(buf, size, "holds %s", inuse);
	else
		snprintf(buf, size,
			 "allocates %s a second, %" PRIu32 ".%" PRIu32 " %%, and holds %s", rate,
			 whole, tenth, inuse);
}

static void culprit_message(struct record *r, const struct audit_subject *subject,
			    const struct culprit *c)
{
	const struct heap_cause *cause = c->growth.cause;
	char figures[160];

	culprit_figures(c, figures, sizeof(figures));
	record_add(r, "MESSAGE", "%s: %s:%" PRIu32 " (%s): %s%s", subject->workload, cause->file,
		   cause->line, cause->function, figures, c->suspect ? ", which only grows" : "");
}

static void add_share(struct record *r, const char *name, uint32_t permille)
{
	record_add(r, name, "%" PRIu32 ".%03" PRIu32, permille / 1000, permille % 1000);
}

static void add_cause(struct record *r, const struct heap_cause *cause)
{
	const char *class = escape_class_name((enum escape_class)cause->class);

	record_add(r, "GOMEMD_FUNCTION", "%s", cause->function);
	record_add(r, "GOMEMD_FILE", "%s", cause->file);
	record_add(r, "GOMEMD_LINE", "%" PRIu32, cause->line);
	record_add(r, "GOMEMD_SITE", "%s %s:%" PRIu32, cause->site_function, cause->site_file,
		   cause->site_line);
	add_share(r, "GOMEMD_SITE_SHARE", cause->site_permille);
	if (cause->type[0])
		record_add(r, "GOMEMD_TYPE", "%s", cause->type);
	record_add(r, "GOMEMD_CLASS", "%s", class ? class : "?");
	record_add(r, "GOMEMD_LEVEL", "%s", escape_class_level((enum escape_class)cause->class));
	record_add(r, "GOMEMD_CLASS_FROM", "%s", escape_teller_name(cause->told_by));
	if (cause->expression[0])
		record_add(r, "GOMEMD_COMPILER", "%s: %s", cause->expression, cause->reason);
}

/* What takes two profiles to be known. */
static void add_rates(struct record *r, const struct culprit *c)
{
	record_add(r, "GOMEMD_BYTES_PER_SEC", "%" PRIu64, c->alloc_bytes_per_sec);
	record_add(r, "GOMEMD_ALLOCS_PER_SEC", "%" PRIu64, c->allocs_per_sec);
	record_add(r, "GOMEMD_SLOPE", "%" PRId64, c->growth.slope_bytes_per_min);
	record_add(r, "GOMEMD_SUSPECT", "%d", c->suspect);
	if (c->lifetime_millicycles >= 0)
		record_add(r, "GOMEMD_LIFETIME_CYCLES", "%" PRId64 ".%03" PRId64,
			   c->lifetime_millicycles / 1000, c->lifetime_millicycles % 1000);
}

void audit_culprit(struct journal *j, const struct audit_subject *subject, pid_t pid,
		   enum audit_occasion occasion, uint32_t rank, const struct culprit *c)
{
	const struct heap_growth *g = &c->growth;
	struct record r;

	record_start(&r, AUDIT_ID_CULPRIT, occasion == OCCASION_INTERVAL ? LOG_INFO : LOG_NOTICE);
	culprit_message(&r, subject, c);
	record_add_subject(&r, subject);
	record_add(&r, "GOMEMD_PID", "%d", pid);
	record_add(&r, "GOMEMD_OCCASION", "%s", occasion_names[occasion]);
	record_add(&r, "GOMEMD_RANK", "%" PRIu32, rank);
	record_add(&r, "GOMEMD_KIND", "%s", culprit_kind_name(c->kind));
	add_cause(&r, g->cause);
	add_share(&r, "GOMEMD_IMPACT", c->impact_permille);
	record_add(&r, "GOMEMD_IMPACT_BY", "%s", culprit_impact_name(c->impact_by));
	add_share(&r, "GOMEMD_GC_SHARE", c->gc_permille);
	add_share(&r, "GOMEMD_ALLOC_SHARE", c->alloc_permille);
	add_share(&r, "GOMEMD_INUSE_SHARE", c->inuse_permille);
	record_add(&r, "GOMEMD_INUSE_BYTES", "%" PRIu64, g->inuse_bytes);
	if (g->points > 1)
		add_rates(&r, c);
	record_add(&r, "GOMEMD_ADVICE", "%s", culprit_advice(c));
	record_send(&r, j);
}

void audit_manual(struct journal *j, const struct audit_subject *subject, pid_t pid,
		  enum policy_lever lever, int64_t ours, int64_t theirs)
{
	char from[VALUE_BYTES], to[VALUE_BYTES];
	struct record r;

	value_text(from, lever, ours);
	value_text(to, lever, theirs);
	record_start(&r, AUDIT_ID_MANUAL, LOG_NOTICE);
	record_add(&r, "MESSAGE",
		   "%s: somebody else changed %s from %s to %s; gomemd leaves it alone",
		   subject->workload, policy_lever_name(lever), from, to);
	record_add_subject(&r, subject);
	if (pid)
		record_add(&r, "GOMEMD_PID", "%d", pid);
	record_add(&r, "GOMEMD_LEVER", "%s", policy_lever_name(lever));
	record_add(&r, "GOMEMD_OLD", "%s", from);
	record_add(&r, "GOMEMD_NEW", "%s", to);
	record_add(&r, "GOMEMD_REASON", "manual");
	record_send(&r, j);
}

void audit_operator(struct journal *j, uid_t uid, pid_t pid, const char *verb, const char *workload,
		    const char *detail)
{
	struct record r;

	record_start(&r, AUDIT_ID_OPERATOR, LOG_NOTICE);
	record_add(&r, "MESSAGE", "Operator (uid %u): %s %s %s", (unsigned int)uid, verb, workload,
		   detail);
	record_add(&r, "GOMEMD_VERB", "%s", verb);
	record_add(&r, "GOMEMD_WORKLOAD", "%s", workload);
	record_add(&r, "GOMEMD_REASON", "operator");
	record_add(&r, "GOMEMD_OPERATOR_UID", "%u", (unsigned int)uid);
	record_add(&r, "GOMEMD_OPERATOR_PID", "%d", pid);
	record_send(&r, j);
}

void audit_quarantine(struct journal *j, const char *cgroup, pid_t pid)
{
	struct record r;

	record_start(&r, AUDIT_ID_QUARANTINE, LOG_WARNING);
	record_add(&r, "MESSAGE", "Process %d in %s made a helper hang; it is left alone", pid,
		   cgroup);
	record_add(&r, "GOMEMD_CGROUP", "%s", cgroup);
	record_add(&r, "GOMEMD_PID", "%d", pid);
	record_send(&r, j);
}

void audit_feature(struct journal *j, const char *feature, const char *lost, const char *mend)
{
	struct record r;

	record_start(&r, AUDIT_ID_FEATURE, LOG_NOTICE);
	record_add(&r, "MESSAGE", "%s is not available: %s. %s", feature, lost, mend);
	record_add(&r, "GOMEMD_FEATURE", "%s", feature);
	record_send(&r, j);
}

void audit_reconcile(struct journal *j, unsigned int restored, unsigned int gone,
		     unsigned int foreign, unsigned int failed)
{
	struct record r;

	record_start(&r, AUDIT_ID_RECONCILE, failed ? LOG_WARNING : LOG_NOTICE);
	record_add(
		&r, "MESSAGE",
		"Of an earlier run: %u setting(s) given back, %u of workloads that are gone, %u that "
		"somebody else has changed, %u failed",
		restored, gone, foreign, failed);
	record_send(&r, j);
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
