/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "core/manager.h"
#include "wire/control.h"

/* Who asks: as the kernel says of the socket's other end. */
struct requester {
	uid_t uid;
	pid_t pid;
};

/*
 * Carries out a request and returns its answer: an object with "schema": 1, and either the findings or "error", with
 * "candidates" where a name was ambiguous. NULL without memory.
 */
json_object *orders_answer(struct manager *m, const struct control_request *req,
			   const struct requester *who);

/* Is the workload meant by this name, or by none? */
bool orders_names(const struct workload *w, const char *name);
