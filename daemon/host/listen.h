/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "bpf/event.h"
#include "host/probe_target.h"
#include "host/span_watch.h"

/*
 * A helper that holds the BPF programs and their probes: setting one reads a tenant's file, which may block, and the
 * ring is read by the clock. Its owner tells it whom to listen to, and gets what was heard in batches.
 */
enum listen_op {
	LISTEN_ATTACH,
	LISTEN_DETACH,
	LISTEN_OP_MAX_,
};

/* What a helper is to hear; words of its command line. */
enum {
	LISTEN_RUNTIMES = 1 << 0,
	LISTEN_KERNEL = 1 << 1,
	LISTEN_PROCESSES = 1 << 2,
	LISTEN_WORDS = 3,
};

/* That of bit @i. */
static inline const char *listen_word(unsigned int i)
{
	static const char *const words[LISTEN_WORDS] = { "runtimes", "kernel", "processes" };

	return words[i];
}

/* What is to be had of that, each 0 or -errno; -ENOTSUP where it was not asked for. */
struct listen_ready {
	int32_t runtimes, kernel, processes;
	uint32_t processes_by_raw; /* by raw tracepoints, since there is no BTF */
};

struct listen_request {
	uint32_t op;
	struct probe_target target; /* DETACH: its pid alone */
};

enum {
	LISTEN_EVENTS = 32,
	LISTEN_ALLOCS = 4,
};

enum listen_message_kind {
	LISTEN_READY,	  /* first of all: `ready` */
	LISTEN_ATTACHING, /* an ATTACH begins: what blocks from here on is that process's doing */
	LISTEN_ATTACHED,  /* answer to ATTACH: `kinds` that sit, or `error` */
	LISTEN_DETACHED,  /* answer to DETACH */
	LISTEN_HEARD,	  /* events */
	LISTEN_SAMPLED,	  /* allocations */
	LISTEN_SLICE,	  /* what those since the last of these stand for: of spans alone */
};

struct listen_message {
	uint32_t kind;
	int32_t error; /* -errno or 0 */
	int32_t pid;
	uint32_t kinds;
	uint64_t lost; /* in all, since the start */
	uint32_t n, unused;
	union {
		struct listen_ready ready;
		struct event events[LISTEN_EVENTS];
		struct event_alloc allocs[LISTEN_ALLOCS];
		struct span_slice slice;
	};
};

/*
 * The helper's side: serves on @fd until it is closed. Never returns. A program of its own (gomemd-listen), so that only
 * one process pays for the library.
 */
_Noreturn void listen_serve(int fd, uint32_t what);

/*
 * The owner's side: one helper, replaced when it does not come to an end with a process by the deadline. Nothing here
 * waits: one request is under way, others stand in a queue.
 */
struct listener;

struct listener_callbacks {
	/*
	 * What there will be events of. Again after the helper was replaced: attach anew, and what the kernel had to tell
	 * meanwhile was heard by nobody.
	 */
	void (*ready)(void *userdata, const struct listen_ready *ready);
	void (*attached)(void *userdata, pid_t pid, uint32_t kinds, int error);
	void (*event)(void *userdata, const struct event *e);
	void (*alloc)(void *userdata, const struct event_alloc *a);
	/* Of PROBES_SPANS: the last one comes before a detach is answered. */
	void (*slice)(void *userdata, const struct span_slice *s);
	/* Attaching to this process made the helper hang: not to be asked for again. */
	void (*hostile)(void *userdata, pid_t pid);
	void *userdata;
};

/* @what: LISTEN_*. */
int listener_new(const struct listener_callbacks *callbacks, uint32_t what, usec_t deadline,
		 struct listener **ret);
struct listener *listener_free(struct listener *l);

static inline void listener_freep(struct listener **l)
{
	listener_free(*l);
}

/* -ENOSPC where too many wait, -EPIPE where nobody listens: ask again later. */
int listener_attach(struct listener *l, const struct probe_target *t);
/* Takes the process out of the queue as well. */
void listener_detach(struct listener *l, pid_t pid);

/* For a loop; the descriptor changes with the generation. */
int listener_fd(const struct listener *l);
unsigned int listener_generation(const struct listener *l);
void listener_dispatch(struct listener *l);
usec_t listener_deadline(const struct listener *l);
void listener_expire(struct listener *l, usec_t now);

/* For gomemctl, which has no loop: dispatches for @duration. */
void listener_run(struct listener *l, usec_t duration);

/* Events that did not fit into the ring, since the start. */
uint64_t listener_lost(const struct listener *l);
