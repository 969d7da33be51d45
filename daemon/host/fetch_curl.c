/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "host/curl_library.h"
#include "host/fetch_curl.h"
#include "host/fetch_judge.h"
#include "host/fetch_message.h"

#define START_BYTES (64 * KIB)

/* An answer as it comes in. */
struct answer {
	int fd;
	size_t header_bytes, body_bytes, room, max;
	bool too_large;
	uint8_t *body;
	bool is_mapped; /* all of `max`, and the owner's */
};

static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	struct answer *a = userdata;

	(void)line;
	a->header_bytes += size * n;
	a->too_large |= a->header_bytes > FETCH_HEADER_BYTES_MAX;
	return a->too_large ? 0 : size * n;
}

/* Unpacked already, where it came packed: the cap is on what comes out. */
static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
	struct answer *a = userdata;
	const size_t len = size * n;
	const size_t want = a->body_bytes + len;
	size_t room = a->is_mapped ? a->max : MAX(a->room, (size_t)START_BYTES);
	uint8_t *grown;

	if (want > a->max) {
		a->too_large = true;
		return 0;
	}
	while (room < want)
		room *= 2;
	if (room != a->room) {
		grown = realloc(a->body, room);
		if (!grown)
			return 0;
		a->body = grown;
		a->room = room;
	}
	memcpy(a->body + a->body_bytes, bytes, len);
	a->body_bytes = want;
	return len;
}

static bool set_up(const struct curl_library *lib, CURL *curl, const char *url, long left_ms,
		   struct answer *a)
{
	const struct curl_number numbers[] = {
		{ CURLOPT_TIMEOUT_MS, left_ms },
		{ CURLOPT_SSL_VERIFYPEER, 0 },
		{ CURLOPT_SSL_VERIFYHOST, 0 },
	};
	const struct curl_pointer pointers[] = {
		{ CURLOPT_URL, url },
		{ CURLOPT_ACCEPT_ENCODING, "gzip" },
		{ CURLOPT_HEADERDATA, a },
		{ CURLOPT_WRITEDATA, a },
	};

	return curl_library_set(lib, curl, numbers, ARRAY_SIZE(numbers), pointers,
				ARRAY_SIZE(pointers)) &&
	       lib->easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       lib->easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_library_use_socket(lib, curl, &a->fd);
}

static enum fetch_outcome outcome_of(CURLcode code, const struct answer *a)
{
	if (a->too_large)
		return FETCH_TOO_LARGE;
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return FETCH_TIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return FETCH_FAILED;
	default:
		return FETCH_GARBLED;
	}
}

static void ask(const struct curl_library *lib, const struct fetch_request *req, long left_ms,
		struct answer *a, struct fetch_reply *ret)
{
	char url[ENDPOINT_TEXT_MAX];
	CURL *curl = lib->easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (curl && set_up(lib, curl, endpoint_url(url, &req->at), left_ms, a))
		code = lib->easy_perform(curl);
	if (curl && lib->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		ret->status = (uint32_t)MAX(status, 0);
	ret->body_bytes = a->body_bytes;
	if (code != CURLE_OK)
		ret->outcome = (int32_t)outcome_of(code, a);
	else if (ret->status != 200)
		ret->outcome = FETCH_STATUS;
	else if (req->op == FETCH_BODY)
		ret->outcome = a->body_bytes ? FETCH_OK : FETCH_NOTHING;
	else
		fetch_judge(a->body, a->body_bytes, ret);
	if (curl)
		lib->easy_cleanup(curl);
}

/* No file is written, but memory that the owner has made as large as it may become. */
static bool map_body(int body, struct answer *a)
{
	void *p = mmap(NULL, FETCH_WHOLE_BYTES_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, body, 0);

	if (p == MAP_FAILED)
		return false;
	a->body = p;
	a->room = a->max = FETCH_WHOLE_BYTES_MAX;
	a->is_mapped = true;
	return true;
}

static void answer_done(struct answer *a)
{
	closep(&a->fd);
	if (a->is_mapped)
		munmap(a->body, a->max);
	else
		free(a->body);
}

static void answer_request(const struct curl_library *lib, const struct fetch_request *req, int fd,
			   int body, struct fetch_reply *ret)
{
	_cleanup_(answer_done) struct answer a = { .fd = fd, .max = FETCH_BODY_BYTES_MAX };
	const usec_t start = clock_now(), until = start + fetch_patience(req);
	const int r = curl_library_await(fd, until);
	usec_t left;

	*ret = (struct fetch_reply){ .outcome = r == -ETIMEDOUT ? FETCH_TIMEOUT :
						r < 0		? FETCH_REFUSED :
								  FETCH_OK };
	if (req->op == FETCH_BODY && !map_body(body, &a))
		*ret = (struct fetch_reply){ .outcome = FETCH_FAILED, .error = -errno };
	left = sub_sat(until, clock_now()) / USEC_MSEC;
	if (ret->outcome == FETCH_OK)
		ask(lib, req, (long)MAX(left, UINT64_C(1)), &a, ret);
	ret->took_usec = clock_now() - start;
}

void fetch_curl_serve(int fd)
{
	static struct curl_library lib;
	static struct fetch_request req;
	static struct fetch_reply reply;
	char lacks, byte;
	int sock;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-http");
	signal(SIGPIPE, SIG_IGN);
	lacks = !curl_library_load(&lib);
	if (!curl_library_confine() || send(fd, &lacks, 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	while (!lacks && fetch_message_receive(fd, &req, sizeof(req), &sock) == 0) {
		_cleanup_(closep) int body = -1;

		if (req.op == FETCH_BODY && fetch_message_receive(fd, &byte, 1, &body) < 0)
			break;
		answer_request(&lib, &req, sock, body, &reply);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
