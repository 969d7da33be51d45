/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/plant.h"

#define LOOK (2 * USEC_SEC)

/* Four processes of a mix: live data and what is allocated a second, MiB. */
struct mix {
	const char *name;
	struct {
		uint64_t live, rate;
	} proc[4];
	bool balanced;
};

static const struct mix mixes[] = {
	{ "a large quiet one beside small busy ones",
	  { { 400, 5 }, { 40, 80 }, { 60, 20 }, { 20, 60 } },
	  true },
	{ "two quiet, two busy", { { 200, 4 }, { 300, 8 }, { 50, 100 }, { 30, 120 } }, true },
	{ "rates that follow sizes are left",
	  { { 400, 80 }, { 40, 8 }, { 60, 12 }, { 20, 4 } },
	  false },
	{ "all alike are left", { { 100, 20 }, { 100, 20 }, { 100, 20 }, { 100, 20 } }, false },
};

static void start(struct plant *p, const struct mix *mix, bool balance)
{
	plant_init(p, 4 * GIB, 20 * MIB);
	p->rules.balance = balance;
	for (size_t i = 0; i < ARRAY_SIZE(mix->proc); i++)
		plant_add(p, mix->proc[i].live * MIB, 4 * MIB, mix->proc[i].rate * MIB);
}

struct outcome {
	uint64_t marked, mapped; /* bytes marked; the mean of what was mapped */
};

static struct outcome run(struct plant *p, usec_t usec)
{
	uint32_t num_gc[SNAPSHOT_PROCS_MAX];
	struct outcome o = { 0 };
	uint64_t looks = 0;

	for (uint32_t i = 0; i < p->s.n_procs; i++)
		num_gc[i] = plant_sample(p, i)->num_gc;
	for (usec_t t = 0; t < usec; t += LOOK, looks++) {
		plant_run(p, LOOK);
		plant_govern(p);
		o.mapped += snapshot_mapped(&p->s);
	}
	o.mapped /= looks;
	for (uint32_t i = 0; i < p->s.n_procs; i++)
		o.marked += (plant_sample(p, i)->num_gc - num_gc[i]) * p->proc[i].live;
	return o;
}

static void test_mix(void **state)
{
	const struct mix *mix = *state;
	struct outcome plain, balanced;
	struct plant p;

	start(&p, mix, false);
	run(&p, 10 * USEC_MIN);
	plain = run(&p, 20 * USEC_MIN);
	assert_int_equal(p.writes[LEVER_GOGC], 0);
	start(&p, mix, true);
	run(&p, 10 * USEC_MIN);
	balanced = run(&p, 20 * USEC_MIN);
	print_message("%s: marked %.2f, mapped %.2f of without\n", mix->name,
		      (double)balanced.marked / (double)plain.marked,
		      (double)balanced.mapped / (double)plain.mapped);
	assert_int_equal(p.h.balance.on, mix->balanced);
	if (!mix->balanced) {
		assert_int_equal(p.writes[LEVER_GOGC], 0);
		return;
	}
	assert_true(balanced.marked <= plain.marked * 8 / 10);
	assert_true(balanced.mapped <= plain.mapped * 103 / 100);
	for (uint32_t i = 0; i < p.s.n_procs; i++)
		assert_in_range(plant_sample(&p, i)->gc_percent, 40, 400);
}

/* It comes to rest: after that hardly anything is written. */
static void test_settles(void **state)
{
	struct plant p;

	(void)state;
	start(&p, &mixes[0], true);
	run(&p, 20 * USEC_MIN);
	p.writes[LEVER_GOGC] = 0;
	run(&p, 20 * USEC_MIN);
	assert_true(p.writes[LEVER_GOGC] <= 8);
}

/* What an owner, somebody else or an operator has set is not moved, and with one left there is nothing to divide. */
static void test_owners(void **state)
{
	struct plant p;

	(void)state;
	start(&p, &mixes[0], true);
	p.s.procs[0].lever[LEVER_GOGC].owner_set = true;
	p.s.procs[1].lever[LEVER_GOGC].manual = true;
	p.s.procs[2].lever[LEVER_GOGC].pinned = true;
	p.s.procs[2].lever[LEVER_GOGC].pin = 100;
	run(&p, 10 * USEC_MIN);
	assert_int_equal(p.writes[LEVER_GOGC], 0);
}

/* Every cycle costs a second one that no plan foresaw: nothing is saved, so everything is given back, for a while. */
static void test_saves_nothing(void **state)
{
	struct plant p;
	bool was_on = false;

	(void)state;
	start(&p, &mixes[0], true);
	for (int i = 0; i < 150; i++) {
		plant_run(&p, LOOK);
		for (uint32_t k = 0; was_on && k < p.s.n_procs; k++)
			plant_sample(&p, k)->num_gc += 3;
		plant_govern(&p);
		was_on |= p.h.balance.on;
	}
	assert_true(was_on);
	assert_false(p.h.balance.on);
	assert_true(p.h.balance.rest_until > p.now);
	for (uint32_t i = 0; i < p.s.n_procs; i++)
		assert_int_equal(plant_sample(&p, i)->gc_percent, 100);
}

/* The owners' own values come back when something more urgent holds, and where the policy does not want it. */
static void test_gives_back(void **state)
{
	struct plant p;

	(void)state;
	start(&p, &mixes[0], true);
	run(&p, 10 * USEC_MIN);
	assert_true(p.h.balance.on);
	p.rules.balance = false;
	run(&p, 2 * USEC_MIN);
	for (uint32_t i = 0; i < p.s.n_procs; i++)
		assert_int_equal(plant_sample(&p, i)->gc_percent, 100);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("it settles", test_settles),
	SUITE_TEST("what others have set stays", test_owners),
	SUITE_TEST("a plan that saves nothing is given up", test_saves_nothing),
	SUITE_TEST("balance = no gives back", test_gives_back),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_mix, mixes);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "balance");
}
