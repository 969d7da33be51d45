/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/look.h"
#include "host/listen.h"

/* Listening to one process, without the daemon. Those that are not wanted of the three are NULL. */
struct listening {
	struct probe_target target;
	void (*event)(void *userdata, const struct event *e);
	void (*alloc)(void *userdata, const struct event_alloc *a);
	void (*slice)(void *userdata, const struct span_slice *s);
	void *userdata;
	struct listener *listener;
	bool attached;
	bool ended; /* the last slice was told */
	int error;
};

/* The process of a verb's operand as it is now. Returns an exit code; what went wrong is said. */
int listening_look(const char *verb, const struct options *o, struct inspect_reply *ret);

/*
 * Sets the probes that @l->target asks for. Returns an exit code; what went wrong is said. Then listener_run hears, and
 * listening_stop ends it, with the events that were lost returned; where slices are wanted it hears the last one.
 */
int listening_start(struct listening *l);
uint64_t listening_stop(struct listening *l);
