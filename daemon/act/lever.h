/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/inspect.h"
#include "policy/policy.h"

/*
 * A lever of a Go process: which fields of its runtime make a value, and when the runtime has it. Values are bytes,
 * percent (-1: off) or 0/1; what was there before is in the sample that a change starts from.
 */
struct lever_ops {
	enum policy_lever lever;
	int64_t runtime_default; /* what the runtime starts with where nobody said otherwise */
	const char *variable;	 /* of the environment, by which an owner says otherwise */
	/* Fills the stores, in the order in which they must land; returns how many. */
	uint32_t (*plan)(const struct go_sample *s, int64_t value, struct inspect_store *ret);
	/* The stores depend on the live heap: they are made anew where it has changed meanwhile. */
	bool needs_marked;
	/* Does this sample show the value in force? */
	bool (*holds)(const struct go_sample *s, int64_t value);
	/* The value that this sample has. */
	int64_t (*value)(const struct go_sample *s);
	/* Is it one that may be written at all? */
	bool (*valid)(int64_t value);
};

/* One of those of a process. */
const struct lever_ops *lever_ops(enum policy_lever lever);

/*
 * What gomemd itself has put into the environment of the process for this lever (act/environment.h), where it is still
 * there. A tenant that forges this only gives up a word of its own.
 */
bool lever_environment(const struct lever_ops *ops, const struct process_info *info, int64_t *ret);

/* Has the owner set the variable that this lever goes by, to whatever? Then it is not touched. */
bool lever_variable_is_owners(const struct lever_ops *ops, const struct process_info *info);

/* Did the owner set this lever explicitly? By the environment, or by a first value that is not the default. */
bool lever_owner_set(const struct lever_ops *ops, const struct process_info *info,
		     const struct go_sample *first);
