/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/view.h"
#include "decide/trace.h"

json_object *view_trace_head(const struct manager *m)
{
	const struct trace_head head = {
		.interval = m->config.interval,
		.look_min = m->config.look_min,
		.look_max = m->config.look_max,
		.wall_usec = clock_wall(),
	};

	return trace_head_json(&head);
}

/* Is it a pair of which a policy has the key? */
static bool is_asked_for(const struct policy_patterns *patterns, const char *pair)
{
	const size_t key = strcspn(pair, "=") + 1;

	for (size_t i = 0; i < patterns->n; i++)
		if (!strncmp(patterns->pattern[i], pair, key))
			return true;
	return false;
}

static bool any_asks_for(const struct policy_set *set, bool label, const char *pair)
{
	for (size_t i = 0; i < set->n_tiers; i++)
		if (is_asked_for(label ? &set->tiers[i].place.label :
					 &set->tiers[i].place.annotation,
				 pair))
			return true;
	return false;
}

/* As a tenant may have many, a line has those alone that the policies of now can match. */
static void take_pairs(const struct policy_set *set, bool label, const char *pairs,
		       char ret[TRACE_PAIRS_MAX])
{
	char pair[KUBE_PAIR_BYTES];
	size_t n = 0;

	for (const char *p = pairs ? kube_pairs_next(pairs, pair) : NULL; p;
	     p = kube_pairs_next(p, pair))
		if (any_asks_for(set, label, pair) && n + strlen(pair) + 2 <= TRACE_PAIRS_MAX)
			n += (size_t)snprintf(ret + n, TRACE_PAIRS_MAX - n, "%s\n", pair);
}

json_object *view_trace_look(const struct workload *w, uint64_t lost)
{
	_cleanup_(freep) struct trace_look *look = calloc(1, sizeof(*look));
	struct workload_subject subject;

	if (!look)
		return NULL;
	workload_subject_of(w, &subject);
	text_copy(look->workload, sizeof(look->workload), w->name.workload);
	text_copy(look->label, sizeof(look->label), w->label);
	text_copy(look->exe, sizeof(look->exe), subject.as.exe);
	text_copy(look->module, sizeof(look->module), subject.as.module);
	text_copy(look->space, sizeof(look->space), subject.as.space);
	text_copy(look->pod, sizeof(look->pod), subject.as.pod);
	text_copy(look->container, sizeof(look->container), subject.as.container);
	if (kubernetes_pod(w))
		text_copy(look->owner, sizeof(look->owner), subject.as.owner);
	take_pairs(w->manager->policy, true, subject.as.labels, look->labels);
	take_pairs(w->manager->policy, false, subject.as.annotations, look->annotations);
	text_copy(look->tier, sizeof(look->tier),
		  w->tier >= 0 ? w->manager->policy->tiers[w->tier].rules.tier : "");
	text_copy(look->mode, sizeof(look->mode), policy_mode_name(w->mode));
	look->state = w->decision.state;
	look->lost = lost;
	look->now = w->looked;
	look->snapshot = w->snapshot;
	return trace_look_json(look);
}
