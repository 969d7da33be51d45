/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"

#define REST_FAILED (60 * USEC_MIN)

static void audit(struct workload *w, const char *outcome)
{
	const struct audit_limits limits = manager_audit_limits(w->manager);
	char evidence[AUDIT_EVIDENCE_MAX];
	struct audit_subject subject;

	workload_subject(w, &subject);
	if (audit_admit(w->manager->journal, &w->bucket, &limits, &subject, clock_now()))
		audit_reclaim(w->manager->journal, &subject, w->history.reclaim.bytes, outcome,
			      audit_evidence(evidence, &w->decision, &w->snapshot, NULL));
}

/* A kernel may give less than it was asked for, which it says as EAGAIN. */
static void reclaimed(void *userdata, const struct inspect_request *req,
		      const struct inspect_reply *reply)
{
	struct manager *m = userdata;
	struct workload *w = table_get(&m->workloads, req->cgroup_id);

	if (!w || reply->result == 0 || reply->result == -EAGAIN)
		return;
	log_debug("Cannot reclaim memory of %s: %s", w->label,
		  reply->result < 0 ? strerror(-reply->result) : "its cgroup has gone");
	w->history.reclaim.rest_until = clock_now() + REST_FAILED;
	audit(w, "failed");
}

void reclaim_apply(struct workload *w)
{
	struct inspect_request req = { .op = INSPECT_WRITE_CGROUP,
				       .file = "memory.reclaim",
				       .cgroup_id = w->token };
	const bool first = w->history.reclaim.times == 1;
	struct inspector *writer;

	if (!w->decision.reclaim_bytes)
		return;
	if (w->mode != MODE_ENFORCE) {
		if (first && w->mode == MODE_RECOMMEND)
			audit(w, "recommended");
		return;
	}
	writer = manager_writer(w->manager);
	if (!writer || !text_copy(req.cgroup, sizeof(req.cgroup), w->name.workload))
		return;
	/* Page cache alone, where anonymous pages could go as well and the policy does not want that. */
	snprintf(req.text, sizeof(req.text), "%" PRIu64 "%s", w->decision.reclaim_bytes,
		 w->decision.reclaim_file ? " swappiness=0" : "");
	if (inspector_request(writer, &req, reclaimed, w->manager) == 0 && first)
		audit(w, "done");
}
