/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/util.h"
#include "host/duty.h"

/*
 * A program that is hit, and whoever looks at it every so often and takes some time to set and take away probes: what
 * comes of it is judged over every ten seconds of the simulation, by sums of its own.
 */
enum {
	STEP_USEC = 1000,
	SECONDS = 60,
	STEPS = SECONDS * 1000,
	WINDOW_STEPS = 10 * 1000,
};

struct load {
	uint64_t cpu_permille;	 /* of one CPU that the program uses */
	uint64_t hits_per_cpu_s; /* in a second of its CPU time */
	uint64_t hit_ns;
};

struct scene {
	const char *name;
	struct load load, then; /* from the middle on */
	usec_t look_usec, detach_usec;
	uint64_t burst_of_s; /* works only for the first second of so many; 0: always */
	unsigned int least_observed_permille, most_observed_permille;
};

static const struct scene scenes[] = {
	{ "what is cheap is observed all the time",
	  { 1000, 5000, 1500 },
	  { 1000, 5000, 1500 },
	  5000,
	  20000,
	  0,
	  1000,
	  1000 },
	{ "so is what does little",
	  { 10, 5000, 1500 },
	  { 10, 5000, 1500 },
	  20000,
	  20000,
	  0,
	  1000,
	  1000 },
	{ "and what does nothing", { 0 }, { 0 }, 20000, 20000, 0, 0, 1000 },
	{ "two busy CPUs that do nothing but allocate",
	  { 2000, 250000, 1500 },
	  { 2000, 250000, 1500 },
	  5000,
	  20000,
	  0,
	  20,
	  70 },
	{ "sixty-four of them",
	  { 64000, 250000, 1500 },
	  { 64000, 250000, 1500 },
	  5000,
	  20000,
	  0,
	  20,
	  70 },
	{ "a slow machine",
	  { 1000, 100000, 6000 },
	  { 1000, 100000, 6000 },
	  5000,
	  40000,
	  0,
	  10,
	  45 },
	{ "one that begins to allocate",
	  { 2000, 100, 1500 },
	  { 2000, 250000, 1500 },
	  5000,
	  20000,
	  0,
	  500,
	  600 },
	{ "one that has enough of it",
	  { 2000, 250000, 1500 },
	  { 2000, 100, 1500 },
	  5000,
	  20000,
	  0,
	  450,
	  560 },
	{ "one that works a second in five",
	  { 1000, 100000, 1500 },
	  { 1000, 100000, 1500 },
	  5000,
	  20000,
	  5,
	  50,
	  300 },
	{ "just over the limit",
	  { 1000, 20000, 1500 },
	  { 1000, 20000, 1500 },
	  5000,
	  20000,
	  0,
	  600,
	  950 },
};

struct simulation {
	struct duty duty;
	struct duty_figures figures[STEPS], since;
	bool sits, goes;
	usec_t switch_at, look_at;
	uint64_t observed_ns, all_ns, told_ns, sat_hits, told_hits_scaled, hits;
};

static void look(struct simulation *s, const struct scene *scene, usec_t now)
{
	bool want;

	if (now < s->look_at)
		return;
	want = duty_step(&s->duty, now, s->since);
	s->since = (struct duty_figures){ 0 };
	s->look_at = now + scene->look_usec;
	if (want == s->duty.on)
		return;
	duty_switch(&s->duty, now, want);
	/* Probes come at once, and go late. */
	s->switch_at = want ? now : now + scene->detach_usec;
	s->look_at = MAX(s->look_at, s->switch_at);
	s->goes = !want;
	if (want)
		s->sits = true;
}

static void step(struct simulation *s, const struct scene *scene, size_t i)
{
	const struct load *l = i < STEPS / 2 ? &scene->load : &scene->then;
	const usec_t now = (usec_t)(i + 1) * STEP_USEC;
	struct duty_figures *f = &s->figures[i];
	const bool works = !scene->burst_of_s || i / 1000 % scene->burst_of_s == 0;

	if (s->goes && now > s->switch_at)
		s->sits = s->goes = false;
	f->cpu_ns = works ? l->cpu_permille * STEP_USEC : 0;
	if (s->sits)
		f->cost_ns = f->cpu_ns * l->hits_per_cpu_s / 1000000000 * l->hit_ns;
	s->since.cpu_ns += f->cpu_ns;
	s->since.cost_ns += f->cost_ns;
	s->all_ns += f->cpu_ns;
	s->observed_ns += s->duty.on ? f->cpu_ns : 0;
	look(s, scene, now);
}

/* Of each ten seconds; those in which it does little are held to the grant. */
static void check_windows(const struct simulation *s)
{
	struct duty_figures sum = { 0 };

	for (size_t i = 0; i < STEPS; i++) {
		sum.cpu_ns += s->figures[i].cpu_ns;
		sum.cost_ns += s->figures[i].cost_ns;
		if (i < WINDOW_STEPS)
			continue;
		sum.cpu_ns -= s->figures[i - WINDOW_STEPS].cpu_ns;
		sum.cost_ns -= s->figures[i - WINDOW_STEPS].cost_ns;
		if (sum.cost_ns > sum.cpu_ns / 1000 * DUTY_LIMIT_PERMILLE + DUTY_GRANT_NS)
			fail_msg("%zu ms: %lu of %lu", i, sum.cost_ns, sum.cpu_ns);
	}
}

static void test_limit(void **state)
{
	const struct scene *scene = *state;
	static struct simulation s;

	s = (struct simulation){ .sits = true };
	duty_start(&s.duty, 0);
	for (size_t i = 0; i < STEPS; i++)
		step(&s, scene, i);
	check_windows(&s);
	assert_in_range(s.all_ns ? s.observed_ns * 1000 / s.all_ns : 0,
			scene->least_observed_permille, scene->most_observed_permille);
}

/* What is told of slices is all that was used, less what the probes cost: nothing is told twice or left out. */
static void test_slices(void **state)
{
	static const struct scene scene = {
		"", { 2000, 100000, 1500 }, { 2000, 100000, 1500 }, 5000, 20000, 0, 0, 0
	};
	static struct simulation s;
	uint64_t observed = 0, missed = 0, slices = 0, cost = 0;

	(void)state;
	s = (struct simulation){ .sits = true };
	duty_start(&s.duty, 0);
	for (size_t i = 0; i < STEPS; i++) {
		const bool on = s.duty.on;

		step(&s, &scene, i);
		cost += s.figures[i].cost_ns;
		if ((on && !s.duty.on) || (s.duty.on && duty_has_slice(&s.duty))) {
			if (!duty_has_slice(&s.duty))
				continue;
			assert_true(s.duty.observed_ns >= DUTY_SLICE_NS || s.duty.missed_ns == 0);
			observed += s.duty.observed_ns;
			missed += s.duty.missed_ns;
			duty_slice_taken(&s.duty);
			slices++;
		}
	}
	assert_true(slices > SECONDS / 2);
	observed += s.duty.observed_ns;
	missed += s.duty.missed_ns;
	assert_int_equal(observed + missed + cost, s.all_ns - s.since.cpu_ns + s.since.cost_ns);
}

/* Nobody looked for a minute: what was before it is no reason any more. */
static void test_forgets(void **state)
{
	struct duty d;

	(void)state;
	duty_start(&d, 0);
	assert_false(duty_step(&d, 50 * USEC_MSEC, (struct duty_figures){ 50000000, 20000000 }));
	duty_switch(&d, 50 * USEC_MSEC, false);
	assert_false(duty_step(&d, 5 * USEC_SEC, (struct duty_figures){ 0 }));
	assert_true(duty_step(&d, USEC_MIN, (struct duty_figures){ 0 }));
	assert_int_equal(d.window.cost_ns, 0);
	assert_int_equal(d.all.cost_ns, 20000000);
}

static void test_short_slice(void **state)
{
	struct duty d;

	(void)state;
	duty_start(&d, 0);
	duty_step(&d, 2 * USEC_MSEC, (struct duty_figures){ 2000000, 0 });
	duty_switch(&d, 2 * USEC_MSEC, false);
	/* The first one has nothing before it, and needs no scale. */
	assert_true(duty_has_slice(&d));
	assert_int_equal(d.observed_ns, 2000000);
	assert_int_equal(d.missed_ns, 0);
	duty_slice_taken(&d);
	duty_step(&d, 100 * USEC_MSEC, (struct duty_figures){ 90000000, 0 });
	duty_switch(&d, 100 * USEC_MSEC, true);
	duty_step(&d, 102 * USEC_MSEC, (struct duty_figures){ 2000000, 0 });
	duty_switch(&d, 102 * USEC_MSEC, false);
	assert_false(duty_has_slice(&d));
	duty_step(&d, 200 * USEC_MSEC, (struct duty_figures){ 10000000, 0 });
	duty_switch(&d, 200 * USEC_MSEC, true);
	duty_step(&d, 210 * USEC_MSEC, (struct duty_figures){ 7000000, 500000 });
	duty_switch(&d, 210 * USEC_MSEC, false);
	assert_true(duty_has_slice(&d));
	assert_int_equal(d.observed_ns, 8500000);
	assert_int_equal(d.missed_ns, 100000000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("slices tell all of the time once", test_slices),
		SUITE_TEST("what is over ten seconds old is forgotten", test_forgets),
		SUITE_TEST("a slice that is too short goes on with the next", test_short_slice),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_limit, scenes);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "duty");
}
