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

int looker_open(struct looker *l);
void looker_close(struct looker *l);

/* Opens and samples. Returns an INSPECT_* result or -errno; *ret is filled as far as it was found. */
int looker_look(struct looker *l, pid_t pid, struct inspect_reply *ret);

/* The object of probe --json for a reply. */
json_object *look_json(const struct inspect_reply *reply);

/* Why a process was refused, in one line: the gate and its detail. */
void look_refusal(const struct inspect_reply *reply, int result, char *buf, size_t size);
