/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/* libcurl, loaded by hand: the daemon does without it. For the processes without rights that speak HTTP. */
struct curl_library {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
	CURLcode (*easy_perform)(CURL *curl);
	CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
	void (*easy_cleanup)(CURL *curl);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *line);
	void (*slist_free_all)(struct curl_slist *list);
};

/* False where it is not there. */
bool curl_library_load(struct curl_library *ret);

struct curl_number {
	CURLoption option;
	long value;
};

struct curl_pointer {
	CURLoption option;
	const void *value;
};

/* Sets all of them; and http and https alone, without any proxy. False where one cannot be. */
bool curl_library_set(const struct curl_library *lib, CURL *curl, const struct curl_number *numbers,
		      size_t n_numbers, const struct curl_pointer *pointers, size_t n_pointers);

/* Waits until the connection that @fd is making is there. Returns 0, -ETIMEDOUT, or -ECONNREFUSED for any failure of it. */
int curl_library_await(int fd, usec_t until);

/* The one socket that there is, which is connected: @fd becomes the library's, and -1. */
bool curl_library_use_socket(const struct curl_library *lib, CURL *curl, int *fd);

/*
 * Gives up all rights, for good: no socket, no file, no program, no child is opened or made from then on. False where one of
 * them could not be given up.
 */
bool curl_library_confine(void);
