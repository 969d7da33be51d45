/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void test_one_alert(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);

	(void)state;
	assert_int_equal(notify_fire(n, growth_of(1), 1, 0), 0);
	for (usec_t now = 2; now < 50; now++)
		assert_int_equal(notify_fire(n, growth_of(1), now, 0), NOTIFY_KNOWN);
	assert_string_equal(next(n, HOOK, 50, NOTIFY_SENT), "w1+");
	assert_string_equal(next(n, HOOK, 51, NOTIFY_SENT), "");
	assert_int_equal(notify_firing(n), 1);
	/* Another kind, another alert, another workload are others. */
	assert_int_equal(notify_fire(n, notice_of(1, ALERT_EMERGENCY, FORECAST_GROWTH), 52, 0), 0);
	assert_int_equal(notify_fire(n, notice_of(1, ALERT_EMERGENCY, FORECAST_GARBAGE), 52, 0), 0);
	assert_int_equal(notify_fire(n, growth_of(2), 52, 0), 0);
	assert_int_equal(notify_firing(n), 4);
}

static void test_hold(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);
	const usec_t gone = 5 * USEC_SEC, back = gone + settings.hold - 1;

	(void)state;
	notify_fire(n, growth_of(1), 0, 0);
	assert_string_equal(next(n, HOOK, 1, NOTIFY_SENT), "w1+");
	notify_clear(n, 1, NULL, gone);
	assert_string_equal(next(n, HOOK, back, NOTIFY_SENT), "");
	assert_int_equal(notify_fire(n, growth_of(1), back, 0), NOTIFY_KNOWN);
	notify_clear(n, 1, NULL, back + 1);
	notify_clear(n, 1, NULL,
		     back + settings.hold); /* said again, it has been gone since the first */
	assert_string_equal(next(n, HOOK, back + settings.hold, NOTIFY_SENT), "");
	assert_string_equal(next(n, HOOK, back + 1 + settings.hold, NOTIFY_SENT), "w1-");
	assert_string_equal(next(n, AM, back + 1 + settings.hold, NOTIFY_SENT), "w1+ w1-");
	assert_int_equal(notify_firing(n), 0);
	assert_true(notify_is_idle(n));
	assert_int_equal(notify_due(n, back + 2 * settings.hold), 0);
}

static void test_owner(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);
	struct notice renamed = *growth_of(1);

	(void)state;
	/* A workload whose name is learned: what it had under the first ends. */
	notify_fire(n, growth_of(1), 0, 0);
	text_copy(renamed.workload, sizeof(renamed.workload), "space/pod/container");
	notify_fire(n, &renamed, 1, 0);
	notify_clear(n, 1, &renamed, 1);
	/* One of the same name takes it over: the end of the first is not its end. */
	renamed.owner = 2;
	assert_int_equal(notify_fire(n, &renamed, 2, 0), NOTIFY_KNOWN);
	notify_clear(n, 1, NULL, 3);
	notify_run(n, 2 * settings.hold, WALL);
	assert_int_equal(notify_firing(n), 1);
}

static void test_order_and_cap(void **state)
{
	struct notify_settings with = settings;
	_cleanup_(notify_freep) struct notify *n = NULL;
	usec_t now = 1;

	(void)state;
	with.queue_max = 2;
	n = start(&with);
	for (uint64_t i = 1; i <= 4; i++)
		notify_fire(n, growth_of(i), now, 0);
	assert_string_equal(next(n, HOOK, now, NOTIFY_FAILED), "w1+");
	assert_int_equal(stats_of(n, HOOK).dropped, 2);
	notify_run(n, ++now, WALL);
	assert_int_equal(stats_of(n, HOOK).dropped, 2); /* each once */
	assert_int_equal(stats_of(n, HOOK).queued, 2);
	/* The third ends while there is no room for it: it need not be told of. */
	notify_clear(n, 3, NULL, now);
	now += with.hold;
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w1+");
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w2+");
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w4+");
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "");
	assert_int_equal(stats_of(n, HOOK).sent, 3);
	assert_int_equal(stats_of(n, HOOK).failed, 1);
}

static void test_table_cap(void **state)
{
	struct notify_settings with = settings;
	_cleanup_(notify_freep) struct notify *n = NULL;

	(void)state;
	with.alerts_max = 2;
	n = start(&with);
	assert_int_equal(notify_fire(n, growth_of(1), 0, 0), 0);
	assert_int_equal(notify_fire(n, growth_of(2), 0, 0), 0);
	assert_int_equal(notify_fire(n, growth_of(3), 0, 0), -ENOSPC);
	assert_int_equal(notify_fire(n, growth_of(2), 0, 0), NOTIFY_KNOWN);
	/* What is resolved keeps its place until all were told. */
	notify_clear(n, 1, NULL, 1);
	assert_string_equal(next(n, HOOK, 2 * with.hold, NOTIFY_FAILED), "w1+");
	notify_run(n, 3 * with.hold, WALL);
	assert_int_equal(notify_fire(n, growth_of(3), 3 * with.hold, 0), 0);
}

struct tenant_alert {
	const char *space, *cgroup;
	int expected;
};

/* A table of six has room for three of one tenant's. */
static void check_shares(const struct tenant_alert *of, size_t n_of)
{
	struct notify_settings with = settings;
	_cleanup_(notify_freep) struct notify *n = NULL;
	struct notice notice;

	with.alerts_max = 6;
	n = start(&with);
	for (size_t i = 0; i < n_of; i++) {
		notice = *growth_of(i + 1);
		text_copy(notice.space, sizeof(notice.space), of[i].space);
		text_copy(notice.cgroup, sizeof(notice.cgroup), of[i].cgroup);
		assert_int_equal(notify_fire(n, &notice, 0, 0), of[i].expected);
	}
	assert_int_equal(notify_firing(n), 6);
}

static void test_namespace_share(void **state)
{
	static const struct tenant_alert of[] = {
		{ "greedy", "", 0 },	   { "greedy", "", 0 }, { "greedy", "", 0 },
		{ "greedy", "", -ENOSPC }, { "other", "", 0 },	{ "other", "", 0 },
		{ "other", "", 0 },	   { "", "", -ENOSPC },
	};

	(void)state;
	check_shares(of, ARRAY_SIZE(of));
}

static void test_user_share(void **state)
{
	static const struct tenant_alert of[] = {
		{ "", "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", 0 },
		{ "", "/user.slice/user-1000.slice/session-1.scope", 0 },
		{ "", "/user.slice/user-1000.slice/user@1000.service/app.slice/b.service", 0 },
		{ "", "/user.slice/user-1000.slice/user@1000.service/app.slice/c.service",
		  -ENOSPC },
		{ "", "/user.slice/user-100.slice/user@100.service/app.slice/a.service", 0 },
		{ "", "/system.slice/a.service", 0 },
		{ "", "/system.slice/b.service", 0 },
	};

	(void)state;
	check_shares(of, ARRAY_SIZE(of));
}

/* Units of the administrator's are no tenant's: one kind of them may fill the table. */
static void test_system_share(void **state)
{
	static const struct tenant_alert of[] = {
		{ "", "/system.slice/a.service", 0 }, { "", "/system.slice/b.service", 0 },
		{ "", "/system.slice/c.service", 0 }, { "", "/system.slice/d.service", 0 },
		{ "", "/system.slice/e.service", 0 }, { "", "/system.slice/f.service", 0 },
	};

	(void)state;
	check_shares(of, ARRAY_SIZE(of));
}

static void test_backoff(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);
	usec_t now = USEC_SEC, before = 0;
	struct notify_batch b;

	(void)state;
	notify_set_receiver(n, AM, NULL);
	notify_fire(n, growth_of(1), now, 0);
	notify_run(n, now, WALL);
	for (uint64_t i = 0; i < 40; i++) {
		usec_t wait;

		assert_true(notify_next(n, HOOK, now, &b));
		assert_false(notify_next(n, HOOK, now, &b)); /* one at a time */
		notify_done(n, HOOK, NOTIFY_FAILED, now, i * 7919 * USEC_MSEC);
		wait = notify_due(n, now) - now;
		assert_in_range(wait, settings.backoff_min / 2, settings.backoff_max);
		if (i > 8)
			assert_true(wait >= settings.backoff_max / 2);
		assert_false(notify_next(n, HOOK, now + wait - 1, &b));
		assert_true(wait != before || i < 2); /* not all of them alike */
		before = wait;
		now += wait;
	}
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w1+");
	notify_fire(n, growth_of(2), now, 0);
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w2+");
	assert_int_equal(stats_of(n, HOOK).failures, 0);
}

/* What is not told again ends at the receiver: a short queue is for changes. */
static void test_repeat_all(void **state)
{
	struct notify_settings with = settings;
	_cleanup_(notify_freep) struct notify *n = NULL;
	struct notify_batch b;
	usec_t now = USEC_MIN * 10;

	(void)state;
	with.queue_max = 1;
	n = start(&with);
	for (uint64_t i = 1; i <= 4; i++) {
		notify_fire(n, growth_of(i), now, 0);
		next(n, AM, now, NOTIFY_SENT);
	}
	now += with.repeat;
	notify_run(n, now, WALL);
	assert_true(notify_next(n, AM, now, &b));
	assert_int_equal(b.n, 4);
	notify_done(n, AM, NOTIFY_SENT, now, 0);
}

static void test_repeat(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);
	struct notice later = *growth_of(1);
	usec_t now = USEC_MIN * 10;

	(void)state;
	notify_fire(n, growth_of(1), now, 0);
	notify_fire(n, growth_of(2), now, 0);
	assert_string_equal(next(n, AM, now, NOTIFY_SENT), "w1+ w2+");
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w1+");
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w2+");
	assert_int_equal(notify_due(n, now), now + settings.repeat);
	later.usage = 7;
	later.started_wall = WALL + 5;
	notify_fire(n, &later, now + 1, 0);
	now += settings.repeat;
	notify_clear(n, 2, NULL, now - 2 * settings.hold);
	/* What waits comes first, and there is one repetition at a time. */
	assert_string_equal(next(n, AM, now, NOTIFY_FAILED), "w2-");
	assert_string_equal(next(n, AM, now + USEC_MIN, NOTIFY_SENT), "w2-");
	notify_run(n, now + USEC_MIN, WALL);
	for (usec_t t = now + USEC_MIN; t < now + 4 * USEC_MIN; t += settings.repeat) {
		struct notify_batch b;

		notify_run(n, t, WALL);
		assert_true(notify_next(n, AM, t, &b));
		assert_int_equal(b.n, 1);
		assert_int_equal(b.of[0]->usage, 7);
		assert_int_equal(b.of[0]->started_wall, WALL);
		notify_done(n, AM, NOTIFY_SENT, t, 0);
		notify_run(n, t, WALL);
		assert_false(notify_next(n, AM, t, &b));
	}
	/* The webhook has had each change, and hears no more. */
	assert_string_equal(next(n, HOOK, now + 5 * USEC_MIN, NOTIFY_SENT), "w2-");
	assert_string_equal(next(n, HOOK, now + 9 * USEC_MIN, NOTIFY_SENT), "");
}

static void test_rejected(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);

	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		notify_fire(n, growth_of(i), 1, 0);
	/* One of a batch is refused: each alone, and the one goes. */
	assert_string_equal(next(n, AM, 1, NOTIFY_REJECTED), "w1+ w2+ w3+");
	assert_string_equal(next(n, AM, 1, NOTIFY_SENT), "w1+");
	assert_string_equal(next(n, AM, 1, NOTIFY_REJECTED), "w2+");
	notify_fire(n, growth_of(4), 1, 0);
	notify_fire(n, growth_of(5), 1, 0);
	assert_string_equal(next(n, AM, 1, NOTIFY_SENT), "w3+");
	assert_string_equal(next(n, AM, 1, NOTIFY_SENT), "w4+ w5+");
	assert_int_equal(stats_of(n, AM).rejected, 1);
	assert_int_equal(stats_of(n, AM).sent, 4);
	assert_int_equal(stats_of(n, AM).queued, 0);
}

static void test_health(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);

	(void)state;
	notify_fire(n, growth_of(1), 1, 0);
	assert_false(stats_of(n, HOOK).health.known);
	notify_note_error(n, HOOK, "refused");
	next(n, HOOK, 1, NOTIFY_FAILED);
	assert_true(stats_of(n, HOOK).health.known && !stats_of(n, HOOK).health.works);
	assert_string_equal(stats_of(n, HOOK).health.error, "refused");
	/* Who refuses one alert answers. */
	next(n, HOOK, USEC_MIN, NOTIFY_REJECTED);
	assert_true(stats_of(n, HOOK).health.works);
	assert_int_equal(stats_of(n, HOOK).health.since, USEC_MIN);
	assert_int_equal(stats_of(n, HOOK).health.errors, 2);
	assert_false(stats_of(n, AM).health.known);
	/* Another in its place has no past. */
	notify_set_receiver(n, HOOK, NULL);
	notify_set_receiver(n, HOOK, &one);
	assert_false(stats_of(n, HOOK).health.known);
}

static void test_rate(void **state)
{
	struct notify_settings with = settings;
	_cleanup_(notify_freep) struct notify *n = NULL;
	unsigned int sent = 0;

	(void)state;
	with.each = (struct notify_rate){ .burst = 3, .interval = 10 * USEC_SEC };
	with.all = (struct notify_rate){ .burst = 4, .interval = USEC_SEC };
	n = start(&with);
	for (uint64_t i = 1; i <= 20; i++)
		notify_fire(n, growth_of(i), USEC_SEC, 0);
	while (next(n, HOOK, USEC_SEC, NOTIFY_SENT)[0])
		sent++;
	assert_int_equal(sent, 3);
	assert_int_equal(stats_of(n, HOOK).queued, 17); /* none is lost */
	/* The fourth of all is Alertmanager's; there is no fifth. */
	assert_true(strlen(next(n, AM, USEC_SEC, NOTIFY_SENT)) > 0);
	assert_string_equal(next(n, AM, USEC_SEC, NOTIFY_SENT), "");
	assert_string_equal(next(n, HOOK, 11 * USEC_SEC - 1, NOTIFY_SENT), "");
	assert_string_equal(next(n, HOOK, 11 * USEC_SEC, NOTIFY_SENT), "w4+");
	assert_string_equal(next(n, HOOK, 11 * USEC_SEC, NOTIFY_SENT), "");
}

static void test_wait(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);
	const struct heap_cause cause = { .function = "main.hold", .file = "main.go", .line = 7 };
	const struct culprit culprit = { .growth = { .cause = &cause }, .impact_permille = 400 };
	struct notify_batch b;

	(void)state;
	notify_fire(n, growth_of(1), 1, 10 * USEC_SEC);
	notify_fire(n, growth_of(2), 1, 10 * USEC_SEC);
	assert_string_equal(next(n, HOOK, 2, NOTIFY_SENT), "");
	assert_int_equal(notify_due(n, 2), 1 + 10 * USEC_SEC);
	notify_complete(n, 1, &culprit, 1, 3);
	notify_fire(n, growth_of(1), 4,
		    0); /* later figures have no culprits: those that are known stay */
	notify_run(n, 4, WALL);
	assert_true(notify_next(n, HOOK, 4, &b));
	assert_int_equal(b.n, 1);
	assert_int_equal(b.of[0]->n_culprits, 1);
	assert_string_equal(b.of[0]->culprits[0].function, "main.hold");
	notify_done(n, HOOK, NOTIFY_SENT, 4, 0);
	assert_string_equal(next(n, HOOK, 1 + 10 * USEC_SEC, NOTIFY_SENT), "w2+");
}

static void test_receiver_comes_and_goes(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);
	struct notify_batch b;

	(void)state;
	notify_fire(n, growth_of(1), 1, 0);
	notify_run(n, 1, WALL);
	assert_true(notify_next(n, HOOK, 1, &b));
	notify_set_receiver(n, HOOK, NULL);
	notify_done(n, HOOK, NOTIFY_SENT, 1, 0); /* of the one that was: nothing */
	assert_string_equal(next(n, HOOK, 2, NOTIFY_SENT), "");
	notify_set_receiver(n, HOOK, &one);
	assert_string_equal(next(n, HOOK, 3, NOTIFY_SENT), "w1+");
	/* One that is gone keeps nothing in the table. */
	notify_set_receiver(n, AM, NULL);
	notify_clear(n, 1, NULL, 4);
	assert_string_equal(next(n, HOOK, 4 + settings.hold, NOTIFY_SENT), "w1-");
	assert_string_equal(next(n, HOOK, 5 + settings.hold, NOTIFY_SENT), "");
	assert_true(notify_is_idle(n));
}

/* Whatever happens: nothing is told twice in a row, and what is left at the end is what fires. */
static void test_any_order(void **state)
{
	struct notify_settings with = settings;
	_cleanup_(notify_freep) struct notify *n = NULL;
	uint64_t seed = 4711;
	bool heard[8] = { false };
	usec_t now = 1;

	(void)state;
	with.queue_max = 3;
	n = start(&with);
	for (int i = 0; i < 20000; i++) {
		const uint64_t random = suite_random(&seed), of = random % 8;
		struct notify_batch b;

		now += random >> 44;
		if (i > 19000)
			notify_clear(n, of, NULL, now);
		else if (random & 256)
			notify_fire(n, growth_of(of), now, 0);
		else
			notify_clear(n, of, NULL, now);
		notify_run(n, now, WALL + now);
		if (!notify_next(n, HOOK, now, &b))
			continue;
		if (random & 512 && i < 19000) {
			notify_done(n, HOOK, NOTIFY_FAILED, now, random);
			continue;
		}
		assert_int_equal(heard[b.of[0]->owner], b.of[0]->ended_wall != 0);
		heard[b.of[0]->owner] = b.of[0]->ended_wall == 0;
		notify_done(n, HOOK, NOTIFY_SENT, now, random);
	}
	for (size_t i = 0; i < 8; i++)
		assert_false(heard[i]);
	assert_true(stats_of(n, HOOK).sent > 100);
}

/* Others hear of what is in no pod; of a pod whose name comes later, when it is known. */
static void test_pods(void **state)
{
	_cleanup_(notify_freep) struct notify *n = start(&settings);
	struct notice pod = *growth_of(1);
	usec_t now = USEC_SEC;

	(void)state;
	notify_set_receiver(n, EVENTS, &events);
	assert_int_equal(notify_fire(n, growth_of(2), now, 0), 0);
	assert_int_equal(notify_fire(n, &pod, now, 0), 0);
	assert_string_equal(next(n, HOOK, now, NOTIFY_SENT), "w2+");
	assert_string_equal(next(n, EVENTS, now, NOTIFY_SENT), "");
	assert_int_equal(stats_of(n, EVENTS).dropped, 0);
	text_copy(pod.space, sizeof(pod.space), "shop");
	text_copy(pod.pod, sizeof(pod.pod), "cart-0");
	text_copy(pod.pod_uid, sizeof(pod.pod_uid), "ab-1");
	assert_int_equal(notify_fire(n, &pod, now, 0), NOTIFY_KNOWN);
	assert_string_equal(next(n, EVENTS, now, NOTIFY_SENT), "w1+");
	assert_string_equal(next(n, EVENTS, now + 9 * settings.repeat, NOTIFY_SENT), "");
	now += 10 * settings.repeat;
	assert_string_equal(next(n, EVENTS, now, NOTIFY_SENT), "w1+");
	assert_string_equal(next(n, EVENTS, now, NOTIFY_SENT), "");
	notify_clear(n, 1, NULL, now);
	notify_clear(n, 2, NULL, now);
	now += settings.hold;
	assert_string_equal(next(n, EVENTS, now, NOTIFY_SENT), "w1-");
	assert_string_equal(next(n, EVENTS, now, NOTIFY_SENT), "");
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("what fires again and again is one alert", test_one_alert),
	SUITE_TEST("what is gone for less than the hold has fired all along", test_hold),
	SUITE_TEST("an alert ends with its owner, whatever it is called", test_owner),
	SUITE_TEST("an outage keeps the order, and what has no room is counted once",
		   test_order_and_cap),
	SUITE_TEST("the table of alerts has a cap", test_table_cap),
	SUITE_TEST("a namespace has half of it at most", test_namespace_share),
	SUITE_TEST("a user's slice has half of it at most", test_user_share),
	SUITE_TEST("units of the system may have all of it", test_system_share),
	SUITE_TEST("a receiver that fails is left alone for longer each time", test_backoff),
	SUITE_TEST("Alertmanager is told again of what fires, and nobody else", test_repeat),
	SUITE_TEST("of all of it, however short the queue is", test_repeat_all),
	SUITE_TEST("of pods alone, and again more seldom", test_pods),
	SUITE_TEST("what is refused does not keep the others", test_rejected),
	SUITE_TEST("requests have a rate, each receiver's and all of them", test_rate),
	SUITE_TEST("a new alert waits for its culprits, and no longer", test_wait),
	SUITE_TEST("a receiver's health is its last answer's", test_health),
	SUITE_TEST("a receiver comes and goes", test_receiver_comes_and_goes),
	SUITE_TEST("firing and resolved alternate in any order of events", test_any_order),
};

int main(void)
{
	struct suite s = { 0 };

	SUITE_TESTS(&s, tests);
	return suite_run(&s, "notify");
}
