/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/util.h"
#include "escape/json.h"
#include "escape/report.h"

enum report_form {
	FORM_START, /* nothing has come yet */
	FORM_TEXT,
	FORM_JSON,
};

struct escape_report {
	enum report_form form;
	struct escape_sites *sites;
	struct escape_json *json;
	struct escape_stats stats;
	char *held; /* of a line whose end has not come */
	size_t n_held, room_held;
	bool cutting; /* what is held is as long as a line may be: the rest is passed over */
};

int escape_report_new(escape_site_handler handler, void *userdata, struct escape_report **ret)
{
	_cleanup_(escape_report_freep) struct escape_report *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return -ENOMEM;
	code = escape_sites_new(handler, userdata, &r->sites);
	if (code < 0)
		return code;
	*ret = TAKE_PTR(r);
	return 0;
}

void escape_report_free(struct escape_report *r)
{
	if (!r)
		return;
	escape_sites_free(r->sites);
	escape_json_free(r->json);
	free(r->held);
	free(r);
}

const struct escape_stats *escape_report_stats(const struct escape_report *r)
{
	return &r->stats;
}

const struct escape_sites_stats *escape_report_sites(const struct escape_report *r)
{
	return escape_sites_stats(r->sites);
}

bool escape_stats_made_with_l(const struct escape_stats *stats)
{
	const uint64_t *k = stats->kinds;

	return !k[LINE_FUNCTION] && !k[LINE_INLINING] &&
	       k[LINE_ESCAPES] + k[LINE_MOVED] + k[LINE_STAYS] + k[LINE_LEAKS] + k[LINE_CONTENT] +
			       k[LINE_RESULT] + k[LINE_BLOCK] + k[LINE_LEAKING] >
		       0;
}

/* "go1.24.4" or "go-1.24" at the head of @s. */
static bool take_version(const struct span *s, char version[REPORT_VERSION_MAX])
{
	struct span at = *s;
	size_t n = 0;

	if (!span_has_prefix(&at, "go"))
		return false;
	span_skip(&at, span_has_prefix(&at, "go-") ? 3 : 2);
	while (n < at.len && n + 1 < REPORT_VERSION_MAX && (isdigit(at.p[n]) || at.p[n] == '.'))
		n++;
	while (n && at.p[n - 1] == '.')
		n--;
	if (n < strlen("1.1") || !span_has_prefix(&at, "1."))
		return false;
	memcpy(version, at.p, n);
	version[n] = '\0';
	return true;
}

/*
 * "/go-1.24/src/", "/go1.24.4/src/", "/sdk/go1.24/", "golang.org/toolchain@v0.0.1-go1.24.4.linux-amd64": where the
 * standard library lies often tells the release.
 */
static void note_version(struct escape_stats *stats, const struct span *file)
{
	struct span rest = *file;

	if (stats->go_version[0] || rest.len < 8 || rest.p[0] != '/')
		return;
	while (rest.len > 4) {
		const bool begins = rest.p[0] == '/' || rest.p[0] == '-';

		span_skip(&rest, 1);
		if (begins && take_version(&rest, stats->go_version))
			return;
	}
}

static void keep_unknown(struct escape_stats *stats, struct span line)
{
	char head[REPORT_UNKNOWN_BYTES];
	const size_t n = MIN(line.len, sizeof(head) - 1);

	if (stats->n_unknown == REPORT_UNKNOWN_KEPT)
		return;
	/* A line with NUL bytes is shown, not cut at the first. */
	for (size_t i = 0; i < n; i++)
		head[i] = line.p[i] ? (char)line.p[i] : '\x01';
	head[n] = '\0';
	stats->unknown_at[stats->n_unknown] = stats->lines;
	text_escape(stats->unknown[stats->n_unknown++], REPORT_UNKNOWN_BYTES, head);
}

static int take_parsed(struct escape_report *r, const struct escape_line *line)
{
	struct escape_stats *stats = &r->stats;

	stats->kinds[line->kind]++;
	stats->detailed |= line->detailed;
	stats->arrow |= line->arrow;
	note_version(stats, &line->at.file);
	return escape_sites_take(r->sites, line);
}

static int take_json(void *userdata, const struct escape_line *line)
{
	return take_parsed(userdata, line);
}

static int take_json_line(struct escape_report *r, struct span line)
{
	const char *version;
	int code = r->json ? 0 : escape_json_new(take_json, r, &r->json);

	if (code < 0)
		return code;
	r->stats.json_lines++;
	r->stats.detailed = true;
	code = escape_json_take(r->json, line);
	if (code == ESCAPE_JSON_UNKNOWN) {
		r->stats.kinds[LINE_UNKNOWN]++;
		keep_unknown(&r->stats, line);
	}
	version = escape_json_version(r->json);
	if (*version)
		text_copy(r->stats.go_version, sizeof(r->stats.go_version), version);
	return MIN(code, 0);
}

static int take_line(struct escape_report *r, struct span line)
{
	struct escape_line parsed;

	r->stats.lines++;
	if (r->form == FORM_START && line.len)
		r->form = line.p[0] == '{' ? FORM_JSON : FORM_TEXT;
	if (r->form == FORM_JSON)
		return take_json_line(r, line);
	escape_line_parse(line, &parsed);
	if (parsed.kind == LINE_UNKNOWN)
		keep_unknown(&r->stats, line);
	return take_parsed(r, &parsed);
}

static size_t line_max(const struct escape_report *r)
{
	return r->form == FORM_JSON ? REPORT_JSON_LINE_MAX : REPORT_LINE_MAX;
}

static int hold(struct escape_report *r, struct span s)
{
	const size_t max = line_max(r), n = MIN(s.len, max - r->n_held);

	if (n < s.len && !r->cutting) {
		r->cutting = true;
		r->stats.long_lines++;
	}
	if (r->n_held + n > r->room_held) {
		const size_t room = MIN(max, MAX(2 * r->room_held, r->n_held + n + 4096));
		char *grown = realloc(r->held, room);

		if (!grown)
			return -ENOMEM;
		r->held = grown;
		r->room_held = room;
	}
	if (n)
		memcpy(r->held + r->n_held, s.p, n);
	r->n_held += n;
	return 0;
}

static int end_held(struct escape_report *r)
{
	const struct span line = span_of(r->held, r->n_held);

	r->n_held = 0;
	r->cutting = false;
	return take_line(r, line);
}

/* The form is told by the first byte, and how long a line may be by the form. */
static void note_form(struct escape_report *r, struct span s)
{
	if (r->form == FORM_START && !r->n_held && s.len && s.p[0] != '\n')
		r->form = s.p[0] == '{' ? FORM_JSON : FORM_TEXT;
}

int escape_report_push(struct escape_report *r, const void *data, size_t len)
{
	struct span s = span_of(data, len);
	int code = 0;

	r->stats.bytes += len;
	while (s.len && code == 0) {
		const uint8_t *newline = memchr(s.p, '\n', s.len);
		const struct span line = span_of(s.p, newline ? (size_t)(newline - s.p) : s.len);

		note_form(r, s);
		if (newline && !r->n_held && line.len <= line_max(r))
			code = take_line(r, line);
		else
			code = hold(r, line);
		if (newline && code == 0 && (r->n_held || line.len > line_max(r)))
			code = end_held(r);
		span_skip(&s, line.len + (newline != NULL));
	}
	return code;
}

int escape_report_end(struct escape_report *r)
{
	int code = r->n_held ? end_held(r) : 0;

	r->form = FORM_START;
	return code < 0 ? code : escape_sites_flush(r->sites);
}
