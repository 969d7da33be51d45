/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/curl_library.h"
#include "host/kube_follow.h"

/* One GET of the API server. */
struct kube_get {
	const char *url, *accept;
	const struct kube_grant *grant;
	usec_t patience;		  /* of all of it */
	void (*begun)(void *userdata);	  /* the answer is 200; NULL: nobody is told */
	void (*progress)(void *userdata); /* about every second */
	/* Of a 200 alone. False: no more of it, and the outcome is what *outcome is then. */
	bool (*body)(void *userdata, const char *bytes, size_t len, enum kube_outcome *outcome);
	void *userdata;
};

/* @fd is being connected, and is closed. *ret_status: of HTTP, 0 where none came. */
enum kube_outcome kube_get(const struct curl_library *lib, const struct kube_get *get, int fd,
			   uint32_t *ret_status);
