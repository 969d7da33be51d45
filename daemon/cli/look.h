/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "cli/cli.h"
#include "host/inspector.h"

/* Processes without the daemon: one helper, asked one by one. Shared by probe and scan. */
struct looker {
	struct hostroot host;
	struct inspector *in;
};

/* Returns an exit code; what went wrong is said. */
int looker_open(struct looker *l);
void looker_close(struct looker *l);

/* Opens and samples. Returns an INSPECT_* result or -errno; *ret is filled as far as it was found. */
int looker_look(struct looker *l, pid_t pid, struct inspect_reply *ret);

/* The same of a core file. */
int looker_look_core(struct looker *l, const char *path, struct inspect_reply *ret);

/* Which goroutines are in a profile of them: all, or with `blocked` those that are for so long at least. */
struct look_goroutines {
	bool blocked;
	usec_t at_least;
};

/*
 * Takes a profile, whose rows looker_profile_rows then fetches. Returns an INSPECT_* result, an outcome of profile_take, or -errno;
 * *ret is filled as far as it was found.
 */
int looker_profile(struct looker *l, pid_t pid, enum profile_kind kind, uint32_t top,
		   struct inspect_reply *ret);
int looker_goroutines(struct looker *l, pid_t pid, const struct look_goroutines *which,
		      struct inspect_reply *ret);
/* By cause, of a heap or of stacks, or by go statement (PROFILE_GO_STATEMENTS, @of does not matter). @index: of the report on it; NULL for the one that is filed. */
int looker_causes(struct looker *l, pid_t pid, enum profile_kind kind, enum inspect_causes of,
		  uint32_t top, const char *index, struct inspect_reply *ret);
/* One of the stacks that a profile of allocations is to be made of, in their order from 0 on. 0 or as above. */
int looker_put_stack(struct looker *l, uint32_t number, const struct alloc_stack *stack);
/* All @n rows of the profile that was taken last, the caller's. Returns 0 or -errno. */
int looker_profile_rows(struct looker *l, uint32_t n, union profile_row **ret);

/* A word that is the id of a process. */
bool look_pid(const char *word, pid_t *ret);

/* The object of probe --json for a reply. */
json_object *look_json(const struct inspect_reply *reply);

/* The pauses of its collections in the last minute, and how much of that minute they are of. */
usec_t look_recent(const struct inspect_reply *reply, struct histogram *ret);

/* Why a process was refused, in one line: the gate and its detail. */
void look_refusal(const struct inspect_reply *reply, int result, char *buf, size_t size);
