/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "decide/trail.h"

static struct trail_point at(usec_t when)
{
	return (struct trail_point){ .at = when,
				     .limit = 100 * MIB,
				     .room = 100 * MIB,
				     .usage = when,
				     .peak = when,
				     .to_oom = FORECAST_NEVER };
}

static void add(struct trail *t, usec_t when)
{
	const struct trail_point p = at(when);

	trail_add_point(t, &p);
}

static void the_last_look_is_there_and_others_are_a_gap_apart(void **state)
{
	struct trail t = { 0 };

	(void)state;
	for (usec_t when = 50 * USEC_MSEC; when <= 10 * USEC_SEC; when += 50 * USEC_MSEC)
		add(&t, when);
	assert_int_equal(t.points[t.n_points - 1].at, 10 * USEC_SEC);
	assert_in_range(t.n_points, 5, 7);
	for (size_t i = 1; i + 1 < t.n_points; i++)
		assert_true(t.points[i].at - t.points[i - 1].at >= TRAIL_GAP);
	trail_done(&t);
}

static void what_was_most_in_between_stays_known(void **state)
{
	struct trail t = { 0 };
	struct trail_point p = at(2 * USEC_SEC);

	(void)state;
	add(&t, USEC_SEC);
	p.peak = 99 * MIB;
	trail_add_point(&t, &p);
	/* The one before is within a gap of the first: this takes its place. */
	add(&t, 4 * USEC_SEC);
	assert_int_equal(t.n_points, 2);
	assert_int_equal(t.points[1].at, 4 * USEC_SEC);
	assert_int_equal(t.points[t.n_points - 1].peak, 99 * MIB);
	trail_done(&t);
}

static void it_is_two_minutes_and_no_more_than_its_cap(void **state)
{
	struct trail t = { 0 };

	(void)state;
	for (usec_t when = USEC_SEC; when <= 20 * USEC_MIN; when += 700 * USEC_MSEC) {
		add(&t, when);
		assert_true(t.n_points <= TRAIL_POINTS_MAX);
		assert_true(when - t.points[0].at <= TRAIL_SPAN);
	}
	assert_true(t.points[t.n_points - 1].at - t.points[0].at > TRAIL_SPAN - 5 * USEC_SEC);
	assert_true(t.points_room <= TRAIL_POINTS_MAX);
	/* Long after, what is old has gone. */
	add(&t, 30 * USEC_MIN);
	assert_int_equal(t.n_points, 1);
	trail_done(&t);
}

static void a_calm_one_is_small(void **state)
{
	struct trail t = { 0 };

	(void)state;
	for (usec_t when = USEC_SEC; when <= 20 * USEC_MIN; when += 10 * USEC_SEC)
		add(&t, when);
	assert_true(t.points_room * sizeof(*t.points) <= 4096);
	trail_done(&t);
}

static void steps_beyond_the_cap_are_counted(void **state)
{
	struct trail t = { 0 };
	struct trail_step step = { .kind = TRAIL_CHANGE };

	(void)state;
	for (int i = 0; i < TRAIL_STEPS_MAX + 5; i++) {
		step.at = USEC_SEC + (usec_t)i;
		step.to = i;
		trail_add_step(&t, &step);
	}
	assert_int_equal(t.n_steps, TRAIL_STEPS_MAX);
	assert_int_equal(t.steps_dropped, 5);
	assert_int_equal(t.steps[0].to, 5);
	assert_int_equal(t.steps[t.n_steps - 1].to, TRAIL_STEPS_MAX + 4);
	step.at = 10 * USEC_MIN;
	trail_add_step(&t, &step);
	assert_int_equal(t.n_steps, 1);
	assert_int_equal(t.steps_dropped, 0);
	trail_done(&t);
}

struct look {
	uint64_t used, live, mapped, nongo; /* MiB, of a room of 100 */
	int32_t forecast, alert;
};

static const struct {
	const char *what;
	struct look first, last;
	int32_t kind;
	bool sudden;
} kills[] = {
	{ "live data that grew are growth",
	  { 30, 20, 25, 5, 0, 0 },
	  { 98, 80, 92, 6, 0, 0 },
	  FORECAST_GROWTH,
	  false },
	{ "what the forecast has watched for longer wins",
	  { 90, 80, 84, 6, FORECAST_GROWTH, ALERT_GROWTH },
	  { 98, 84, 92, 6, FORECAST_GROWTH, ALERT_GROWTH },
	  FORECAST_GROWTH,
	  false },
	{ "what is not Go's and grew is non-go",
	  { 30, 20, 25, 5, 0, 0 },
	  { 98, 21, 28, 70, 0, 0 },
	  FORECAST_NONGO,
	  false },
	{ "what is not Go's and was there is non-go",
	  { 97, 20, 25, 72, 0, 0 },
	  { 98, 20, 25, 73, 0, 0 },
	  FORECAST_NONGO,
	  false },
	{ "live data that never fitted are too large",
	  { 95, 80, 90, 5, 0, 0 },
	  { 98, 82, 92, 6, 0, 0 },
	  FORECAST_TOO_LARGE,
	  false },
	{ "a heap of garbage is garbage",
	  { 60, 20, 55, 5, 0, 0 },
	  { 98, 20, 93, 5, 0, 0 },
	  FORECAST_GARBAGE,
	  false },
	{ "what came after the last look is sudden",
	  { 40, 20, 35, 5, 0, 0 },
	  { 45, 20, 40, 5, 0, 0 },
	  FORECAST_GARBAGE,
	  true },
};

static struct trail_point of(const struct look *l, usec_t when)
{
	struct trail_point p = at(when);

	p.usage = p.peak = l->used * MIB;
	p.live = l->live * MIB;
	p.mapped = l->mapped * MIB;
	p.nongo = l->nongo * MIB;
	p.forecast = l->forecast;
	p.alert = l->alert;
	return p;
}

static void each_kind_is_told_from_the_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kills); i++) {
		const struct trail_point first = of(&kills[i].first, USEC_SEC);
		const struct trail_point last = of(&kills[i].last, USEC_MIN);
		struct trail t = { 0 };
		struct trail_verdict v;

		trail_add_point(&t, &first);
		trail_add_point(&t, &last);
		v = trail_judge(&t, USEC_MIN + USEC_SEC);
		if (v.kind != kills[i].kind || v.sudden != kills[i].sudden)
			fail_msg("%s: it is %s%s", kills[i].what, forecast_kind_name(v.kind),
				 v.sudden ? ", sudden" : "");
		assert_int_equal(v.live + v.garbage + v.nongo, v.used);
		assert_int_equal(v.blind, USEC_SEC);
		assert_int_equal(v.foretold, kills[i].first.alert ? USEC_MIN : 0);
		trail_done(&t);
	}
}

static void of_nothing_nothing_is_said(void **state)
{
	const struct trail t = { 0 };
	struct trail_verdict v = trail_judge(&t, USEC_MIN);

	(void)state;
	assert_int_equal(v.kind, FORECAST_NONE);
	assert_int_equal(v.room, 0);
}

static void without_a_limit_nothing_is_sudden(void **state)
{
	struct trail_point p = at(USEC_SEC);
	struct trail t = { 0 };

	(void)state;
	p.limit = p.room = BYTES_UNLIMITED;
	trail_add_point(&t, &p);
	assert_false(trail_judge(&t, USEC_MIN).sudden);
	trail_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_look_is_there_and_others_are_a_gap_apart),
		cmocka_unit_test(what_was_most_in_between_stays_known),
		cmocka_unit_test(it_is_two_minutes_and_no_more_than_its_cap),
		cmocka_unit_test(a_calm_one_is_small),
		cmocka_unit_test(steps_beyond_the_cap_are_counted),
		cmocka_unit_test(each_kind_is_told_from_the_others),
		cmocka_unit_test(of_nothing_nothing_is_said),
		cmocka_unit_test(without_a_limit_nothing_is_sudden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
