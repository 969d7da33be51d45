/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/simulate.h"
#include "kube/owner.h"

#define SAID_SHARE 10
#define PLANT_MAX  (24 * 60 * USEC_MIN)

static bool is_news(int64_t said, int64_t to)
{
	return said == 0 || (said != to && (said == VALUE_NONE || to == VALUE_NONE ||
					    llabs(to - said) > llabs(said) / SAID_SHARE));
}

static void note_lever(struct plot *p, const struct lever_decision *ld, enum policy_lever lever,
		       int32_t pid, usec_t at)
{
	plot_change_add(p, &(struct plot_change){ .at = at,
						  .lever = (int32_t)lever,
						  .pid = pid,
						  .verdict = ld->verdict,
						  .reason = ld->reason,
						  .from = ld->from,
						  .to = ld->to });
}

/* A process that is another says everything anew. */
static void note_wishes(struct study *s, const struct decision *d, usec_t at)
{
	for (uint32_t i = 0; i < d->n_procs; i++)
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++) {
			const struct lever_decision *ld = &d->procs[i].lever[l];

			if (ld->verdict == VERDICT_HOLD || !is_news(s->said[i][l], ld->to))
				continue;
			s->said[i][l] = ld->to;
			note_lever(&s->seen, ld, l, d->procs[i].key.pid, at);
		}
	if (d->memory_high.verdict != VERDICT_HOLD &&
	    is_news(s->said[0][LEVER_MEMORY_HIGH], d->memory_high.to)) {
		s->said[0][LEVER_MEMORY_HIGH] = d->memory_high.to;
		note_lever(&s->seen, &d->memory_high, LEVER_MEMORY_HIGH, 0, at);
	}
}

static int tier_of(const struct study *s, const struct policy_set *set, uint64_t limit)
{
	const struct policy_subject subject = {
		.limit_bytes = limit,
		.cgroup = s->workload,
		.space = s->space,
		.pod = s->pod,
		.container = s->container,
		.qos = s->name.qos,
		.owner = s->owner,
		.labels = s->labels,
		.annotations = s->annotations,
		.exe = s->exe,
		.module = s->module,
	};

	return policy_match(set, &subject, NULL);
}

static bool same_processes(const struct study *s, const struct snapshot *now)
{
	if (s->history.n_procs != now->n_procs)
		return false;
	for (uint32_t i = 0; i < now->n_procs; i++)
		if (s->history.procs[i].key.pid != now->procs[i].key.pid ||
		    s->history.procs[i].key.start_ticks != now->procs[i].key.start_ticks)
			return false;
	return true;
}

/* A container's names become known only while it runs. */
static void take_names(struct study *s, const struct trace_look *look)
{
	text_copy(s->space, sizeof(s->space), look->space);
	text_copy(s->pod, sizeof(s->pod), look->pod);
	text_copy(s->container, sizeof(s->container), look->container);
	pod_owner_of(look->pod, s->owner, sizeof(s->owner));
	if (look->owner[0])
		text_copy(s->owner, sizeof(s->owner), look->owner);
	text_copy(s->labels, sizeof(s->labels), look->labels);
	text_copy(s->annotations, sizeof(s->annotations), look->annotations);
}

void study_look(struct study *s, const struct policy_set *set,
		const struct decide_settings *settings, const struct trace_look *look)
{
	const struct snapshot *now = &look->snapshot;
	struct decision d = { .now = look->now };
	struct plot_point point;
	usec_t at;

	/* Time that goes back, or no time at all: of another recording that was put behind this one. */
	if (s->looks && look->now <= s->ended)
		return;
	if (!s->looks)
		s->began = look->now;
	else
		s->state_time[s->state] += look->now - s->ended;
	at = look->now - s->began;
	s->ended = look->now;
	s->looks++;
	take_names(s, look);
	s->tier = tier_of(s, set, now->cgroup.limit);
	if (s->looks > 1 && !same_processes(s, now)) {
		s->restarts++;
		memset(s->said, 0, sizeof(s->said));
	}
	if (s->tier >= 0) {
		history_observe(&s->history, now);
		decide(settings, &set->tiers[s->tier].rules, now, &s->history, look->now, &d);
		note_wishes(s, &d, at);
	}
	s->state = d.state;
	s->alerted[d.alert] = true;
	s->peak_usage = MAX(s->peak_usage, snapshot_usage(&now->cgroup));
	s->room = now->cgroup.room;
	point = plot_point_of(now, &d, at);
	plot_point_add(&s->seen, &point);
	fit_add(&s->fit, now);
}

static void on_look(void *userdata, const struct simulation *sim)
{
	struct plot *plot = userdata;
	const struct decision *d = &sim->decision;
	const struct plot_point point = plot_point_of(&sim->plant.snapshot, d, sim->plant.now);

	plot_point_add(plot, &point);
	if (!sim->rules)
		return;
	for (uint32_t i = 0; i < d->n_procs; i++)
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
			if (d->procs[i].lever[l].verdict != VERDICT_HOLD)
				note_lever(plot, &d->procs[i].lever[l], l, d->procs[i].key.pid,
					   sim->plant.now);
	if (d->memory_high.verdict != VERDICT_HOLD)
		note_lever(plot, &d->memory_high, LEVER_MEMORY_HIGH, 0, sim->plant.now);
}

static void run_arm(struct simulation *sim, usec_t duration, struct plot *plot)
{
	struct plot_point point;

	while (simulation_look(sim, duration, on_look, plot))
		;
	/* Its last moment as well: the kill is after the last look. */
	point = plot_point_of(&sim->plant.snapshot, &sim->decision, sim->plant.now);
	plot_point_add(plot, &point);
}

void study_plant(struct study *s, const struct policy_set *set, const struct trace_head *head)
{
	_cleanup_(freep) struct simulation *sim = malloc(sizeof(*sim));
	const struct decide_settings settings = { .interval = head->interval };
	/* A look at least each millisecond: a trace may say 0. */
	const struct rhythm rhythm = { .min = MAX(head->look_min, (usec_t)USEC_MSEC),
				       .max = MAX(head->look_max, (usec_t)USEC_MSEC) };
	struct plant_setup setup;

	s->planted = sim && fit_setup(&s->fit, &setup, &s->duration);
	if (!s->planted)
		return;
	s->duration = MIN(s->duration, PLANT_MAX);
	simulation_start(sim, &setup, NULL, &settings, &rhythm);
	run_arm(sim, s->duration, &s->plot_without);
	s->without = sim->plant.totals;
	simulation_start(sim, &setup, s->tier < 0 ? NULL : &set->tiers[s->tier].rules, &settings,
			 &rhythm);
	run_arm(sim, s->duration, &s->plot_with);
	s->with = sim->plant.totals;
	s->changes = sim->changes;
	s->state_changes = sim->state_changes;
}
