/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"
#include "policy/value.h"

#define BLOCKED_MAX (30 * 24 * 60 * USEC_MIN)

static int order_set(const struct options *o)
{
	return verb_order(o, CONTROL_SET);
}

static int order_release(const struct options *o)
{
	return verb_order(o, CONTROL_RELEASE);
}

static int order_stop_writes(const struct options *o)
{
	return verb_order(o, CONTROL_STOP_WRITES);
}

static int order_resume(const struct options *o)
{
	return verb_order(o, CONTROL_RESUME);
}

enum {
	ESCAPE_OPERANDS = 4,
};

static const struct verb {
	const char *name;
	int (*run)(const struct options *o);
	const char *usage, *about;
	int operands; /* at most: one is true, none is false */
} verbs[] = {
	{ "scan", verb_scan, "[--watch]", "every Go process here, and what the governor would say",
	  false },
	{ "probe", verb_probe, "PID|CORE [--watch]",
	  "what the Go runtime of a process is doing, or was when its core was dumped", true },
	{ "heap", verb_heap, "PID | WORKLOAD [--top N]",
	  "where its memory was allocated, without an endpoint; what of it grows", true },
	{ "allocs", verb_allocs, "PID --for DURATION [--top N]",
	  "where it allocates right now, by its own sampler", true },
	{ "culprits", verb_culprits, "WORKLOAD | PID --for DURATION [--report FILE] [--top N]",
	  "which lines make its heap what it is, why, and what to do", true },
	{ "goroutines", verb_goroutines, "PID [--blocked[=DURATION]] [--top N]",
	  "what its goroutines wait for, and where they began", true },
	{ "endpoint", verb_endpoint, "PID [--url URL]",
	  "what it says of itself over HTTP, beside its memory", true },
	{ "status", verb_status, "[WORKLOAD]", "what the daemon governs", true },
	{ "top", verb_top, "[--batch] [-n N] [--delay DURATION] [--once]",
	  "workloads by risk, on a screen that follows them", false },
	{ "explain", verb_explain, "WORKLOAD", "why it is as it is, and what comes next", true },
	{ "timeline", verb_timeline, "WORKLOAD | PID --for DURATION",
	  "collections, pauses, stalls and adjustments in their order", true },
	{ "features", verb_features, "", "what works here, and what would bring back the rest",
	  false },
	{ "audit", verb_audit, "[WORKLOAD] [--since DURATION]",
	  "what was changed, from the journal", true },
	{ "postmortem", verb_postmortem, "[WORKLOAD | POD | RECORD] [--list]",
	  "what a workload was killed of, and what to do", true },
	{ "throttle", verb_throttle, "PID --rate N/s --for DURATION",
	  "limit the goroutines that it creates, by hand", true },
	{ "set", order_set, "WORKLOAD --gogc N | --memory-limit BYTES [--for DURATION] [--force]",
	  "pin a lever until release", true },
	{ "release", order_release, "WORKLOAD", "give everything back and leave it alone", true },
	{ "stop-writes", order_stop_writes, "", "give everything back, everywhere, at once",
	  false },
	{ "resume", order_resume, "[WORKLOAD]", "end stop-writes, or a release", true },
	{ "check-config", verb_check_config, "[FILE]", "check settings and policies", true },
	{ "show-config", verb_show_config, "", "the daemon's settings", false },
	{ "replay", verb_replay, "[FILE] [--journal EXPORT] [--set INPUT=NUMBER]",
	  "decide again from the decision file", true },
	{ "record", verb_record, "WORKLOAD | --all [--for DURATION] -o FILE",
	  "what the daemon sees, look by look, into a trace", true },
	{ "simulate", verb_simulate, "TRACE --policy FILE|DIR [--plant] [--svg FILE]",
	  "what other policies would have decided on a trace", true },
	{ "escape", verb_escape, "report|why|baseline|gate|diff|build|import|join ...",
	  "what the compiler says of the heap: classes, causes, and a gate for CI; without a daemon",
	  ESCAPE_OPERANDS },
};

static void usage(FILE *f)
{
	fprintf(f, "gomemctl VERB [OPTIONS]; see gomemctl(1).\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(f, "  %-12s %s\n               %s\n", verbs[i].name, verbs[i].usage,
			verbs[i].about);
	fprintf(f, "\n  --json on every verb; --dry-run on those that change something\n");
}

enum option_id {
	OPTION_JSON = 256,
	OPTION_WATCH,
	OPTION_FORCE,
	OPTION_DRY_RUN,
	OPTION_GOGC,
	OPTION_MEMORY_LIMIT,
	OPTION_FOR,
	OPTION_RATE,
	OPTION_INTERVAL,
	OPTION_SINCE,
	OPTION_SOCKET,
	OPTION_JOURNAL,
	OPTION_SET,
	OPTION_TOP,
	OPTION_BLOCKED,
	OPTION_CLASS,
	OPTION_PACKAGE,
	OPTION_BASELINE,
	OPTION_RULES,
	OPTION_OUTPUT,
	OPTION_SARIF,
	OPTION_JUNIT,
	OPTION_BINARY,
	OPTION_PROFILE,
	OPTION_REPORT,
	OPTION_DIR,
	OPTION_VALUES,
	OPTION_ALL,
	OPTION_BATCH,
	OPTION_ONCE,
	OPTION_DELAY,
	OPTION_LIST,
	OPTION_PLANT,
	OPTION_POLICY,
	OPTION_SVG,
	OPTION_URL,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "watch", no_argument, NULL, OPTION_WATCH },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "gogc", required_argument, NULL, OPTION_GOGC },
	{ "memory-limit", required_argument, NULL, OPTION_MEMORY_LIMIT },
	{ "for", required_argument, NULL, OPTION_FOR },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "journal", required_argument, NULL, OPTION_JOURNAL },
	{ "set", required_argument, NULL, OPTION_SET },
	{ "top", required_argument, NULL, OPTION_TOP },
	{ "blocked", optional_argument, NULL, OPTION_BLOCKED },
	{ "class", required_argument, NULL, OPTION_CLASS },
	{ "package", required_argument, NULL, OPTION_PACKAGE },
	{ "baseline", required_argument, NULL, OPTION_BASELINE },
	{ "rules", required_argument, NULL, OPTION_RULES },
	{ "output", required_argument, NULL, OPTION_OUTPUT },
	{ "sarif", required_argument, NULL, OPTION_SARIF },
	{ "junit", required_argument, NULL, OPTION_JUNIT },
	{ "binary", required_argument, NULL, OPTION_BINARY },
	{ "profile", required_argument, NULL, OPTION_PROFILE },
	{ "report", required_argument, NULL, OPTION_REPORT },
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "values", required_argument, NULL, OPTION_VALUES },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "batch", no_argument, NULL, OPTION_BATCH },
	{ "list", no_argument, NULL, OPTION_LIST },
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "delay", required_argument, NULL, OPTION_DELAY },
	{ "plant", no_argument, NULL, OPTION_PLANT },
	{ "policy", required_argument, NULL, OPTION_POLICY },
	{ "svg", required_argument, NULL, OPTION_SVG },
	{ "url", required_argument, NULL, OPTION_URL },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int bad_value(const char *option, const char *want)
{
	fprintf(stderr, "gomemctl: --%s wants %s\n", option, want);
	return -1;
}

static int parse_gogc(struct options *o, const char *arg)
{
	o->has_gogc = true;
	if (!strcmp(arg, "off")) {
		o->gogc = -1;
		return 0;
	}
	return text_parse_i64(arg, &o->gogc) < 0 ? bad_value("gogc", "a percentage, or off") : 0;
}

static int parse_memory_limit(struct options *o, const char *arg)
{
	uint64_t bytes;

	o->has_memory_limit = true;
	if (!strcmp(arg, "off") || !strcmp(arg, "none")) {
		o->memory_limit_bytes = INT64_MAX;
		return 0;
	}
	if (text_parse_bytes(arg, &bytes) < 0 || bytes > INT64_MAX)
		return bad_value("memory-limit", "bytes, as 100M or 104857600, or none");
	o->memory_limit_bytes = (int64_t)bytes;
	return 0;
}

static int parse_top(struct options *o, const char *arg)
{
	uint64_t n;

	if (text_parse_u64(arg, &n) < 0 || n < 1 || n > 1000)
		return bad_value("top", "a number of 1 to 1000");
	o->top = (uint32_t)n;
	return 0;
}

static int parse_rounds(struct options *o, const char *arg)
{
	uint64_t n;

	if (text_parse_u64(arg, &n) < 0 || n < 1 || n > 1000000) {
		fprintf(stderr, "gomemctl: -n wants a number of 1 to 1000000\n");
		return -1;
	}
	o->rounds = (uint32_t)n;
	return 0;
}

static int parse_delay(struct options *o, const char *arg)
{
	return text_parse_duration(arg, &o->delay) < 0 || o->delay < 100 * USEC_MSEC ||
			       o->delay > 3600 * USEC_SEC ?
		       bad_value("delay", "a duration of 100ms to 1h") :
		       0;
}

static int parse_blocked(struct options *o, const char *arg)
{
	o->blocked = true;
	if (arg &&
	    (text_parse_duration(arg, &o->blocked_usec) < 0 || o->blocked_usec > BLOCKED_MAX))
		return bad_value("blocked", "a duration of up to 30d, as 10s or 5min");
	return 0;
}

/* The value of an option that is a text as it stands; NULL for any other. */
static const char **text_option(int c, struct options *o)
{
	switch (c) {
	case OPTION_SINCE:
		return &o->since;
	case OPTION_SOCKET:
		return &o->socket;
	case OPTION_JOURNAL:
		return &o->journal;
	case OPTION_SET:
		return &o->set;
	case OPTION_CLASS:
		return &o->class;
	case OPTION_PACKAGE:
		return &o->package;
	case OPTION_BASELINE:
		return &o->baseline;
	case OPTION_RULES:
		return &o->rules;
	case OPTION_OUTPUT:
	case 'o':
		return &o->output;
	case OPTION_SARIF:
		return &o->sarif;
	case OPTION_JUNIT:
		return &o->junit;
	case OPTION_BINARY:
		return &o->binary;
	case OPTION_PROFILE:
		return &o->profile;
	case OPTION_REPORT:
		return &o->report;
	case OPTION_DIR:
		return &o->dir;
	case OPTION_VALUES:
		return &o->values;
	case OPTION_POLICY:
		return &o->policy;
	case OPTION_SVG:
		return &o->svg;
	case OPTION_URL:
		return &o->url;
	default:
		return NULL;
	}
}

static int parse_option(int c, struct options *o)
{
	const char **text = text_option(c, o);

	if (text) {
		*text = optarg;
		return 0;
	}
	switch (c) {
	case OPTION_JSON:
		o->json = true;
		return 0;
	case OPTION_WATCH:
		o->watch = true;
		return 0;
	case OPTION_FORCE:
		o->force = true;
		return 0;
	case OPTION_ALL:
		o->all = true;
		return 0;
	case OPTION_BATCH:
		o->batch = true;
		return 0;
	case OPTION_LIST:
		o->list = true;
		return 0;
	case OPTION_ONCE:
		o->once = true;
		return 0;
	case OPTION_DELAY:
		return parse_delay(o, optarg);
	case 'n':
		return parse_rounds(o, optarg);
	case OPTION_PLANT:
		o->plant = true;
		return 0;
	case OPTION_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPTION_GOGC:
		return parse_gogc(o, optarg);
	case OPTION_MEMORY_LIMIT:
		return parse_memory_limit(o, optarg);
	case OPTION_FOR:
		return text_parse_duration(optarg, &o->for_usec) < 0 || !o->for_usec ?
			       bad_value("for", "a duration, as 10min or 2h") :
			       0;
	case OPTION_RATE:
		return policy_value_rate(optarg, &o->rate_per_s) < 0 ?
			       bad_value("rate", "goroutines a second, as 1000/s") :
			       0;
	case OPTION_INTERVAL:
		return text_parse_duration(optarg, &o->interval) < 0 || o->interval < USEC_MSEC ||
				       o->interval > 3600 * USEC_SEC ?
			       bad_value("interval", "a duration of 1ms to 1h") :
			       0;
	case OPTION_BLOCKED:
		return parse_blocked(o, optarg);
	case OPTION_TOP:
		return parse_top(o, optarg);
	default:
		return -1;
	}
}

static int run_verb(const char *name, int argc, char **argv, struct options *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(name, verbs[i].name))
			continue;
		if (argc > verbs[i].operands) {
			fprintf(stderr, "gomemctl: %s %s\n", name, verbs[i].usage);
			return EXIT_UNUSABLE;
		}
		o->operand = argc ? argv[0] : NULL;
		o->operands = argv;
		o->n_operands = argc;
		return verbs[i].run(o);
	}
	fprintf(stderr, "gomemctl: there is no verb '%s'; gomemctl --help lists them\n", name);
	return EXIT_UNUSABLE;
}

int main(int argc, char **argv)
{
	struct options o = { .interval = USEC_SEC, .top = 10 };
	int c;

	while ((c = getopt_long(argc, argv, "ho:n:", long_options, NULL)) >= 0) {
		if (c == 'h') {
			usage(stdout);
			return EXIT_DONE;
		}
		if (c == OPTION_VERSION) {
			printf("gomemctl %s\n", GOMEMD_VERSION);
			return EXIT_DONE;
		}
		if (parse_option(c, &o) < 0)
			return EXIT_UNUSABLE;
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_UNUSABLE;
	}
	return run_verb(argv[optind], argc - optind - 1, argv + optind + 1, &o);
}
