/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/top.h"

enum {
	WIDTH_MIN = 40,
	FURTHER = 8, /* blanks before what goes on from the line above */
};

/* Where a text that is longer than a line is broken: at its last blank, unless only a word was there. */
static size_t break_at(const char *text, size_t width)
{
	size_t at = width;

	if (strlen(text) <= width)
		return strlen(text);
	while (at > width / 2 && text[at] != ' ')
		at--;
	return at > width / 2 ? at : width;
}

void top_line(struct top_lines *to, const char *format, ...)
{
	const size_t room = TOP_DETAIL_LINE_MAX - 1;
	const size_t width = to->width < WIDTH_MIN ? room : MIN((size_t)to->width, room);
	char raw[4 * TOP_DETAIL_LINE_MAX], clean[4 * TOP_DETAIL_LINE_MAX];
	const char *text = clean;
	va_list ap;
	int indent = 0;

	va_start(ap, format);
	vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	top_clean(clean, sizeof(clean), raw);
	do {
		const size_t n = break_at(text, width - (size_t)indent);

		if (to->n == TOP_DETAIL_LINES_MAX)
			return;
		snprintf(to->line[to->n++], TOP_DETAIL_LINE_MAX, "%*s%.*s", indent, "", (int)n,
			 text);
		text += n + (text[n] == ' ');
		indent = FURTHER;
	} while (*text);
}

static json_object *member_of(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static size_t length(json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static void add_head(struct top_lines *to, json_object *e)
{
	char a[24], b[24], c[24], d[24];

	top_line(to, "%s   %s", member_text(e, "workload"), member_text(e, "cgroup"));
	top_line(to, "tier %s, mode %s, state %s (%s), alert %s", member_text(e, "tier"),
		 member_text(e, "mode"), member_text(e, "state"), member_text(e, "decision_reason"),
		 member_text(e, "alert"));
	top_line(to, "limit %s from %s", member_bytes(e, "limit_bytes", a),
		 member_text(e, "limit_origin"));
	top_line(to, "room  %s from %s", member_bytes(e, "room_bytes", a),
		 member_text(e, "room_origin"));
	top_line(to, "used  %s, of it not Go's %s, in swap %s; allotted %s",
		 member_bytes(e, "usage_bytes", a), member_bytes(e, "nongo_bytes", b),
		 member_bytes(e, "swap_bytes", c), member_bytes(e, "allotted_bytes", d));
}

static void add_forecast(struct top_lines *to, json_object *f)
{
	const int64_t oom = member_int(f, "to_oom_usec", -1);
	const char *kind = member_text(f, "kind");
	char go[24], other[24];

	if (!strcmp(kind, "none"))
		top_line(to, "forecast: nothing in sight");
	else if (oom < 0)
		top_line(to, "forecast: %s", kind);
	else
		top_line(to,
			 "forecast: %s, no memory left in %" PRId64
			 " s (live %s/min, not Go's %s/min)",
			 kind, oom / (int64_t)USEC_SEC,
			 member_bytes(f, "go_slope_bytes_per_min", go),
			 member_bytes(f, "nongo_slope_bytes_per_min", other));
}

static const char *value_text(json_object *l, const char *key, char buf[24])
{
	const char *lever = member_text(l, "lever");

	if (!strcmp(lever, "soft_limit") || !strcmp(lever, "memory_high"))
		return member_bytes(l, key, buf);
	snprintf(buf, 24, "%" PRId64, member_int(l, key, 0));
	return buf;
}

static void add_lever(struct top_lines *to, json_object *l)
{
	const char *whose = json_object_get_boolean(member_of(l, "pinned")) ? "set by hand" :
			    json_object_get_boolean(member_of(l, "manual")) ? "somebody else's" :
			    json_object_get_boolean(member_of(l, "ours"))   ? "gomemd's" :
									      "the owner's";
	char now[24], would[24];

	top_line(to, "    %-13s %10s (%s), %s: %s, to be %s", member_text(l, "lever"),
		 value_text(l, "now", now), whose, member_text(l, "verdict"),
		 member_text(l, "reason"), value_text(l, "would_be", would));
}

static void add_culprit(struct top_lines *to, json_object *c, size_t rank)
{
	char inuse[24];

	top_line(to, "    %zu. %s:%" PRId64 " %s: %s in use, class %s", rank,
		 member_text(c, "file"), member_int(c, "line", 0), member_text(c, "function"),
		 member_bytes(c, "inuse_bytes", inuse), member_text(c, "class"));
	top_line(to, "       %s", member_text(c, "advice"));
}

static void add_process(struct top_lines *to, json_object *p)
{
	json_object *levers = member_of(p, "levers"), *culprits = member_of(p, "culprits");
	char live[24], goal[24], held[24];

	top_line(to, "  %" PRId64 " %s %s", member_int(p, "pid", 0), member_text(p, "exe"),
		 member_text(p, "go_version"));
	if (!levers) {
		top_line(to, "    only observed; refused by %s", member_text(p, "refused_by"));
		return;
	}
	top_line(to,
		 "    live %s, goal %s, held %s, effective GOGC %" PRId64 ", %" PRId64
		 " collections",
		 member_bytes(p, "heap_marked_bytes", live),
		 member_bytes(p, "heap_goal_bytes", goal),
		 member_bytes(p, "mapped_ready_bytes", held), member_int(p, "effective_gogc", 0),
		 member_int(p, "num_gc", 0));
	for (size_t i = 0; i < length(levers); i++)
		add_lever(to, json_object_array_get_idx(levers, i));
	if (length(culprits))
		top_line(to, "    CULPRITS");
	for (size_t i = 0; i < length(culprits); i++)
		add_culprit(to, json_object_array_get_idx(culprits, i), i + 1);
	if (!culprits)
		top_line(
			to,
			"    no profile yet: culprits are known after an alarm, or with heap_series");
}

/* In words what leads to the next state; the emergency's U is the usage. */
static void add_next(struct top_lines *to, json_object *e)
{
	json_object *next = member_of(e, "next");
	char now[24], at[24];

	for (size_t i = 0; i < length(next); i++) {
		json_object *n = json_object_array_get_idx(next, i);

		top_line(to, "  %-10s when %s: %s now, at %s", member_text(n, "state"),
			 member_text(n, "figure"), member_bytes(n, "now", now),
			 member_bytes(n, "at", at));
	}
}

void top_detail_lines(struct top_lines *to, json_object *explain, json_object *audit)
{
	json_object *procs = member_of(explain, "processes");

	add_head(to, explain);
	add_forecast(to, member_of(explain, "forecast"));
	top_line(to, " ");
	top_line(to, "LAST DECISIONS (from the journal, UTC)");
	for (size_t i = 0; i < length(audit); i++)
		top_line(to, "  %s", json_object_get_string(json_object_array_get_idx(audit, i)));
	if (!length(audit))
		top_line(to, "  none, or the journal cannot be read here; the last one: %s, %s",
			 member_text(explain, "decision_reason"),
			 member_text(explain, "decision_id"));
	top_line(to, " ");
	top_line(to, "NEXT");
	add_next(to, explain);
	top_line(to, " ");
	top_line(to, "PROCESSES");
	for (size_t i = 0; i < length(procs); i++)
		add_process(to, json_object_array_get_idx(procs, i));
	top_line(to, " ");
	top_line(to, "memory.high");
	add_lever(to, member_of(explain, "memory_high"));
}

void top_detail_scan(struct top_lines *to, const struct top_row *row)
{
	char a[24], b[24], c[24], d[24];

	top_line(to, "%s", row->cgroup);
	top_line(to, "limit %s, used %s, live %s, not Go's %s", text_bytes(a, row->limit),
		 text_bytes(b, row->used), text_bytes(c, row->live), text_bytes(d, row->nongo));
	top_line(to, "%" PRIu32 " Go processes, the first with PID %" PRId32, row->processes,
		 row->pid);
	top_line(to, " ");
	top_line(to, "No daemon answers: there are no decisions, no forecast and no culprits.");
	top_line(to, "gomemctl probe %" PRId32 "                  its runtime's figures", row->pid);
	top_line(to, "gomemctl culprits %" PRId32 " --for 10s    which lines fill its heap",
		 row->pid);
}

static const char *const help[] = {
	"gomemctl top: Go workloads, those that are most at risk first",
	"",
	"  Up k  Down j   PgUp PgDn  Home g  End G    the marked row",
	"  Enter          its last decisions, levers and culprits; q or Esc back",
	"  s              order: risk, used, live, nongo, alloc, name",
	"  /              only rows whose name, tier or state has this in it",
	"  m              only rows of a mode: all, enforce, recommend, observe",
	"  q              quit",
	"",
	"The bar is what is short under the limit:",
	"  # live data    = garbage, and what runtimes keep for more",
	"  % not Go's     . free",
	"",
	"STATE   the daemon's, or the alert; with ! a person is needed",
	"OOM IN  when its memory ends, where a forecast sees that",
	"%USE    what can kill, of the limit    SOFT    the soft limit",
	"+       its processes differ: the first one's    *  the order",
};

void top_help_lines(struct top_lines *to)
{
	to->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(help); i++)
		top_line(to, "%s", help[i]);
}
