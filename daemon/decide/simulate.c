/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/simulate.h"

void simulation_start(struct simulation *s, const struct plant_setup *setup,
		      const struct policy_rules *rules, const struct decide_settings *settings,
		      const struct rhythm *rhythm)
{
	*s = (struct simulation){ .rules = rules, .settings = *settings, .rhythm = *rhythm };
	plant_start(&s->plant, setup);
	s->usage = snapshot_usage(&s->plant.snapshot.cgroup);
}

static void count(struct simulation *s)
{
	const struct decision *d = &s->decision;

	s->state_changes += d->state != d->previous;
	s->writes[LEVER_MEMORY_HIGH] += d->memory_high.verdict != VERDICT_HOLD;
	for (uint32_t i = 0; i < d->n_procs; i++)
		for (int l = 0; l < LEVER_MEMORY_HIGH; l++)
			s->writes[l] += d->procs[i].lever[l].verdict != VERDICT_HOLD;
}

static void govern(struct simulation *s, void (*seen)(void *userdata, const struct simulation *s),
		   void *userdata)
{
	const struct snapshot *now = &s->plant.snapshot;
	const uint64_t usage = snapshot_usage(&now->cgroup);

	rhythm_observe(&s->rhythm, s->usage, usage, s->plant.now - s->looked);
	s->usage = usage;
	s->looked = s->plant.now;
	s->looks++;
	if (s->rules) {
		history_observe(&s->history, now);
		decide(&s->settings, s->rules, now, &s->history, now->cgroup.at, &s->decision);
		count(s);
	}
	if (seen)
		seen(userdata, s);
	if (s->rules)
		s->changes += plant_apply(&s->plant, &s->decision, &s->history);
}

bool simulation_look(struct simulation *s, usec_t until,
		     void (*seen)(void *userdata, const struct simulation *s), void *userdata)
{
	usec_t delay;

	if (s->plant.totals.killed_at || s->plant.now >= until)
		return false;
	govern(s, seen, userdata);
	delay = rhythm_delay(&s->rhythm, s->plant.snapshot.cgroup.room, s->usage, &s->decision);
	plant_run(&s->plant, MIN(delay, until - s->plant.now));
	return true;
}
