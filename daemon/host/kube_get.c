/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/util.h"
#include "host/kube_get.h"

enum {
	HEADER_BYTES_MAX = 64 * 1024,
	CONNECT_MS = 10 * 1000,
};

/* A request under way. */
struct run {
	const struct curl_library *lib;
	const struct kube_get *get;
	CURL *curl;
	int fd;
	size_t header_bytes;
	bool ok, stopped;
	enum kube_outcome outcome; /* where it was stopped */
};

static bool stop(struct run *run, enum kube_outcome outcome)
{
	run->stopped = true;
	run->outcome = outcome;
	return false;
}

/* The empty line ends the headers. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	struct run *run = userdata;
	long status = 0;

	run->header_bytes += size * n;
	if (run->header_bytes > HEADER_BYTES_MAX)
		return stop(run, KUBE_TOO_LARGE);
	if (size * n > 2 || line[0] != '\r' || run->ok)
		return size * n;
	run->lib->easy_getinfo(run->curl, CURLINFO_RESPONSE_CODE, &status);
	run->ok = status == 200;
	if (run->ok && run->get->begun)
		run->get->begun(run->get->userdata);
	return size * n;
}

/* Of an answer that is none the body is of no use, however long. */
static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct run *run = userdata;

	if (!run->ok)
		return stop(run, KUBE_STATUS);
	if (run->get->body(run->get->userdata, bytes, size * n, &run->outcome))
		return size * n;
	run->stopped = true;
	return 0;
}

static int on_progress(void *userdata, curl_off_t down_of, curl_off_t down, curl_off_t up_of,
		       curl_off_t up)
{
	struct run *run = userdata;

	(void)down_of;
	(void)down;
	(void)up_of;
	(void)up;
	run->get->progress(run->get->userdata);
	return 0;
}

static struct curl_slist *headers_of(const struct curl_library *lib, const struct kube_get *get)
{
	static char line[KUBE_TOKEN_BYTES + 32];
	struct curl_slist *list, *more;

	snprintf(line, sizeof(line), "Accept: %s", get->accept);
	list = lib->slist_append(NULL, line);
	snprintf(line, sizeof(line), "Authorization: Bearer %s", get->grant->token);
	more = list ? lib->slist_append(list, line) : NULL;
	if (!more)
		lib->slist_free_all(list);
	return more;
}

/* The blob is in the place of the system's file; the system's directory is none. */
static bool set_trust(struct run *run)
{
	const struct kube_grant *grant = run->get->grant;
	struct curl_blob ca = { .data = (void *)(uintptr_t)grant->ca,
				.len = grant->ca_bytes,
				.flags = CURL_BLOB_NOCOPY };
	const struct curl_library *lib = run->lib;

	return lib->easy_setopt(run->curl, CURLOPT_CAINFO_BLOB, &ca) == CURLE_OK &&
	       lib->easy_setopt(run->curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       lib->easy_setopt(run->curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       lib->easy_setopt(run->curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       lib->easy_setopt(run->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
		       CURLE_OK;
}

static bool set_up(struct run *run, const struct curl_slist *headers, usec_t until)
{
	const struct curl_library *lib = run->lib;
	const struct curl_number numbers[] = {
		{ CURLOPT_TIMEOUT_MS,
		  (long)MAX(sub_sat(until, clock_now()) / USEC_MSEC, UINT64_C(1)) },
		{ CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS }, /* TLS is of it */
		{ CURLOPT_NOPROGRESS, 0 },
	};
	const struct curl_pointer pointers[] = {
		{ CURLOPT_URL, run->get->url },	 { CURLOPT_ACCEPT_ENCODING, "gzip" },
		{ CURLOPT_HTTPHEADER, headers }, { CURLOPT_HEADERDATA, run },
		{ CURLOPT_WRITEDATA, run },	 { CURLOPT_XFERINFODATA, run },
	};

	return curl_library_set(lib, run->curl, numbers, ARRAY_SIZE(numbers), pointers,
				ARRAY_SIZE(pointers)) &&
	       curl_library_use_socket(lib, run->curl, &run->fd) && set_trust(run) &&
	       lib->easy_setopt(run->curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
	       lib->easy_setopt(run->curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       lib->easy_setopt(run->curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
}

static enum kube_outcome outcome_of(const struct run *run, CURLcode code, uint32_t status)
{
	if (run->stopped)
		return run->outcome;
	switch (code) {
	case CURLE_OK:
		return status == 200 ? KUBE_OK : KUBE_STATUS;
	case CURLE_OPERATION_TIMEDOUT:
		return KUBE_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return KUBE_UNVERIFIED;
	case CURLE_OUT_OF_MEMORY:
		return KUBE_FAILED;
	default:
		return KUBE_GARBLED;
	}
}

static enum kube_outcome perform(struct run *run, usec_t until, uint32_t *ret_status)
{
	struct curl_slist *headers = headers_of(run->lib, run->get);
	long status = 0;
	CURLcode code;

	/* A library that cannot do one of these must not be let do without. */
	if (!headers || !set_up(run, headers, until)) {
		run->lib->slist_free_all(headers);
		return KUBE_NO_LIBRARY;
	}
	code = run->lib->easy_perform(run->curl);
	if (run->lib->easy_getinfo(run->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		*ret_status = (uint32_t)MAX(status, 0);
	run->lib->slist_free_all(headers);
	return outcome_of(run, code, *ret_status);
}

enum kube_outcome kube_get(const struct curl_library *lib, const struct kube_get *get, int fd,
			   uint32_t *ret_status)
{
	struct run run = { .lib = lib, .get = get, .fd = fd };
	const usec_t until = clock_now() + get->patience;
	enum kube_outcome outcome;
	/* Nobody who does not even connect is waited for as long as a watch may last. */
	const int r = curl_library_await(fd, clock_now() + MIN(get->patience, 5 * USEC_SEC));

	*ret_status = 0;
	outcome = r == -ETIMEDOUT ? KUBE_TIMEOUT : KUBE_UNREACHABLE;
	if (r == 0) {
		run.curl = lib->easy_init();
		outcome = run.curl ? perform(&run, until, ret_status) : KUBE_FAILED;
	}
	if (run.curl)
		lib->easy_cleanup(run.curl);
	closep(&run.fd);
	return outcome;
}
