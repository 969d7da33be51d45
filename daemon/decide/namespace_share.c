/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/util.h"
#include "decide/namespace_share.h"
#include "decide/snapshot.h"

#define CPU_MIN_PERMILLE 10 /* who sleeps may wake up */
#define SMOOTH_WINDOW	 USEC_MIN
#define LEAST_PERCENT	 110 /* of the floor */
#define BELIEVED_PERCENT 150 /* of what is in use */

/* Its needs, and never less than it was promised by its owner. */
static uint64_t base_of(const struct share_member *m)
{
	return MIN(MAX(m->needs, m->requested), m->cap);
}

static double weight_of(const struct share_member *m)
{
	return sqrt((double)m->needs * (double)MAX(m->cpu_permille, (uint32_t)CPU_MIN_PERMILLE));
}

/* What a member gets at @level bytes for each unit of weight. */
static uint64_t part_at(const struct share_member *m, double level)
{
	const uint64_t base = base_of(m), room = m->cap - base;
	const double extra = weight_of(m) * level;

	return base + (extra >= (double)room ? room : (uint64_t)extra);
}

static uint64_t sum_at(const struct share_member *members, size_t n, double level)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = add_sat(sum, part_at(&members[i], level));
	return sum;
}

uint64_t namespace_share(uint64_t total, const struct share_member *members, size_t n, size_t i)
{
	double low = 0, high = (double)total;

	if (sum_at(members, n, 0) >= total)
		return base_of(&members[i]);
	/* Whose cap is reached leaves the rest to the others: the level rises until all is handed out, by halves. */
	for (int round = 0; round < 100; round++) {
		const double level = low + (high - low) / 2;

		if (sum_at(members, n, level) <= total)
			low = level;
		else
			high = level;
	}
	return part_at(&members[i], low);
}

static bool is_small(uint64_t given, uint64_t want)
{
	return (want > given ? want - given : given - want) < given / SHARE_SMALL;
}

uint64_t namespace_share_step(uint64_t total, const struct share_member *members, size_t n,
			      size_t i, uint64_t want)
{
	const struct share_member *m = &members[i];
	uint64_t free = total, held = 0;

	for (size_t k = 0; k < n; k++) {
		const uint64_t takes = MAX(members[k].used, members[k].given);

		held = add_sat(held, takes);
		if (k != i)
			free = sub_sat(free, takes);
	}
	if (!m->given)
		return MAX(m->used, MIN(want, free));
	/* CPU time is never the same twice. */
	if (held <= total && is_small(m->given, want))
		return m->given;
	if (want > m->given)
		return MAX(m->given, MIN(MIN(want, free), m->given + m->given / SHARE_STEP));
	return MAX(want, m->given - m->given / SHARE_STEP);
}

uint64_t namespace_share_least(uint64_t floors, uint64_t nongo, uint64_t margin, uint64_t used)
{
	/* Enough right after a collection as well: a limit below the floor would be given back, and be set anew. */
	const uint64_t believed =
		MIN(mul_div(floors, LEAST_PERCENT, 100), mul_div(used, BELIEVED_PERCENT, 100));

	return mul_div(add_sat(believed, add_sat(nongo, margin)), 1000, SAFE_PERMILLE);
}

static void note_cpu(struct share_watch *w, uint64_t cpu_us, usec_t now)
{
	const usec_t past = now - w->at;
	const uint64_t ppm = mul_div(sub_sat(cpu_us, w->cpu_us), 1000000, MAX(past, 1u));
	const uint64_t weight = MIN(past, SMOOTH_WINDOW);

	w->cpu_ppm = add_sat(mul_div(w->cpu_ppm, SMOOTH_WINDOW - weight, SMOOTH_WINDOW),
			     mul_div(ppm, weight, SMOOTH_WINDOW));
}

void share_watch_note(struct share_watch *w, uint64_t used, uint64_t cpu_us, usec_t now)
{
	if (!w->at) {
		*w = (struct share_watch){ .since = now, .least = used, .least_before = used };
	} else if (now <= w->at) {
		return;
	} else {
		note_cpu(w, cpu_us, now);
		if (now - w->since >= SHARE_WINDOW) {
			w->least_before = w->least;
			w->least = used;
			w->since = now;
		}
		w->least = MIN(w->least, used);
	}
	w->at = now;
	w->cpu_us = cpu_us;
}

uint64_t share_watch_least(const struct share_watch *w)
{
	return MIN(w->least, w->least_before);
}

uint32_t share_watch_cpu_permille(const struct share_watch *w)
{
	return (uint32_t)MIN(w->cpu_ppm / 1000, UINT32_MAX);
}
