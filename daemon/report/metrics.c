/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/metrics_families.h"

enum {
	SERIES_EACH = 86,  /* of a workload, beside one for each outcome of its tally: about */
	SERIES_BYTES = 64, /* of one, without the workload's labels */
	DAEMON_ROOM = 64 * 1024, /* kept for the daemon's own families */
	NAME_MAX_BYTES = 2048,
	WORKLOAD_ROOM = 704, /* of its label; a cgroup's path has at most 511 bytes */
	NAME_ROOM = 256,     /* of the others; names in Kubernetes have at most 253 */
};
_Static_assert(WORKLOAD_ROOM + 3 * NAME_ROOM + 64 <= METRICS_LABELS_MAX, "room for all labels");

static const char *const content_types[] = {
	[METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
	[METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};
_Static_assert(ARRAY_SIZE(content_types) == METRICS_FORMAT_MAX_, "a type for each format");

const char *metrics_content_type(enum metrics_format format)
{
	return content_types[format];
}

/*
 * Whoever names OpenMetrics prefers it: no scraper is known that asks for it as the lesser of the two. One that refuses it
 * with a weight of nothing is not sent it.
 */
enum metrics_format metrics_negotiate(const char *accept)
{
	static const char type[] = "application/openmetrics-text";
	const char *at = accept ? strcasestr(accept, type) : NULL;
	const char *end = at ? at + strcspn(at, ",") : NULL;
	const char *weight = at ? strcasestr(at, "q=0") : NULL;

	if (!at)
		return METRICS_PROMETHEUS;
	if (weight && weight < end && strspn(weight + 3, ".0") == strcspn(weight + 3, ";, "))
		return METRICS_PROMETHEUS;
	return METRICS_OPENMETRICS;
}

/* A label's value: what text_escape left is printable ASCII, of which the format escapes two. */
static size_t escape_value(char *buf, size_t size, const char *value, int len)
{
	char clean[NAME_MAX_BYTES], raw[NAME_MAX_BYTES / 4];
	size_t n = 0;

	snprintf(raw, sizeof(raw), "%.*s", len, value);
	text_escape(clean, sizeof(clean), raw);
	for (const char *c = clean; *c && n + 2 < size; c++) {
		if (*c == '\\' || *c == '"')
			buf[n++] = '\\';
		buf[n++] = *c;
	}
	buf[n] = '\0';
	return n;
}

static size_t add_label(struct metrics_workload *w, size_t n, const char *name, const char *value,
			int len)
{
	char text[NAME_MAX_BYTES];

	/* An empty label is none to Prometheus. */
	if (n && !len)
		return n;
	/* Each has room of its own, so that a long one does not push the others out. */
	escape_value(text, n ? NAME_ROOM : WORKLOAD_ROOM, value, len);
	return n + (size_t)snprintf(w->labels + n, sizeof(w->labels) - n, "%s%s=\"%s\"",
				    n ? "," : "", name, text);
}

void metrics_set_labels(struct metrics_workload *w, const struct metrics_name *name)
{
	size_t n = add_label(w, 0, "workload", name->workload, INT32_MAX);

	n = add_label(w, n, "namespace", name->space, name->space_len);
	n = add_label(w, n, "pod", name->pod, name->pod_len);
	add_label(w, n, "container", name->container, name->container_len);
}

static const char *suffix_of(enum metrics_type type)
{
	return type == METRICS_COUNTER ? "_total" : type == METRICS_INFO ? "_info" : "";
}

static const char *type_name(enum metrics_type type, enum metrics_format format)
{
	static const char *const names[] = {
		[METRICS_GAUGE] = "gauge",
		[METRICS_COUNTER] = "counter",
		[METRICS_HISTOGRAM] = "histogram",
		[METRICS_INFO] = "info",
	};
	_Static_assert(ARRAY_SIZE(names) == METRICS_TYPE_MAX_, "a name for each type");

	return type == METRICS_INFO && format == METRICS_PROMETHEUS ? "gauge" : names[type];
}

static void comment(struct buffer *b, const char *what, const char *name, const char *suffix,
		    const char *text)
{
	buffer_text(b, what);
	buffer_text(b, name);
	buffer_text(b, suffix);
	buffer_add(b, " ", 1);
	buffer_text(b, text);
	buffer_add(b, "\n", 1);
}

/* The older format names the series, the newer one the family. */
static void heading(struct buffer *b, const struct metrics_family *f, enum metrics_format format)
{
	const char *suffix = format == METRICS_PROMETHEUS ? suffix_of(f->type) : "";

	comment(b, "# HELP ", f->name, suffix, f->help);
	comment(b, "# TYPE ", f->name, suffix, type_name(f->type, format));
	if (format == METRICS_OPENMETRICS && f->unit[0])
		comment(b, "# UNIT ", f->name, suffix, f->unit);
}

void series_begin(struct metrics_series *s, const char *suffix)
{
	s->mark = s->b->n;
	buffer_text(s->b, s->family->name);
	buffer_text(s->b, suffix);
	if (!s->labels[0])
		return;
	buffer_add(s->b, "{", 1);
	buffer_text(s->b, s->labels);
}

void series_label(struct metrics_series *s, const char *name, const char *value)
{
	char text[NAME_MAX_BYTES];

	/* A brace where the labels begin: the workload's have put it already. */
	buffer_text(s->b, s->labels[0] || memchr(s->b->text + s->mark, '{', s->b->n - s->mark) ?
				  "," :
				  "{");
	buffer_text(s->b, name);
	buffer_add(s->b, "=\"", 2);
	buffer_add(s->b, text, escape_value(text, sizeof(text), value, INT32_MAX));
	buffer_add(s->b, "\"", 1);
}

static void add_value(struct buffer *b, int64_t value, unsigned int decimals)
{
	if (value == METRICS_INFINITE)
		buffer_text(b, "+Inf");
	else
		buffer_decimal(b, value, decimals);
}

static void finish(struct metrics_series *s)
{
	buffer_add(s->b, "\n", 1);
	s->written++;
}

static void close_labels(struct metrics_series *s)
{
	if (!s->b->full && memchr(s->b->text + s->mark, '{', s->b->n - s->mark))
		buffer_add(s->b, "} ", 2);
	else
		buffer_add(s->b, " ", 1);
}

void series_end(struct metrics_series *s, int64_t value, unsigned int decimals)
{
	close_labels(s);
	add_value(s->b, value, decimals);
	finish(s);
}

void series_end_with(struct metrics_series *s, int64_t value, const struct metrics_exemplar *e)
{
	close_labels(s);
	add_value(s->b, value, 0);
	if (s->format == METRICS_OPENMETRICS && e->value[0]) {
		char text[NAME_MAX_BYTES];

		buffer_text(s->b, " # {");
		buffer_text(s->b, e->label);
		buffer_add(s->b, "=\"", 2);
		buffer_add(s->b, text, escape_value(text, sizeof(text), e->value, INT32_MAX));
		buffer_text(s->b, "\"} ");
		buffer_decimal(s->b, e->figure, e->decimals);
		buffer_add(s->b, " ", 1);
		buffer_decimal(s->b, (int64_t)e->wall_usec, 6);
	}
	finish(s);
}

void series_figure(struct metrics_series *s, const void *of)
{
	int64_t value;

	memcpy(&value, (const char *)of + s->family->offset, sizeof(value));
	if (value == METRICS_ABSENT)
		return;
	series_begin(s, suffix_of(s->family->type));
	series_end(s, value, s->family->decimals);
}

/* All series that one workload, or the daemon, has of a family; or none of them, where they have no room. */
static void write_of(struct metrics_series *s, const char *labels, const void *of)
{
	const size_t mark = s->b->n;

	s->labels = labels;
	s->written = 0;
	if (s->family->write)
		s->family->write(s, of);
	else
		series_figure(s, of);
	if (!s->b->full)
		return;
	buffer_back(s->b, mark);
	/* Nor does anything after it: a family without its heading would be none. */
	s->b->max = s->b->n;
	s->dropped += s->written;
}

static void write_workloads(const struct metrics *m, struct metrics_series *s)
{
	for (size_t i = 0; metrics_family_of_workload(i); i++) {
		const size_t mark = s->b->n;

		s->family = metrics_family_of_workload(i);
		heading(s->b, s->family, s->format);
		if (s->b->full) {
			buffer_back(s->b, mark);
			s->b->max = mark;
		}
		for (size_t k = 0; k < m->n; k++)
			write_of(s, m->workloads[k].labels, &m->workloads[k]);
	}
}

static void write_daemon(const struct metrics_daemon *d, struct metrics_series *s)
{
	for (size_t i = 0; metrics_family_of_daemon(i); i++) {
		s->family = metrics_family_of_daemon(i);
		heading(s->b, s->family, s->format);
		write_of(s, "", d);
	}
}

/* About what its series take, each of which has all of its labels. */
static size_t size_of(const struct metrics_workload *f)
{
	return (SERIES_EACH + f->tally->n) * (strlen(f->labels) + SERIES_BYTES);
}

static int compare_sizes(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int metrics_drop_longest(struct metrics_workload *f, size_t *n, size_t room)
{
	_cleanup_(freep) size_t *sizes = calloc(MAX(*n, 1u), sizeof(*sizes));
	size_t all = 0, kept = 0, some = 0;

	if (!sizes)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++)
		sizes[i] = size_of(&f[i]);
	qsort(sizes, *n, sizeof(*sizes), compare_sizes);
	while (kept < *n && all + sizes[kept] <= room)
		all += sizes[kept++];
	for (size_t i = 0; kept < *n && i < *n; i++) {
		const bool fits = kept > 0 && size_of(&f[i]) <= sizes[kept - 1] && some < kept;

		if (fits && some != i)
			f[some] = f[i];
		some += fits;
	}
	*n = kept;
	return 0;
}

int metrics_write(const struct metrics *m, enum metrics_format format, struct buffer *b,
		  uint64_t *ret_dropped)
{
	struct metrics_series s = { .b = b, .format = format };
	struct metrics_daemon d = m->daemon;
	const size_t max = b->max;

	b->max = max - MIN(max, (size_t)DAEMON_ROOM);
	write_workloads(m, &s);
	b->max = max;
	/* A workload that is left out leaves out at least so many series as have one for each. */
	s.dropped += m->left_out;
	d.dropped += (int64_t)s.dropped;
	write_daemon(&d, &s);
	if (format == METRICS_OPENMETRICS)
		buffer_text(b, "# EOF\n");
	*ret_dropped = s.dropped;
	return b->full ? -ENOMEM : 0;
}
