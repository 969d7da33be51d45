/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "base/util.h"
#include "report/fields.h"

void record_add(struct record *r, const char *name, const char *format, ...)
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

void record_add_json(struct record *r, const char *name, const char *json)
{
	int n = snprintf(r->text[r->n], FIELD_BYTES, "%s=%s", name, json);

	r->iov[r->n] = (struct iovec){ .iov_base = r->text[r->n],
				       .iov_len = MIN((size_t)n, (size_t)FIELD_BYTES - 1) };
	r->n++;
}

void record_start(struct record *r, const char *id, int priority)
{
	r->n = 0;
	record_add(r, "MESSAGE_ID", "%s", id);
	record_add(r, "PRIORITY", "%d", priority);
	record_add(r, "SYSLOG_IDENTIFIER", "gomemd");
}

static void add_known(struct record *r, const char *name, const char *value)
{
	if (value[0])
		record_add(r, name, "%s", value);
}

static void add_pod(struct record *r, const struct cgroup_name *name, const struct pod_name *pod)
{
	if (pod && pod->pod[0]) {
		record_add(r, "GOMEMD_NAMESPACE", "%s", pod->space);
		record_add(r, "GOMEMD_POD", "%s", pod->pod);
		add_known(r, "GOMEMD_CONTAINER", pod->container);
	}
	if (name) {
		add_known(r, "GOMEMD_POD_UID", name->pod_uid);
		add_known(r, "GOMEMD_CONTAINER_ID", name->container);
		add_known(r, "GOMEMD_QOS", name->qos);
	}
}

void record_add_subject(struct record *r, const struct audit_subject *s)
{
	record_add(r, "GOMEMD_WORKLOAD", "%s", s->workload);
	record_add(r, "GOMEMD_CGROUP", "%s", s->cgroup);
	add_pod(r, s->name, s->pod);
	if (s->decision_id)
		record_add(r, "GOMEMD_DECISION_ID", "%s", s->decision_id);
	if (s->rules && s->rules->tier[0]) {
		record_add(r, "GOMEMD_TIER", "%s", s->rules->tier);
		record_add(r, "GOMEMD_POLICY_FILE", "%s", s->rules->file);
		record_add(r, "GOMEMD_POLICY_LINE", "%" PRIu32, s->rules->line);
	}
}

void record_send(struct record *r, struct journal *j)
{
	journal_send(j, r->iov, r->n);
}
