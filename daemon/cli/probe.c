/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/look.h"
#include "decide/heapmath.h"

static void print_line(const char *name, const char *format, ...) _printf_(2, 3);

static void print_line(const char *name, const char *format, ...)
{
	va_list ap;

	printf("%-22s ", name);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static void print_bytes(const char *name, uint64_t v)
{
	char text[TEXT_BYTES_MAX];

	print_line(name, "%s", text_bytes(text, v));
}

/* What its runtime remembers of its last collections, and counts since the start. */
static void print_recent(const struct inspect_reply *reply)
{
	const struct inspect_row *row = &reply->rows[0];
	struct histogram h;
	const usec_t over = look_recent(reply, &h);

	print_line("in the last",
		   "%.1f s: %u collections, paused half of them up to %" PRIu64
		   " us, 99 %% up to %" PRIu64 " us, longest %" PRIu64 " us",
		   (double)over / (double)USEC_SEC, row->pulse.pauses,
		   histogram_quantile_ns(&h, 500) / 1000, histogram_quantile_ns(&h, 990) / 1000,
		   h.max_ns / 1000);
	if (row->pulse.gc_cpu_ns >= 0 && row->cpu_ns)
		print_line("CPU in all", "%.2f s, collecting %.2f s", (double)row->cpu_ns / 1e9,
			   (double)row->pulse.gc_cpu_ns / 1e9);
}

static void print_probe(const struct inspect_reply *reply)
{
	const struct go_runtime *rt = &reply->runtime;
	const struct go_sample *s = &reply->rows[0].sample;
	char exe[512], module[300], when[TEXT_TIME_MAX];

	text_escape(exe, sizeof(exe), reply->info.exe);
	text_escape(module, sizeof(module), rt->info.module);
	print_line("process", "%d %s", reply->info.stat.id.pid, exe);
	print_line("built with", "%s, module %s", rt->info.version, module);
	print_line("GOGC", s->gc_percent < 0 ? "off" : "%d", s->gc_percent);
	print_bytes("soft limit", s->memory_limit_bytes == INT64_MAX ?
					  BYTES_UNLIMITED :
					  (uint64_t)s->memory_limit_bytes);
	print_bytes("heap allocated", go_sample_heap_alloc(s));
	print_bytes("live after last mark", s->heap_marked_bytes);
	print_bytes("heap goal", heap_goal(s, rt->minor));
	print_line("effective GOGC", "%d", heap_effective_gogc(s, rt->minor));
	print_bytes("heap in use", s->heap_inuse_bytes);
	print_bytes("heap free", s->heap_free_bytes);
	print_bytes("heap released", s->heap_released_bytes);
	print_bytes("mapped and ready", s->mapped_ready_bytes);
	if (reply->rows[0].rss_bytes != UINT64_MAX)
		print_bytes("resident", reply->rows[0].rss_bytes);
	print_bytes("smallest useful limit", heap_limit_floor(s, rt->minor));
	print_line("collections", "%u (%u forced), last %s", s->num_gc, s->num_forced_gc,
		   s->last_gc_unix_ns ? text_time_ns(when, s->last_gc_unix_ns) : "never");
	print_line("paused in all", "%" PRIu64 " us", s->pause_total_ns / 1000);
	if (reply->rows[0].cpu_ns < UINT64_MAX)
		print_recent(reply);
	print_line("goroutines", "%" PRId64 " on %d P", s->goroutines, s->gomaxprocs);
	if (reply->rows[0].pulse.goroutines_created >= 0)
		print_line("goroutines made", "%" PRId64, reply->rows[0].pulse.goroutines_created);
	print_line("CPU limiter", "%s",
		   !s->limiter_known  ? "unknown" :
		   s->limiter_enabled ? "on" :
					"off");
	print_line("madvdontneed", "%d", s->madvdontneed);
	for (enum go_gate g = 0; g < GATE_MAX_; g++)
		if (rt->gates[g].asked)
			print_line(g == 0 ? "gates" : "", "%s %s: %s",
				   rt->gates[g].ok ? "ok " : "NO ", go_gate_name(g),
				   rt->gates[g].detail);
}

static int print_result(const struct inspect_reply *reply, bool json)
{
	json_object *o;

	if (!json) {
		print_probe(reply);
		return EXIT_DONE;
	}
	o = look_json(reply);
	json_object_object_add(o, "schema", json_object_new_int(1));
	print_json(o);
	json_object_put(o);
	return EXIT_DONE;
}

static int probe_once(struct looker *l, pid_t pid, bool json)
{
	static struct inspect_reply reply;
	char why[512];
	int r = looker_look(l, pid, &reply);

	if (r == INSPECT_OK)
		return print_result(&reply, json);
	look_refusal(&reply, r, why, sizeof(why));
	fprintf(stderr, "gomemctl: process %d %s\n", pid, why);
	return EXIT_UNUSABLE;
}

static int probe_core(struct looker *l, const char *path, bool json)
{
	static struct inspect_reply reply;
	char why[1024], name[600];
	int r = looker_look_core(l, path, &reply);

	if (r == INSPECT_OK)
		return print_result(&reply, json);
	text_escape(name, sizeof(name), path);
	look_refusal(&reply, r, why, sizeof(why));
	fprintf(stderr, "gomemctl: core file %s %s\n", name, why);
	return EXIT_UNUSABLE;
}

/* A word of digits is a process, any other a core file: ./123 where its name is of digits. */
static bool is_number(const char *word)
{
	return word[strspn(word, "0123456789")] == '\0';
}

int verb_probe(const struct options *o)
{
	struct looker l;
	pid_t pid = 0;
	int r;

	if (!o->operand || (is_number(o->operand) && !look_pid(o->operand, &pid))) {
		fprintf(stderr,
			"gomemctl: probe needs a process id or a core file: gomemctl probe PID|CORE\n");
		return EXIT_UNUSABLE;
	}
	if (!pid && o->watch) {
		fprintf(stderr,
			"gomemctl: a core file does not change: probe it without --watch\n");
		return EXIT_UNUSABLE;
	}
	r = looker_open(&l);
	if (r != EXIT_DONE)
		return r;
	do {
		r = pid ? probe_once(&l, pid, o->json) : probe_core(&l, o->operand, o->json);
	} while (r == EXIT_DONE && o->watch && poll(NULL, 0, (int)(o->interval / USEC_MSEC)) == 0);
	looker_close(&l);
	return r;
}
