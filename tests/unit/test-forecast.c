/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/plant.h"
#include "fixture/suite.h"

#include "decide/forecast.h"

#define START (1000 * USEC_SEC)

/* --- lines --- */

struct line_case {
	const char *name;
	uint64_t step,
		jitter; /* of each point: bytes more, and by how much the points of even number are off */
	uint32_t n;
	int64_t slope_per_min; /* 0: none */
};

static const struct line_case lines[] = {
	{ "too few points", MIB, 0, 7, 0 },
	{ "an even rise", MIB, 0, 30, 60 * (int64_t)MIB },
	{ "a rise through noise", MIB, 2 * MIB, 30, 60 * (int64_t)MIB },
	{ "noise alone", 0, 50 * MIB, 30, 0 },
	{ "a rise that is small beside the figure", 100, 0, 30, 0 },
	{ "nothing moves", 0, 0, 30, 0 },
};

static void test_line(void **state)
{
	const struct line_case *c = *state;
	struct trend t = { 0 };

	for (uint32_t i = 0; i < c->n; i++)
		assert_true(trend_add(&t, START + i * USEC_SEC,
				      100 * MIB + i * c->step + (i % 2 ? 0 : c->jitter)));
	assert_int_equal(t.line.slope_per_min != 0, c->slope_per_min != 0);
	if (c->slope_per_min)
		assert_in_range(t.line.slope_per_min, c->slope_per_min * 9 / 10,
				c->slope_per_min * 11 / 10);
}

static void test_fall(void **state)
{
	struct trend t = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 20; i++)
		trend_add(&t, START + i * USEC_SEC, 100 * MIB - i * MIB);
	assert_int_equal(t.line.slope_per_min, -60 * (int64_t)MIB);
}

/* What has stopped is no trend, however long it went on. */
static void test_stop(void **state)
{
	struct trend t = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		trend_add(&t, START + i * USEC_SEC, 100 * MIB + MIN(i, 16u) * 10 * MIB);
	assert_int_equal(t.line.slope_per_min, 0);
}

/* And what has begun is one, after a long time of nothing. */
static void test_begin(void **state)
{
	struct trend t = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 28; i++)
		trend_add(&t, START + i * USEC_SEC, 100 * MIB + (i > 12 ? i - 12 : 0) * 10 * MIB);
	assert_in_range(t.line.slope_per_min, 500 * MIB, 700 * MIB);
}

/* A day of looks each second: room stays bounded, the oldest points are hours old, the newest is of now. */
static void test_sparse(void **state)
{
	struct trend t = { 0 };
	uint32_t taken = 0;

	(void)state;
	for (uint32_t i = 0; i < 24 * 3600; i++)
		taken += trend_add(&t, START + i * USEC_SEC, i);
	assert_true(t.n <= TREND_POINTS && t.n >= TREND_POINTS / 2);
	assert_true(taken < 400);
	assert_true(t.points[t.n - 1].at - t.points[0].at >= 2 * 3600 * USEC_SEC);
	for (uint32_t i = 1; i < t.n; i++)
		assert_true(t.points[i].at > t.points[i - 1].at);
	/* Time that goes back is another boot's. */
	assert_true(trend_add(&t, START, 5));
	assert_int_equal(t.n, 1);
}

static void test_extremes(void **state)
{
	struct trend t = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		trend_add(&t, START + i * USEC_SEC, i < 8 ? 0 : UINT64_MAX);
	assert_true(t.line.slope_per_min >= 0);
	t = (struct trend){ 0 };
	for (uint32_t i = 0; i < 16; i++)
		trend_add(&t, START + i * USEC_SEC, UINT64_MAX / 16 * i);
	assert_true(t.line.slope_per_min >= 0);
}

/* --- leaks --- */

struct leak_case {
	const char *name;
	bool governed;
	uint64_t limit_mib, live_mib, nongo_mib, garbage_mib; /* garbage: a second */
	uint64_t go_kib, nongo_kib;			      /* that is never freed, a second */
	enum forecast_kind kind;
};

static const struct leak_case leaks[] = {
	{ "a slow leak, governed", true, 512, 60, 20, 40, 100, 0, FORECAST_GROWTH },
	{ "a slow leak, left alone", false, 512, 60, 20, 40, 100, 0, FORECAST_GROWTH },
	{ "a fast leak, governed", true, 512, 60, 20, 60, 4096, 0, FORECAST_GROWTH },
	{ "a fast leak, left alone", false, 512, 60, 20, 60, 4096, 0, FORECAST_GROWTH },
	{ "memory that is not Go's", true, 512, 60, 20, 40, 0, 1024, FORECAST_NONGO },
	{ "the same, left alone", false, 512, 60, 20, 40, 0, 1024, FORECAST_NONGO },
	{ "both", true, 1024, 100, 50, 80, 512, 256, FORECAST_GROWTH },
};

enum {
	SECONDS_MAX = 100000,
};

static struct plant plant;
static usec_t forecasts[SECONDS_MAX];
static int32_t kinds[SECONDS_MAX];

/* A second later. True where the kernel would have killed it. */
static bool pass(const struct leak_case *c)
{
	plant.proc[0].live += c->go_kib * KIB;
	plant.nongo += c->nongo_kib * KIB;
	plant_run(&plant, USEC_SEC);
	if (c->governed)
		plant_govern(&plant);
	else
		plant_decide(&plant);
	return plant.s.cgroup.anon >= plant.s.cgroup.limit;
}

static void test_leak(void **state)
{
	const struct leak_case *c = *state;
	uint32_t n = 0, middle;
	bool alerted = false;
	usec_t left;

	plant_init(&plant, c->limit_mib * MIB, c->nongo_mib * MIB);
	plant_add(&plant, c->live_mib * MIB, 6 * MIB, c->garbage_mib * MIB);
	while (n < SECONDS_MAX && !pass(c)) {
		forecasts[n] = plant.d.forecast.to_oom;
		kinds[n++] = plant.d.forecast.kind;
		alerted |= plant.d.alert == ALERT_GROWTH || plant.d.alert == ALERT_NONGO;
	}
	assert_true(n < SECONDS_MAX);
	middle = n / 2;
	left = (n - middle) * USEC_SEC;
	assert_int_equal(kinds[middle], c->kind);
	assert_in_range(forecasts[middle], left * 3 / 4, left * 5 / 4);
	assert_true(alerted);
}

/* --- what does not grow --- */

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % n;
}

struct steady_case {
	const char *name;
	uint64_t swing_mib; /* of the live heap, around the clock */
	uint64_t jump_mib;  /* the most that it is off from one minute to the next */
	uint64_t nongo_jump_mib;
};

static const struct steady_case steady[] = {
	{ "nothing changes", 0, 0, 0 },
	{ "load that trembles", 0, 20, 4 },
	{ "a day's ups and downs", 40, 5, 2 },
	{ "a day's ups and downs that tremble", 40, 30, 8 },
};

/* A whole day, a look every ten seconds. */
static void test_steady(void **state)
{
	const struct steady_case *c = *state;
	const uint32_t looks = 24 * 360;
	uint64_t off = 0;

	random_state = 42;
	plant_init(&plant, 512 * MIB, 30 * MIB);
	plant_add(&plant, 80 * MIB, 6 * MIB, 50 * MIB);
	for (uint32_t i = 0; i < looks; i++) {
		/* Up to noon and down to midnight. */
		const uint64_t half = i < looks / 2 ? i : looks - i;

		if (i % 6 == 0) {
			off = random_below(c->jump_mib + 1);
			plant.nongo = (30 + random_below(c->nongo_jump_mib + 1)) * MIB;
		}
		plant.proc[0].live = (80 + off + c->swing_mib * half * 2 / looks) * MIB;
		plant_run(&plant, 10 * USEC_SEC);
		plant_govern(&plant);
		if (plant.d.alert != ALERT_NONE)
			fail_msg("at look %u: %s, %llu s", i, decide_alert_name(plant.d.alert),
				 (unsigned long long)(plant.d.forecast.to_oom / USEC_SEC));
	}
}

/* A service that loads what it holds for a minute, up to less than half of its room, and then stays. */
static void test_start(void **state)
{
	(void)state;
	plant_init(&plant, 512 * MIB, 20 * MIB);
	plant_add(&plant, 2 * MIB, 6 * MIB, 50 * MIB);
	for (uint32_t i = 0; i < 600; i++) {
		plant.proc[0].live += i < 60 ? 2 * MIB : 0;
		plant.nongo += i < 60 ? MIB : 0;
		plant_run(&plant, USEC_SEC);
		plant_govern(&plant);
		assert_int_not_equal(plant.d.alert, ALERT_GROWTH);
		assert_int_not_equal(plant.d.alert, ALERT_NONGO);
	}
}

/* --- the other kinds --- */

static void test_too_large(void **state)
{
	(void)state;
	plant_init(&plant, 128 * MIB, 20 * MIB);
	plant_add(&plant, 110 * MIB, 6 * MIB, 20 * MIB);
	plant_decide(&plant);
	assert_int_equal(plant.d.forecast.kind, FORECAST_TOO_LARGE);
}

static void test_garbage(void **state)
{
	const struct forecast_inputs in = { .room = 256 * MIB,
					    .least = 60 * MIB,
					    .floors = 70 * MIB,
					    .peaks = 240 * MIB,
					    .budget = 220 * MIB,
					    .is_full = true };
	static struct history h;
	struct forecast f;

	(void)state;
	forecast_make(&h, &in, &f);
	assert_int_equal(f.kind, FORECAST_GARBAGE);
	assert_true(f.to_oom == FORECAST_NEVER);
	assert_false(forecast_is_urgent(&f));
}

/* Without a limit there is no end; another process is another trend. */
static void test_unlimited(void **state)
{
	const struct leak_case leak = { .go_kib = 4096 };

	(void)state;
	plant_init(&plant, 512 * MIB, 20 * MIB);
	plant_room(&plant, BYTES_UNLIMITED);
	plant_add(&plant, 60 * MIB, 6 * MIB, 60 * MIB);
	for (int i = 0; i < 60; i++)
		pass(&leak);
	assert_int_equal(plant.d.forecast.kind, FORECAST_NONE);
	assert_true(plant.d.forecast.to_oom == FORECAST_NEVER);
	assert_true(plant.d.forecast.go_slope_per_min > 0);
	plant.s.procs[0].key.start_ticks++;
	plant_decide(&plant);
	assert_int_equal(plant.d.forecast.go_slope_per_min, 0);
}

/* A minute's growth says nothing of the next hour. */
static void test_urgent(void **state)
{
	struct forecast f = { .kind = FORECAST_GROWTH,
			      .to_oom = 20 * USEC_MIN,
			      .watched = 20 * USEC_MIN };

	(void)state;
	assert_true(forecast_is_urgent(&f));
	f.watched--;
	assert_false(forecast_is_urgent(&f));
	f.watched = 60 * USEC_MIN;
	f.to_oom = 31 * USEC_MIN;
	assert_false(forecast_is_urgent(&f));
	f.to_oom = FORECAST_NEVER;
	assert_false(forecast_is_urgent(&f));
	/* It may only have started. */
	f.to_oom = 10 * USEC_SEC;
	f.watched = 29 * USEC_SEC;
	assert_false(forecast_is_urgent(&f));
	f.watched = 30 * USEC_SEC;
	assert_true(forecast_is_urgent(&f));
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("what shrinks has a slope below 0", test_fall),
	SUITE_TEST("what has stopped has no trend", test_stop),
	SUITE_TEST("what has begun has one", test_begin),
	SUITE_TEST("a day of points keeps hours in bounded room", test_sparse),
	SUITE_TEST("the largest figures stay figures", test_extremes),
	SUITE_TEST("a start is no leak", test_start),
	SUITE_TEST("live data that does not fit is told at once", test_too_large),
	SUITE_TEST("garbage is no growth", test_garbage),
	SUITE_TEST("without a limit there is no end, and another process has its own trend",
		   test_unlimited),
	SUITE_TEST("what is urgent is near, and was watched for long enough", test_urgent),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_line, lines);
	SUITE_TABLE(&s, test_leak, leaks);
	SUITE_TABLE(&s, test_steady, steady);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "forecast");
}
