/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/profile_source.h"
#include "host/fetch.h"

#define PATIENCE (10 * USEC_SEC)

static bool is_url(const char *name)
{
	static const char *const begins[] = { "http://", "https://", "unix:" };
	size_t i = 0;

	while (i < ARRAY_SIZE(begins) && strncmp(name, begins[i], strlen(begins[i])) != 0)
		i++;
	return i < ARRAY_SIZE(begins);
}

/* A delta (net/http/pprof) is served when its time is over. */
static usec_t patience_of(const char *path)
{
	const char *at = strchr(path, '?');
	uint64_t seconds = 0;

	for (; at; at = strchr(at + 1, '&'))
		if (sscanf(at + 1, "seconds=%6" SCNu64, &seconds) == 1)
			break;
	return MIN(PATIENCE + seconds * USEC_SEC, FETCH_PATIENCE_MAX);
}

static void status_text(char *buf, size_t size, const struct fetch_reply *r, bool is_tls)
{
	const uint32_t status = r->status;

	snprintf(
		buf, size, "it answers %" PRIu32 "%s", status,
		status >= 300 && status < 400 ?
			", a redirect, which is not followed: give the address that it leads to" :
		status == 400 && !is_tls ?
			": if it speaks TLS, write https://" :
		status == 401 || status == 403 ?
			": no credentials are sent; fetch it by a client that has them, and give the file" :
		status == 404 ? ": a program that imports net/http/pprof has /debug/pprof/allocs" :
				"");
}

/* What is wrong with an answer, and the mend. */
static void outcome_text(char *buf, size_t size, const struct fetch_reply *r,
			 const struct endpoint *at)
{
	switch ((enum fetch_outcome)r->outcome) {
	case FETCH_REFUSED:
		text_copy(
			buf, size,
			"nobody listens there, or there is no way to it from here: an address within a pod "
			"is reached by nsenter --net --target PID");
		break;
	case FETCH_TIMEOUT:
		snprintf(buf, size,
			 "no whole answer within %" PRIu64 " s; longer with ?seconds=N in the URL, "
			 "which makes it a profile of that time",
			 patience_of(at->path) / USEC_SEC);
		break;
	case FETCH_TOO_LARGE:
		snprintf(
			buf, size,
			"the answer is over %d MiB, or its header over %d KiB: no profile is so large",
			FETCH_WHOLE_BYTES_MAX / 1024 / 1024, FETCH_HEADER_BYTES_MAX / 1024);
		break;
	case FETCH_STATUS:
		status_text(buf, size, r, at->tls);
		break;
	case FETCH_GARBLED:
		snprintf(buf, size, "what answers does not speak %s, or was cut off%s",
			 at->tls ? "TLS" : "HTTP",
			 at->tls ? "; without TLS it is http://" : "; with TLS it is https://");
		break;
	case FETCH_NOTHING:
		text_copy(buf, size, "the answer is empty");
		break;
	case FETCH_NO_LIBRARY:
		text_copy(
			buf, size,
			"libcurl is missing (Debian: libcurl4); another client's output will do, by "
			"--profile /dev/stdin");
		break;
	default:
		snprintf(buf, size, "the helper gomemd-fetch failed: %s",
			 r->error ? strerror(-r->error) : fetch_outcome_name(r->outcome));
	}
}

static int fetch(const char *name, const struct endpoint *at, struct mapped_file *ret)
{
	_cleanup_(fetcher_freep) struct fetcher *f = NULL;
	static struct fetch_reply reply;
	const struct fetch_request req = { .at = *at, .patience = patience_of(at->path) };
	char why[256];
	uint8_t *body;
	int r = fetcher_new(&f);

	if (r == 0)
		r = fetcher_call_body(f, &req, &reply, &body);
	if (r == 0 && reply.outcome == FETCH_OK) {
		*ret = (struct mapped_file){ .bytes = span_of(body, reply.body_bytes),
					     .was_read = true };
		return EXIT_DONE;
	}
	if (r < 0)
		reply = (struct fetch_reply){ .outcome = FETCH_FAILED, .error = r };
	outcome_text(why, sizeof(why), &reply, at);
	escape_unusable(name, why);
	return EXIT_REFUSED;
}

int profile_source_open(const char *name, struct mapped_file *ret)
{
	struct endpoint at;

	if (!is_url(name))
		return mapped_file_open(name, ret);
	if (endpoint_parse(name, &at) < 0)
		return escape_unusable(
			name,
			"is no http://ADDRESS:PORT/PATH, https:// or http://unix:/SOCKET:/PATH; "
			"names other than localhost are not resolved");
	return fetch(name, &at, ret);
}
