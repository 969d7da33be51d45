/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/simulate.h"
#include "cli/svg.h"
#include "policy/load.h"
#include "wire/json.h"

struct simulated {
	struct policy_set *set;
	struct decide_settings settings;
	struct trace_head head;
	struct trace_counts counts;
	uint64_t left_out; /* looks of workloads beyond the cap */
	uint32_t n;
	struct study *studies[STUDY_WORKLOADS];
};

static void simulated_done(struct simulated *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->studies[i]);
	policy_set_free(s->set);
}

/* The workload's study, made with its first look; NULL beyond the cap. */
static struct study *study_of(struct simulated *s, const struct trace_look *look)
{
	struct study *made;

	for (uint32_t i = 0; i < s->n; i++)
		if (!strcmp(s->studies[i]->workload, look->workload))
			return s->studies[i];
	made = s->n < STUDY_WORKLOADS ? calloc(1, sizeof(*made)) : NULL;
	if (!made)
		return NULL;
	text_copy(made->workload, sizeof(made->workload), look->workload);
	text_copy(made->exe, sizeof(made->exe), look->exe);
	text_copy(made->module, sizeof(made->module), look->module);
	(void)cgroup_name_parse(look->workload, &made->name);
	s->studies[s->n++] = made;
	return made;
}

static void on_look(void *userdata, const struct trace_look *look)
{
	struct simulated *s = userdata;
	struct study *study = study_of(s, look);

	s->settings.interval = s->head.interval;
	if (study)
		study_look(study, s->set, &s->settings, look);
	else
		s->left_out++;
}

static int load_policies(const char *path, struct ini_report *report, struct policy_set **ret)
{
	char *file[] = { (char *)(uintptr_t)path }, **files = NULL;
	struct stat st;
	int n, r;

	if (!path)
		return policy_load_host("", report, ret);
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return policy_load(file, 1, report, ret);
	n = ini_list_dropins("", (const char *const[]){ path }, 1, &files);
	if (n < 0)
		return n;
	r = n ? policy_load(files, n, report, ret) : -ENOENT;
	ini_free_list(files, n);
	return r;
}

static int open_policies(const struct options *o, struct simulated *s)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	int r = load_policies(o->policy, &report, &s->set);

	if (report.text)
		fputs(report.text, stderr);
	if (r == 0)
		return EXIT_DONE;
	fprintf(stderr, "gomemctl: no policies in %s: %s\n",
		o->policy ? o->policy : "/etc/gomemd/policies.d", strerror(-r));
	return EXIT_UNUSABLE;
}

static const char *tier_name(const struct simulated *s, const struct study *study)
{
	return study->tier < 0 ? "-" : s->set->tiers[study->tier].rules.tier;
}

static json_object *change_json(const struct plot_change *c)
{
	json_object *o = json_object_new_object();
	const bool bytes = c->lever == LEVER_SOFT_LIMIT || c->lever == LEVER_MEMORY_HIGH;

	json_put_u64(o, "at_usec", c->at);
	if (c->pid)
		json_object_object_add(o, "pid", json_object_new_int(c->pid));
	json_put_text(o, "lever", policy_lever_name((enum policy_lever)c->lever));
	json_put_text(o, "verdict", decide_verdict_name(c->verdict));
	json_put_text(o, "reason", decide_reason_name(c->reason));
	json_object_object_add(
		o, "from", bytes && c->from == VALUE_NONE ? NULL : json_object_new_int64(c->from));
	json_object_object_add(o, "to",
			       bytes && c->to == VALUE_NONE ? NULL : json_object_new_int64(c->to));
	return o;
}

static json_object *changes_json(const struct plot *p)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < p->n_changes; i++)
		json_object_array_add(list, change_json(&p->changes[i]));
	return list;
}

static json_object *arm_json(const struct plant_totals *t)
{
	json_object *o = json_object_new_object();

	json_put_u64(o, "peak_usage_bytes", t->peak_usage_bytes);
	json_object_object_add(o, "killed_at_usec",
			       t->killed_at ? json_object_new_int64((int64_t)t->killed_at) : NULL);
	json_put_u64(o, "gc_cpu_ns", t->gc_cpu_ns);
	json_put_u64(o, "gc_cycles", t->cycles);
	json_put_u64(o, "stalled_usec", t->stalled);
	return o;
}

static json_object *seen_json(const struct study *study)
{
	json_object *o = json_object_new_object(), *states = json_object_new_object();
	json_object *alerts = json_object_new_array();

	for (int i = 0; i < STATE_MAX_; i++)
		json_put_u64(states, policy_state_name((enum policy_state)i), study->state_time[i]);
	for (int32_t i = ALERT_NONE + 1; i < ALERT_MAX_; i++)
		if (study->alerted[i])
			json_object_array_add(alerts, json_object_new_string(decide_alert_name(i)));
	json_put_u64(o, "peak_usage_bytes", study->peak_usage);
	json_object_object_add(o, "states_usec", states);
	json_object_object_add(o, "alerts", alerts);
	json_object_object_add(o, "changes", changes_json(&study->seen));
	json_put_u64(o, "changes_left_out", study->seen.more_changes);
	return o;
}

static json_object *study_json(const struct simulated *s, const struct study *study)
{
	json_object *o = json_object_new_object(), *plant, *with;

	json_put_escaped(o, "workload", study->workload);
	json_put_text(o, "tier", tier_name(s, study));
	json_put_u64(o, "looks", study->looks);
	json_put_u64(o, "span_usec", study->ended - study->began);
	json_put_u64(o, "restarts", study->restarts);
	json_object_object_add(
		o, "room_bytes",
		study->room >= INT64_MAX ? NULL : json_object_new_int64((int64_t)study->room));
	json_object_object_add(o, "seen", seen_json(study));
	if (!study->planted)
		return o;
	plant = json_object_new_object();
	with = arm_json(&study->with);
	json_object_object_add(with, "changes", changes_json(&study->plot_with));
	json_put_u64(with, "changes_left_out", study->plot_with.more_changes);
	json_put_u64(with, "state_changes", study->state_changes);
	json_object_object_add(plant, "without", arm_json(&study->without));
	json_object_object_add(plant, "with", with);
	json_object_object_add(o, "plant", plant);
	return o;
}

static void print_all_json(const struct simulated *s)
{
	json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(o, "schema", json_object_new_int(1));
	for (uint32_t i = 0; i < s->n; i++)
		json_object_array_add(list, study_json(s, s->studies[i]));
	json_object_object_add(o, "workloads", list);
	json_put_u64(o, "bad_lines", s->counts.bad);
	json_put_u64(o, "looks_lost", s->counts.lost);
	json_put_u64(o, "looks_left_out", s->left_out);
	print_json(o);
	json_object_put(o);
}

static const char *value_text(const struct plot_change *c, int64_t v, char buf[TEXT_BYTES_MAX])
{
	if (c->lever != LEVER_SOFT_LIMIT && c->lever != LEVER_MEMORY_HIGH)
		snprintf(buf, TEXT_BYTES_MAX, "%" PRId64, v);
	else if (v == VALUE_NONE)
		snprintf(buf, TEXT_BYTES_MAX, "none");
	else
		text_bytes(buf, (uint64_t)v);
	return buf;
}

static void print_changes(const struct plot *p, uint32_t top)
{
	char from[TEXT_BYTES_MAX], to[TEXT_BYTES_MAX];

	for (size_t i = 0; i < p->n_changes && i < top; i++) {
		const struct plot_change *c = &p->changes[i];

		printf("  %8.1f s  %-12s %s -> %s (%s)\n", (double)c->at / (double)USEC_SEC,
		       policy_lever_name((enum policy_lever)c->lever), value_text(c, c->from, from),
		       value_text(c, c->to, to), decide_reason_name(c->reason));
	}
	if (p->n_changes + p->more_changes > top)
		printf("  and %" PRIu64 " more (--top N)\n",
		       (uint64_t)p->n_changes + p->more_changes - top);
}

static void print_seen(const struct simulated *s, const struct study *study, uint32_t top)
{
	char peak[TEXT_BYTES_MAX], room[TEXT_BYTES_MAX], clean[2 * WORKLOAD_NAME_MAX];

	text_escape(clean, sizeof(clean), study->workload);
	printf("%s: tier %s, %" PRIu64 " looks over %.0f s, peak %s of a room of %s\n", clean,
	       tier_name(s, study), study->looks,
	       (double)(study->ended - study->began) / (double)USEC_SEC,
	       text_bytes(peak, study->peak_usage), text_bytes(room, study->room));
	printf("decisions on what was seen (each look as it was, nothing fed back):\n  states:");
	for (int i = 0; i < STATE_MAX_; i++)
		if (study->state_time[i])
			printf(" %s %.1f s", policy_state_name((enum policy_state)i),
			       (double)study->state_time[i] / (double)USEC_SEC);
	putchar('\n');
	for (int32_t i = ALERT_NONE + 1; i < ALERT_MAX_; i++)
		if (study->alerted[i])
			printf("  alert: %s\n", decide_alert_name(i));
	print_changes(&study->seen, top);
}

static void print_arm(const char *name, const struct plant_totals *t)
{
	char peak[TEXT_BYTES_MAX], killed[32] = "not killed";

	if (t->killed_at)
		snprintf(killed, sizeof(killed), "killed after %.1f s",
			 (double)t->killed_at / (double)USEC_SEC);
	printf("  %-8s peak %s, %s, %" PRIu64 " collections, %.1f s of CPU for them\n", name,
	       text_bytes(peak, t->peak_usage_bytes), killed, t->cycles,
	       (double)t->gc_cpu_ns / 1e9);
}

static void print_study(const struct simulated *s, const struct study *study, uint32_t top)
{
	print_seen(s, study, top);
	if (!study->planted)
		return;
	printf("a model fitted to the trace (live heap, rate and non-Go share by the trace, levers by the policies):\n");
	print_arm("without", &study->without);
	print_arm("with", &study->with);
	print_changes(&study->plot_with, top);
}

static void print_all(const struct simulated *s, const struct options *o)
{
	for (uint32_t i = 0; i < s->n; i++)
		print_study(s, s->studies[i], o->top);
	if (s->counts.bad)
		printf("%" PRIu64 " lines are no looks\n", s->counts.bad);
	if (s->counts.lost)
		printf("%" PRIu64 " looks were lost while it was recorded\n", s->counts.lost);
	if (s->left_out)
		printf("%" PRIu64 " looks are of more workloads than %d\n", s->left_out,
		       STUDY_WORKLOADS);
}

static void draw_study(FILE *f, double *top, struct study *study)
{
	snprintf(study->seen.title, sizeof(study->seen.title),
		 "%.150s: as it was seen, and what would have been set", study->workload);
	plot_draw(f, *top, &study->seen, NULL);
	*top += PLOT_HEIGHT;
	if (!study->planted)
		return;
	snprintf(study->plot_with.title, sizeof(study->plot_with.title),
		 "%.150s: a model fitted to it, governed", study->workload);
	plot_draw(f, *top, &study->plot_with, &study->plot_without);
	*top += PLOT_HEIGHT;
}

static int draw_all(struct simulated *s, const struct options *o)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	double top = 0;
	int height = 0, r;

	if (!f)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n; i++)
		height += PLOT_HEIGHT * (s->studies[i]->planted ? 2 : 1);
	svg_begin(f, PLOT_WIDTH, height);
	for (uint32_t i = 0; i < s->n; i++)
		draw_study(f, &top, s->studies[i]);
	svg_end(f);
	r = fclose(f) == 0 ? output_write(o->svg, text, size, 0644) : -errno;
	free(text);
	return r;
}

static int read_trace(const struct options *o, struct simulated *s)
{
	const int r = trace_file_read(o->operand, &s->head, on_look, s, &s->counts);

	if (r < 0) {
		fprintf(stderr, "gomemctl: %s: %s\n", o->operand,
			r == -EBADMSG ? "not a trace" :
			r == -EPROTO  ? "a trace of another version" :
					strerror(-r));
		return EXIT_UNUSABLE;
	}
	if (!s->n) {
		fprintf(stderr, "gomemctl: %s has no looks\n", o->operand);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

int verb_simulate(const struct options *o)
{
	_cleanup_(simulated_done) struct simulated s = { 0 };
	int r;

	if (!o->operand) {
		fprintf(stderr, "gomemctl: simulate which trace? gomemctl record makes one\n");
		return EXIT_UNUSABLE;
	}
	r = open_policies(o, &s);
	if (r == EXIT_DONE)
		r = read_trace(o, &s);
	if (r != EXIT_DONE)
		return r;
	for (uint32_t i = 0; i < s.n && o->plant; i++)
		study_plant(s.studies[i], s.set, &s.head);
	if (o->json)
		print_all_json(&s);
	else
		print_all(&s, o);
	r = o->svg ? draw_all(&s, o) : 0;
	if (r < 0)
		fprintf(stderr, "gomemctl: cannot write %s: %s\n", o->svg, strerror(-r));
	return r < 0 ? EXIT_REFUSED : EXIT_DONE;
}
