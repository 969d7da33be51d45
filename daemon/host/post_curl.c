/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "host/curl_library.h"
#include "host/fetch_message.h"
#include "host/post_curl.h"

#define AUTHORITIES_MAX (4 * MIB)

/* Where distributions have the certificates of the authorities, in one file. */
static const char *const authority_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

struct authorities {
	char *text;
	size_t len;
};

/* An answer as it comes in. */
struct answer {
	size_t header_bytes, body_bytes;
	bool complete; /* its header is whole */
};

/* Read before no file can be opened any more. */
static void read_authorities(struct authorities *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(authority_files) && !a->text; i++)
		if (fd_read_alloc(AT_FDCWD, authority_files[i], AUTHORITIES_MAX, &a->text,
				  &a->len) < 0)
			a->text = NULL;
}

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

static struct curl_slist *headers_of(const struct curl_library *lib, const char *token)
{
	char authorization[POST_TOKEN_MAX + 32];
	const char *lines[] = { "Content-Type: application/json",
				"Expect:", token[0] ? authorization : NULL };
	struct curl_slist *list = NULL, *longer;

	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", token);
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

static bool trust(const struct curl_library *lib, CURL *curl, const struct authorities *trusted)
{
	struct curl_blob blob = { .data = trusted->text, .len = trusted->len, .flags = 0 };

	return !trusted->text || lib->easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
}

static bool set_up(const struct curl_library *lib, CURL *curl, const struct post_request *req,
		   long left_ms, struct curl_slist *headers, struct answer *a)
{
	const struct curl_number numbers[] = {
		{ CURLOPT_TIMEOUT_MS, left_ms },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_POST, 1 },
		{ CURLOPT_POSTFIELDSIZE, (long)req->len },
	};
	const struct curl_pointer pointers[] = {
		{ CURLOPT_URL, req->url },	 { CURLOPT_POSTFIELDS, req->body },
		{ CURLOPT_HTTPHEADER, headers }, { CURLOPT_CAPATH, NULL },
		{ CURLOPT_HEADERDATA, a },	 { CURLOPT_WRITEDATA, a },
	};

	return headers &&
	       curl_library_set(lib, curl, numbers, ARRAY_SIZE(numbers), pointers,
				ARRAY_SIZE(pointers)) &&
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

/* Whatever becomes of its body: a server that has given its status has had the document. */
static void post(const struct curl_library *lib, const struct authorities *trusted,
		 const struct post_task *task, int fd, struct post_reply *ret)
{
	const usec_t left = sub_sat(task->until, clock_now()) / USEC_MSEC;
	_cleanup_(closep) int sock = fd;
	struct curl_slist *headers = headers_of(lib, task->req.token);
	struct answer a = { 0 };
	CURL *curl = lib->easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (curl && trust(lib, curl, trusted) &&
	    set_up(lib, curl, &task->req, (long)MAX(left, UINT64_C(1)), headers, &a) &&
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

void post_curl_serve(int fd)
{
	static struct curl_library lib;
	static struct post_task task;
	struct authorities trusted = { 0 };
	char lacks;
	int sock;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-http");
	signal(SIGPIPE, SIG_IGN);
	lacks = !curl_library_load(&lib);
	read_authorities(&trusted);
	if (!curl_library_confine() || send(fd, &lacks, 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	while (!lacks && fetch_message_receive(fd, &task, sizeof(task), &sock) == 0) {
		struct post_reply reply = { 0 };

		post(&lib, &trusted, &task, sock, &reply);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
