/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "decide/watch.h"
#include "fixture/plant.h"

/* One Go process of 100 MiB live under no pressure at all; its goal is 200 MiB. */
static void start(struct plant *p)
{
	plant_init(p, 4 * GIB, 20 * MIB);
	plant_add(p, 100 * MIB, 10 * MIB, 10 * MIB);
	plant_measure(p);
	history_observe(&p->h, &p->s);
}

/* Time passes and @bytes are allocated; with @collect a cycle ends then. */
static void look(struct plant *p, usec_t usec, uint64_t bytes, bool collect)
{
	p->now += usec;
	plant_sample(p, 0)->total_alloc_bytes += bytes;
	plant_map(p, 0);
	if (collect)
		plant_collect(p, 0);
	plant_measure(p);
	history_observe(&p->h, &p->s);
}

static void test_peak_of_running(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	look(&p, USEC_SEC, 30 * MIB, false);
	look(&p, USEC_SEC, 50 * MIB, false);
	assert_int_equal(p.h.procs[0].running.heap_alloc_peak, 180 * MIB);
	assert_int_equal(p.h.procs[0].n_finished, 0);
}

static void test_peak_is_kept(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	look(&p, USEC_SEC, 95 * MIB, false);
	look(&p, USEC_SEC, 0, true);
	assert_int_equal(p.h.procs[0].n_finished, 1);
	assert_int_equal(p.h.procs[0].finished[0].heap_alloc_peak, 195 * MIB);
	assert_int_equal(p.h.procs[0].running.heap_alloc_peak, 100 * MIB);
}

static void test_only_last_cycles(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	for (uint64_t i = 0; i < 7; i++) {
		look(&p, USEC_SEC, i * MIB, false);
		look(&p, USEC_SEC, 0, true);
	}
	assert_int_equal(p.h.procs[0].n_finished, HISTORY_CYCLES);
	for (uint64_t i = 0; i < HISTORY_CYCLES; i++)
		assert_int_equal(p.h.procs[0].finished[i].heap_alloc_peak, (106 - i) * MIB);
	assert_int_equal(p.h.procs[0].cycles, 7);
}

static void test_unseen_cycle(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	/* 350 MiB between two looks: three cycles, of which nothing but the trough is seen. */
	plant_run(&p, 35 * USEC_SEC);
	history_observe(&p.h, &p.s);
	assert_int_equal(plant_sample(&p, 0)->num_gc, 4);
	assert_int_equal(p.h.procs[0].cycles, 3);
	assert_int_equal(p.h.procs[0].finished[0].heap_alloc_peak, 200 * MIB);
}

static void test_periodic(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	look(&p, 120 * USEC_SEC, 2 * MIB, true);
	assert_int_equal(p.h.procs[0].finished[0].heap_alloc_peak, 100 * MIB);
	assert_true(p.h.procs[0].finished[0].heap_alloc_peak < 200 * MIB);
}

static void test_same_sample(void **state)
{
	struct plant p;
	struct history before;

	(void)state;
	start(&p);
	look(&p, USEC_SEC, 30 * MIB, true);
	before = p.h;
	history_observe(&p.h, &p.s);
	assert_memory_equal(&p.h, &before, sizeof(before));
}

static void test_not_proved(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	p.s.procs[0].proved = false;
	look(&p, USEC_SEC, 90 * MIB, false);
	assert_int_equal(p.h.procs[0].running.heap_alloc_peak, 100 * MIB);
}

static void test_counter_runs_back(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	plant_sample(&p, 0)->num_gc = 1000;
	look(&p, USEC_SEC, 0, true);
	plant_sample(&p, 0)->num_gc = 5;
	look(&p, USEC_SEC, 0, false);
	assert_int_equal(p.h.procs[0].n_finished, 1);
}

static void test_exec_starts_anew(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	look(&p, USEC_SEC, 90 * MIB, true);
	plant_add(&p, 50 * MIB, 0, 0);
	look(&p, USEC_SEC, 0, false);
	assert_int_equal(p.h.n_procs, 2);
	/* The first goes and its pid comes back with another start: the second keeps what is known of it. */
	p.s.procs[0].key.start_ticks++;
	look(&p, USEC_SEC, 0, false);
	assert_int_equal(p.h.n_procs, 2);
	assert_non_null(history_proc(&p.h, &p.s.procs[1].key));
	assert_int_equal(history_proc(&p.h, &p.s.procs[0].key)->n_finished, 0);
	assert_int_equal(history_proc(&p.h, &p.s.procs[0].key)->lever[0].changed, 0);
}

/* GC CPU in permille of one CPU: cycles that mark 100 MiB at 4 GiB/s, over all looks alike. */
struct cpu_case {
	const char *name;
	usec_t look;
	uint64_t bytes_per_second;
};

static const struct cpu_case cpu[] = {
	{ "GC CPU: looks each 50 ms, a cycle each 10 s", 50 * USEC_MSEC, 10 * MIB },
	{ "GC CPU: looks each second, a cycle each 10 s", USEC_SEC, 10 * MIB },
	{ "GC CPU: looks each 10 s, a cycle each second", 10 * USEC_SEC, 100 * MIB },
};

static void test_cpu(void **state)
{
	const struct cpu_case *c = *state;
	uint64_t expected, marking_us = 100 * MIB * USEC_SEC / (4 * GIB);
	struct plant p;

	start(&p);
	p.proc[0].bytes_per_second = c->bytes_per_second;
	expected = marking_us * 1000 / (100 * MIB * USEC_SEC / c->bytes_per_second);
	for (usec_t t = 0; t < 100 * USEC_SEC; t += c->look) {
		plant_run(&p, c->look);
		history_observe(&p.h, &p.s);
	}
	assert_in_range(p.h.procs[0].gc_cpu_permille, expected * 8 / 10, expected * 12 / 10 + 1);
}

/* The share that is not Go's: @n samples of 100 MiB, of which @spikes are 300 MiB. */
struct nongo_case {
	const char *name;
	uint32_t n, spikes;
	uint64_t now, learned; /* MiB */
};

static const struct nongo_case nongo[] = {
	{ "nothing seen: what is now and 1/64 of the room", 0, 0, 100, 116 },
	{ "little seen: the highest and 1/64 of the room", 3, 1, 100, 316 },
	{ "eight samples: the highest", 8, 1, 100, 300 },
	{ "a full ring: one spike is forgotten", HISTORY_NONGO, 1, 100, 100 },
	{ "a full ring: two spikes are not", HISTORY_NONGO, 2, 100, 300 },
	{ "never below what is now", HISTORY_NONGO, 2, 500, 500 },
};

static void test_nongo(void **state)
{
	const struct nongo_case *c = *state;
	struct plant p;

	plant_init(&p, GIB, c->now * MIB);
	p.h.n_nongo = c->n;
	for (uint32_t i = 0; i < c->n; i++)
		p.h.nongo[i] = (i < c->spikes ? 300 : 100) * MIB;
	assert_int_equal(history_nongo(&p.h, &p.s), c->learned * MIB);
}

static void test_nongo_small_room(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, 32 * MIB, 10 * MIB);
	p.h.n_nongo = 0;
	assert_int_equal(history_nongo(&p.h, &p.s), 12 * MIB);
	plant_room(&p, BYTES_UNLIMITED);
	assert_int_equal(history_nongo(&p.h, &p.s), 10 * MIB);
}

static void test_nongo_pace(void **state)
{
	struct plant p;

	(void)state;
	start(&p);
	p.h.n_nongo = 0;
	for (int i = 0; i < 100; i++)
		look(&p, 50 * USEC_MSEC, 0, false);
	assert_int_equal(p.h.n_nongo, 3); /* at once, then each two seconds */
	for (int i = 0; i < 1000; i++)
		look(&p, 2 * USEC_SEC, 0, false);
	assert_int_equal(p.h.n_nongo, HISTORY_NONGO);
}

static void test_too_many(void **state)
{
	struct plant p;

	(void)state;
	plant_init(&p, GIB, 0);
	for (int i = 0; i < SNAPSHOT_PROCS_MAX; i++)
		plant_add(&p, MIB, 0, 0);
	history_observe(&p.h, &p.s);
	p.s.procs[3].key.pid = 9999;
	history_observe(&p.h, &p.s);
	assert_int_equal(p.h.n_procs, SNAPSHOT_PROCS_MAX);
	assert_non_null(history_proc(&p.h, &p.s.procs[3].key));
}

/* A change that is watched: GC CPU, usage, stalls before and after; what the lever's rest says then. */
struct watch_case {
	const char *name;
	uint32_t cpu_before, cpu_after;
	uint64_t mapped_after; /* MiB; 200 before */
	uint64_t stalled_us, periods, throttled;
	uint32_t cycles;
	bool pinned, rests;
	int64_t to; /* GOGC; 100 before */
};

static const struct watch_case watches[] = {
	{ "no cost, no gain: it stays", 50, 50, 200, 0, 0, 0, 2, false, false, 50 },
	{ "cost without gain rests", 50, 400, 200, 0, 0, 0, 2, false, true, 50 },
	{ "cost with gain stays", 50, 400, 150, 0, 0, 0, 2, false, false, 50 },
	{ "a little more cost stays", 50, 150, 200, 0, 0, 0, 2, false, false, 50 },
	{ "cost against a figure that was not known stays", UINT32_MAX, 900, 200, 0, 0, 0, 2, false,
	  false, 50 },
	{ "stalled a tenth of the time rests", 50, 50, 200, 400000, 0, 0, 2, false, true, 50 },
	{ "stalled a little stays", 50, 50, 200, 100000, 0, 0, 2, false, false, 50 },
	{ "throttled with more collection rests", 50, 90, 200, 0, 30, 10, 2, false, true, 50 },
	{ "throttled as it was before stays", 50, 50, 200, 0, 30, 10, 2, false, false, 50 },
	{ "one cycle is no judgement", 50, 400, 200, 0, 0, 0, 1, false, false, 50 },
	{ "cost after a looser value stays", 50, 400, 200, 0, 30, 10, 2, false, false, 200 },
	{ "stalls after a looser value rest", 50, 50, 200, 400000, 0, 0, 2, false, true, 200 },
	{ "an operator's pin never rests", 50, 400, 200, 0, 0, 0, 2, true, false, 50 },
};

static void test_watch(void **state)
{
	const struct watch_case *c = *state;
	struct proc_history *ph;
	struct plant p;

	start(&p);
	ph = &p.h.procs[0];
	ph->cycles = c->cpu_before != UINT32_MAX;
	ph->gc_cpu_permille = c->cpu_before;
	plant_sample(&p, 0)->mapped_ready_bytes = 200 * MIB;
	plant_measure(&p);
	p.s.procs[0].lever[LEVER_GOGC].pinned = c->pinned;
	history_applied(&p.h, &p.s, &p.s.procs[0].key, LEVER_GOGC, 100, c->to, p.now);
	p.now += 3 * USEC_SEC;
	ph->gc_cpu_permille = c->cpu_after;
	plant_sample(&p, 0)->mapped_ready_bytes = c->mapped_after * MIB;
	plant_sample(&p, 0)->num_gc += c->cycles;
	plant_measure(&p);
	p.s.cgroup.psi_full_us += c->stalled_us;
	p.s.cgroup.cpu_periods += c->periods;
	p.s.cgroup.cpu_throttled += c->throttled;
	watch_judge(&p.s, p.now, &p.s.procs[0], ph);
	assert_int_equal(ph->lever[LEVER_GOGC].rest_until > p.now, c->rests);
	assert_int_equal(ph->lever[LEVER_SOFT_LIMIT].rest_until, 0);
	assert_int_equal(ph->lever[LEVER_GOGC].watch.active, c->cycles < 2);
}

static void test_steps_are_one_watch(void **state)
{
	struct plant p;
	usec_t first;

	(void)state;
	start(&p);
	first = p.now;
	history_applied(&p.h, &p.s, &p.s.procs[0].key, LEVER_SOFT_LIMIT, VALUE_NONE, GIB, p.now);
	p.now += USEC_SEC;
	history_applied(&p.h, &p.s, &p.s.procs[0].key, LEVER_SOFT_LIMIT, GIB, GIB / 2, p.now);
	assert_int_equal(p.h.procs[0].lever[LEVER_SOFT_LIMIT].watch.since, first);
	assert_int_equal(p.h.procs[0].lever[LEVER_SOFT_LIMIT].changed, p.now);
	assert_int_equal(p.h.allotted, 4 * GIB);
	history_applied(&p.h, &p.s, &p.s.procs[0].key, LEVER_SOFT_LIMIT, GIB / 2, GIB, p.now);
	assert_int_equal(p.h.procs[0].lever[LEVER_SOFT_LIMIT].watch.since, p.now);
}

/* A step of the soft limit while GOGC is being watched: each is judged from its own beginning. */
static void test_watch_of_each_lever(void **state)
{
	struct proc_history *ph;
	struct plant p;

	(void)state;
	start(&p);
	ph = &p.h.procs[0];
	ph->cycles = 1;
	history_applied(&p.h, &p.s, &p.s.procs[0].key, LEVER_GOGC, 100, 50, p.now);
	p.now += USEC_SEC;
	history_applied(&p.h, &p.s, &p.s.procs[0].key, LEVER_SOFT_LIMIT, VALUE_NONE, GIB, p.now);
	p.now += 3 * USEC_SEC / 2;
	ph->gc_cpu_permille = 900;
	plant_sample(&p, 0)->num_gc += 2;
	plant_measure(&p);
	watch_judge(&p.s, p.now, &p.s.procs[0], ph);
	assert_true(ph->lever[LEVER_GOGC].rest_until > p.now);
	assert_true(ph->lever[LEVER_SOFT_LIMIT].watch.active);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("the peak of the running cycle grows with the heap", test_peak_of_running),
	SUITE_TEST("a finished cycle keeps its peak", test_peak_is_kept),
	SUITE_TEST("the last cycles are kept, newest first", test_only_last_cycles),
	SUITE_TEST("a cycle that nobody saw reached its goal", test_unseen_cycle),
	SUITE_TEST("a periodic cycle does not fake a peak", test_periodic),
	SUITE_TEST("the same sample again changes nothing", test_same_sample),
	SUITE_TEST("a process that is not proved adds nothing", test_not_proved),
	SUITE_TEST("a cycle counter that runs back ends no cycles", test_counter_runs_back),
	SUITE_TEST("a pid that comes back starts anew", test_exec_starts_anew),
	SUITE_TEST("in a small room the cautious start is 2 MiB, without limit none",
		   test_nongo_small_room),
	SUITE_TEST("the non-Go share is taken each two seconds, capped", test_nongo_pace),
	SUITE_TEST("a full table takes a new process for one that has gone", test_too_many),
	SUITE_TEST("steps of one lever are watched as one change", test_steps_are_one_watch),
	SUITE_TEST("each lever's change is watched by itself", test_watch_of_each_lever),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_cpu, cpu);
	SUITE_TABLE(&s, test_nongo, nongo);
	SUITE_TABLE(&s, test_watch, watches);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "history");
}
