/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture/workloads.h"
#include "policy/load.h"
#include "policy/match.h"

/*
 * What holds for any workload, over many random ones, with and without gomemd in lockstep. One that fails is named; it
 * is run alone by PLANT_WORKLOAD=N, all from another seed by PLANT_SEED=N.
 */
#ifdef GOMEMD_SANITIZED
#define WORKLOADS 300
#else
#define WORKLOADS 10000
#endif

#define INTERVAL     (5 * USEC_SEC)
#define SETTLE	     (2 * USEC_MIN)
#define WORKERS	     2
#define SAFE_PERCENT 90
#define TIER_GOGC    30 /* of the shipped tiers when pressed, the lowest */

static struct policy_set *policies;

enum property {
	PROPERTY_INTERVAL, /* one change per lever and interval, outside an emergency */
	PROPERTY_SETTLED,  /* under a load that does not change any more levers come to rest */
	PROPERTY_FLOOR,	   /* no soft limit below live + 10 % where there is memory for more */
	PROPERTY_KILL,	   /* no kill that would not have been without */
	PROPERTY_PEAK,	   /* no higher peak */
	PROPERTY_CPU,	   /* no dearer collection where nothing asked for it */
	PROPERTY_OWNER,	   /* what is not ours has its owner's value */
	PROPERTY_MAX_,
};

static const char *const property_names[] = {
	"one change per lever and interval",
	"levers come to rest when the load does",
	"no soft limit below live + 10 %",
	"no kill that would not have been without",
	"no higher peak than without",
	"collecting costs no more unless memory is short",
	"what is given back has its owner's value",
};
_Static_assert(ARRAY_SIZE(property_names) == PROPERTY_MAX_, "a name for each property");

struct run {
	struct random_workload workload;
	struct simulation without, with;
	usec_t changed[PLANT_PROCS_MAX][LEVER_MAX_];
	bool idled[PLANT_PROCS_MAX];		    /* by the last change of its soft limit */
	uint32_t late[PLANT_PROCS_MAX][LEVER_MAX_]; /* changes after all had settled */
	bool pressed;
	bool relaxed; /* an owner's soft limit that had become a spiral: the memory it spared is used */
	bool short_of_memory; /* emergency, tight or hot: collection may cost, and memory be given for it */
	bool failed[PROPERTY_MAX_];
};

static void check_pace(struct run *r, const struct simulation *s, uint32_t k, enum policy_lever l)
{
	const struct lever_decision *ld = &s->decision.procs[k].lever[l];
	const uint32_t i = s->plant.load_of[k];
	const usec_t now = s->plant.now;
	/* What waits for nothing: an emergency, the end of a spiral, a rollback, work after none, and where there is more room. */
	const bool at_once = s->history.latch[STATE_EMERGENCY].on || ld->reason == REASON_TIGHT ||
			     ld->reason == REASON_HARM ||
			     (l == LEVER_SOFT_LIMIT && r->idled[i] && ld->to > ld->from) ||
			     s->plant.snapshot.cgroup.room > s->history.allotted;
	/* A soft limit comes down in steps of a twentieth, a second and a cycle apart. */
	const bool steps = l == LEVER_SOFT_LIMIT && ld->to < ld->from;
	const usec_t apart = at_once ? 0 : steps ? USEC_SEC : INTERVAL;

	if (r->changed[i][l] && now - r->changed[i][l] < apart)
		r->failed[PROPERTY_INTERVAL] = true;
	r->changed[i][l] = now;
	if (l == LEVER_SOFT_LIMIT)
		r->idled[i] = ld->reason == REASON_IDLE;
	if (r->workload.settled && now > r->workload.settled + SETTLE)
		r->late[i][l]++;
}

static void check_floor(struct run *r, const struct simulation *s, uint32_t k)
{
	const struct lever_decision *ld = &s->decision.procs[k].lever[LEVER_SOFT_LIMIT];
	const struct snapshot_proc *p = &s->plant.snapshot.procs[k];

	if (ld->verdict == VERDICT_SET && ld->reason != REASON_DOES_NOT_FIT &&
	    (uint64_t)ld->to < p->sample.heap_marked_bytes + p->sample.heap_marked_bytes / 10)
		r->failed[PROPERTY_FLOOR] = true;
}

static void on_look(void *userdata, const struct simulation *s)
{
	struct run *r = userdata;

	r->pressed |= s->decision.state == STATE_PRESSED;
	r->short_of_memory |= s->decision.state != STATE_CALM && s->decision.state != STATE_PRESSED;
	for (uint32_t k = 0; k < s->decision.n_procs; k++) {
		const struct snapshot_proc *p = &s->plant.snapshot.procs[k];

		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++) {
			if (s->decision.procs[k].lever[l].verdict != VERDICT_HOLD)
				check_pace(r, s, k, l);
			if (!p->lever[l].ours &&
			    decide_lever_now(&s->plant.snapshot, p, l) != p->lever[l].owner)
				r->failed[PROPERTY_OWNER] = true;
		}
		check_floor(r, s, k);
		r->relaxed |= s->decision.procs[k].tight &&
			      p->lever[LEVER_SOFT_LIMIT].owner < p->sample.memory_limit_bytes;
	}
}

static const struct policy_rules *rules_of(const struct random_workload *w)
{
	const struct policy_subject subject = {
		.limit_bytes = MIN(w->setup.max_bytes, w->setup.parent_bytes),
		.cgroup = "/random.service",
		.exe = "",
		.module = "",
	};
	const int tier = policy_match(policies, &subject, NULL);

	return tier < 0 ? NULL : &policies->tiers[tier].rules;
}

static void run_both(struct run *r, uint64_t number)
{
	const struct decide_settings settings = { .interval = INTERVAL };
	const struct rhythm rhythm = { .min = 50 * USEC_MSEC, .max = 10 * USEC_SEC };
	bool more = true;

	memset(r, 0, sizeof(*r));
	draw_workload(&r->workload, number);
	simulation_start(&r->without, &r->workload.setup, NULL, &settings, &rhythm);
	simulation_start(&r->with, &r->workload.setup, rules_of(&r->workload), &settings, &rhythm);
	while (more) {
		more = simulation_look(&r->without, r->workload.duration, NULL, NULL);
		more |= simulation_look(&r->with, r->workload.duration, on_look, r);
	}
}

static void check_settled(struct run *r)
{
	const usec_t rest = sub_sat(r->workload.duration, r->workload.settled + SETTLE);
	/* What was learned of the non-Go share fades and is given back. Short of memory, the live heap is followed. */
	const uint32_t most =
		2 + (uint32_t)(rest / (r->short_of_memory ? INTERVAL : (usec_t)USEC_MIN));

	/* Several processes divide the budget by what each has mapped, which their garbage moves. */
	if (r->workload.setup.n_loads > 1)
		return;
	for (int l = 0; l < LEVER_MEMORY_HIGH; l++)
		if (r->late[0][l] > most)
			r->failed[PROPERTY_SETTLED] = true;
}

/* How near it came without: what is so near is a matter of when a cycle ends. */
static bool had_room(const struct run *r, uint32_t percent)
{
	const struct plant_totals *t = &r->without.plant.totals;
	const uint64_t room = r->without.plant.snapshot.cgroup.room;

	return !t->killed_at && t->peak_usage_bytes < mul_div(room, percent, 100);
}

/*
 * What its owner's GOGC could have led to, had a cycle ended when most was live: when cycles end is chance, and gomemd
 * moves it.
 */
static uint64_t possible_peak(const struct run *r)
{
	uint64_t total = r->workload.setup.kernel_bytes;

	for (size_t i = 0; i < r->workload.setup.n_around; i++)
		total = MAX(total, r->workload.around[i].nongo_bytes + MIB);
	for (uint32_t i = 0; i < r->workload.setup.n_loads; i++) {
		const struct plant_load *l = &r->workload.setup.loads[i];
		uint64_t most = 0;

		for (size_t k = 0; k < l->n_points; k++) {
			const struct plant_point *at = &l->points[k];
			const uint64_t goal =
				at->live_bytes + (at->live_bytes + at->rest_bytes / 4) *
							 (uint64_t)MAX(l->gogc, 0) / 100;

			most = MAX(most,
				   goal + goal * l->fragmentation_permille / 1000 + at->rest_bytes);
		}
		total += most;
	}
	/* With what was allocated while it was marked. */
	return total + total / 4;
}

/* A tier's GOGC has its price, which its owner has chosen: as many times more cycles. */
static uint64_t cpu_factor_permille(const struct run *r)
{
	const int32_t gogc = r->workload.setup.loads[0].gogc;

	return r->pressed && gogc > TIER_GOGC ? (uint64_t)gogc * 1500 / TIER_GOGC : 1500;
}

static void judge(struct run *r)
{
	const struct plant_totals *a = &r->without.plant.totals, *b = &r->with.plant.totals;
	const bool alone = r->workload.setup.n_loads == 1;

	check_settled(r);
	if (b->killed_at && had_room(r, SAFE_PERCENT) && !r->relaxed)
		r->failed[PROPERTY_KILL] = true;
	if (a->killed_at || b->killed_at)
		return;
	if (!r->short_of_memory &&
	    b->peak_usage_bytes >
		    MAX(a->peak_usage_bytes + a->peak_usage_bytes / 10 + 2 * MIB, possible_peak(r)))
		r->failed[PROPERTY_PEAK] = true;
	if (alone && !r->short_of_memory && had_room(r, 80) &&
	    b->gc_cpu_ns > mul_div(a->gc_cpu_ns, cpu_factor_permille(r), 1000) + 1000000000)
		r->failed[PROPERTY_CPU] = true;
}

static bool run_one(struct run *r, uint64_t number, FILE *to)
{
	bool failed = false;

	run_both(r, number);
	judge(r);
	for (int i = 0; i < PROPERTY_MAX_; i++) {
		if (!r->failed[i])
			continue;
		failed = true;
		fprintf(to, "workload %" PRIu64 " (%s, %" PRIu64 " MiB): not so: %s\n", number,
			shape_names[r->workload.shape], r->workload.setup.max_bytes / MIB,
			property_names[i]);
	}
	return failed;
}

/* Workers are processes: each its share, and how many failed by its exit status. */
static int run_share(uint64_t seed, uint64_t first, uint64_t n)
{
	struct run *r = calloc(1, sizeof(*r));
	int failed = 0;

	for (uint64_t i = first; r && i < n; i += WORKERS)
		failed += run_one(r, seed + i, stderr);
	free(r);
	return r ? MIN(failed, 100) : 100;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_properties(void **state)
{
	const uint64_t seed = from_environment("PLANT_SEED", 0);
	int failed = 0, status;

	(void)state;
	print_message("%d workloads from seed %" PRIu64 "\n", WORKLOADS, seed);
	for (uint64_t i = 0; i < WORKERS; i++) {
		const pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(run_share(seed, i, WORKLOADS));
	}
	for (int i = 0; i < WORKERS; i++) {
		assert_true(wait(&status) > 0);
		failed += WIFEXITED(status) ? WEXITSTATUS(status) : 100;
	}
	assert_int_equal(failed, 0);
}

/* The workload that PLANT_WORKLOAD names, alone. */
static void test_one(void **state)
{
	struct run *r = calloc(1, sizeof(*r));
	const char *number = getenv("PLANT_WORKLOAD");
	bool failed;

	(void)state;
	assert_non_null(r);
	failed = run_one(r, number ? strtoull(number, NULL, 10) : 1, stderr);
	free(r);
	assert_false(failed);
}

static struct plant_setup one_process(const struct plant_point *points, size_t n)
{
	struct plant_setup s = {
		.max_bytes = GIB,
		.parent_bytes = BYTES_UNLIMITED,
		.cpu_quota_permille = UINT64_MAX,
		.scavenge_bytes_per_second = 64 * MIB,
		.n_loads = 1,
	};

	s.loads[0] = (struct plant_load){ .points = points,
					  .n_points = n,
					  .mark_bytes_per_second = GIB,
					  .minor = 24,
					  .gomaxprocs = 4,
					  .gogc = 100,
					  .memory_limit_bytes = VALUE_NONE,
					  .madvdontneed = 1 };
	return s;
}

static void test_doubles(void **state)
{
	const struct plant_point steady = { .live_bytes = 100 * MIB,
					    .alloc_bytes_per_second = 50 * MIB };
	const struct plant_setup setup = one_process(&steady, 1);
	struct plant *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	plant_start(p, &setup);
	plant_run(p, USEC_MIN);
	/* Half of 3000 MiB a minute by 100 MiB a cycle, and the rest of what a start takes. */
	assert_in_range(p->totals.cycles, 25, 32);
	assert_in_range(p->totals.peak_usage_bytes, 190 * MIB, 215 * MIB);
	assert_in_range(p->totals.gc_cpu_ns, p->totals.cycles * 97000000,
			p->totals.cycles * 99000000);
	assert_int_equal(p->totals.killed_at, 0);
	free(p);
}

static void test_obeys(void **state)
{
	const struct plant_point steady = { .live_bytes = 100 * MIB,
					    .alloc_bytes_per_second = 50 * MIB };
	const struct plant_setup setup = one_process(&steady, 1);
	struct plant *p = calloc(1, sizeof(*p));
	struct history h = { 0 };
	struct decision d = { .n_procs = 1 };

	(void)state;
	assert_non_null(p);
	plant_start(p, &setup);
	plant_run(p, USEC_MIN);
	d.procs[0].lever[LEVER_SOFT_LIMIT] = (struct lever_decision){ .verdict = VERDICT_SET,
								      .from = VALUE_NONE,
								      .to = (int64_t)(150 * MIB) };
	d.procs[0].key = p->snapshot.procs[0].key;
	assert_int_equal(plant_apply(p, &d, &h), 1);
	plant_run(p, 10 * USEC_SEC);
	assert_true(p->snapshot.procs[0].sample.mapped_ready_bytes <= 150 * MIB);
	assert_true(p->snapshot.procs[0].lever[LEVER_SOFT_LIMIT].ours);
	assert_true(p->snapshot.procs[0].lever[LEVER_SOFT_LIMIT].owner == VALUE_NONE);
	d.procs[0].lever[LEVER_SOFT_LIMIT] =
		(struct lever_decision){ .verdict = VERDICT_RESTORE, .to = VALUE_NONE };
	plant_apply(p, &d, &h);
	plant_run(p, 10 * USEC_SEC);
	assert_true(p->snapshot.procs[0].sample.mapped_ready_bytes > 180 * MIB);
	assert_false(p->snapshot.procs[0].lever[LEVER_SOFT_LIMIT].ours);
	free(p);
}

static void test_kills(void **state)
{
	const struct plant_point leak[] = {
		{ .live_bytes = 100 * MIB, .alloc_bytes_per_second = 50 * MIB },
		{ .at = USEC_MIN, .live_bytes = 1200 * MIB, .alloc_bytes_per_second = 50 * MIB },
	};
	const struct plant_setup setup = one_process(leak, ARRAY_SIZE(leak));
	struct plant *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	plant_start(p, &setup);
	plant_run(p, USEC_MIN);
	/* By garbage, long before what lives is too much: the goal reaches the limit at half of it. */
	assert_in_range(p->totals.killed_at, 20 * USEC_SEC, 40 * USEC_SEC);
	assert_int_equal(p->snapshot.cgroup.events_oom_kill, 1);
	free(p);
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST(
		"GOGC 100: a heap of twice what lives, a cycle each time that much was allocated",
		test_doubles),
	SUITE_TEST("it obeys a soft limit, and its end", test_obeys),
	SUITE_TEST("it is killed at the limit", test_kills),
	SUITE_TEST("one workload alone", test_one),
	SUITE_TEST("random workloads are governed well", test_properties),
};

int main(void)
{
	struct ini_report report = { 0 };
	char path[512], *files[] = { path };
	static struct suite s;
	const char *dir = getenv("GOMEMD_POLICIES_DIR");

	snprintf(path, sizeof(path), "%s/50-sizing.ini", dir ? dir : "policies");
	if (policy_load(files, 1, &report, &policies) < 0)
		return 1;
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "plant");
}
