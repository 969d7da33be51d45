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
	bool json, watch, force, dry_run, has_gogc, has_memory_limit;
	int64_t gogc, memory_limit_bytes;
	usec_t for_usec, interval;
	const char *since, *socket, *journal, *set;
	const char *operand; /* the one thing a verb is about; NULL where none was given */
};

int verb_probe(const struct options *o);
int verb_scan(const struct options *o);
int verb_status(const struct options *o);
int verb_explain(const struct options *o);
int verb_show_config(const struct options *o);
int verb_check_config(const struct options *o);
int verb_order(const struct options *o, enum control_verb verb);
int verb_audit(const struct options *o);
int verb_replay(const struct options *o);

/*
 * Asks the daemon. Returns an exit code; with EXIT_DONE *ret is its answer, the caller's. What went wrong is said on
 * stderr (an answer with "error" is EXIT_REFUSED, its candidates are listed).
 */
int client_ask(const struct options *o, const struct control_request *req, json_object **ret);

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
