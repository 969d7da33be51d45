/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

#include "base/clock.h"

/* What is used of libcurl, which is loaded by hand, in processes without rights: the daemon does without it. */
struct curl_library {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
	CURLcode (*easy_perform)(CURL *curl);
	CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
	void (*easy_cleanup)(CURL *curl);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
};

/* False where there is none. Before curl_confine. */
bool curl_library_load(struct curl_library *lib);

/*
 * Gives up everything but what a client needs that is handed its sockets: no socket, no file, no program, no child of its own
 * making. False where it cannot be: the process is to end.
 */
bool curl_confine(void);

/* Waits until the connection that *@fd is making is there. Returns 0, -ETIMEDOUT, or -ECONNREFUSED for any failure of it. */
int curl_await_connection(int fd, usec_t until);

/*
 * What both of its clients want: http(s) alone, no redirects, no proxy, one connection, over *@fd and no other, which is taken
 * with it. @left_ms for all of it.
 */
bool curl_set_common(const struct curl_library *lib, CURL *curl, const char *url, long left_ms,
		     int *fd);
