/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "wire/control.h"

/* gomemctl's verbs. Each returns an exit code: 0 done, 1 a refused finding or failed operation, 2 unusable input. */
enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_UNUSABLE = 2,
};

struct options {
	bool json, watch, force, dry_run, has_gogc, has_memory_limit, blocked, all, plant;
	int64_t gogc, memory_limit_bytes;
	bool batch, once, list;
	usec_t for_usec, interval, blocked_usec, delay;
	uint32_t top, rate_per_s, rounds;
	const char *since, *socket, *journal, *set;
	const char *class, *package, *baseline, *rules, *output, *sarif, *junit;
	const char *binary, *profile, *report, *dir, *values, *policy, *svg, *url;
	const char *operand; /* the one thing a verb is about; NULL where none was given */
	char **operands;     /* all of them, for a verb of verbs */
	int n_operands;
};

int verb_probe(const struct options *o);
int verb_endpoint(const struct options *o);
int verb_heap(const struct options *o);
int verb_allocs(const struct options *o);
int verb_culprits(const struct options *o);
int verb_goroutines(const struct options *o);
int verb_scan(const struct options *o);
int verb_status(const struct options *o);
int verb_explain(const struct options *o);
int verb_show_config(const struct options *o);
int verb_check_config(const struct options *o);
int verb_order(const struct options *o, enum control_verb verb);
int verb_features(const struct options *o);
int verb_timeline(const struct options *o);
int verb_throttle(const struct options *o);
int verb_audit(const struct options *o);
int verb_top(const struct options *o);
int verb_postmortem(const struct options *o);

/* The last @n records about a workload, a list of "TIME MESSAGE", the oldest first, the caller's; NULL: there are none. */
json_object *audit_last(const char *workload, const char *cgroup, size_t n);
int verb_replay(const struct options *o);
int verb_escape(const struct options *o);
int verb_record(const struct options *o);
int verb_simulate(const struct options *o);

#define CLIENT_SOCKET "/run/gomemd/control.sock"

/*
 * Asks the daemon. Returns an exit code; with EXIT_DONE *ret is its answer, the caller's. What went wrong is said on
 * stderr (an answer with "error" is EXIT_REFUSED, its candidates are listed).
 */
int client_ask(const struct options *o, const struct control_request *req, json_object **ret);

/* The same without a word to anybody, and with refusals as they are: 0, or -errno where there was no answer. */
int client_fetch(const struct options *o, const struct control_request *req, json_object **ret);

/* Where the daemon is asked. */
const char *client_socket(const struct options *o);

/* Sends a request; what comes is read from the descriptor, the caller's. Below 0 what went wrong has been said. */
int client_connect(const struct options *o, const struct control_request *req);

/* Asks, and prints the answer: as it is with --json, else by @print. Returns as client_ask. */
int client_show(const struct options *o, const struct control_request *req,
		void (*print)(json_object *answer));

/* The operand, where there is one, becomes the workload that is asked about. Returns an exit code; too long a one is said. */
int client_name_workload(const struct options *o, struct control_request *req);

/* Prints one JSON object on a line. */
void print_json(json_object *o);

/* A table for a terminal: cells are added row by row, columns padded; text is escaped. */
struct grid;
struct grid *grid_new(const char *const *headings, size_t n);
void grid_add(struct grid *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees. */
void grid_print(struct grid *g);

/* Members of an answer, with what stands for a missing one. */
const char *member_text(json_object *o, const char *key);
int64_t member_int(json_object *o, const char *key, int64_t missing);
/* Bytes for a person, "-" for null. */
const char *member_bytes(json_object *o, const char *key, char buf[24]);
