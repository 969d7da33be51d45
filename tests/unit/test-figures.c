/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"
#include "fixture/suite.h"
#include "wire/expvar.h"
#include "wire/prom_text.h"

#define NONE (-2) /* is not known */

typedef int (*reader)(struct span, struct figures *);

static const struct row {
	const char *name;
	reader read;
	const char *body;
	int result;
	enum figure figure;
	int64_t want;
} rows[] = {
	{ "memstats are read", expvar_read,
	  "{\n\"cmdline\": [\"/bin/x\",\"--memstats\"],\n\"memstats\": {\"HeapAlloc\":6280104,\"NumGC\":3}\n}\n",
	  0, FIGURE_HEAP_ALLOC_BYTES, 6280104 },
	{ "a share is read in millionths", expvar_read,
	  "{\"memstats\":{\"GCCPUFraction\":0.00125}}", 0, FIGURE_GC_CPU_PPM, 1250 },
	{ "a share of nothing is one as well", expvar_read, "{\"memstats\":{\"GCCPUFraction\":0}}",
	  0, FIGURE_GC_CPU_PPM, 0 },
	{ "a number with an exponent is one", expvar_read, "{\"memstats\":{\"HeapAlloc\":1.5e6}}",
	  0, FIGURE_HEAP_ALLOC_BYTES, 1500000 },
	{ "a goal with GOGC=off is no goal", expvar_read,
	  "{\"memstats\":{\"NextGC\":18446744073709551615}}", 0, FIGURE_HEAP_GOAL_BYTES, NONE },
	{ "a negative number of bytes is not known", expvar_read,
	  "{\"memstats\":{\"HeapAlloc\":-1}}", 0, FIGURE_HEAP_ALLOC_BYTES, NONE },
	{ "a number over every machine is not known", expvar_read,
	  "{\"memstats\":{\"HeapAlloc\":1e300}}", 0, FIGURE_HEAP_ALLOC_BYTES, NONE },
	{ "a text is no number", expvar_read, "{\"memstats\":{\"HeapAlloc\":\"12\"}}", 0,
	  FIGURE_HEAP_ALLOC_BYTES, NONE },
	{ "a list is no number", expvar_read, "{\"memstats\":{\"HeapAlloc\":[12]}}", 0,
	  FIGURE_HEAP_ALLOC_BYTES, NONE },
	{ "null is no number", expvar_read, "{\"memstats\":{\"HeapAlloc\":null}}", 0,
	  FIGURE_HEAP_ALLOC_BYTES, NONE },
	{ "one figure of the wrong type leaves the others", expvar_read,
	  "{\"memstats\":{\"HeapAlloc\":true,\"NumGC\":3}}", 0, FIGURE_NUM_GC, 3 },
	{ "of a member that comes twice the last counts", expvar_read,
	  "{\"memstats\":{\"NumGC\":3,\"NumGC\":4}}", 0, FIGURE_NUM_GC, 4 },
	{ "NaN is no figure", expvar_read, "{\"memstats\":{\"HeapAlloc\":NaN}}", 0,
	  FIGURE_HEAP_ALLOC_BYTES, NONE },
	{ "memstats that are no object are none", expvar_read, "{\"memstats\":7}", -EBADMSG, 0, 0 },
	{ "an object without memstats is none", expvar_read, "{\"cmdline\":[]}", -EBADMSG, 0, 0 },
	{ "a list is none", expvar_read, "[1,2]", -EBADMSG, 0, 0 },
	{ "an object that is cut off is none", expvar_read, "{\"memstats\":{\"NumGC\":3", -EBADMSG,
	  0, 0 },
	{ "something behind the object is refused", expvar_read, "{\"memstats\":{}} x", -EBADMSG, 0,
	  0 },
	{ "nothing is none", expvar_read, "", -EBADMSG, 0, 0 },

	{ "a sample is read", prom_text_read,
	  "# HELP go_goroutines Number of goroutines that currently exist.\n# TYPE go_goroutines gauge\ngo_goroutines 27\n",
	  0, FIGURE_GOROUTINES, 27 },
	{ "a sample in floating point is read", prom_text_read,
	  "go_memstats_heap_alloc_bytes 1.4287504e+07\n", 0, FIGURE_HEAP_ALLOC_BYTES, 14287504 },
	{ "the last line needs no end", prom_text_read, "go_goroutines 27", 0, FIGURE_GOROUTINES,
	  27 },
	{ "a timestamp is left alone", prom_text_read, "go_goroutines 27 1395066363000\n", 0,
	  FIGURE_GOROUTINES, 27 },
	{ "labels are left alone", prom_text_read,
	  "go_goroutines{a=\"}\\\"\",b=\"{\"} 27 # {trace=\"1\"} 2\n", 0, FIGURE_GOROUTINES, 27 },
	{ "lines may end as on other systems", prom_text_read, "go_goroutines\t27\r\n", 0,
	  FIGURE_GOROUTINES, 27 },
	{ "GOGC=off is", prom_text_read, "go_gc_gogc_percent 1.8446744073709552e+19\n", 0,
	  FIGURE_GOGC_PERCENT, -1 },
	{ "no soft limit is", prom_text_read, "go_gc_gomemlimit_bytes 9.223372036854776e+18\n", 0,
	  FIGURE_MEMORY_LIMIT_BYTES, INT64_MAX },
	{ "a goal with GOGC=off in text is no goal", prom_text_read,
	  "go_goroutines 1\ngo_memstats_next_gc_bytes 8.946670875741555e+18\n", 0,
	  FIGURE_HEAP_GOAL_BYTES, NONE },
	{ "names of runtime/metrics are known", prom_text_read,
	  "go_memory_classes_heap_objects_bytes 5\n", 0, FIGURE_HEAP_ALLOC_BYTES, 5 },
	{ "threads by runtime/metrics are", prom_text_read, "go_sched_threads_total_threads 7\n", 0,
	  FIGURE_THREADS, 7 },
	{ "of two names the client's own counts", prom_text_read,
	  "go_memory_classes_heap_objects_bytes 5\ngo_memstats_heap_alloc_bytes 6\n", 0,
	  FIGURE_HEAP_ALLOC_BYTES, 6 },
	{ "an instant is read in nanoseconds", prom_text_read,
	  "go_memstats_last_gc_time_seconds 1.7945678901234567e+09\n", 0, FIGURE_LAST_GC_UNIX_NS,
	  INT64_C(1794567890123456700) },
	{ "a series that comes twice is not known", prom_text_read,
	  "go_threads 2\ngo_goroutines{job=\"a\"} 1\ngo_goroutines{job=\"b\"} 2\n", 0,
	  FIGURE_GOROUTINES, NONE },
	{ "NaN is not known", prom_text_read, "go_threads 2\ngo_goroutines NaN\n", 0,
	  FIGURE_GOROUTINES, NONE },
	{ "a negative count is not known", prom_text_read, "go_threads 2\ngo_goroutines -3\n", 0,
	  FIGURE_GOROUTINES, NONE },
	{ "labels that do not end are no sample", prom_text_read,
	  "go_threads 2\ngo_goroutines{a=\"b 3\n", 0, FIGURE_GOROUTINES, NONE },
	{ "a longer name is another", prom_text_read, "go_threads 2\ngo_goroutines_x 3\n", 0,
	  FIGURE_GOROUTINES, NONE },
	{ "a page of others has none", prom_text_read, "node_cpu 7\n", -EBADMSG, 0, 0 },
	{ "a page of the web has none", prom_text_read, "<html>\n<p>go_goroutines 2\n", -EBADMSG, 0,
	  0 },
	{ "an empty page has none", prom_text_read, "", -EBADMSG, 0, 0 },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct figures f = { 0 };

	assert_int_equal(row->read(span_of(row->body, strlen(row->body)), &f), row->result);
	if (row->result)
		assert_true(f.known == 0);
	else if (row->want == NONE)
		assert_false(figures_has(&f, row->figure));
	else
		assert_true(figures_has(&f, row->figure) && f.value[row->figure] == row->want);
}

static char *repeated(const char *head, const char *piece, size_t n, size_t *ret_len)
{
	const size_t start = strlen(head), each = strlen(piece);
	char *s = malloc(start + n * each + 1);

	assert_non_null(s);
	memcpy(s, head, start);
	for (size_t i = 0; i < n; i++)
		memcpy(s + start + i * each, piece, each);
	*ret_len = start + n * each;
	return s;
}

static const struct cap {
	const char *name;
	reader read;
	const char *head, *piece;
	size_t n;
} caps[] = {
	{ "too deep an object is refused", expvar_read, "{\"memstats\":", "[", 100 },
	{ "too many values are refused", expvar_read, "{\"memstats\":[", "[],", EXPVAR_VALUES_MAX },
	{ "too long an object is refused", expvar_read, "{", " ", EXPVAR_BYTES_MAX },
	{ "too long a page is refused", prom_text_read, "go_goroutines 1\n", "# x\n",
	  PROM_TEXT_BYTES_MAX / 4 },
};

static void test_cap(void **state)
{
	const struct cap *cap = *state;
	_cleanup_(freep) char *body = NULL;
	struct figures f = { 0 };
	size_t len;

	body = repeated(cap->head, cap->piece, cap->n, &len);
	assert_int_equal(cap->read(span_of(body, len), &f), -EFBIG);
}

/* What the programs that Debian ships have said, in the seeds of the fuzz target. */
static void check_seed(const char *name, reader read, uint64_t want)
{
	char path[64], body[16384];
	struct figures f = { 0 };
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "tests/fuzz/seeds/figures/%s", name);
	file = fopen(path, "re");
	if (!file)
		skip();
	n = fread(body, 1, sizeof(body), file);
	fclose(file);
	assert_int_equal(read(span_of(body, n), &f), 0);
	assert_true((f.known & want) == want);
	assert_true(f.value[FIGURE_HEAP_SYS_BYTES] ==
		    f.value[FIGURE_HEAP_INUSE_BYTES] + f.value[FIGURE_HEAP_IDLE_BYTES]);
}

#define BIT(figure) (UINT64_C(1) << (figure))
#define HEAP                                                                                       \
	(BIT(FIGURE_HEAP_ALLOC_BYTES) | BIT(FIGURE_HEAP_SYS_BYTES) |                               \
	 BIT(FIGURE_HEAP_INUSE_BYTES) | BIT(FIGURE_HEAP_IDLE_BYTES) |                              \
	 BIT(FIGURE_HEAP_RELEASED_BYTES) | BIT(FIGURE_NUM_GC) | BIT(FIGURE_PAUSE_TOTAL_NS))

static void test_seeds(void **state)
{
	(void)state;
	check_seed("expvar-1.24", expvar_read, HEAP | BIT(FIGURE_GC_CPU_PPM));
	check_seed("text-1.19", prom_text_read, HEAP | BIT(FIGURE_GOROUTINES));
	check_seed("text-1.24", prom_text_read,
		   HEAP | BIT(FIGURE_GOGC_PERCENT) | BIT(FIGURE_MEMORY_LIMIT_BYTES) |
			   BIT(FIGURE_HEAP_LIVE_BYTES) | BIT(FIGURE_GOMAXPROCS));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("what programs of Debian say is read", test_seeds),
	};
	struct suite s = { .n = 0 };

	SUITE_TABLE(&s, test_row, rows);
	SUITE_TABLE(&s, test_cap, caps);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "figures");
}
