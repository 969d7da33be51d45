/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/postmortem.h"
#include "cli/top.h"

enum {
	LOOKS_MAX = 12, /* lines, evenly over those that there are */
	BYTES_BUF = 24,
};

static const struct {
	const char *kind, *what;
} kinds[] = {
	{ "garbage", "garbage filled the limit; a collection in time would have freed enough" },
	{ "growth", "its live data grew until they did not fit" },
	{ "non-go", "memory that is not the Go heap's filled the limit" },
	{ "too-large", "its live data and what is not Go's did not fit into the limit at all" },
};

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

static void say(FILE *f, const char *format, ...) _printf_(2, 3);

static void say(FILE *f, const char *format, ...)
{
	char raw[4096], clean[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	fprintf(f, "%s\n", top_clean(clean, sizeof(clean), raw));
}

static bool same_text(json_object *o, const char *key, const char *text)
{
	return !strcmp(member_text(o, key), text);
}

/* namespace/pod/container: the pod alone, and with its namespace. */
static bool names_pod(const char *label, const char *name)
{
	const char *pod = strchr(label, '/');
	const char *container = pod ? strchr(pod + 1, '/') : NULL;
	const size_t len = strlen(name);

	if (!container || label[0] == '/')
		return false;
	return ((size_t)(container - label) == len && !strncmp(label, name, len)) ||
	       ((size_t)(container - pod - 1) == len && !strncmp(pod + 1, name, len));
}

static bool names(json_object *record, const char *name)
{
	const char *cgroup = member_text(record, "cgroup"), *own = member_text(record, "name");
	char pid[24];

	snprintf(pid, sizeof(pid), "%" PRId64, member_int(record, "pid", -1));
	return same_text(record, "workload", name) || same_text(record, "unit", name) ||
	       !strcmp(cgroup, name) || (cgroup[0] == '/' && !strcmp(cgroup + 1, name)) ||
	       names_pod(member_text(record, "workload"), name) || !strcmp(pid, name) ||
	       (name[0] && !strncmp(own, name, strlen(name)) && strlen(name) > 16);
}

/* Records have names as answers have them. */
bool postmortem_names(json_object *record, const char *name)
{
	char shown[2048];

	text_escape(shown, sizeof(shown), name);
	return names(record, name) || names(record, shown);
}

static double seconds(json_object *o, const char *key)
{
	return (double)member_int(o, key, 0) / (double)USEC_SEC;
}

static void print_head(FILE *f, json_object *r, json_object *v)
{
	json_object *kernel = member_of(r, "kernel");
	const char *what = "nothing had been seen of it before";
	char a[BYTES_BUF], b[BYTES_BUF], c[BYTES_BUF], d[BYTES_BUF];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (same_text(v, "kind", kinds[i].kind))
			what = kinds[i].what;
	say(f, "%s: killed by the kernel for lack of memory at %s", member_text(r, "workload"),
	    member_text(r, "time"));
	say(f, "  kind        %s: %s", member_text(v, "kind"), what);
	say(f, "  limit       %s from %s (memory.max of its own %s)",
	    member_bytes(v, "room_bytes", a), member_text(r, "limit_origin"),
	    member_bytes(kernel, "memory_max_bytes", b));
	say(f, "  used        %s, %.1f s before: %s live, %s garbage, %s not Go's",
	    member_bytes(v, "used_bytes", a), seconds(v, "blind_usec"),
	    member_bytes(v, "live_bytes", b), member_bytes(v, "garbage_bytes", c),
	    member_bytes(v, "nongo_bytes", d));
	if (json_object_get_boolean(member_of(v, "sudden")))
		say(f,
		    "  sudden      %s more came in those %.1f s, which nobody saw: the kind is of what was there before",
		    member_bytes(v, "unseen_bytes", a), seconds(v, "blind_usec"));
	say(f, "  kernel      oom_kill %" PRId64 ", max %" PRId64 " in memory.events%s",
	    member_int(kernel, "oom_kill", 0), member_int(kernel, "max", 0),
	    same_text(kernel, "told_by", "cgroup") ?
		    "" :
		    " at the last look; the cgroup was gone before the kill could be read there");
	if (member_of(r, "pid"))
		say(f, "  victim      process %" PRId64, member_int(r, "pid", 0));
	if (member_int(r, "kills_left_out", 0))
		say(f,
		    "  before      %" PRId64
		    " more kills of it, within a minute of the record before",
		    member_int(r, "kills_left_out", 0));
	say(f, "  governed    mode %s, tier %s (%s:%" PRId64 ")", member_text(r, "mode"),
	    member_text(r, "tier"), member_text(r, "policy_file"), member_int(r, "policy_line", 0));
}

static void print_look(struct grid *g, json_object *p)
{
	char text[BYTES_BUF];

	grid_add(g, "  %.1fs", -seconds(p, "before_usec"));
	grid_add(g, "%s", member_bytes(p, "usage_bytes", text));
	grid_add(g, "%s", member_bytes(p, "peak_bytes", text));
	grid_add(g, "%s", member_bytes(p, "live_bytes", text));
	grid_add(g, "%s", member_bytes(p, "mapped_bytes", text));
	grid_add(g, "%s", member_bytes(p, "nongo_bytes", text));
	grid_add(g, "%s", member_bytes(p, "room_bytes", text));
	grid_add(g, "%" PRId64, member_int(p, "gogc", 0));
	grid_add(g, "%s", member_bytes(p, "memory_limit_bytes", text));
	grid_add(g, "%" PRId64, member_int(p, "num_gc", 0));
	grid_add(g, "%s", member_text(p, "state"));
}

static void print_looks(FILE *f, json_object *looks)
{
	static const char *const headings[] = { "  WHEN", "USED", "PEAK", "LIVE", "HEAP", "NON-GO",
						"ROOM",	  "GOGC", "SOFT", "GCS",  "STATE" };
	const size_t n = length(looks), step = (n + LOOKS_MAX - 1) / LOOKS_MAX;
	struct grid *g;

	say(f, "how it came to be (HEAP is live and garbage)");
	if (!n) {
		say(f, "  nothing was seen of it before");
		return;
	}
	fflush(f);
	g = grid_new(headings, ARRAY_SIZE(headings));
	/* The last one always is among them. */
	for (size_t i = (n - 1) % step; i < n; i += step)
		print_look(g, json_object_array_get_idx(looks, i));
	grid_print(g);
}

static const char *value_text(json_object *s, const char *key, char buf[BYTES_BUF])
{
	if (same_text(s, "lever", "soft_limit") || same_text(s, "lever", "memory_high"))
		return member_bytes(s, key, buf);
	snprintf(buf, BYTES_BUF, "%" PRId64, member_int(s, key, 0));
	return buf;
}

static void print_step(FILE *f, json_object *s)
{
	const double before = seconds(s, "before_usec");
	char from[BYTES_BUF], to[BYTES_BUF];

	if (same_text(s, "kind", "state"))
		say(f, "  -%.1fs  state %s -> %s (%s)", before, member_text(s, "from"),
		    member_text(s, "to"), member_text(s, "reason"));
	else if (same_text(s, "kind", "alert"))
		say(f, "  -%.1fs  alert %s (%s)", before, member_text(s, "to"),
		    member_text(s, "reason"));
	else
		say(f, "  -%.1fs  %s %s -> %s (%s): %s", before, member_text(s, "lever"),
		    value_text(s, "from", from), value_text(s, "to", to), member_text(s, "reason"),
		    member_text(s, "outcome"));
}

/* How long there was time to act, by the first alert of any kind. */
static void print_warning(FILE *f, json_object *steps, json_object *v)
{
	for (size_t i = 0; i < length(steps); i++) {
		json_object *s = json_object_array_get_idx(steps, i);

		if (!same_text(s, "kind", "alert"))
			continue;
		say(f, "  a person was called %.0f s before", seconds(s, "before_usec"));
		return;
	}
	if (member_of(v, "foretold_usec"))
		say(f, "  its end was foretold more than %.0f s before",
		    seconds(v, "foretold_usec"));
	else
		say(f, "  nobody was called before, and its end was not foretold");
}

static void print_steps(FILE *f, json_object *r, json_object *v)
{
	json_object *steps = member_of(r, "decisions");

	say(f, "what gomemd did");
	for (size_t i = 0; i < length(steps); i++)
		print_step(f, json_object_array_get_idx(steps, i));
	if (!length(steps))
		say(f, "  nothing in its last two minutes");
	if (member_int(r, "decisions_left_out", 0))
		say(f, "  and %" PRId64 " before these", member_int(r, "decisions_left_out", 0));
	print_warning(f, steps, v);
}

static void print_culprits(FILE *f, json_object *p)
{
	json_object *culprits = member_of(p, "culprits");
	char bytes[BYTES_BUF];

	say(f, "  process %" PRId64 " %s %s, %s live", member_int(p, "pid", 0),
	    member_text(p, "exe"), member_text(p, "go_version"),
	    member_bytes(p, "heap_marked_bytes", bytes));
	for (size_t i = 0; i < length(culprits); i++) {
		json_object *c = json_object_array_get_idx(culprits, i);

		say(f, "  %zu. %s:%" PRId64 " %s: %s in use, class %s%s", i + 1,
		    member_text(c, "file"), member_int(c, "line", 0), member_text(c, "function"),
		    member_bytes(c, "inuse_bytes", bytes), member_text(c, "class"),
		    json_object_get_boolean(member_of(c, "suspect")) ? ", only grows" : "");
		say(f, "     %s", member_text(c, "advice"));
	}
	if (!length(culprits))
		say(f,
		    "  no profile of it had been taken: with heap_series = 1min there is one (gomemd-policy(5))");
}

static void advise_limit(FILE *f, json_object *r)
{
	char bytes[BYTES_BUF];

	if (member_of(r, "recommended_limit_bytes"))
		say(f, "  - memory.max of %s would have been enough, or would last a day",
		    member_bytes(r, "recommended_limit_bytes", bytes));
}

/* By what grew: the line that can be changed, or where else to look. */
static void print_advice(FILE *f, json_object *r, json_object *v)
{
	char grown[BYTES_BUF], nongo[BYTES_BUF];
	const bool enforced = same_text(r, "mode", "enforce");

	say(f, "what to do");
	if (same_text(v, "kind", "growth")) {
		say(f,
		    "  - its live data grew by %s in %.0f s: bound or free what the culprits above hold",
		    member_bytes(v, "live_grown_bytes", grown), seconds(v, "watched_usec"));
		advise_limit(f, r);
		say(f,
		    "  - a larger limit alone only puts it off; tight = restart bridges the time until it is mended");
	} else if (same_text(v, "kind", "non-go")) {
		say(f,
		    "  - %s were not the Go heap's: C code (cgo), mmap, tmpfs, the kernel's, or other processes of the cgroup",
		    member_bytes(v, "nongo_bytes", nongo));
		say(f,
		    "  - GOGC and GOMEMLIMIT do not reach that; memory.stat and /proc/PID/smaps tell what it is");
		advise_limit(f, r);
	} else if (same_text(v, "kind", "too-large")) {
		advise_limit(f, r);
		say(f,
		    "  - raise memory.max, or make what the culprits above hold smaller: no collection frees it");
	} else if (same_text(v, "kind", "garbage")) {
		say(f, "  - %s",
		    enforced ?
			    "it allocated faster than looks and collections came: a lower GOGC or soft limit from its start (environment = on)" :
			    "have gomemd collect in time: mode = enforce for this workload (gomemd-policy(5))");
	} else {
		say(f, "  - it had hardly begun: see whether its start fits into the limit");
	}
	if (json_object_get_boolean(member_of(v, "sudden")))
		say(f,
		    "  - what came at last came in one burst: look for a request or job that allocates much at once");
}

void postmortem_print(FILE *f, json_object *record)
{
	json_object *v = member_of(record, "verdict"), *procs = member_of(record, "processes");

	print_head(f, record, v);
	print_looks(f, member_of(record, "looks"));
	print_steps(f, record, v);
	say(f, "culprits");
	for (size_t i = 0; i < length(procs); i++)
		print_culprits(f, json_object_array_get_idx(procs, i));
	print_advice(f, record, v);
	say(f, "record %s", member_text(record, "name"));
}
