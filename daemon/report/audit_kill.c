/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <syslog.h>

#include "base/text.h"
#include "report/fields.h"

void audit_kill(struct journal *j, const struct audit_subject *subject, pid_t pid, const char *name,
		const struct trail_verdict *v, const char *why)
{
	char room[TEXT_BYTES_MAX], live[TEXT_BYTES_MAX], garbage[TEXT_BYTES_MAX],
		nongo[TEXT_BYTES_MAX];
	struct record r;

	record_start(&r, AUDIT_ID_KILL, LOG_WARNING);
	record_add(
		&r, "MESSAGE",
		"%s: killed for lack of memory (%s): of %s, %s was live, %s garbage, %s not Go's; %s%s",
		subject->workload, forecast_kind_name(v->kind), text_bytes(room, v->room),
		text_bytes(live, v->live), text_bytes(garbage, v->garbage),
		text_bytes(nongo, v->nongo), why ? "no record: " : "gomemctl postmortem ",
		why ? why : name);
	record_add_subject(&r, subject);
	if (pid)
		record_add(&r, "GOMEMD_PID", "%d", pid);
	if (!why)
		record_add(&r, "GOMEMD_POSTMORTEM", "%s", name);
	record_add(&r, "GOMEMD_FORECAST", "%s", forecast_kind_name(v->kind));
	record_send(&r, j);
}
