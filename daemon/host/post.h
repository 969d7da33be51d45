/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "base/util.h"
#include "wire/url.h"

/*
 * Sends documents to an HTTP server that the operator has named, by a program of its own (gomemd-post) in two processes,
 * neither of which has rights. One looks names up and connects; the other has libcurl, the certificates of the system's
 * authorities and that socket, and opens nothing. Of the answer the status is all that is taken. No redirect is followed,
 * no proxy used; over https the server must have a certificate for its name.
 *
 * What goes to the API server of Kubernetes is sent by gomemd-kube (host/kube_api.h) in the same way: it has the token and the
 * CA from their files, and trusts that CA alone.
 */
enum {
	POST_BODY_MAX = 96 * 1024,
	POST_TOKEN_MAX = 2048,
	POST_URL_MAX = 640,
	POST_ANSWER_MAX =
		16 *
		1024, /* what is read of an answer's body, and of its header; nobody looks at it */
};

#define POST_PATIENCE (5 * USEC_SEC) /* to connect and to be answered, in all */

/* Outcomes; a status is an answer, whichever it is. */
enum post_outcome {
	POST_ANSWERED,
	POST_UNRESOLVED, /* the name has no address, or nobody could be asked for it */
	POST_REFUSED,	 /* nobody listens there, or there is no way to it */
	POST_FORBIDDEN,	 /* this host does not let it be reached */
	POST_TIMEOUT,
	POST_GARBLED, /* no HTTP, no TLS, or cut off */
	POST_UNTRUSTED, /* its certificate is of no authority that the system knows, or for another name */
	POST_NO_LIBRARY,
	POST_NO_TOKEN, /* of the API server: that file, or the CA's, cannot be read or holds none */
	POST_HUNG,     /* the helper did not answer, and was replaced */
	POST_FAILED,   /* for a reason of this machine's */
	POST_OUTCOME_MAX_,
};

/* What happened, for a message. */
const char *post_outcome_text(int32_t outcome);

enum post_method {
	POST_CREATE, /* POST */
	POST_MERGE,  /* PATCH, by a JSON merge patch (RFC 7396) */
};

struct post_request {
	uint32_t method; /* enum post_method */
	char url[POST_URL_MAX];
	char token
		[POST_TOKEN_MAX]; /* of the Authorization header; "": none is sent; gomemd-kube has its own */
	uint32_t len;
	char body[POST_BODY_MAX]; /* JSON */
};

struct post_reply {
	int32_t outcome;
	uint32_t status; /* of HTTP; 0: none came */
};

/* The helper's side: serves on @fd until it is closed. Never returns. */
_Noreturn void post_serve(int fd);

struct kube_api;

/* The owner's side: one request at a time. The helper is started with the first. */
struct poster;

/* May not make another request. */
typedef void (*post_done)(void *userdata, const struct post_reply *reply);

/* @api: where the API server is, which is copied; NULL: by gomemd-post, wherever the request says. 0 or -ENOMEM. */
int poster_new(const struct kube_api *api, post_done done, void *userdata, struct poster **ret);
struct poster *poster_free(struct poster *p);

/* Never waits. @done is called later, once: by poster_dispatch or poster_expire. 0, or -EBUSY while one is under way. */
int poster_request(struct poster *p, const struct post_request *req);
/* Ends the helper, which nothing is asked of for a while. */
void poster_rest(struct poster *p);

/* For a loop: -1 while there is no helper; another whenever the generation is. */
int poster_fd(const struct poster *p);
unsigned int poster_generation(const struct poster *p);
void poster_dispatch(struct poster *p);
/* By when the request under way must have been answered; 0 where there is none. */
usec_t poster_deadline(const struct poster *p);
void poster_expire(struct poster *p, usec_t now);
