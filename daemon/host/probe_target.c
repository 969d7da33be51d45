/* SPDX-License-Identifier: Apache-2.0 */
#include "gobin/layout.h"
#include "host/probe_target.h"

void probe_target_of(pid_t pid, const struct go_runtime *rt, uint32_t kinds,
		     struct probe_target *ret)
{
	const struct go_controller_layout *c = go_controller_layout_of(rt->last_goal_offset);
	const struct go_release_layout *l = go_release_layout_of(rt->minor);
	const uint64_t controller = rt->global[GLOBAL_GC_CONTROLLER];

	*ret = (struct probe_target){
		.pid = pid, .kinds = kinds, .minor = rt->minor, .sites = rt->sites
	};
	if (c && controller) {
		ret->heap_live = controller + c->heap_live;
		ret->heap_marked = controller + c->heap_marked;
		ret->heap_goal = controller + c->last_heap_goal;
		ret->total_alloc = controller + c->total_alloc;
	}
	if (l && rt->global[GLOBAL_MEMSTATS])
		ret->num_gc = rt->global[GLOBAL_MEMSTATS] + l->num_gc;
}
