/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/process.h"
#include "policy/policy.h"

/*
 * What was there before the first change of a lever, and what was written last. On disk before the change: whatever
 * dies in between, the next start can tell what is ours and give it back.
 */
struct undo_record {
	enum policy_lever lever;
	struct process_id process; /* of a process's lever; pid 0 for the cgroup's */
	uint64_t cgroup_id;	   /* of memory.high: the directory's inode number */
	int64_t owner;		   /* the value that was there */
	int64_t before;	 /* what was there just before the last write: the owner's, or ours */
	int64_t written; /* the value that was, or was about to be, written */
	bool owner_set;
	char workload[512];
	char unit[256]; /* memory.high was set through this unit; "": by file */
};

enum {
	UNDO_TEXT_MAX = 1280,
	UNDO_NAME_MAX = 80,
};

/* The record's file name: the same for the same lever of the same process or cgroup. */
void undo_name(const struct undo_record *u, char ret[UNDO_NAME_MAX]);

/* One "key=value" a line. Returns the length, or -ENOSPC. */
int undo_format(const struct undo_record *u, char ret[UNDO_TEXT_MAX]);

/* Returns 0, or -EBADMSG: a file that somebody has touched is not acted on. */
int undo_parse(const char *text, size_t len, struct undo_record *ret);
