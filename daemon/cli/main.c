/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"

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

static const struct verb {
	const char *name;
	int (*run)(const struct options *o);
	const char *usage, *about;
	bool takes_operand;
} verbs[] = {
	{ "scan", verb_scan, "[--watch]", "every Go process here, and what the governor would say",
	  false },
	{ "probe", verb_probe, "PID [--watch]", "what the Go runtime of a process is doing", true },
	{ "status", verb_status, "[WORKLOAD]", "what the daemon governs", true },
	{ "explain", verb_explain, "WORKLOAD", "why it is as it is, and what comes next", true },
	{ "audit", verb_audit, "[WORKLOAD] [--since DURATION]",
	  "what was changed, from the journal", true },
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
	OPTION_INTERVAL,
	OPTION_SINCE,
	OPTION_SOCKET,
	OPTION_JOURNAL,
	OPTION_SET,
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
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "journal", required_argument, NULL, OPTION_JOURNAL },
	{ "set", required_argument, NULL, OPTION_SET },
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

static int parse_option(int c, struct options *o)
{
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
	case OPTION_INTERVAL:
		return text_parse_duration(optarg, &o->interval) < 0 || o->interval < USEC_MSEC ||
				       o->interval > 3600 * USEC_SEC ?
			       bad_value("interval", "a duration of 1ms to 1h") :
			       0;
	case OPTION_SINCE:
		o->since = optarg;
		return 0;
	case OPTION_SOCKET:
		o->socket = optarg;
		return 0;
	case OPTION_JOURNAL:
		o->journal = optarg;
		return 0;
	case OPTION_SET:
		o->set = optarg;
		return 0;
	default:
		return -1;
	}
}

static int run_verb(const char *name, int argc, char **argv, struct options *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(name, verbs[i].name))
			continue;
		if (argc > 1 || (argc == 1 && !verbs[i].takes_operand)) {
			fprintf(stderr, "gomemctl: %s %s\n", name, verbs[i].usage);
			return EXIT_UNUSABLE;
		}
		o->operand = argc ? argv[0] : NULL;
		return verbs[i].run(o);
	}
	fprintf(stderr, "gomemctl: there is no verb '%s'; gomemctl --help lists them\n", name);
	return EXIT_UNUSABLE;
}

int main(int argc, char **argv)
{
	struct options o = { .interval = USEC_SEC };
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
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
