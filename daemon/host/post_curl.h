/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/post.h"

/* What one process hands the other beside the socket: the request, and when it must be over. */
struct post_task {
	usec_t until;
	struct post_request req;
};

/*
 * The process of gomemd-post that speaks HTTP, with libcurl and without rights. Its owner's end of a pair of sockets hears
 * one byte when it is ready, 0, or 1 where there is no library; then each message is a struct post_task with one socket that
 * is connected, and is answered by a struct post_reply. Never returns.
 */
_Noreturn void post_curl_serve(int fd);
