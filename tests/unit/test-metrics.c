/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/util.h"
#include "report/metrics_families.h"

struct address_case {
	const char *name, *text;
	int result;
	bool local;
};

static const struct address_case addresses[] = {
	{ "127.0.0.1 is this host's", "127.0.0.1:9477", 0, true },
	{ "all of 127 is this host's", "127.1.2.3:1", 0, true },
	{ "::1 is this host's", "[::1]:9477", 0, true },
	{ "a path is a unix socket", "/run/gomemd/metrics.sock", 0, true },
	{ "0.0.0.0 is everybody's", "0.0.0.0:9477", 0, false },
	{ "[::] is everybody's", "[::]:9477", 0, false },
	{ "another address is the network's", "192.0.2.1:65535", 0, false },
	{ "no address does not mean all", ":9477", -EINVAL, false },
	{ "a port alone is none", "9477", -EINVAL, false },
	{ "a name is not looked up", "localhost:9477", -EINVAL, false },
	{ "a port must be there", "127.0.0.1", -EINVAL, false },
	{ "port 0 is none", "127.0.0.1:0", -EINVAL, false },
	{ "a port has sixteen bits", "127.0.0.1:65536", -EINVAL, false },
	{ "a port is a number", "127.0.0.1:http", -EINVAL, false },
	{ "IPv6 wants brackets", "::1:9477", -EINVAL, false },
	{ "and both of them", "[::1:9477", -EINVAL, false },
	{ "a bracket alone is none", "[:1", -EINVAL, false },
	{ "nothing is none", "", -EINVAL, false },
	{ "a path that is too long for a socket",
	  "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
	  -EINVAL, false },
};

static void test_address(void **state)
{
	const struct address_case *c = *state;
	struct address a;

	assert_int_equal(address_parse(c->text, &a), c->result);
	if (c->result == 0)
		assert_int_equal(address_is_local(&a), c->local);
}

struct decimal_case {
	const char *name;
	int64_t value;
	unsigned int decimals;
	const char *text;
};

static const struct decimal_case decimals[] = {
	{ "nothing", 0, 0, "0" },
	{ "nothing with decimals", 0, 3, "0.000" },
	{ "a whole number", 1234, 0, "1234" },
	{ "less than one", 7, 6, "0.000007" },
	{ "more than one", 1234567, 6, "1.234567" },
	{ "below nothing", -1500, 3, "-1.500" },
	{ "the largest", INT64_MAX, 9, "9223372036.854775807" },
	{ "the smallest", INT64_MIN, 0, "-9223372036854775808" },
};

static void test_decimal(void **state)
{
	const struct decimal_case *c = *state;
	_cleanup_(buffer_done) struct buffer b = { .max = 64 };

	buffer_decimal(&b, c->value, c->decimals);
	buffer_add(&b, "", 1);
	assert_string_equal(b.text, c->text);
}

struct accept_case {
	const char *name, *accept;
	enum metrics_format format;
};

static const struct accept_case accepts[] = {
	{ "no header: the older format", NULL, METRICS_PROMETHEUS },
	{ "anything: the older format", "*/*", METRICS_PROMETHEUS },
	{ "OpenMetrics", "application/openmetrics-text", METRICS_OPENMETRICS },
	{ "what Prometheus sends",
	  "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
	  METRICS_OPENMETRICS },
	{ "refused by its weight", "application/openmetrics-text;q=0, text/plain",
	  METRICS_PROMETHEUS },
	{ "refused with decimals", "application/openmetrics-text;q=0.000", METRICS_PROMETHEUS },
	{ "another's weight is another's", "application/openmetrics-text, text/plain;q=0",
	  METRICS_OPENMETRICS },
	{ "in capitals", "Application/OpenMetrics-Text", METRICS_OPENMETRICS },
};

static void test_accept(void **state)
{
	const struct accept_case *c = *state;

	assert_int_equal(metrics_negotiate(c->accept), c->format);
}

/* A workload of which nothing is known but its name. */
static void make_workload(struct metrics_workload *w, const char *name)
{
	static const struct tally none;
	const struct metrics_name n = { .workload = name, .space = "", .pod = "", .container = "" };

	*w = (struct metrics_workload){
		.cgroup = "", .unit = "", .tier = "", .mode = "", .go_version = ""
	};
	for (int64_t *v = &w->heap_alloc; v <= &w->swapped_out; v++)
		*v = METRICS_ABSENT;
	w->state = w->alert = w->forecast = -1;
	w->tally = &none;
	metrics_set_labels(w, &n);
}

static const struct features no_features;

static struct metrics one(const struct metrics_workload *w, size_t n)
{
	return (struct metrics){ .workloads = w,
				 .n = n,
				 .daemon = { .version = "1",
					     .mode = "observe",
					     .rights = "none",
					     .features = &no_features,
					     .events_lost = METRICS_ABSENT } };
}

/* The text, terminated; the caller's to free. */
static char *text_of(const struct metrics *m, enum metrics_format format, size_t max,
		     uint64_t *ret_dropped)
{
	struct buffer b = { .max = max };

	assert_int_equal(metrics_write(m, format, &b, ret_dropped), 0);
	b.max += 1;
	buffer_add(&b, "", 1);
	assert_false(b.full);
	return b.text;
}

static void has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no line '%s' in:\n%s", line, text);
}

static void test_absent(void **state)
{
	struct metrics_workload w;
	struct metrics m = one(&w, 1);
	_cleanup_(freep) char *text = NULL;
	uint64_t dropped;

	(void)state;
	make_workload(&w, "a.service");
	w.limit = 5;
	w.heap_alloc_ppm = 250000;
	w.gogc = METRICS_INFINITE;
	text = text_of(&m, METRICS_PROMETHEUS, METRICS_BYTES_MAX, &dropped);
	has(text, "\ngomemd_workload_limit_bytes{workload=\"a.service\"} 5\n");
	has(text, "\ngomemd_workload_heap_alloc_ratio{workload=\"a.service\"} 0.250000\n");
	has(text, "\ngomemd_workload_gogc_percent{workload=\"a.service\"} +Inf\n");
	has(text, "\n# TYPE gomemd_looks_total counter\n");
	has(text, "\n# TYPE gomemd_build_info gauge\n");
	assert_null(strstr(text, "\ngomemd_workload_room_bytes{"));
	assert_null(strstr(text, "\ngomemd_workload_state{"));
	assert_null(strstr(text, "\ngomemd_bpf_events_lost_total "));
	assert_null(strstr(text, "EOF"));
	assert_int_equal(dropped, 0);
}

static void test_hostile_name(void **state)
{
	struct metrics_workload w;
	struct metrics m = one(&w, 1);
	_cleanup_(freep) char *text = NULL;
	char long_name[5000];
	uint64_t dropped;

	(void)state;
	make_workload(&w, "a\"} 1\n\\b\xff");
	w.limit = 5;
	text = text_of(&m, METRICS_PROMETHEUS, METRICS_BYTES_MAX, &dropped);
	has(text, "\ngomemd_workload_limit_bytes{workload=\"a\\\"} 1\\\\x0a\\\\x5cb\\\\xff\"} 5\n");
	memset(long_name, '"', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	make_workload(&w, long_name);
	assert_true(strlen(w.labels) < 1000);
	/* Whole escapes: an odd backslash would swallow the quote that ends the label. */
	assert_int_equal(strspn(w.labels + strlen("workload=\""), "\\\"") % 2, 1);
}

static void test_pod(void **state)
{
	const struct metrics_name n = { .workload = "s/p/c",
					.space = "s/p/c",
					.space_len = 1,
					.pod = "p/c",
					.pod_len = 1,
					.container = "c",
					.container_len = 1 };
	struct metrics_workload w;

	(void)state;
	make_workload(&w, "");
	metrics_set_labels(&w, &n);
	assert_string_equal(w.labels,
			    "workload=\"s/p/c\",namespace=\"s\",pod=\"p\",container=\"c\"");
}

static void test_openmetrics(void **state)
{
	struct totals totals = { .gc_cycles = 3, .pause_ns = 1500 };
	struct tally_row row = { .lever = LEVER_GOGC,
				 .reason = REASON_HARM,
				 .outcome = "restored",
				 .decision_id = "x-1",
				 .wall_usec = 2500000 };
	_cleanup_(tally_done) struct tally tally = { 0 };
	struct metrics_workload w;
	struct metrics m = one(&w, 1);
	_cleanup_(freep) char *text = NULL;
	uint64_t dropped;

	(void)state;
	make_workload(&w, "a");
	totals.pause[histogram_bucket(1500)] = 1;
	totals.last.longest_ns = 1500;
	totals.last.num_gc = 9;
	totals.last.pid = 1;
	totals.last.wall_usec = 1000000;
	tally_add(&tally, &row);
	tally_add(&tally, &row);
	w.totals = &totals;
	w.tally = &tally;
	text = text_of(&m, METRICS_OPENMETRICS, METRICS_BYTES_MAX, &dropped);
	has(text, "\n# TYPE gomemd_looks counter\n");
	has(text, "\ngomemd_looks_total 0\n");
	has(text, "\n# UNIT gomemd_workload_limit_bytes bytes\n");
	has(text, "\ngomemd_workload_gc_cycles_total{workload=\"a\"} 3\n");
	has(text,
	    "{workload=\"a\",lever=\"gogc\",reason=\"harm\",outcome=\"restored\"} 2 # {decision_id=\"x-1\"} 1 2.500000\n");
	has(text, "_bucket{workload=\"a\",le=\"0.000001023\"} 0\n");
	has(text,
	    "_bucket{workload=\"a\",le=\"0.000004095\"} 1 # {num_gc=\"9\"} 0.000001500 1.000000\n");
	has(text, "_bucket{workload=\"a\",le=\"+Inf\"} 1\n");
	has(text, "_sum{workload=\"a\"} 0.000001500\n");
	assert_string_equal(text + strlen(text) - strlen("\n# EOF\n"), "\n# EOF\n");
}

/* Whatever the room: each series is whole, each family has its heading, and what is missing is counted. */
static void test_bounded(void **state)
{
	enum { N = 400 };
	static struct metrics_workload w[N];
	struct metrics m = one(w, N);
	uint64_t all = 0;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		char name[16];

		snprintf(name, sizeof(name), "w%zu", i);
		make_workload(&w[i], name);
		w[i].limit = w[i].usage = w[i].events_oom = 1;
	}
	for (size_t room = 70 * KIB; room < 400 * KIB; room += 7001) {
		uint64_t dropped = 0, lines = 0;
		_cleanup_(freep) char *text = text_of(&m, METRICS_PROMETHEUS, room, &dropped);
		char said[64];

		assert_true(strlen(text) <= room);
		for (const char *at = text; (at = strstr(at, "\ngomemd_workload_")); at++)
			lines++;
		all = MAX(all, lines);
		/* A workload's four: what it is, two sizes and an event; five kinds of alerts; and changes that came to nothing. */
		assert_int_equal(lines + dropped, N * (1 + 2 + 1 + 5 + 2));
		snprintf(said, sizeof(said), "\ngomemd_metrics_dropped_total %llu\n",
			 (unsigned long long)dropped);
		has(text, said);
		assert_int_equal(text[strlen(text) - 1], '\n');
	}
	assert_int_equal(all, N * (1 + 2 + 1 + 5 + 2));
}

static void test_tally_cap(void **state)
{
	_cleanup_(tally_done) struct tally t = { 0 };

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int32_t i = 0; i < TALLY_MAX + 5; i++)
			tally_add(&t, &(const struct tally_row){ .lever = i, .outcome = "done" });
	assert_int_equal(t.n, TALLY_MAX);
	assert_int_equal(t.left_out, 10);
	assert_int_equal(t.rows[TALLY_MAX - 1].n, 2);
}

/* Looks at a process: @num_gc collections, @pauses of them told, @missed not. */
static void look(struct totals *t, struct activity *a, usec_t at, uint32_t num_gc, uint32_t missed)
{
	const uint32_t ended = a->n ? num_gc - a->last.num_gc : 0;
	struct go_sample s = { .num_gc = num_gc,
			       .total_alloc_bytes = num_gc * 1000,
			       .goroutines = 1 };
	struct go_pulse p = { .gc_cpu_ns = num_gc * 100, .goroutines_created = num_gc * 7 };
	const struct activity_look l = { .at = at, .sample = &s, .pulse = &p };

	p.pauses = ended - missed;
	p.pauses_missed = missed;
	for (uint32_t i = 0; i < p.pauses; i++)
		histogram_small_add(&p.pause, 5000);
	p.pauses_ns = p.pauses * 5000ull;
	totals_add(t, a, &l, 1, 1);
	activity_feed(a, &l);
}

static void test_totals(void **state)
{
	struct totals t = { 0 };
	struct activity first = { 0 }, second = { 0 };

	(void)state;
	look(&t, &first, USEC_SEC, 1000, 0);
	assert_int_equal(t.gc_cycles, 0); /* what was before is none of it */
	look(&t, &first, 2 * USEC_SEC, 1010, 0);
	assert_int_equal(t.gc_cycles, 10);
	assert_int_equal(t.alloc_bytes, 10000);
	assert_int_equal(t.gc_cpu_ns, 1000);
	assert_int_equal(t.goroutines_created, 70);
	assert_int_equal(t.pause_ns, 50000);
	assert_int_equal(t.pause[histogram_bucket(5000)], 10);
	/* A look that is no later adds nothing. */
	look(&t, &first, 2 * USEC_SEC, 1010, 0);
	assert_int_equal(t.gc_cycles, 10);
	/* Pauses that were missed are in no bucket, and their time in no sum. */
	look(&t, &first, 3 * USEC_SEC, 1020, 4);
	assert_int_equal(t.pauses_missed, 4);
	assert_int_equal(t.pause[histogram_bucket(5000)], 16);
	assert_int_equal(t.pause_ns, 80000);
	/* Another process with fewer behind it: nothing goes back. */
	look(&t, &second, 4 * USEC_SEC, 3, 0);
	look(&t, &second, 5 * USEC_SEC, 5, 0);
	assert_int_equal(t.gc_cycles, 22);
	assert_int_equal(t.alloc_bytes, 22000);
}

/* Which of three workloads are left, whose labels have these lengths, in a room for about @whole of the shortest. */
static const struct longest_row {
	const char *name;
	size_t length[3];
	unsigned int whole;
	const char *left;
} longests[] = {
	{ "what has room stays", { 10, 10, 10 }, 3, "abc" },
	{ "of equals the first do", { 10, 10, 10 }, 2, "ab" },
	{ "whoever has the longest name goes", { 900, 10, 10 }, 3, "bc" },
	{ "wherever it stands", { 10, 900, 10 }, 3, "ac" },
	{ "the second longest as well, where that is not enough", { 400, 900, 10 }, 3, "c" },
	{ "who fits alone does", { 900, 900, 10 }, 1, "c" },
	{ "nobody has room in nothing", { 10, 10, 10 }, 0, "" },
};

static void test_longest(void **state)
{
	const struct longest_row *row = *state;
	struct metrics_workload f[3] = { 0 };
	const struct tally tally = { 0 };
	char left[4] = "";
	size_t n = 3;

	for (size_t i = 0; i < n; i++) {
		memset(f[i].labels, 'a' + (int)i, row->length[i]);
		f[i].tally = &tally;
	}
	/* By 86 series of 64 bytes beside the labels. */
	assert_int_equal(metrics_drop_longest(f, &n, row->whole * 86 * (64 + 12)), 0);
	for (size_t i = 0; i < n; i++)
		left[i] = f[i].labels[0];
	assert_string_equal(left, row->left);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("what is not there has no series, and off is +Inf", test_absent),
		SUITE_TEST("a hostile name is one label", test_hostile_name),
		SUITE_TEST("a container has its pod and namespace", test_pod),
		SUITE_TEST("OpenMetrics has units, exemplars and an end", test_openmetrics),
		SUITE_TEST("too many series are left out whole, and counted", test_bounded),
		SUITE_TEST("outcomes have a cap, and what is beyond it is counted", test_tally_cap),
		SUITE_TEST("sums only rise, whichever process comes", test_totals),
	};
	struct suite s = { 0 };

	SUITE_TABLE(&s, test_address, addresses);
	SUITE_TABLE(&s, test_decimal, decimals);
	SUITE_TABLE(&s, test_accept, accepts);
	SUITE_TABLE(&s, test_longest, longests);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "metrics");
}
