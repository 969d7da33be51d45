/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/snapshot.h"

uint64_t snapshot_lazyfree(const struct snapshot_cgroup *c)
{
	uint64_t lists = add_sat(c->inactive_file, c->active_file);

	return MIN(sub_sat(lists, sub_sat(c->file, c->shmem)), c->anon);
}

uint64_t snapshot_usage(const struct snapshot_cgroup *c)
{
	return add_sat(c->anon - snapshot_lazyfree(c), add_sat(c->shmem, c->kernel_unreclaimable));
}

uint64_t snapshot_mapped(const struct snapshot *s)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->n_procs; i++)
		if (s->procs[i].proved)
			total = add_sat(total, s->procs[i].sample.mapped_ready_bytes);
	return total;
}

uint64_t snapshot_nongo(const struct snapshot *s)
{
	const struct snapshot_cgroup *c = &s->cgroup;
	uint64_t anon = add_sat(c->anon - snapshot_lazyfree(c), c->swap_current);

	return add_sat(add_sat(c->shmem, c->kernel_unreclaimable),
		       sub_sat(anon, snapshot_mapped(s)));
}
