/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/manager.h"
#include "kube/owner.h"

/* The kubelet links a container's log under its names only after the container has started: that long it is waited for. */
#define NAME_WAIT (30 * USEC_SEC)

static void set_label(struct workload *w)
{
	const struct pod_name *p = &w->pod;

	if (p->pod[0])
		snprintf(w->label, sizeof(w->label), "%s/%s%s%s", p->space, p->pod,
			 p->container[0] ? "/" : "", p->container);
	else
		text_copy(w->label, sizeof(w->label),
			  w->name.unit[0] ? w->name.unit : w->name.workload);
}

bool workload_name(struct workload *w)
{
	struct manager *m = w->manager;
	struct pod_name found;
	int r;

	if (!w->label[0])
		set_label(w);
	if (w->named || !cgroup_name_is_kubernetes(&w->name))
		return false;
	pod_index_refresh(&m->pods, m->host.logs, clock_wall());
	if (w->pods_seen == m->pods.generation)
		return false;
	w->pods_seen = m->pods.generation;
	r = pod_index_find(&m->pods, m->host.logs, w->name.pod_uid, w->name.container, &found);
	if (r < 0 || (r == POD_NAME_PARTIAL && w->pod.pod[0]))
		return false;
	w->pod = found;
	w->named = r == 0;
	pod_owner_of(w->pod.pod, w->owner, sizeof(w->owner));
	set_label(w);
	learned_recall(w);
	return true;
}

bool workload_awaits_name(const struct workload *w, usec_t now)
{
	return !w->named && cgroup_name_is_kubernetes(&w->name) &&
	       pod_index_there(&w->manager->pods) && now - w->found < NAME_WAIT;
}

const struct goproc *workload_largest_proc(const struct workload *w)
{
	const struct goproc *best = NULL;

	for (size_t i = 0; i < w->n_procs; i++)
		if (!best ||
		    w->procs[i].row.sample.mapped_ready_bytes > best->row.sample.mapped_ready_bytes)
			best = &w->procs[i];
	return best;
}

void workload_subject_of(const struct workload *w, struct policy_subject *ret)
{
	const struct goproc *p = workload_largest_proc(w);

	*ret = (struct policy_subject){
		.limit_bytes = w->snapshot.cgroup.limit,
		.cgroup = w->name.workload,
		.space = w->pod.space,
		.pod = w->pod.pod,
		.container = w->pod.container,
		.qos = w->name.qos,
		.owner = w->owner,
		.exe = p ? p->info.exe : "",
		.module = p ? p->build.module : "",
	};
}

/* System-critical pods live in this namespace; its name is the kubelet's word, not the tenant's. */
static bool is_system_pod(const struct workload *w)
{
	return !strcmp(w->pod.space, "kube-system");
}

static const char *const observed_names[] = {
	[OBSERVED_NOT] = "not_observed",
	[OBSERVED_POLICY] = "policy",
	[OBSERVED_NO_LIMIT] = "no_limit",
	[OBSERVED_NO_TIER] = "no_tier",
	[OBSERVED_QUARANTINED] = "quarantined",
	[OBSERVED_STATIC_POD] = "static_pod",
	[OBSERVED_NOT_NAMED] = "not_named_yet",
	[OBSERVED_SYSTEM_POD] = "system_pod",
	[OBSERVED_INFRASTRUCTURE] = "infrastructure",
};
_Static_assert(ARRAY_SIZE(observed_names) == OBSERVED_MAX_, "a reason without a name");

const char *observed_name(enum observed observed)
{
	return (size_t)observed < OBSERVED_MAX_ ? observed_names[observed] : "?";
}

/* What no policy can change but by naming exactly this one. */
static enum observed infrastructure_of(const struct workload *w)
{
	if (cgroup_name_is_static_pod(&w->name))
		return OBSERVED_STATIC_POD;
	if (cgroup_name_is_infrastructure(&w->name))
		return OBSERVED_INFRASTRUCTURE;
	return is_system_pod(w) ? OBSERVED_SYSTEM_POD : OBSERVED_NOT;
}

static enum observed observed_of(const struct workload *w)
{
	if (w->quarantined)
		return OBSERVED_QUARANTINED;
	if (w->infrastructure)
		return infrastructure_of(w);
	if (w->name.pod_uid[0] && !w->pod.space[0] && workload_awaits_name(w, clock_now()))
		return OBSERVED_NOT_NAMED;
	if (w->tier < 0)
		return OBSERVED_NO_TIER;
	if (w->mode != MODE_OBSERVE)
		return OBSERVED_NOT;
	return w->manager->policy->tiers[w->tier].unlimited ? OBSERVED_NO_LIMIT : OBSERVED_POLICY;
}

void workload_match(struct workload *w)
{
	const struct manager *m = w->manager;
	struct policy_subject subject;

	workload_name(w);
	workload_subject_of(w, &subject);
	w->tier = policy_match(m->policy, &subject, NULL);
	w->mode = policy_mode_of(m->policy, w->tier, &subject, (enum policy_mode)m->config.mode,
				 NULL);
	w->infrastructure =
		infrastructure_of(w) != OBSERVED_NOT && !policy_names_exactly(m->policy, &subject);
	w->observed = observed_of(w);
	if (w->observed != OBSERVED_NOT)
		w->mode = MODE_OBSERVE;
}
