/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/plant.h"

/* The heaps of a plant, process by process: what plant.c puts a cgroup around. */

/* A process begins, with its owner's settings. */
void plant_heap_start(struct plant *p, uint32_t i);

/* Lets @usec pass, of which nothing is to happen before the end (plant_heap_next). */
void plant_heap_step(struct plant *p, uint32_t i, usec_t usec);

/* How long until a cycle begins or ends; it may be 0. */
usec_t plant_heap_next(const struct plant *p, uint32_t i);

/* What the runtime derives from GOGC. */
void plant_heap_commit(struct go_sample *s);

/* The value on the line from @a to @b, of which @done of @span have passed. */
uint64_t plant_between(uint64_t a, uint64_t b, usec_t done, usec_t span);
