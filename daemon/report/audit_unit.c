/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <syslog.h>

#include "base/text.h"
#include "report/audit.h"
#include "report/fields.h"

void audit_environment(struct journal *j, const struct audit_subject *subject,
		       const struct audit_environment *e)
{
	struct record r;

	record_start(&r, AUDIT_ID_ENVIRONMENT, LOG_INFO);
	record_add(&r, "MESSAGE", "%s: environment at its next start: %s (%s): %s",
		   subject->workload, e->variables[0] ? e->variables : "nothing of gomemd's",
		   decide_reason_name(e->reason), e->outcome);
	record_add_subject(&r, subject);
	record_add(&r, "GOMEMD_UNIT", "%s", e->unit);
	record_add(&r, "GOMEMD_ENVIRONMENT", "%s", e->variables);
	record_add(&r, "GOMEMD_REASON", "%s", decide_reason_name(e->reason));
	record_add(&r, "GOMEMD_OUTCOME", "%s", e->outcome);
	record_send(&r, j);
}

/* NULL where it is, or would be. */
static const char *why_not(int32_t verdict)
{
	switch (verdict) {
	case RESTART_NO_SERVICE:
		return "it is no service that could be started again";
	case RESTART_START_UNKNOWN:
		return "it is not known what it held after its start";
	case RESTART_NO_GAIN:
		return "it held hardly less after its start";
	case RESTART_TOO_SOON:
		return "it was restarted a while ago";
	default:
		return NULL;
	}
}

static const char *why_at_all(int32_t reason)
{
	switch (reason) {
	case REASON_DOES_NOT_FIT:
		return "its live data does not fit";
	case REASON_EMERGENCY:
		return "its live data grows, and is about to fill its room";
	default:
		return "its collector has no room, and relaxing the soft limit is no way out";
	}
}

static void restart_message(struct record *r, const struct audit_subject *subject,
			    const struct decision *d, const char *outcome)
{
	const struct restart_decision *rd = &d->restart;
	char now[TEXT_BYTES_MAX], before[TEXT_BYTES_MAX], room[TEXT_BYTES_MAX];

	text_bytes(room, d->room);
	text_bytes(now, rd->live_bytes);
	if (why_not(rd->verdict))
		record_add(r, "MESSAGE", "%s: %s (%s live, room %s), but it is not restarted: %s",
			   subject->workload, why_at_all(rd->reason), now, room,
			   why_not(rd->verdict));
	else
		record_add(r, "MESSAGE",
			   "%s: %s (%s live, room %s; %s after its start): restart %s",
			   subject->workload, why_at_all(rd->reason), now, room,
			   text_bytes(before, rd->live_at_start_bytes), outcome);
}

void audit_restart(struct journal *j, const struct audit_subject *subject, const struct decision *d,
		   const char *outcome, const char *evidence)
{
	const struct restart_decision *rd = &d->restart;
	struct record r;

	record_start(&r, AUDIT_ID_RESTART, LOG_WARNING);
	restart_message(&r, subject, d, outcome);
	record_add_subject(&r, subject);
	record_add(&r, "GOMEMD_RESTART", "%s", decide_restart_name(rd->verdict));
	record_add(&r, "GOMEMD_REASON", "%s", decide_reason_name(rd->reason));
	record_add(&r, "GOMEMD_OUTCOME", "%s", outcome);
	record_add(&r, "GOMEMD_LIVE", "%" PRIu64, rd->live_bytes);
	if (rd->live_at_start_bytes)
		record_add(&r, "GOMEMD_LIVE_AT_START", "%" PRIu64, rd->live_at_start_bytes);
	record_add_json(&r, "GOMEMD_EVIDENCE", evidence);
	record_send(&r, j);
}
