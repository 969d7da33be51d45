/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

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
	text_copy(look->tier, sizeof(look->tier),
		  w->tier >= 0 ? w->manager->policy->tiers[w->tier].rules.tier : "");
	text_copy(look->mode, sizeof(look->mode), policy_mode_name(w->mode));
	look->state = w->decision.state;
	look->lost = lost;
	look->now = w->looked;
	look->snapshot = w->snapshot;
	return trace_look_json(look);
}
