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

/* The names that the API server has for a pod, where the node's files have none yet. */
static bool take_told_name(struct workload *w)
{
	const struct kube_object *pod = w->pod.pod[0] ? NULL : kubernetes_pod(w);

	if (!pod)
		return false;
	text_copy(w->pod.space, sizeof(w->pod.space), pod->space);
	text_copy(w->pod.pod, sizeof(w->pod.pod), pod->name);
	pod_owner_of(w->pod.pod, w->owner, sizeof(w->owner));
	set_label(w);
	return true;
}

static bool take_filed_name(struct workload *w)
{
	struct manager *m = w->manager;
	struct pod_name found;
	int r;

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

bool workload_name(struct workload *w)
{
	bool more;

	if (!w->label[0])
		set_label(w);
	more = take_filed_name(w);
	return take_told_name(w) || more;
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

/* The controller's own owner where its name tells: a ReplicaSet is called as its Deployment and the pods' hash. */
static void take_told_owner(const struct kube_object *pod, char *buf, size_t size)
{
	char hash[KUBE_PAIR_BYTES];
	size_t len, end;

	if (!pod->owner[0])
		return;
	text_copy(buf, size, pod->owner);
	if (strcmp(pod->owner_kind, "ReplicaSet") != 0 ||
	    !kube_pairs_get(pod->labels, "pod-template-hash", hash))
		return;
	len = strlen(buf);
	end = strlen(hash) + 1;
	if (len > end && buf[len - end] == '-' && !strcmp(buf + len - end + 1, hash))
		buf[len - end] = '\0';
}

static void take_told(const struct workload *w, struct workload_subject *ret)
{
	const struct kube_object *pod = kubernetes_pod(w), *space = kubernetes_namespace(w);

	ret->space_mode[0] = ret->pod_mode[0] = '\0';
	if (space && kube_pairs_get(space->labels, KUBE_MODE_KEY, ret->space_mode))
		ret->as.space_mode = ret->space_mode;
	if (!pod)
		return;
	text_copy(ret->owner, sizeof(ret->owner), w->owner);
	take_told_owner(pod, ret->owner, sizeof(ret->owner));
	ret->as.owner = ret->owner;
	ret->as.labels = pod->labels;
	ret->as.annotations = pod->annotations;
	if (kube_pairs_get(pod->annotations, KUBE_MODE_KEY, ret->pod_mode))
		ret->as.pod_mode = ret->pod_mode;
}

void workload_subject_of(const struct workload *w, struct workload_subject *ret)
{
	const struct goproc *p = workload_largest_proc(w);

	ret->as = (struct policy_subject){
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
	take_told(w, ret);
}

/* System-critical pods live in this namespace; its name is the kubelet's word, not the tenant's. */
static bool is_system_pod(const struct workload *w)
{
	return !strcmp(w->pod.space, "kube-system");
}

static const char *const observed_names[] = {
	[OBSERVED_NOT] = "not_observed",	[OBSERVED_POLICY] = "policy",
	[OBSERVED_NO_LIMIT] = "no_limit",	[OBSERVED_NO_TIER] = "no_tier",
	[OBSERVED_QUARANTINED] = "quarantined", [OBSERVED_STATIC_POD] = "static_pod",
	[OBSERVED_NOT_NAMED] = "not_named_yet", [OBSERVED_NOT_LISTED] = "not_listed_yet",
	[OBSERVED_SYSTEM_POD] = "system_pod",	[OBSERVED_INFRASTRUCTURE] = "infrastructure",
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
	if (w->mode != MODE_OBSERVE && kubernetes_is_awaited(w, clock_now()))
		return OBSERVED_NOT_LISTED;
	if (w->tier < 0)
		return OBSERVED_NO_TIER;
	if (w->mode != MODE_OBSERVE)
		return OBSERVED_NOT;
	return w->manager->policy->tiers[w->tier].unlimited ? OBSERVED_NO_LIMIT : OBSERVED_POLICY;
}

void workload_match(struct workload *w)
{
	const struct manager *m = w->manager;
	struct workload_subject subject;

	workload_name(w);
	workload_subject_of(w, &subject);
	w->tier = policy_match(m->policy, &subject.as, NULL);
	w->mode = policy_mode_of(m->policy, w->tier, &subject.as, (enum policy_mode)m->config.mode,
				 NULL);
	w->infrastructure = infrastructure_of(w) != OBSERVED_NOT &&
			    !policy_names_exactly(m->policy, &subject.as);
	w->observed = observed_of(w);
	if (w->observed != OBSERVED_NOT)
		w->mode = MODE_OBSERVE;
}
