/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>

#include "base/util.h"
#include "host/kube_api.h"
#include "host/post_http.h"

_Static_assert((int)POST_TOKEN_MAX <= (int)KUBE_TOKEN_BYTES,
	       "the header has room for either token");

/* An answer as it comes in. */
struct answer {
	size_t header_bytes, body_bytes;
	bool complete; /* its header is whole */
};

/* A line by which an answer begins says that the one before was but an announcement (100). */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	struct answer *a = userdata;
	const size_t len = size * n;

	a->header_bytes += len;
	if (a->header_bytes > POST_ANSWER_MAX)
		return 0;
	a->complete = len > 0 && (line[0] == '\r' || line[0] == '\n');
	return len;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct answer *a = userdata;

	(void)bytes;
	a->body_bytes += size * n;
	return a->body_bytes > POST_ANSWER_MAX ? 0 : size * n;
}

static struct curl_slist *headers_of(const struct curl_library *lib, const struct post_http *of)
{
	static char authorization[KUBE_TOKEN_BYTES + 32];
	const char *lines[] = { of->req->method == POST_MERGE ?
					"Content-Type: application/merge-patch+json" :
					"Content-Type: application/json",
				"Expect:", of->token[0] ? authorization : NULL };
	struct curl_slist *list = NULL, *longer;

	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", of->token);
	for (size_t i = 0; i < ARRAY_SIZE(lines) && lines[i]; i++) {
		longer = lib->slist_append(list, lines[i]);
		if (!longer) {
			lib->slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

/* Without authorities nobody is believed: the library's own list is not there to be read. */
static bool trust(const struct curl_library *lib, CURL *curl, const struct post_http *of)
{
	struct curl_blob blob = { .data = (void *)(uintptr_t)of->authorities,
				  .len = of->authorities_bytes,
				  .flags = CURL_BLOB_NOCOPY };

	return !of->authorities || lib->easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
}

static bool set_up(const struct curl_library *lib, CURL *curl, const struct post_http *of,
		   struct curl_slist *headers, struct answer *a)
{
	const usec_t left = sub_sat(of->until, clock_now()) / USEC_MSEC;
	const struct curl_number numbers[] = {
		{ CURLOPT_TIMEOUT_MS, (long)MAX(left, UINT64_C(1)) },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_POST, 1 },
		{ CURLOPT_POSTFIELDSIZE, (long)of->req->len },
	};
	const struct curl_pointer pointers[] = {
		{ CURLOPT_URL, of->req->url },	 { CURLOPT_POSTFIELDS, of->req->body },
		{ CURLOPT_HTTPHEADER, headers }, { CURLOPT_CAPATH, NULL },
		{ CURLOPT_HEADERDATA, a },	 { CURLOPT_WRITEDATA, a },
	};

	return headers &&
	       curl_library_set(lib, curl, numbers, ARRAY_SIZE(numbers), pointers,
				ARRAY_SIZE(pointers)) &&
	       (of->req->method != POST_MERGE ||
		lib->easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PATCH") == CURLE_OK) &&
	       lib->easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       lib->easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
}

static enum post_outcome outcome_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return POST_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return POST_UNTRUSTED;
	case CURLE_OUT_OF_MEMORY:
		return POST_FAILED;
	default:
		return POST_GARBLED;
	}
}

void post_http(const struct curl_library *lib, const struct post_http *of, int fd,
	       struct post_reply *ret)
{
	_cleanup_(closep) int sock = fd;
	struct curl_slist *headers = headers_of(lib, of);
	struct answer a = { 0 };
	CURL *curl = lib->easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (curl && trust(lib, curl, of) && set_up(lib, curl, of, headers, &a) &&
	    curl_library_use_socket(lib, curl, &sock))
		code = lib->easy_perform(curl);
	if (curl && lib->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		ret->status = (uint32_t)MAX(status, 0);
	ret->outcome = (int32_t)((code == CURLE_OK || a.complete) && ret->status >= 200 ?
					 POST_ANSWERED :
					 outcome_of(code));
	if (curl)
		lib->easy_cleanup(curl);
	lib->slist_free_all(headers);
}
