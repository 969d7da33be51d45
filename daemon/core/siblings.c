/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/manager.h"
#include "decide/allotment.h"

#define MAKE_ROOM_AFTER USEC_SEC

enum {
	SIBLINGS_MAX = 512, /* under one limit; of more nobody is told what is whose */
};

/* Workloads under one limit. */
struct siblings {
	size_t n, self;
	struct allotment_member members[SIBLINGS_MAX];
	struct workload *workloads[SIBLINGS_MAX];
	uint64_t used; /* of all of them */
};

static bool is_below(const struct workload *w, const struct cgroup_limit *limit)
{
	const char *path = cgroup_path(w->cgroup);
	const size_t len = strlen(limit->path);

	return !strncmp(path, limit->path, len) && (path[len] == '/' || path[len] == '\0');
}

/* What its runtimes are held to, with what is not theirs; 0 where one of them is not held at all. */
static uint64_t promised(const struct workload *w)
{
	const struct snapshot *s = &w->snapshot;
	uint64_t sum = w->decision.nongo;

	for (uint32_t i = 0; i < s->n_procs; i++) {
		const struct snapshot_proc *p = &s->procs[i];

		if (!p->proved || p->sample.memory_limit_bytes >= VALUE_NONE)
			return 0;
		sum = add_sat(sum, (uint64_t)p->sample.memory_limit_bytes);
	}
	return s->n_procs ? sum : 0;
}

/* What it uses; where that is held, and decided on, without its garbage, and with what a budget leaves free. */
static uint64_t needs(const struct workload *w, uint64_t held)
{
	const struct decision *d = &w->decision;
	const uint64_t floors = workload_floors(w), used = w->snapshot.cgroup.current;

	if (!held || !floors)
		return used;
	return MIN(used,
		   mul_div(add_sat(floors, add_sat(d->nongo, d->margin)), 1000, SAFE_PERMILLE));
}

static bool add(struct siblings *all, struct workload *w)
{
	const struct snapshot_cgroup *c = &w->snapshot.cgroup;
	const uint64_t held = promised(w);

	if (all->n == SIBLINGS_MAX)
		return false;
	all->workloads[all->n] = w;
	all->members[all->n++] = (struct allotment_member){ .used = c->current,
							    .needs = needs(w, held),
							    .cap = MAX(c->room, c->current),
							    .promised = held };
	all->used = add_sat(all->used, c->current);
	return true;
}

/* False where there is nobody else, or too many. */
static bool gather(struct workload *self, const struct cgroup_limit *limit, struct siblings *all)
{
	size_t cursor = 0;

	all->n = all->used = 0;
	for (struct workload *w = table_next(&self->manager->workloads, &cursor); w;
	     w = table_next(&self->manager->workloads, &cursor)) {
		if (w == self)
			all->self = all->n;
		if (is_below(w, limit) && !add(all, w))
			return false;
	}
	return all->n > 1;
}

/* Those that were promised more than they use look whether that is still their part. */
static void ask_for_room(const struct siblings *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (i != all->self && all->members[i].promised > all->members[i].used)
			workload_look_in(all->workloads[i], MAKE_ROOM_AFTER);
}

void siblings_allot(struct workload *w)
{
	static struct siblings all;
	struct cgroup_limit limit;
	struct allotment a;
	uint64_t least = BYTES_UNLIMITED;

	for (size_t level = 1; cgroup_level_limit(w->cgroup, level, &limit); level++) {
		if (limit.max == BYTES_UNLIMITED || !gather(w, &limit, &all))
			continue;
		allotment_decide(limit.max, sub_sat(limit.used, all.used), all.members, all.n,
				 all.self, &a);
		if (a.allotted < a.fair)
			ask_for_room(&all);
		least = MIN(least, a.allotted);
	}
	w->snapshot.cgroup.allotted = least == BYTES_UNLIMITED ? 0 : MAX(least, 1u);
}
