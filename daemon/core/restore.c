/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "host/fault.h"
#include "host/unit_files.h"

struct restoring {
	const struct hostroot *host;
	struct store *store;
	struct journal *journal;
	struct inspector *in;
	unsigned int restored, gone, foreign, failed;
};

enum restored {
	RESTORED,
	RESTORED_GONE,
	RESTORED_FOREIGN,
	RESTORED_FAILED,
};

/*
 * Still ours: what we wrote, or what was there (the change never landed), or a GOGC of which only some fields landed.
 * Anything else is somebody else's word by now.
 */
static bool is_ours(const struct undo_record *u, int64_t now)
{
	return now == u->written || now == u->before || now == u->owner;
}

static enum restored restore_process(struct restoring *r, const struct undo_record *u)
{
	const struct lever_ops *ops = lever_ops(u->lever);
	struct inspect_request req = { .op = INSPECT_OPEN, .pid = u->process.pid };
	static struct inspect_reply reply;
	uint32_t slot;

	if (inspector_call(r->in, &req, &reply) < 0 || reply.result < 0)
		return RESTORED_FAILED;
	if (reply.result == INSPECT_GONE ||
	    (reply.result == INSPECT_OK && !process_id_equal(&reply.info.stat.id, &u->process)))
		return RESTORED_GONE;
	if (reply.result != INSPECT_OK)
		return RESTORED_FAILED;
	slot = reply.rows[0].slot;
	if (!is_ours(u, ops->value(&reply.rows[0].sample)))
		return RESTORED_FOREIGN;
	req = (struct inspect_request){ .op = INSPECT_STORE,
					.flags = INSPECT_TORN,
					.slots = { slot },
					.expect_marked = UINT64_MAX };
	req.n = ops->plan(&reply.rows[0].sample, u->owner, req.stores);
	if (inspector_call(r->in, &req, &reply) < 0)
		return RESTORED_FAILED;
	if (reply.result == INSPECT_GONE)
		return RESTORED_GONE;
	if (reply.result != INSPECT_OK || !ops->holds(&reply.rows[0].sample, u->owner))
		return RESTORED_FAILED;
	return RESTORED;
}

/* Through systemd where it was set so: by file alone, the next daemon-reload would bring ours back. */
static enum restored restore_high(struct restoring *r, const struct undo_record *u)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct inspect_request req = { .op = INSPECT_WRITE_CGROUP,
				       .file = "memory.high",
				       .cgroup_id = u->cgroup_id };
	static struct inspect_reply reply;
	struct snapshot_cgroup now = { 0 };

	if (cgroup_open(r->host, u->workload, &cg) != 0 || cgroup_id(cg) != u->cgroup_id ||
	    cgroup_read_limits(cg, &now) != 0)
		return RESTORED_GONE;
	if (!is_ours(u, now.high >= INT64_MAX ? VALUE_NONE : (int64_t)now.high))
		return RESTORED_FOREIGN;
	if (u->unit[0] &&
	    unit_set_memory_high_now(u->unit, u->owner == VALUE_NONE ? BYTES_UNLIMITED :
								       (uint64_t)u->owner) == 0)
		return RESTORED;
	text_copy(req.cgroup, sizeof(req.cgroup), u->workload);
	if (u->owner == VALUE_NONE)
		snprintf(req.text, sizeof(req.text), "max");
	else
		snprintf(req.text, sizeof(req.text), "%" PRId64, u->owner);
	if (inspector_call(r->in, &req, &reply) < 0 || reply.result != 0)
		return RESTORED_FAILED;
	return RESTORED;
}

/* A drop-in is its own undo record: what is there is to go, and then the service manager is to know. */
static void restore_environment(void *userdata, const char *unit)
{
	struct restoring *r = userdata;
	const struct audit_subject subject = { .workload = unit, .cgroup = "" };
	const struct audit_environment e = {
		.unit = unit, .variables = "", .reason = REASON_OPERATOR, .outcome = "restored"
	};
	int result = store_put_reload(r->store, true);

	if (result == 0)
		result = unit_dropin_remove(r->host, unit);
	if (result < 0) {
		r->failed++;
	} else if (result == UNIT_DROPIN_FOREIGN) {
		r->foreign++;
	} else if (result == 0) {
		r->restored++;
		audit_environment(r->journal, &subject, &e);
	}
}

static void restore_environments(struct restoring *r)
{
	int e = unit_dropin_each(r->host, restore_environment, r);

	if (e < 0)
		log_warning("Cannot look for drop-ins of an earlier run: %s", strerror(-e));
	if (!store_get_reload(r->store))
		return;
	e = unit_reload_now();
	if (e == 0)
		e = store_put_reload(r->store, false);
	if (e < 0)
		log_warning("The service manager does not know yet what was given back: %s; "
			    "systemctl daemon-reload tells it",
			    strerror(-e));
}

static void restore_one(void *userdata, const struct undo_record *u)
{
	struct restoring *r = userdata;

	fault_point("restore-before");
	switch (u->lever == LEVER_MEMORY_HIGH ? restore_high(r, u) : restore_process(r, u)) {
	case RESTORED:
		r->restored++;
		break;
	case RESTORED_GONE:
		r->gone++;
		break;
	case RESTORED_FOREIGN:
		r->foreign++;
		break;
	case RESTORED_FAILED:
		/* Kept: the next start tries again. */
		r->failed++;
		return;
	}
	fault_point("restore-after");
	store_drop_undo(r->store, u);
}

int restore_all(const struct hostroot *host, struct store *store, struct journal *journal,
		usec_t deadline)
{
	_cleanup_(inspector_freep) struct inspector *in = NULL;
	struct restoring r = { .host = host, .store = store, .journal = journal };
	unsigned int bad = 0;
	int e = inspector_new(host, true, deadline, &in);

	if (e < 0)
		return e;
	r.in = in;
	restore_environments(&r);
	e = store_each_undo(store, restore_one, &r, &bad);
	if (e < 0)
		return e;
	if (bad)
		log_warning("%u undo record(s) cannot be read; they stay in the state directory",
			    bad);
	if (r.restored || r.gone || r.foreign || r.failed) {
		audit_reconcile(r.journal, r.restored, r.gone, r.foreign, r.failed);
		log_notice("Of an earlier run: %u setting(s) given back, %u gone, %u foreign, %u "
			   "failed",
			   r.restored, r.gone, r.foreign, r.failed);
	}
	return 0;
}
