/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "host/exe_cache.h"

struct exe_known {
	uint64_t exe_key;
	int32_t result; /* of locating */
	struct go_runtime runtime;
};

static const struct exe_known *find(const struct exe_cache *c, uint64_t key)
{
	for (size_t i = 0; i < EXE_CACHE_MAX; i++)
		if (c->known[i] && c->known[i]->exe_key == key)
			return c->known[i];
	return NULL;
}

bool exe_is_starting(const struct process *p, int result, const struct go_runtime *rt)
{
	return process_get_info(p)->stat.threads <= 1 &&
	       (result == GO_UNPROVED || result == GO_LAYOUT_UNKNOWN ||
		(result == GO_NONE && rt->marked));
}

bool exe_cache_get(const struct exe_cache *c, const struct process *p, struct go_runtime *ret,
		   int *ret_result)
{
	const struct exe_known *hit = find(c, process_get_info(p)->exe_key);

	if (!hit)
		return false;
	*ret = hit->runtime;
	*ret_result = hit->result;
	if (hit->result != 0 || go_runtime_rebase(ret, process_get_memory(p)))
		return true;
	*ret = (struct go_runtime){ .minor = -1, .marked = true };
	ret->gates[GATE_MODULEDATA] =
		(struct go_gate_result){ .asked = true,
					 .detail = "its loader has not come to it yet" };
	*ret_result = GO_NONE;
	return exe_is_starting(p, GO_NONE, ret);
}

bool exe_cache_may_put(const struct process *p, int result, const struct go_runtime *rt)
{
	if (exe_is_starting(p, result, rt))
		return false;
	return result == GO_NONE || result == GO_TOO_OLD || result == GO_LAYOUT_UNKNOWN ||
	       (result == 0 && rt->global[GLOBAL_ALLP]);
}

void exe_cache_put(struct exe_cache *c, const struct process *p, int result,
		   const struct go_runtime *rt)
{
	struct exe_known **at = &c->known[c->next];

	/*
	 * It did not fit this process (exe_cache_get): once more under the same key it would be found by nobody, and take
	 * the place of another file's.
	 */
	if (find(c, process_get_info(p)->exe_key))
		return;
	if (!*at)
		*at = malloc(sizeof(**at));
	if (!*at)
		return;
	**at = (struct exe_known){ .exe_key = process_get_info(p)->exe_key,
				   .result = result,
				   .runtime = *rt };
	c->next = (c->next + 1) % EXE_CACHE_MAX;
}
