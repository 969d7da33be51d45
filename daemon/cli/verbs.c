/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/kubernetes.h"
#include "policy/config.h"
#include "policy/load.h"
#include "wire/json.h"

#define CONFIG_FILE "/etc/gomemd/gomemd.conf"

static json_object *member(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

/* "100 -> 30", or "100" where nothing of ours is there. */
static const char *lever_text(json_object *process, size_t i, bool bytes, char buf[64])
{
	json_object *l = json_object_array_get_idx(member(process, "levers"), i);
	char now[24], owner[24];

	if (bytes) {
		member_bytes(l, "now", now);
		member_bytes(l, "owner", owner);
	} else {
		snprintf(now, sizeof(now), "%" PRId64, member_int(l, "now", 0));
		snprintf(owner, sizeof(owner), "%" PRId64, member_int(l, "owner", 0));
	}
	if (!strcmp(now, owner))
		snprintf(buf, 64, "%s%s", now,
			 json_object_get_boolean(member(l, "manual")) ? " (manual)" : "");
	else
		snprintf(buf, 64, "%s -> %s%s", owner, now,
			 json_object_get_boolean(member(l, "pinned")) ? " (set)" :
			 json_object_get_boolean(member(l, "manual")) ? " (manual)" :
									"");
	return buf;
}

static double member_number(json_object *o, const char *key)
{
	return json_object_get_double(member(o, key));
}

/* Of the last minute, where there is one. */
static void add_activity_cells(struct grid *g, json_object *minute)
{
	char bytes[24];

	if (!minute) {
		for (int i = 0; i < 3; i++)
			grid_add(g, "-");
		return;
	}
	grid_add(g, "%.1f", member_number(minute, "gc_per_minute"));
	grid_add(g, "%.1f %%", member_number(minute, "gc_cpu_permille") / 10);
	grid_add(g, "%s", member_bytes(minute, "alloc_bytes_per_second", bytes));
}

static void status_row(struct grid *g, json_object *w, json_object *p)
{
	char a[24], b[24], c[24], d[24], gogc[64], limit[64];

	grid_add(g, "%s", member_text(w, "workload"));
	grid_add(g, "%s", member_text(w, "tier"));
	grid_add(g, "%s", member_text(w, "mode"));
	grid_add(g, "%s", member_text(w, "state"));
	grid_add(g, "%s", member_bytes(w, "limit_bytes", a));
	grid_add(g, "%s", member_bytes(w, "room_bytes", b));
	grid_add(g, "%s", member_bytes(w, "usage_bytes", c));
	grid_add(g, "%" PRId64, member_int(p, "pid", 0));
	grid_add(g, "%s", member_text(p, "go_version"));
	if (!member(p, "levers")) {
		for (int i = 0; i < 5; i++)
			grid_add(g, "-");
		grid_add(g, "refused by %s", member_text(p, "refused_by"));
		return;
	}
	grid_add(g, "%s", member_bytes(p, "heap_marked_bytes", d));
	grid_add(g, "%s", lever_text(p, 1, false, gogc));
	grid_add(g, "%s", lever_text(p, 0, true, limit));
	add_activity_cells(g, member(member(p, "activity"), "last_minute"));
}

static void print_missing(json_object *daemon)
{
	json_object *list = member(daemon, "capabilities_missing");
	const size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? ", " : "Capabilities that are missing: ",
		       json_object_get_string(json_object_array_get_idx(list, i)));
	if (n)
		printf(" (rights: %s; the journal says what is lost)\n",
		       member_text(daemon, "rights"));
}

/* What units begin with at their next start, also those that do not run. */
static void print_environments(json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		json_object *e = json_object_array_get_idx(list, i);

		printf("%s at its next start: %s%s\n", member_text(e, "unit"),
		       member_text(e, "variables"),
		       json_object_get_boolean(member(e, "in_force")) ?
			       "" :
			       " (from the next reload of the service manager)");
	}
}

static void print_status(json_object *answer)
{
	static const char *const headings[] = { "WORKLOAD", "TIER",   "MODE",	"STATE",
						"LIMIT",    "ROOM",   "USED",	"PID",
						"GO",	    "LIVE",   "GOGC",	"SOFT LIMIT",
						"GC/MIN",   "GC CPU", "ALLOC/S" };
	json_object *list = member(answer, "workloads"), *daemon = member(answer, "daemon");
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *w = json_object_array_get_idx(list, i);
		json_object *procs = member(w, "processes");

		for (size_t k = 0; k < json_object_array_length(procs); k++)
			status_row(g, w, json_object_array_get_idx(procs, k));
	}
	grid_print(g);
	print_environments(member(answer, "environments"));
	if (json_object_get_boolean(member(daemon, "writes_stopped")))
		printf("Writes are stopped: gomemctl resume\n");
	print_missing(daemon);
}

int verb_status(const struct options *o)
{
	struct control_request req = { .verb = CONTROL_STATUS };
	int r = client_name_workload(o, &req);

	return r == EXIT_DONE ? client_show(o, &req, print_status) : r;
}

static void print_figures(json_object *numbers)
{
	json_object_object_foreach(numbers, key, value)
	{
		char text[24];

		if (!strcmp(key, "e"))
			printf("  %-16s %" PRId64 "\n", key, json_object_get_int64(value));
		else
			printf("  %-16s %s\n", key, member_bytes(numbers, key, text));
	}
}

static void print_window(json_object *w)
{
	char bytes[24];

	if (!w)
		return;
	printf("  over %.1f s: %.1f collections/min, %s%.1f %% of a CPU (%.1f %% of what was used), %s/s allocated",
	       (double)member_int(w, "over_usec", 0) / (double)USEC_SEC,
	       member_number(w, "gc_per_minute"),
	       json_object_get_boolean(member(w, "gc_cpu_estimate")) ? "about " : "",
	       member_number(w, "gc_cpu_permille") / 10,
	       (double)member_int(w, "gc_share_permille", 0) / 10,
	       member_bytes(w, "alloc_bytes_per_second", bytes));
	if (member(w, "goroutines_created_per_second"))
		printf(", %.1f goroutines/s made",
		       member_number(w, "goroutines_created_per_second"));
	if (member_int(w, "gc_cycles", 0))
		printf("\n    paused half of them up to %" PRId64 " us, 99 %% up to %" PRId64
		       " us, longest %" PRId64 " us",
		       member_int(w, "pause_p50_ns", 0) / 1000,
		       member_int(w, "pause_p99_ns", 0) / 1000,
		       member_int(w, "pause_max_ns", 0) / 1000);
	putchar('\n');
}

static void print_activity(json_object *a, const char *what)
{
	if (!a)
		return;
	printf("%s: %s goroutines\n", what, member_text(a, "goroutines"));
	print_window(member(a, "last_10s"));
	print_window(member(a, "last_minute"));
}

/* Nothing where nothing is in sight. */
static void print_forecast(json_object *f)
{
	const int64_t to_oom = member_int(f, "to_oom_usec", -1);
	const char *kind = member_text(f, "kind");

	if (!strcmp(kind, "none"))
		return;
	printf("forecast: %s", kind);
	if (to_oom >= 0)
		printf(", no memory left in %" PRId64 " min (watched for %" PRId64 " min)",
		       to_oom / (int64_t)USEC_MIN,
		       member_int(f, "watched_usec", 0) / (int64_t)USEC_MIN);
	putchar('\n');
}

static void print_culprits(json_object *culprits)
{
	for (size_t i = 0; culprits && i < json_object_array_length(culprits); i++) {
		json_object *c = json_object_array_get_idx(culprits, i);
		char inuse[24];

		printf("  culprit      %s:%" PRId64 " %s: %s in use, class %s\n",
		       member_text(c, "file"), member_int(c, "line", 0), member_text(c, "function"),
		       member_bytes(c, "inuse_bytes", inuse), member_text(c, "class"));
	}
}

/* Nothing where the policy asks for neither. */
static void print_unit(json_object *environment, json_object *restart)
{
	char now[24], start[24];

	if (environment)
		printf("environment at its next start: %s (%s%s)\n",
		       *member_text(environment, "variables") ?
			       member_text(environment, "variables") :
			       "-",
		       member_text(environment, "verdict"),
		       json_object_get_boolean(member(environment, "in_force")) ?
			       ", in force" :
		       json_object_get_boolean(member(environment, "set")) ?
			       ", from the next reload" :
			       "");
	if (restart)
		printf("restart: %s (%s), %s live, %s after its start\n",
		       member_text(restart, "verdict"), member_text(restart, "reason"),
		       member_bytes(restart, "live_bytes", now),
		       member_bytes(restart, "live_at_start_bytes", start));
}

/* The last of a process's levers, where there is any. */
static void print_goroutine_limit(json_object *limit)
{
	json_object *rate = member(limit, "rate_per_second");
	const char *outcome = member_text(limit, "outcome");

	if (!limit)
		return;
	if (rate)
		printf("  %-12s %" PRId64 "/s", "goroutines", json_object_get_int64(rate));
	else
		printf("  %-12s %s", "goroutines", "no cap");
	printf(" %s (%s)", outcome, member_text(limit, "reason"));
	if (!strcmp(outcome, "traced"))
		printf(" by process %" PRId64, member_int(limit, "tracer", 0));
	if (!strcmp(outcome, "unsupported"))
		printf(": %s", member_text(limit, "why"));
	if (!strcmp(outcome, "limited"))
		printf(": %" PRId64 " created in %.1f s, %" PRId64 " times held",
		       member_int(limit, "calls", 0),
		       (double)member_int(limit, "limited_usec", 0) / (double)USEC_SEC,
		       member_int(limit, "holds", 0));
	putchar('\n');
}

static void print_share(json_object *share)
{
	char a[24], b[24], c[24];

	if (share)
		printf("namespace share %s: %s of %s; %s needed, %.1f %% of a CPU\n",
		       member_text(share, "name"), member_bytes(share, "part_bytes", a),
		       member_bytes(share, "memory_bytes", b),
		       member_bytes(share, "needed_bytes", c),
		       (double)member_int(share, "cpu_permille", 0) / 10);
}

static const char *observed_text(const char *word)
{
	static const char *const texts[][2] = {
		{ "policy", "by policy" },
		{ "no_limit", "it has no memory limit, and its tier observes such" },
		{ "no_tier", "no tier matches it" },
		{ "quarantined", "it made a helper hang" },
		{ "not_named_yet", "its pod is not named yet, and may be one of kube-system" },
		{ "not_listed_yet", "the API server has not told yet what its pod wants" },
		{ "static_pod", "a static pod, the node's own, that no policy names exactly" },
		{ "system_pod", "a pod of kube-system that no policy names exactly" },
		{ "infrastructure",
		  "gomemd itself, a container runtime or the kubelet, that no policy names exactly" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(word, texts[i][0]))
			return texts[i][1];
	return word;
}

/* Where limit and room are from, and who else throttles. */
static void print_limits(json_object *e)
{
	char a[24], b[24];

	printf("limit %s from %s, room %s from %s", member_bytes(e, "limit_bytes", a),
	       member_text(e, "limit_origin"), member_bytes(e, "room_bytes", b),
	       member_text(e, "room_origin"));
	if (member_int(e, "room_bytes", -1) >= 0)
		printf(" (%s)", member_text(e, "room_by"));
	printf("\n");
	if (member_int(e, "others_high_bytes", -1) >= 0)
		printf("memory.high %s of %s is not gomemd's, but the kubelet's, a unit's "
		       "MemoryHigh= or an operator's: it is respected\n",
		       member_bytes(e, "others_high_bytes", a),
		       member_text(e, "others_high_origin"));
}

static void print_explain(json_object *answer)
{
	json_object *e = member(answer, "explain");
	json_object *tiers = member(e, "tiers"), *next = member(e, "next");
	json_object *procs = member(e, "processes");
	char a[24], b[24], text[64];

	printf("%s (%s)\n", member_text(e, "workload"), member_text(e, "cgroup"));
	kubernetes_print(member(e, "kubernetes"));
	print_limits(e);
	print_share(member(e, "namespace_share"));
	printf("mode %s, state %s (%s), last decision %s\n", member_text(e, "mode"),
	       member_text(e, "state"), member_text(e, "decision_reason"),
	       member_text(e, "decision_id"));
	kubernetes_print_source(e);
	if (member(e, "observed_because"))
		printf("observed only: %s\n", observed_text(member_text(e, "observed_because")));
	print_forecast(member(e, "forecast"));
	print_unit(member(e, "environment"), member(e, "restart"));
	printf("tiers:\n");
	for (size_t i = 0; i < json_object_array_length(tiers); i++) {
		json_object *t = json_object_array_get_idx(tiers, i);

		printf("  %-12s %-10s %s:%" PRId64 "\n", member_text(t, "tier"),
		       member_text(t, "why"), member_text(t, "file"), member_int(t, "line", 0));
	}
	printf("numbers (names as in gomemd(8)):\n");
	print_figures(member(e, "numbers"));
	print_activity(member(e, "activity"), "its runtimes");
	printf("swap: %s in it, %s read back, %s written since the cgroup was made\n",
	       member_bytes(e, "swap_bytes", a), member_bytes(e, "swapped_in_bytes", b),
	       member_bytes(e, "swapped_out_bytes", text));
	for (size_t i = 0; i < json_object_array_length(procs); i++) {
		json_object *p = json_object_array_get_idx(procs, i), *levers = member(p, "levers");

		printf("process %" PRId64 " %s %s\n", member_int(p, "pid", 0),
		       member_text(p, "exe"), member_text(p, "go_version"));
		for (size_t l = 0; levers && l < json_object_array_length(levers); l++) {
			json_object *v = json_object_array_get_idx(levers, l);

			printf("  %-12s %-24s %s (%s)\n", member_text(v, "lever"),
			       lever_text(p, l, l == 0, text), member_text(v, "verdict"),
			       member_text(v, "reason"));
		}
		print_goroutine_limit(member(p, "goroutine_limit"));
		print_activity(member(p, "activity"), "  its runtime");
		print_culprits(member(p, "culprits"));
	}
	printf("next:\n");
	for (size_t i = 0; i < json_object_array_length(next); i++) {
		json_object *n = json_object_array_get_idx(next, i);

		printf("  %-10s when %s: %s now, at %s\n", member_text(n, "state"),
		       member_text(n, "figure"), member_bytes(n, "now", a),
		       member_bytes(n, "at", b));
	}
}

int verb_explain(const struct options *o)
{
	struct control_request req = { .verb = CONTROL_EXPLAIN };
	int r = client_name_workload(o, &req);

	if (!o->operand) {
		fprintf(stderr, "gomemctl: explain which workload? gomemctl status lists them\n");
		return EXIT_UNUSABLE;
	}
	return r == EXIT_DONE ? client_show(o, &req, print_explain) : r;
}

static void print_config(json_object *answer)
{
	json_object *list = member(answer, "config");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *row = json_object_array_get_idx(list, i);

		printf("# %s (default %s)\n%s = %s\n", member_text(row, "about"),
		       member_text(row, "default"), member_text(row, "key"),
		       member_text(row, "value"));
	}
}

int verb_show_config(const struct options *o)
{
	const struct control_request req = { .verb = CONTROL_SHOW_CONFIG };

	return client_show(o, &req, print_config);
}

/* A file of policies, or of settings: told apart by its first section. */
static bool is_settings(const char *file)
{
	const char *base = strrchr(file, '/');

	return !strcmp(base ? base + 1 : file, "gomemd.conf");
}

int verb_check_config(const struct options *o)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *set = NULL;
	struct config config;
	json_object *answer;
	int r = 0, p = 0;

	config_default(&config);
	if (!o->operand || is_settings(o->operand))
		r = config_load(o->operand ? o->operand : CONFIG_FILE, &report, &config);
	if (!o->operand)
		p = policy_load_host("", &report, &set);
	else if (!is_settings(o->operand))
		p = policy_load((char *[]){ (char *)(uintptr_t)o->operand }, 1, &report, &set);
	if (o->json) {
		answer = json_object_new_object();
		json_object_object_add(answer, "schema", json_object_new_int(1));
		json_object_object_add(answer, "errors", json_object_new_int((int)report.errors));
		json_object_object_add(answer, "warnings",
				       json_object_new_int((int)report.warnings));
		json_put_text(answer, "report", report.text ? report.text : "");
		print_json(answer);
		json_object_put(answer);
	} else if (report.text) {
		fputs(report.text, stderr);
	}
	if (r == 0 && p == 0)
		return EXIT_DONE;
	if (!report.text)
		fprintf(stderr, "gomemctl: %s: %s\n", o->operand ? o->operand : CONFIG_FILE,
			strerror(-(r < 0 ? r : p)));
	return EXIT_UNUSABLE;
}

int verb_order(const struct options *o, enum control_verb verb)
{
	struct control_request req = { .verb = verb,
				       .has_gogc = o->has_gogc,
				       .gogc = o->gogc,
				       .has_memory_limit = o->has_memory_limit,
				       .memory_limit_bytes = o->memory_limit_bytes,
				       .for_usec = o->for_usec,
				       .force = o->force,
				       .dry_run = o->dry_run };
	json_object *answer;
	int r = client_name_workload(o, &req);

	if (r != EXIT_DONE)
		return r;
	if (!o->operand && (verb == CONTROL_SET || verb == CONTROL_RELEASE)) {
		fprintf(stderr, "gomemctl: %s which workload? gomemctl status lists them\n",
			control_verb_name(verb));
		return EXIT_UNUSABLE;
	}
	r = client_ask(o, &req, &answer);
	if (r != EXIT_DONE)
		return r;
	if (o->json)
		print_json(answer);
	else
		printf("%s%s%s: %s\n", control_verb_name(verb), o->operand ? " " : "",
		       o->operand ? o->operand : "", o->dry_run ? "would be done" : "done");
	json_object_put(answer);
	return EXIT_DONE;
}
