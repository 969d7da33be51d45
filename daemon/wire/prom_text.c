/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/decimal.h"
#include "base/util.h"
#include "wire/prom_text.h"

enum {
	NANO = 9,
	MICRO = 6,
};

/*
 * Names of the Go client (github.com/prometheus/client_golang/prometheus: go_collector.go, and go_collector_latest.go
 * for those made of runtime/metrics). Of several names of one figure the first that a page has counts. From Go 1.26 on
 * runtime/metrics has threads, and its goroutines are those of the runtime as well, which NumGoroutine leaves out.
 */
static const struct family {
	const char *name;
	enum figure figure;
	int scale;
} families[] = {
	{ "go_memstats_heap_alloc_bytes", FIGURE_HEAP_ALLOC_BYTES, 0 },
	{ "go_memory_classes_heap_objects_bytes", FIGURE_HEAP_ALLOC_BYTES, 0 },
	{ "go_gc_heap_live_bytes", FIGURE_HEAP_LIVE_BYTES, 0 },
	{ "go_memstats_heap_sys_bytes", FIGURE_HEAP_SYS_BYTES, 0 },
	{ "go_memstats_heap_idle_bytes", FIGURE_HEAP_IDLE_BYTES, 0 },
	{ "go_memstats_heap_inuse_bytes", FIGURE_HEAP_INUSE_BYTES, 0 },
	{ "go_memstats_heap_released_bytes", FIGURE_HEAP_RELEASED_BYTES, 0 },
	{ "go_memory_classes_heap_released_bytes", FIGURE_HEAP_RELEASED_BYTES, 0 },
	{ "go_memstats_heap_objects", FIGURE_HEAP_OBJECTS, 0 },
	{ "go_gc_heap_objects_objects", FIGURE_HEAP_OBJECTS, 0 },
	{ "go_memstats_next_gc_bytes", FIGURE_HEAP_GOAL_BYTES, 0 },
	{ "go_gc_heap_goal_bytes", FIGURE_HEAP_GOAL_BYTES, 0 },
	{ "go_memstats_sys_bytes", FIGURE_SYS_BYTES, 0 },
	{ "go_memory_classes_total_bytes", FIGURE_SYS_BYTES, 0 },
	{ "go_memstats_stack_inuse_bytes", FIGURE_STACK_INUSE_BYTES, 0 },
	{ "go_memory_classes_heap_stacks_bytes", FIGURE_STACK_INUSE_BYTES, 0 },
	{ "go_memstats_alloc_bytes_total", FIGURE_TOTAL_ALLOC_BYTES, 0 },
	{ "go_gc_heap_allocs_bytes_total", FIGURE_TOTAL_ALLOC_BYTES, 0 },
	{ "go_memstats_mallocs_total", FIGURE_MALLOCS, 0 },
	{ "go_memstats_frees_total", FIGURE_FREES, 0 },
	{ "go_gc_duration_seconds_count", FIGURE_NUM_GC, 0 },
	{ "go_gc_cycles_total_gc_cycles_total", FIGURE_NUM_GC, 0 },
	{ "go_gc_cycles_forced_gc_cycles_total", FIGURE_NUM_FORCED_GC, 0 },
	{ "go_memstats_last_gc_time_seconds", FIGURE_LAST_GC_UNIX_NS, NANO },
	{ "go_gc_duration_seconds_sum", FIGURE_PAUSE_TOTAL_NS, NANO },
	{ "go_memstats_gc_cpu_fraction", FIGURE_GC_CPU_PPM, MICRO },
	{ "go_goroutines", FIGURE_GOROUTINES, 0 },
	{ "go_sched_goroutines_goroutines", FIGURE_GOROUTINES, 0 },
	{ "go_threads", FIGURE_THREADS, 0 },
	{ "go_sched_threads_total_threads", FIGURE_THREADS, 0 },
	{ "go_sched_gomaxprocs_threads", FIGURE_GOMAXPROCS, 0 },
	{ "go_gc_gogc_percent", FIGURE_GOGC_PERCENT, 0 },
	{ "go_gc_gomemlimit_bytes", FIGURE_MEMORY_LIMIT_BYTES, 0 },
};
_Static_assert(ARRAY_SIZE(families) <= 64, "a bit for each");

/* Which families a page had so far, which it had twice, and what the only ones say. */
struct page {
	uint64_t seen, twice;
	int64_t value[ARRAY_SIZE(families)];
};

static struct span take_line(struct span *s)
{
	const uint8_t *end = memchr(s->p, '\n', s->len);
	const size_t len = end ? (size_t)(end - s->p) : s->len;
	struct span line = span_of(s->p, len);

	span_skip(s, end ? len + 1 : len);
	return line;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct span *s)
{
	while (s->len > 0 && is_blank(s->p[0]))
		span_skip(s, 1);
}

/* A word up to a blank; for a name also up to its labels. */
static struct span take_word(struct span *s, bool is_name)
{
	size_t n = 0;

	while (n < s->len && !is_blank(s->p[n]) && !(is_name && s->p[n] == '{'))
		n++;
	s->p += n;
	s->len -= n;
	return span_of(s->p - n, n);
}

/* Labels: a brace and a backslash may stand within the quotes of a value. Returns false where they do not end. */
static bool skip_labels(struct span *s)
{
	bool quoted = false;

	if (s->len == 0 || s->p[0] != '{')
		return true;
	for (size_t i = 1; i < s->len; i++) {
		if (quoted && s->p[i] == '\\') {
			i++;
		} else if (s->p[i] == '"') {
			quoted = !quoted;
		} else if (!quoted && s->p[i] == '}') {
			span_skip(s, i + 1);
			return true;
		}
	}
	return false;
}

static size_t family_of(struct span name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(families) && !(strlen(families[i].name) == name.len &&
					     !memcmp(families[i].name, name.p, name.len)))
		i++;
	return i;
}

/* GOGC=off is -1 in the runtime, and in runtime/metrics an unsigned number: the largest. */
static int64_t value_of(const struct family *family, int64_t v)
{
	return family->figure == FIGURE_GOGC_PERCENT && v == INT64_MAX ? -1 : v;
}

/* A timestamp may follow the value; what it says is of no use here. */
static void read_line(struct span line, struct page *page)
{
	struct span name;
	size_t i;

	skip_blanks(&line);
	if (!span_has_prefix(&line, "go_"))
		return;
	name = take_word(&line, true);
	i = family_of(name);
	if (i == ARRAY_SIZE(families) || !skip_labels(&line))
		return;
	skip_blanks(&line);
	if (page->seen & (UINT64_C(1) << i))
		page->twice |= UINT64_C(1) << i;
	if (decimal_parse(take_word(&line, false), families[i].scale, &page->value[i]) != 0)
		page->twice |= UINT64_C(1) << i;
	page->seen |= UINT64_C(1) << i;
}

int prom_text_read(struct span body, struct figures *ret)
{
	struct page page = { 0 };
	struct figures f = { 0 };

	if (body.len > PROM_TEXT_BYTES_MAX)
		return -EFBIG;
	while (body.len > 0)
		read_line(take_line(&body), &page);
	for (size_t i = ARRAY_SIZE(families); i-- > 0;)
		if (page.seen & ~page.twice & (UINT64_C(1) << i))
			figures_put(&f, families[i].figure, value_of(&families[i], page.value[i]));
	if (!f.known)
		return -EBADMSG;
	*ret = f;
	return 0;
}
