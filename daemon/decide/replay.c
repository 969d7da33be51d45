/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "decide/replay.h"

void replay_decide(const struct replay_record *r, struct decision *ret)
{
	struct history h = r->history;

	history_observe(&h, &r->snapshot);
	decide(&r->settings, &r->rules, &r->snapshot, &h, r->now, ret);
}

static bool same_lever(const struct lever_decision *a, const struct lever_decision *b)
{
	return a->verdict == b->verdict && a->to == b->to &&
	       (a->verdict == VERDICT_HOLD || a->reason == b->reason);
}

bool replay_same(const struct decision *a, const struct decision *b)
{
	if (a->state != b->state || a->alert != b->alert || a->n_procs != b->n_procs ||
	    a->reclaim_bytes != b->reclaim_bytes || a->reclaim_file != b->reclaim_file ||
	    a->restart.verdict != b->restart.verdict ||
	    !same_lever(&a->memory_high, &b->memory_high))
		return false;
	for (uint32_t i = 0; i < a->n_procs; i++) {
		if (a->procs[i].goroutines.rate != b->procs[i].goroutines.rate)
			return false;
		for (int l = 0; l < LEVER_MEMORY_HIGH; l++)
			if (!same_lever(&a->procs[i].lever[l], &b->procs[i].lever[l]))
				return false;
	}
	return true;
}

/* The inputs that can be changed by name, of the cgroup and of the first process. All have eight bytes. */
static const struct {
	const char *name;
	size_t offset;
} inputs[] = {
	{ "cgroup.limit", offsetof(struct snapshot, cgroup.limit) },
	{ "cgroup.room", offsetof(struct snapshot, cgroup.room) },
	{ "cgroup.allotted", offsetof(struct snapshot, cgroup.allotted) },
	{ "cgroup.anon", offsetof(struct snapshot, cgroup.anon) },
	{ "cgroup.shmem", offsetof(struct snapshot, cgroup.shmem) },
	{ "cgroup.current", offsetof(struct snapshot, cgroup.current) },
	{ "cgroup.kernel", offsetof(struct snapshot, cgroup.kernel_unreclaimable) },
	{ "proc0.heap_marked", offsetof(struct snapshot, procs[0].sample.heap_marked_bytes) },
	{ "proc0.heap_live", offsetof(struct snapshot, procs[0].sample.heap_live_bytes) },
	{ "proc0.mapped_ready", offsetof(struct snapshot, procs[0].sample.mapped_ready_bytes) },
	{ "proc0.total_alloc", offsetof(struct snapshot, procs[0].sample.total_alloc_bytes) },
	{ "proc0.memory_limit", offsetof(struct snapshot, procs[0].sample.memory_limit_bytes) },
};

const char *replay_input_name(size_t i)
{
	return i < ARRAY_SIZE(inputs) ? inputs[i].name : NULL;
}

bool replay_set_input(struct replay_record *r, const char *name, int64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++)
		if (!strcmp(name, inputs[i].name)) {
			memcpy((char *)&r->snapshot + inputs[i].offset, &value, sizeof(value));
			return true;
		}
	return false;
}
