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
	print_bytes("resident", reply->rows[0].rss_bytes);
	print_bytes("smallest useful limit", heap_limit_floor(s, rt->minor));
	print_line("collections", "%u (%u forced), last %s", s->num_gc, s->num_forced_gc,
		   s->last_gc_unix_ns ? text_time_ns(when, s->last_gc_unix_ns) : "never");
	print_line("paused in all", "%" PRIu64 " us", s->pause_total_ns / 1000);
	print_line("goroutines", "%" PRId64 " on %d P", s->goroutines, s->gomaxprocs);
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

static int probe_once(struct looker *l, pid_t pid, bool json)
{
	static struct inspect_reply reply;
	char why[512];
	int r = looker_look(l, pid, &reply);

	if (r != INSPECT_OK) {
		look_refusal(&reply, r, why, sizeof(why));
		fprintf(stderr, "gomemctl: process %d %s\n", pid, why);
		return EXIT_UNUSABLE;
	}
	if (json) {
		json_object *o = look_json(&reply);

		json_object_object_add(o, "schema", json_object_new_int(1));
		print_json(o);
		json_object_put(o);
	} else {
		print_probe(&reply);
	}
	return EXIT_DONE;
}

int verb_probe(const struct options *o)
{
	struct looker l;
	uint64_t pid;
	int r;

	if (!o->operand || text_parse_u64(o->operand, &pid) < 0 || pid == 0 || pid > INT32_MAX) {
		fprintf(stderr, "gomemctl: probe needs a process id: gomemctl probe PID\n");
		return EXIT_UNUSABLE;
	}
	r = looker_open(&l);
	if (r < 0) {
		fprintf(stderr, "gomemctl: cannot look at processes: %s\n", strerror(-r));
		return EXIT_REFUSED;
	}
	do {
		r = probe_once(&l, (pid_t)pid, o->json);
	} while (r == EXIT_DONE && o->watch && poll(NULL, 0, (int)(o->interval / USEC_MSEC)) == 0);
	looker_close(&l);
	return r;
}
