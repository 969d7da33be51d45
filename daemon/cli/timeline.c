/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/listening.h"
#include "sense/cycles.h"

struct hearing {
	struct cycles cycles;
	uint64_t wall_offset_ns;
	bool json;
};

static uint64_t wall_offset(void)
{
	return (clock_usec(CLOCK_REALTIME) - clock_usec(CLOCK_MONOTONIC)) * 1000;
}

/* An entry in words, as the daemon answers it or as it was heard here. */
static void print_row(json_object *e)
{
	char before[TEXT_BYTES_MAX], after[TEXT_BYTES_MAX], goal[TEXT_BYTES_MAX];

	printf("%s  %-10s %10" PRId64 " us ", member_text(e, "at"), member_text(e, "event"),
	       member_int(e, "duration_ns", 0) / 1000);
	if (json_object_object_get_ex(e, "num_gc", NULL))
		printf(" #%" PRId64 " %s, paused %s%" PRId64 " us, %s -> %s, goal %s",
		       member_int(e, "num_gc", 0), member_text(e, "trigger"),
		       json_object_get_boolean(json_object_object_get(e, "estimate")) ? "about " :
											"",
		       member_int(e, "pause_ns", 0) / 1000,
		       member_bytes(e, "heap_before_bytes", before),
		       member_bytes(e, "heap_after_bytes", after),
		       member_bytes(e, "heap_goal_bytes", goal));
	if (json_object_object_get_ex(e, "swap_bytes", NULL))
		printf(" %s in, %s out, %s in swap", member_bytes(e, "swapped_in_bytes", before),
		       member_bytes(e, "swapped_out_bytes", after),
		       member_bytes(e, "swap_bytes", goal));
	if (json_object_object_get_ex(e, "lever", NULL))
		printf(" %s %" PRId64 " -> %" PRId64 " (%s)", member_text(e, "lever"),
		       member_int(e, "from", -1), member_int(e, "to", -1),
		       member_text(e, "reason"));
	if (json_object_object_get_ex(e, "site", NULL))
		printf(" %s was hit too often, and is not listened to any more",
		       member_text(e, "site"));
	putchar('\n');
}

static void print_entry(const struct hearing *h, const struct timeline_entry *e)
{
	json_object *o = timeline_entry_json(e, h->wall_offset_ns);

	if (e->kind == TIMELINE_GUARD)
		json_object_object_add(o, "site",
				       json_object_new_string(go_site_name((enum go_site_kind)MIN(
					       e->value, (uint64_t)SITE_KIND_MAX_))));
	if (h->json) {
		json_object_object_add(o, "schema", json_object_new_int(1));
		print_json(o);
	} else {
		print_row(o);
		fflush(stdout);
	}
	json_object_put(o);
}

static void on_event(void *userdata, const struct event *e)
{
	struct hearing *h = userdata;
	struct timeline_entry entry = {
		.kind = TIMELINE_GUARD, .pid = (int32_t)e->pid, .at_ns = e->at_ns, .value = e->value
	};

	if (e->kind == EVENT_GUARD || cycles_feed(&h->cycles, e, &entry))
		print_entry(h, &entry);
}

static void print_answer(json_object *answer)
{
	json_object *list =
		json_object_object_get(json_object_object_get(answer, "timeline"), "entries");

	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		print_row(json_object_array_get_idx(list, i));
}

/* What the daemon has heard of the workload so far. */
static int ask_daemon(const struct options *o)
{
	struct control_request req = { .verb = CONTROL_TIMELINE };
	int r = client_name_workload(o, &req);

	return r == EXIT_DONE ? client_show(o, &req, print_answer) : r;
}

static int listen_now(const struct options *o)
{
	static struct inspect_reply reply;
	struct hearing h = { .json = o->json, .wall_offset_ns = wall_offset() };
	struct listening l = { .event = on_event, .userdata = &h };
	uint64_t lost;
	int r = listening_look("timeline", o, &reply);

	if (r != EXIT_DONE)
		return r;
	probe_target_of(reply.info.stat.id.pid, &reply.runtime, PROBES_CYCLES, &l.target);
	r = listening_start(&l);
	if (r != EXIT_DONE)
		return r;
	listener_run(l.listener, o->for_usec);
	lost = listening_stop(&l);
	if (lost)
		fprintf(stderr, "gomemctl: %" PRIu64 " events were lost\n", lost);
	return EXIT_DONE;
}

int verb_timeline(const struct options *o)
{
	if (!o->operand) {
		fprintf(stderr, "gomemctl: timeline needs a workload, or a process with --for\n");
		return EXIT_UNUSABLE;
	}
	return o->for_usec ? listen_now(o) : ask_daemon(o);
}
