/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/plant.h"
#include "fixture/suite.h"

#include <errno.h>
#include <stdio.h>

#include "kube/owner.h"
#include "state/learned.h"

struct owner_case {
	const char *name; /* of the pod, and of the case */
	const char *owner;
};

static const struct owner_case owners[] = {
	{ "api-7d9f8b6c5d-x7k2p", "api" },
	{ "coredns-bb7d9c6f4-kq5zt", "coredns" },
	{ "fluentd-x7k2p", "fluentd" },
	{ "postgres-0", "postgres" },
	{ "postgres-12", "postgres" },
	{ "etcd-node1", "etcd-node1" },
	{ "nightly-28391040-x7k2p", "nightly-28391040" },
	{ "api", "api" },
	{ "", "" },
	{ "-x7k2p", "-x7k2p" },
	{ "aeiou-aeiou", "aeiou-aeiou" },
	{ "web-2024-build-99999999", "web-2024-build-99999999" },
};

static void test_owner(void **state)
{
	const struct owner_case *c = *state;
	char buf[64];

	pod_owner_of(c->name, buf, sizeof(buf));
	assert_string_equal(buf, c->owner);
}

static struct learned_entry entry(const char *name, uint64_t bytes, uint64_t seen)
{
	struct learned_entry e = { .nongo_bytes = bytes, .seen_wall = seen };

	snprintf(e.name, sizeof(e.name), "%s", name);
	return e;
}

static void test_round_trip(void **state)
{
	struct learned l = { 0 }, back = { 0 };
	struct learned_entry e[] = { entry("/system.slice/a b.service", 5 * MIB, 7),
				     entry("shop/api/main", UINT64_MAX, UINT64_MAX),
				     entry("shop/api/main", 9, 8) };
	char *text = NULL;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(e); i++)
		assert_int_equal(learned_put(&l, &e[i]), 0);
	assert_int_equal(l.n, 2);
	assert_true(l.changed);
	assert_int_equal(learned_format(&l, &text, &len), 0);
	assert_int_equal(learned_parse(text, &back), 0);
	assert_false(back.changed);
	assert_int_equal(back.n, 2);
	assert_int_equal(learned_get(&back, "/system.slice/a b.service")->nongo_bytes, 5 * MIB);
	assert_int_equal(learned_get(&back, "shop/api/main")->nongo_bytes, 9);
	assert_null(learned_get(&back, "shop/api"));
	free(text);
	learned_done(&l);
	learned_done(&back);
}

static void test_restarts(void **state)
{
	struct learned l = { 0 }, back = { 0 };
	struct learned_entry e = entry("/system.slice/+ x.service", 5, 7);
	const struct learned_entry *found;
	char *text = NULL;
	size_t len;

	(void)state;
	e.live_at_start_bytes = 50 * MIB;
	e.restarted_wall = 99;
	e.restarts = 3;
	assert_int_equal(learned_put(&l, &e), 0);
	assert_int_equal(learned_format(&l, &text, &len), 0);
	assert_int_equal(learned_parse(text, &back), 0);
	found = learned_get(&back, e.name);
	assert_non_null(found);
	assert_int_equal(found->live_at_start_bytes, 50 * MIB);
	assert_int_equal(found->restarted_wall, 99);
	assert_int_equal(found->restarts, 3);
	/* A line of the release before says only what that knew. */
	assert_int_equal(learned_parse("8 6 /system.slice/+ x.service\n", &back), 0);
	assert_int_equal(learned_get(&back, e.name)->nongo_bytes, 6);
	assert_int_equal(learned_parse("+ 8 6 7 5 4294967296 n\n+ 1 2 3 4 n\n", &back), 2);
	free(text);
	learned_done(&l);
	learned_done(&back);
}

static void test_refused(void **state)
{
	struct learned l = { 0 };
	struct learned_entry empty = entry("", 1, 1), line = entry("a\nb", 1, 1);

	(void)state;
	assert_int_equal(learned_put(&l, &empty), -EINVAL);
	assert_int_equal(learned_put(&l, &line), -EINVAL);
	assert_int_equal(
		learned_parse("x y z\n1 2\n1 2 \n-1 2 n\n3 99999999999999999999 n\n\n5 6 n\n", &l),
		6);
	assert_int_equal(l.n, 1);
	assert_int_equal(learned_get(&l, "n")->nongo_bytes, 6);
	learned_done(&l);
}

static void test_cap(void **state)
{
	struct learned l = { 0 };
	struct learned_entry e;
	char name[32];

	(void)state;
	for (uint32_t i = 0; i < LEARNED_MAX + 3; i++) {
		snprintf(name, sizeof(name), "unit-%u", i);
		e = entry(name, i, 1000 + i);
		assert_int_equal(learned_put(&l, &e), 0);
	}
	assert_int_equal(l.n, LEARNED_MAX);
	assert_null(learned_get(&l, "unit-2"));
	assert_non_null(learned_get(&l, "unit-3"));
	learned_done(&l);
}

/* Up at once, down by and by, and never below what is. */
static void test_follows(void **state)
{
	static struct plant p;
	uint64_t high, later;

	(void)state;
	plant_init(&p, GIB, 20 * MIB);
	plant_add(&p, 40 * MIB, 6 * MIB, 10 * MIB);
	p.nongo = 120 * MIB;
	for (int i = 0; i < HISTORY_NONGO; i++) {
		plant_run(&p, 2 * USEC_SEC);
		plant_decide(&p);
	}
	high = p.d.nongo;
	assert_in_range(high, 120 * MIB, 126 * MIB);
	p.nongo = 20 * MIB;
	for (int i = 0; i < 2 * HISTORY_NONGO; i++) {
		plant_run(&p, 2 * USEC_SEC);
		plant_decide(&p);
	}
	later = p.d.nongo;
	assert_true(later < high && later > 80 * MIB);
	for (int i = 0; i < 3000; i++) {
		plant_run(&p, 2 * USEC_SEC);
		plant_decide(&p);
	}
	assert_in_range(p.d.nongo, 20 * MIB, 26 * MIB);
	assert_in_range(history_learned_nongo(&p.h), 20 * MIB, 26 * MIB);
}

static void test_recall(void **state)
{
	static struct plant fresh, known;

	(void)state;
	plant_init(&fresh, 256 * MIB, 20 * MIB);
	fresh.h = (struct history){ 0 };
	known = fresh;
	history_recall_nongo(&known.h, 90 * MIB);
	history_observe(&fresh.h, &fresh.s);
	history_observe(&known.h, &known.s);
	/* A cautious start is a guess; what was there before is none. */
	assert_int_equal(history_nongo(&fresh.h, &fresh.s), 24 * MIB);
	assert_in_range(history_nongo(&known.h, &known.s), 89 * MIB, 90 * MIB);
	/* Little was seen of either: nothing to tell a later run. */
	assert_int_equal(history_learned_nongo(&fresh.h), 0);
	assert_int_equal(history_learned_nongo(&known.h), 0);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("what is written is read back, the last of a name", test_round_trip),
	SUITE_TEST("what is no entry is dropped and counted", test_refused),
	SUITE_TEST("restarts and the start are kept as well", test_restarts),
	SUITE_TEST("at the cap the oldest goes", test_cap),
	SUITE_TEST("the share of what is not Go's is followed up at once and down by and by",
		   test_follows),
	SUITE_TEST("a run begins with what the one before has learned", test_recall),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_owner, owners);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "learned");
}
