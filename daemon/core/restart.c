/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "decide/restart.h"

#define SAY_AGAIN (10 * USEC_MIN)

/* A restart on its way: the workload goes with its cgroup, the record of what came of it does not. */
struct restarting {
	struct manager *manager;
	uint64_t token;
	char label[LABEL_BYTES], decision_id[48];
	struct cgroup_name name;
	struct pod_name pod;
	struct policy_rules rules;
	struct decision decision;
	char evidence[AUDIT_EVIDENCE_MAX];
};

void restart_facts(const struct workload *w, usec_t now, struct snapshot_unit *ret)
{
	const struct learned_entry *e;
	const usec_t wall = clock_wall();
	char name[LEARNED_NAME_MAX];
	usec_t until;

	*ret = (struct snapshot_unit){ .is_service = cgroup_name_is_service(&w->name) };
	if (w->tier < 0 || !w->manager->policy->tiers[w->tier].rules.tight_restart)
		return;
	e = learned_of(w, name);
	if (!e)
		return;
	ret->live_at_start_bytes = e->live_at_start_bytes;
	/* A clock that was set back meanwhile makes no unit wait for longer. */
	until = MIN(e->restarted_wall, wall) + restart_wait(e->restarts);
	if (e->restarts && until > wall)
		ret->restart_from = now + (until - wall);
}

static void say(const struct restarting *r, const char *outcome)
{
	const struct audit_subject subject = {
		.workload = r->label,
		.cgroup = r->name.workload,
		.name = &r->name,
		.pod = &r->pod,
		.rules = &r->rules,
		.decision_id = r->decision_id[0] ? r->decision_id : NULL,
	};

	audit_restart(r->manager->journal, &subject, &r->decision, outcome, r->evidence);
}

static void restarted(void *userdata, int result)
{
	_cleanup_(freep) struct restarting *r = userdata;
	struct workload *w = table_get(&r->manager->workloads, r->token);

	if (w)
		w->restart.under_way = false;
	if (result < 0)
		log_warning("%s: the restart has not come about: %s", r->name.unit,
			    strerror(-result));
	say(r, result == 0 ? "done" : "failed");
}

/* What forbids it by the unit's own settings, in the words of the record; NULL: nothing. */
static const char *refusal(const struct restarting *r, const struct unit_facts *facts)
{
	if (!facts->loaded || !facts->active || strcmp(facts->cgroup, r->name.workload) != 0)
		return "gone";
	return facts->restartable ? NULL : "refused";
}

/* Said before it is done, and remembered before it is: whatever dies in between, it is not done twice. */
static void told(void *userdata, int result, const struct unit_facts *facts)
{
	_cleanup_(freep) struct restarting *r = userdata;
	struct manager *m = r->manager;
	struct workload *w = table_get(&m->workloads, r->token);
	const char *no = result < 0 ? "failed" : refusal(r, facts);

	if (!w)
		return;
	w->restart.under_way = false;
	if (m->stopping || orders_stopped(&m->orders) ||
	    orders_released(&m->orders, w->name.workload) || w->mode != MODE_ENFORCE)
		return;
	if (no) {
		say(r, no);
		return;
	}
	say(r, "begun");
	learned_restarted(w);
	if (unit_restart(m->bus, r->name.unit, restarted, r) < 0) {
		say(r, "failed");
		return;
	}
	w->restart.under_way = true;
	TAKE_PTR(r);
}

static struct restarting *restarting_of(const struct workload *w)
{
	struct restarting *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->manager = w->manager;
	r->token = w->token;
	r->rules = w->manager->policy->tiers[w->tier].rules;
	r->decision = w->decision;
	text_copy(r->label, sizeof(r->label), w->label);
	r->name = w->name;
	r->pod = w->pod;
	text_copy(r->decision_id, sizeof(r->decision_id), w->decision_id);
	audit_evidence(r->evidence, &w->decision, &w->snapshot,
		       w->snapshot.n_procs ? &w->snapshot.procs[0].key : NULL);
	return r;
}

/* The same is said again only after a while. */
static bool is_worth_saying(const struct workload_restart *wr, int32_t verdict, usec_t now)
{
	return verdict != wr->said || now - wr->said_at >= SAY_AGAIN;
}

void restart_look(struct workload *w, usec_t now)
{
	struct manager *m = w->manager;
	struct workload_restart *wr = &w->restart;
	const int32_t verdict = w->decision.restart.verdict;
	_cleanup_(freep) struct restarting *r = NULL;

	if (verdict == RESTART_NONE || verdict == RESTART_WAITING) {
		if (verdict == RESTART_NONE)
			wr->said = RESTART_NONE;
		return;
	}
	if (wr->under_way || m->stopping || orders_stopped(&m->orders) ||
	    orders_released(&m->orders, w->name.workload) || !is_worth_saying(wr, verdict, now))
		return;
	wr->said = verdict;
	wr->said_at = now;
	r = restarting_of(w);
	if (!r)
		return;
	if (verdict != RESTART_DUE) {
		say(r, "held");
	} else if (w->mode != MODE_ENFORCE) {
		say(r, "recommended");
	} else if (!m->bus || unit_ask(m->bus, r->name.unit, told, r) < 0) {
		say(r, "failed");
	} else {
		wr->under_way = true;
		TAKE_PTR(r);
	}
}
