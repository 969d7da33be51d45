/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/plant.h"
#include "decide/rhythm.h"

/*
 * The governor over a plant: looks as often as the daemon would, decides by the same code, and what is decided is done at
 * once. Without rules it only looks on: what would have been without gomemd.
 */
struct simulation {
	const struct policy_rules *rules; /* the caller's; NULL: nothing is decided */
	struct decide_settings settings;
	struct rhythm rhythm;
	struct plant plant;
	struct history history;
	struct decision decision; /* of the last look */
	usec_t looked;		  /* in the plant's time */
	uint64_t usage;		  /* then */
	uint64_t looks, changes, state_changes;
	uint64_t writes[LEVER_MAX_];
};

void simulation_start(struct simulation *s, const struct plant_setup *setup,
		      const struct policy_rules *rules, const struct decide_settings *settings,
		      const struct rhythm *rhythm);

/*
 * Looks, decides and does it, then runs to the next look, at most to @until in the plant's time. False at that end, or
 * where the limit has killed it. @seen, if not NULL, is called between the decision and what it does.
 */
bool simulation_look(struct simulation *s, usec_t until,
		     void (*seen)(void *userdata, const struct simulation *s), void *userdata);
