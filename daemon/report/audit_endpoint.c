/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <syslog.h>

#include "report/audit.h"
#include "report/fields.h"

void audit_endpoint(struct journal *j, const struct audit_subject *subject,
		    const struct audit_endpoint *e)
{
	struct record r;

	record_start(&r, AUDIT_ID_ENDPOINT, LOG_NOTICE);
	record_add(&r, "MESSAGE",
		   "%s: %s says %s = %" PRId64 ", which was never so: memory shows %" PRId64
		   ", and counts",
		   subject->workload, e->url, e->figure, e->told, e->shown);
	record_add_subject(&r, subject);
	record_add(&r, "GOMEMD_PID", "%d", e->pid);
	record_add(&r, "GOMEMD_ENDPOINT", "%s", e->url);
	record_add(&r, "GOMEMD_FIGURES", "%s", e->figures);
	record_add(&r, "GOMEMD_TOLD", "%" PRId64, e->told);
	record_add(&r, "GOMEMD_SHOWN", "%" PRId64, e->shown);
	record_send(&r, j);
}
