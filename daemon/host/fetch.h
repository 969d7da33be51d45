/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "base/util.h"
#include "wire/endpoint.h"
#include "wire/figures.h"

/*
 * Asks programs for what they say of themselves over HTTP, by a program of its own (gomemd-fetch) in two processes. One has
 * rights and reads nothing of a tenant's but lists of the kernel's: it opens a socket in the network namespace of the
 * process that is asked. The other has libcurl, no rights, and that socket: it asks, reads and parses, and what comes
 * back are figures of fixed size. The library is loaded with the first request.
 *
 * No redirect is followed, no proxy used, nothing resolved, no certificate asked for: what an endpoint tells is a
 * tenant's word with a certificate as well, and nothing is told to it.
 */
enum fetch_op {
	FETCH_TRY,  /* are the library and the rights there? */
	FETCH_FIND, /* which sockets the process listens on for TCP */
	FETCH_GET,
	FETCH_BODY, /* the answer itself, by fetcher_call_body alone */
	FETCH_OP_MAX_,
};

enum {
	FETCH_FOUND_MAX = 8,
	FETCH_BODY_BYTES_MAX = 8 * 1024 * 1024, /* after gzip */
	FETCH_HEADER_BYTES_MAX = 64 * 1024,
	FETCH_WHOLE_BYTES_MAX =
		64 * 1024 * 1024, /* of BODY, as it comes but for an encoding of HTTP */
};

#define FETCH_PATIENCE	   (2 * USEC_SEC) /* of one request, in all, where it has no other */
#define FETCH_PATIENCE_MAX (10 * USEC_MIN)

/* Outcomes; the words are in doc/gomemctl.1. */
enum fetch_outcome {
	FETCH_OK,
	FETCH_GONE,	 /* no such process any more */
	FETCH_REFUSED,	 /* nobody listens there, or it may not be reached */
	FETCH_TIMEOUT,	 /* no whole answer in time */
	FETCH_TOO_LARGE, /* header or body over its cap */
	FETCH_STATUS,	 /* an answer, and not 200: `status` */
	FETCH_GARBLED,	 /* no HTTP, no TLS, or cut off */
	FETCH_NOTHING,	 /* a whole answer without figures; of BODY: an empty one */
	FETCH_NO_LIBRARY,
	FETCH_HUNG,   /* the helper did not answer, and was replaced */
	FETCH_FAILED, /* for a reason of this machine's: `error` */
	FETCH_OUTCOME_MAX_,
};

const char *fetch_outcome_name(int32_t outcome);

enum fetch_source {
	FETCH_FROM_NOTHING,
	FETCH_FROM_EXPVAR,
	FETCH_FROM_PROMETHEUS,
	FETCH_FROM_PROFILE, /* gzip, as pprof serves it: no figures are taken from it */
	FETCH_SOURCE_MAX_,
};

const char *fetch_source_name(uint32_t source);

struct fetch_request {
	uint32_t op;
	pid_t pid; /* whose namespaces the address is in; 0: this one's */
	uint64_t start_ticks;
	uint64_t serial;    /* the owner's own: it comes back with the request */
	struct endpoint at; /* GET, BODY */
	usec_t patience;    /* 0: FETCH_PATIENCE */
};

static inline usec_t fetch_patience(const struct fetch_request *req)
{
	return req->patience ? MIN(req->patience, FETCH_PATIENCE_MAX) : FETCH_PATIENCE;
}

struct fetch_reply {
	int32_t outcome, error; /* enum fetch_outcome */
	uint32_t status;	/* of HTTP; 0: none came */
	uint32_t source;	/* enum fetch_source */
	uint64_t body_bytes;
	uint64_t took_usec;
	uint32_t n_found; /* FIND: without paths */
	struct endpoint found[FETCH_FOUND_MAX];
	struct figures figures;
};

/* Nobody who does not answer is asked for his other paths. */
static inline bool fetch_is_silent(const struct fetch_reply *r)
{
	return r->outcome == FETCH_REFUSED || r->outcome == FETCH_TIMEOUT ||
	       r->outcome == FETCH_HUNG || r->outcome == FETCH_GONE ||
	       r->outcome == FETCH_NO_LIBRARY;
}

/* What Go's server for TLS says to plain HTTP is 400; others say nothing that is HTTP. */
static inline bool fetch_may_be_tls(const struct fetch_reply *r)
{
	return r->outcome == FETCH_GARBLED || (r->outcome == FETCH_STATUS && r->status == 400);
}

/*
 * The helper's side: serves on @fd until it is closed. A FETCH_BODY is followed by a message of one byte with the memory
 * (FETCH_WHOLE_BYTES_MAX) that the answer is written to, and by nobody but a process without rights. Never returns.
 */
_Noreturn void fetch_serve(int fd);

/* The owner's side: one request under way, more in a queue. The helper is started with the first. */
struct fetcher;

typedef void (*fetch_done)(void *userdata, const struct fetch_request *req,
			   const struct fetch_reply *reply);

int fetcher_new(struct fetcher **ret);
struct fetcher *fetcher_free(struct fetcher *f);

static inline void fetcher_freep(struct fetcher **f)
{
	fetcher_free(*f);
}

/*
 * Queues a request; @done is called from fetcher_dispatch or fetcher_expire, once. Returns 0, -ENOSPC when the queue is full,
 * or another -errno.
 */
int fetcher_request(struct fetcher *f, const struct fetch_request *req, fetch_done done,
		    void *userdata);

/* The same, waiting: for gomemctl, which has no loop. Nothing else may be queued. */
int fetcher_call(struct fetcher *f, const struct fetch_request *req, struct fetch_reply *ret);

/*
 * fetcher_call of a FETCH_BODY, whatever req->op is: nothing is made of what came, which may be anything. With FETCH_OK
 * *ret_body has ret->body_bytes bytes, at least one, and is the caller's to free. Returns 0 or -errno.
 */
int fetcher_call_body(struct fetcher *f, const struct fetch_request *req, struct fetch_reply *ret,
		      uint8_t **ret_body);

/* For a loop: -1 while there is no helper; another whenever the generation is. */
int fetcher_fd(const struct fetcher *f);
unsigned int fetcher_generation(const struct fetcher *f);
void fetcher_dispatch(struct fetcher *f);
/* By when the request under way must have been answered; 0 where there is none. */
usec_t fetcher_deadline(const struct fetcher *f);
void fetcher_expire(struct fetcher *f, usec_t now);
