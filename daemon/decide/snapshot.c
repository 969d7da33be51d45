/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/snapshot.h"

bool lever_is_tighter(enum policy_lever lever, int64_t a, int64_t b)
{
	if (lever == LEVER_MADVDONTNEED)
		return a >= b;
	if (lever == LEVER_HEAP_PROFILE)
		return a == 0 || (b != 0 && a >= b);
	if (lever == LEVER_GOGC) {
		a = a < 0 ? VALUE_NONE : a;
		b = b < 0 ? VALUE_NONE : b;
	}
	return a <= b;
}

uint64_t snapshot_lazyfree(const struct snapshot_cgroup *c)
{
	uint64_t lists = add_sat(c->inactive_file, c->active_file);

	return MIN(sub_sat(lists, sub_sat(c->file, c->shmem)), c->anon);
}

uint64_t snapshot_usage(const struct snapshot_cgroup *c)
{
	return add_sat(c->anon - snapshot_lazyfree(c), add_sat(c->shmem, c->kernel_unreclaimable));
}

uint64_t snapshot_allotted(const struct snapshot_cgroup *c)
{
	return c->allotted ? MIN(c->allotted, c->room) : c->room;
}

void snapshot_swapped(const struct snapshot_cgroup *now, const struct snapshot_cgroup *before,
		      uint64_t *ret_in_bytes, uint64_t *ret_out_bytes)
{
	*ret_in_bytes = sub_sat(now->swapped_in_bytes, before->swapped_in_bytes);
	*ret_out_bytes =
		now->swapped_out_bytes == UINT64_MAX ?
			sub_sat(add_sat(now->swap_current, *ret_in_bytes), before->swap_current) :
			sub_sat(now->swapped_out_bytes, before->swapped_out_bytes);
}

uint64_t snapshot_mapped(const struct snapshot *s)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved)
			total = add_sat(total, s->procs[i].sample.mapped_ready_bytes);
	return total;
}

uint64_t snapshot_least(const struct snapshot *s)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved)
			total = add_sat(total, add_sat(s->procs[i].sample.heap_marked_bytes,
						       heap_nonheap_bytes(&s->procs[i].sample)));
	return total;
}

uint64_t snapshot_nongo(const struct snapshot *s)
{
	const struct snapshot_cgroup *c = &s->cgroup;
	uint64_t anon = add_sat(c->anon - snapshot_lazyfree(c), c->swap_current);

	return add_sat(add_sat(c->shmem, c->kernel_unreclaimable),
		       sub_sat(anon, snapshot_mapped(s)));
}
