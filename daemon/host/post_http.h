/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/curl_library.h"
#include "host/post.h"

/* One request, over a socket that is connected. All pointers are the caller's. */
struct post_http {
	const struct post_request *req; /* of it url, method and body */
	const char *token;		/* "": none is sent */
	const char *authorities;	/* PEM: who may vouch for the server; NULL: nobody */
	size_t authorities_bytes;
	usec_t until; /* by when it is over */
};

/*
 * Sends it and takes the status, whatever becomes of the answer's body: a server that has given its status has had the
 * document. @fd is closed.
 */
void post_http(const struct curl_library *lib, const struct post_http *of, int fd,
	       struct post_reply *ret);
