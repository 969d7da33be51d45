/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/manager.h"

enum {
	MEMBERS_MAX = 512, /* of one namespace on one node; the others are left alone */
};

struct members {
	size_t n, self;
	struct share_member of[MEMBERS_MAX];
};

uint64_t workload_floors(const struct workload *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->decision.n_procs; i++)
		sum = add_sat(sum, w->decision.procs[i].floor_bytes);
	return sum;
}

/* What stayed for minutes; what its runtimes say of themselves can only lower that. */
static uint64_t needs_of(const struct workload *w)
{
	const uint64_t least = share_watch_least(&w->share.watch);
	const uint64_t floors = workload_floors(w);

	return floors ? MIN(least, add_sat(floors, w->decision.nongo)) : least;
}

static void add(struct members *all, const struct workload *w)
{
	const struct snapshot_cgroup *c = &w->snapshot.cgroup;

	if (all->n == MEMBERS_MAX)
		return;
	all->of[all->n++] = (struct share_member){
		.needs = needs_of(w),
		.used = snapshot_usage(c),
		.requested = MAX(c->min, c->low),
		.cap = c->room,
		.given = w->share.given,
		.cpu_permille = share_watch_cpu_permille(&w->share.watch),
	};
}

/* False where it is one too many. */
static bool gather(const struct workload *self, struct members *all)
{
	size_t cursor = 0;

	all->n = 0;
	all->self = MEMBERS_MAX;
	for (const struct workload *w = table_next(&self->manager->workloads, &cursor); w;
	     w = table_next(&self->manager->workloads, &cursor)) {
		if (w == self)
			all->self = all->n;
		if (!strcmp(w->pod.space, self->pod.space))
			add(all, w);
	}
	return all->self < all->n;
}

static void step(struct workload *w, const struct policy_share *share, usec_t now)
{
	static struct members all;

	if (w->share.given && now - w->share.stepped < SHARE_INTERVAL)
		return;
	if (!gather(w, &all))
		return;
	w->share.given =
		namespace_share_step(share->memory_bytes, all.of, all.n, all.self,
				     namespace_share(share->memory_bytes, all.of, all.n, all.self));
	w->share.stepped = now;
}

void shares_allot(struct workload *w, usec_t now)
{
	struct snapshot_cgroup *c = &w->snapshot.cgroup;
	const struct policy_share *share = policy_share_of(w->manager->policy, w->pod.space);
	uint64_t part;

	if (!share) {
		w->share = (struct workload_share){ 0 };
		return;
	}
	share_watch_note(&w->share.watch, snapshot_usage(c), c->cpu_usage_us, now);
	step(w, share, now);
	if (!w->share.given)
		return;
	part = MAX(w->share.given, namespace_share_least(workload_floors(w), w->decision.nongo,
							 w->decision.margin, snapshot_usage(c)));
	c->allotted = c->allotted ? MIN(c->allotted, part) : part;
}
