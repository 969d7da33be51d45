/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/address.h"
#include "base/clock.h"

/*
 * A small HTTP server by libmicrohttpd, which is loaded when the first one is made and not before. Only GET and HEAD, one
 * request a connection; connections, headers and time have caps. Everything is done in http_dispatch, without a thread.
 */
struct http_server;

/* What is sent; `text` is the server's to free once it is handed over. */
struct http_answer {
	unsigned int status;
	const char *type;
	char *text;
	size_t len;
};

struct http_request {
	const char *path;   /* without the query */
	const char *accept; /* the header, or NULL */
};

/* Fills *ret. Returns 0, or -ENOMEM: the connection is closed. */
typedef int (*http_handler)(void *userdata, const struct http_request *req,
			    struct http_answer *ret);

enum {
	HTTP_CONNECTIONS_MAX = 16,
	HTTP_PER_ADDRESS_MAX = 8,
	HTTP_HEADER_BYTES_MAX = 16 * 1024, /* with what the library needs beside it */
	HTTP_OWED_MAX = 32 * 1024 * 1024,  /* of answers under way: what is beyond it is 503, ... */
	HTTP_SMALL = 4096,		   /* ... but for those */
};

#define HTTP_TIME_MAX (10 * USEC_SEC) /* of a connection, whatever it does */

/*
 * Listens. A unix socket that was left there is replaced. Returns 0; -ELIBACC where the library cannot be loaded, or another
 * -errno; then *ret_why, which has room for HTTP_WHY_MAX bytes, tells what went wrong.
 */
#define HTTP_WHY_MAX 256
int http_new(const struct address *listen, http_handler handler, void *userdata,
	     struct http_server **ret, char ret_why[HTTP_WHY_MAX]);
struct http_server *http_free(struct http_server *s);

/* For a loop: call http_dispatch when the descriptor is readable, and when it is due (0: never). */
int http_fd(const struct http_server *s);
usec_t http_due(const struct http_server *s);
void http_dispatch(struct http_server *s, usec_t now);
