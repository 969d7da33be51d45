/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/util.h"
#include "cli/listening.h"
#include "host/throttle.h"
#include "wire/json.h"

#define PATIENCE (10 * USEC_SEC)
#define LAST_MAX (2 * USEC_SEC) /* several times what it takes it to say something */

/* Since its tokens were first counted. */
static uint64_t per_second(const struct throttle_report *r)
{
	return r->limited_ns ? mul_div(r->calls, 1000 * 1000 * 1000, r->limited_ns) : 0;
}

static void print_report(const struct throttle_target *t, const struct throttle_report *r)
{
	printf("%-22s %d, %u threads\n", "process", t->pid, r->threads);
	printf("%-22s %u/s\n", "cap", t->rate_per_s);
	printf("%-22s %" PRIu64 "/s over %.1f s\n", "reached", per_second(r),
	       (double)r->limited_ns / 1e9);
	printf("%-22s %" PRIu64 ", %" PRIu64 " of them over the cap; %" PRIu64
	       " more of the runtime's own\n",
	       "goroutines", r->calls, r->over, r->own_calls);
	printf("%-22s %" PRIu64 " times, %.1f s together, %.1f ms at most\n", "threads held",
	       r->holds, (double)r->held_ns / 1e9, (double)r->longest_ns / 1e6);
	if (r->forgiven)
		printf("%-22s %" PRIu64 " goroutines, since their threads could not be held\n",
		       "forgiven", r->forgiven);
}

static void print_report_json(const struct throttle_target *t, const struct throttle_report *r)
{
	json_object *o = json_object_new_object();

	json_put_u64(o, "schema", 1);
	json_put_u64(o, "pid", (uint64_t)t->pid);
	json_put_text(o, "outcome", throttle_outcome_name((int32_t)r->outcome));
	json_put_u64(o, "rate_per_second", t->rate_per_s);
	json_put_u64(o, "reached_per_second", per_second(r));
	json_put_u64(o, "limited_usec", r->limited_ns / 1000);
	json_put_u64(o, "threads", r->threads);
	json_put_u64(o, "calls", r->calls);
	json_put_u64(o, "calls_over", r->over);
	json_put_u64(o, "calls_own", r->own_calls);
	json_put_u64(o, "calls_forgiven", r->forgiven);
	json_put_u64(o, "holds", r->holds);
	json_put_u64(o, "held_usec", r->held_ns / 1000);
	json_put_u64(o, "held_longest_usec", r->longest_ns / 1000);
	json_put_u64(o, "passed", r->passed);
	print_json(o);
	json_object_put(o);
}

static int refuse(pid_t pid, const struct throttle_report *r)
{
	if (r->outcome == THROTTLE_TRACED)
		fprintf(stderr,
			"gomemctl: process %d is traced by process %d: it is left to that one\n",
			pid, r->tracer);
	else if (r->outcome == THROTTLE_GONE)
		fprintf(stderr, "gomemctl: process %d is gone, or runs another program\n", pid);
	else if (r->outcome == THROTTLE_LOST)
		fprintf(stderr,
			"gomemctl: the helper was killed: process %d is not limited any more\n",
			pid);
	else if (r->outcome == THROTTLE_HUNG)
		fprintf(stderr, "gomemctl: limiting process %d does not come to an end\n", pid);
	else
		fprintf(stderr, "gomemctl: cannot limit process %d: unsupported here: %s\n", pid,
			throttle_why(r->error));
	return EXIT_REFUSED;
}

static int limit(const struct throttle_target *t, const struct options *o)
{
	_cleanup_(throttler_freep) struct throttler *throttler = NULL;
	const struct throttle_report *report;
	int r = throttler_new(t, PATIENCE, &throttler);

	if (r < 0)
		return refuse(t->pid, &(struct throttle_report){ .outcome = THROTTLE_UNSUPPORTED,
								 .error = r });
	report = throttler_report(throttler);
	while (report->outcome == THROTTLE_STARTING && !throttler_ended(throttler))
		throttler_run(throttler, PATIENCE, true);
	if (report->outcome != THROTTLE_LIMITED)
		return refuse(t->pid, report);
	throttler_run(throttler, o->for_usec, false);
	/* The whole time is told of. */
	throttler_run(throttler, LAST_MAX, true);
	/* One that has ended meanwhile was limited until then. */
	if (report->outcome != THROTTLE_LIMITED && report->outcome != THROTTLE_GONE)
		return refuse(t->pid, report);
	if (o->json)
		print_report_json(t, report);
	else
		print_report(t, report);
	return EXIT_DONE;
}

int verb_throttle(const struct options *o)
{
	static struct inspect_reply reply;
	struct throttle_target t;
	int r;

	if (!o->rate_per_s || !o->for_usec) {
		fprintf(stderr, "gomemctl: it limits one process for a while: "
				"throttle PID --rate 1000/s --for 10s\n");
		return EXIT_UNUSABLE;
	}
	r = listening_look("throttle", o, &reply);
	if (r != EXIT_DONE)
		return r;
	r = throttle_target_of(&reply.info.stat.id, &reply.runtime.sites, o->rate_per_s, &t);
	if (r < 0)
		return refuse(
			reply.info.stat.id.pid,
			&(struct throttle_report){ .outcome = THROTTLE_UNSUPPORTED, .error = r });
	return limit(&t, o);
}
