/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "gobin/runtime.h"
#include "wire/figures.h"

/*
 * What an endpoint tells beside what process memory shows. Memory wins wherever they differ: it was proved, and an endpoint
 * is the tenant's word.
 */

/* The figures of a sample, under the names that endpoints have for them; @minor of its Go release. */
void told_figures_of(const struct go_sample *s, int minor, struct figures *ret);

/*
 * Which of @told cannot have been true at any moment between two samples, a bit for each figure: counters only grow, what
 * is allocated lies between what was allocated less all that was freed since and the reverse, settings are judged where both
 * samples have the same. What the runtime's Ps have not yet added up (some MiB) is granted. Figures that cannot be judged are not in it.
 */
uint64_t told_figures_contradicted(const struct go_sample *before, const struct go_sample *after,
				   const struct figures *told);

/* Those that are known, by their names; and the names of those in @mask, a bit for each enum figure. The caller's. */
json_object *told_figures_json(const struct figures *f);
json_object *told_names_json(uint64_t mask);
