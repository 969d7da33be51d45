/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"
#include "policy/config.h"
#include "policy/load.h"

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
		grid_add(g, "-");
		grid_add(g, "-");
		grid_add(g, "refused by %s", member_text(p, "refused_by"));
		return;
	}
	grid_add(g, "%s", member_bytes(p, "heap_marked_bytes", d));
	grid_add(g, "%s", lever_text(p, 1, false, gogc));
	grid_add(g, "%s", lever_text(p, 0, true, limit));
}

static void print_status(json_object *answer)
{
	static const char *const headings[] = { "WORKLOAD", "TIER", "MODE", "STATE",
						"LIMIT",    "ROOM", "USED", "PID",
						"GO",	    "LIVE", "GOGC", "SOFT LIMIT" };
	json_object *list = member(answer, "workloads"), *daemon = member(answer, "daemon");
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *w = json_object_array_get_idx(list, i);
		json_object *procs = member(w, "processes");

		for (size_t k = 0; k < json_object_array_length(procs); k++)
			status_row(g, w, json_object_array_get_idx(procs, k));
	}
	grid_print(g);
	if (json_object_get_boolean(member(daemon, "writes_stopped")))
		printf("Writes are stopped: gomemctl resume\n");
}

int verb_status(const struct options *o)
{
	struct control_request req = { .verb = CONTROL_STATUS };
	json_object *answer;
	int r;

	if (o->operand)
		text_copy(req.workload, sizeof(req.workload), o->operand);
	r = client_ask(o, &req, &answer);
	if (r != EXIT_DONE)
		return r;
	if (o->json)
		print_json(answer);
	else
		print_status(answer);
	json_object_put(answer);
	return EXIT_DONE;
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

static void print_explain(json_object *e)
{
	json_object *tiers = member(e, "tiers"), *next = member(e, "next");
	json_object *procs = member(e, "processes");
	char a[24], b[24], text[64];

	printf("%s (%s)\n", member_text(e, "workload"), member_text(e, "cgroup"));
	printf("limit %s from %s, room %s from %s\n", member_bytes(e, "limit_bytes", a),
	       member_text(e, "limit_origin"), member_bytes(e, "room_bytes", b),
	       member_text(e, "room_origin"));
	printf("mode %s, state %s (%s), last decision %s\n", member_text(e, "mode"),
	       member_text(e, "state"), member_text(e, "decision_reason"),
	       member_text(e, "decision_id"));
	printf("tiers:\n");
	for (size_t i = 0; i < json_object_array_length(tiers); i++) {
		json_object *t = json_object_array_get_idx(tiers, i);

		printf("  %-12s %-10s %s:%" PRId64 "\n", member_text(t, "tier"),
		       member_text(t, "why"), member_text(t, "file"), member_int(t, "line", 0));
	}
	printf("numbers (names as in gomemd(8)):\n");
	print_figures(member(e, "numbers"));
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
	json_object *answer;
	int r;

	if (!o->operand || !text_copy(req.workload, sizeof(req.workload), o->operand)) {
		fprintf(stderr, "gomemctl: explain which workload? gomemctl status lists them\n");
		return EXIT_UNUSABLE;
	}
	r = client_ask(o, &req, &answer);
	if (r != EXIT_DONE)
		return r;
	if (o->json)
		print_json(answer);
	else
		print_explain(member(answer, "explain"));
	json_object_put(answer);
	return EXIT_DONE;
}

int verb_show_config(const struct options *o)
{
	const struct control_request req = { .verb = CONTROL_SHOW_CONFIG };
	json_object *answer, *list;
	int r = client_ask(o, &req, &answer);

	if (r != EXIT_DONE)
		return r;
	list = member(answer, "config");
	if (o->json)
		print_json(answer);
	for (size_t i = 0; !o->json && i < json_object_array_length(list); i++) {
		json_object *row = json_object_array_get_idx(list, i);

		printf("# %s (default %s)\n%s = %s\n", member_text(row, "about"),
		       member_text(row, "default"), member_text(row, "key"),
		       member_text(row, "value"));
	}
	json_object_put(answer);
	return EXIT_DONE;
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
		json_object_object_add(answer, "report",
				       json_object_new_string(report.text ? report.text : ""));
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
	int r;

	if (o->operand && !text_copy(req.workload, sizeof(req.workload), o->operand)) {
		fprintf(stderr, "gomemctl: that name is too long\n");
		return EXIT_UNUSABLE;
	}
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
