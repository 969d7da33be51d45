/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

#include "base/util.h"
#include "host/confine.h"
#include "host/fetch_curl.h"
#include "host/fetch_judge.h"
#include "host/fetch_message.h"

#define ADDRESS_SPACE_MAX (512 * MIB)
#define START_BYTES	  (64 * KIB)

/* What is used of the library, which is loaded by hand: the daemon does without it. */
struct library {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
	CURLcode (*easy_perform)(CURL *curl);
	CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
	void (*easy_cleanup)(CURL *curl);
};

/* An answer as it comes in. */
struct answer {
	int fd;
	size_t header_bytes, body_bytes, room;
	bool too_large;
	uint8_t *body;
};

static bool load_symbol(void *handle, const char *name, void *ret)
{
	void *symbol = dlsym(handle, name);

	memcpy(ret, &symbol, sizeof(symbol));
	return symbol;
}

static bool library_load(struct library *lib)
{
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
	void *h = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !h; i++)
		h = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return h && load_symbol(h, "curl_global_init", &lib->global_init) &&
	       load_symbol(h, "curl_easy_init", &lib->easy_init) &&
	       load_symbol(h, "curl_easy_setopt", &lib->easy_setopt) &&
	       load_symbol(h, "curl_easy_perform", &lib->easy_perform) &&
	       load_symbol(h, "curl_easy_getinfo", &lib->easy_getinfo) &&
	       load_symbol(h, "curl_easy_cleanup", &lib->easy_cleanup) &&
	       lib->global_init(CURL_GLOBAL_ALL) == CURLE_OK;
}

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
	size_t room = MAX(a->room, (size_t)START_BYTES);
	uint8_t *grown;

	if (want > FETCH_BODY_BYTES_MAX) {
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

/* Whatever address it has in mind: there is one socket, and it is connected. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct answer *a = userdata;

	(void)purpose;
	(void)address;
	return a->fd >= 0 ? TAKE_FD(a->fd) : CURL_SOCKET_BAD;
}

static int on_connect(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
	(void)userdata;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static bool set_up(const struct library *lib, CURL *curl, const char *url, long left_ms,
		   struct answer *a)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },       { CURLOPT_TIMEOUT_MS, left_ms },
		{ CURLOPT_FOLLOWLOCATION, 0 }, { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_SSL_VERIFYPEER, 0 }, { CURLOPT_SSL_VERIFYHOST, 0 },
		{ CURLOPT_FRESH_CONNECT, 1 },  { CURLOPT_FORBID_REUSE, 1 },
	};
	const struct {
		CURLoption option;
		const void *value;
	} pointers[] = {
		{ CURLOPT_URL, url },
		{ CURLOPT_PROXY, "" },
		{ CURLOPT_NOPROXY, "*" },
		{ CURLOPT_USERAGENT, "gomemd/" GOMEMD_VERSION },
		{ CURLOPT_ACCEPT_ENCODING, "gzip" },
		{ CURLOPT_HEADERDATA, a },
		{ CURLOPT_WRITEDATA, a },
		{ CURLOPT_OPENSOCKETDATA, a },
	};
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ok &= lib->easy_setopt(curl, numbers[i].option, numbers[i].value) == CURLE_OK;
	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++)
		ok &= lib->easy_setopt(curl, pointers[i].option, pointers[i].value) == CURLE_OK;
	/* The first is known from 7.85 on, the second until it is taken away. */
	ok &= lib->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK ||
	      lib->easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) ==
		      CURLE_OK;
	ok &= lib->easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	ok &= lib->easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok &= lib->easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK;
	ok &= lib->easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_connect) == CURLE_OK;
	return ok;
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

static void ask(const struct library *lib, const struct fetch_request *req, long left_ms,
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
	else
		fetch_judge(a->body, a->body_bytes, ret);
	if (curl)
		lib->easy_cleanup(curl);
}

/* The socket's connection is under way. */
static enum fetch_outcome await_connection(int fd, usec_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	const usec_t left = sub_sat(until, clock_now());
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, (int)(left / USEC_MSEC)) < 1)
		return FETCH_TIMEOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		return FETCH_REFUSED;
	return FETCH_OK;
}

static void answer_request(const struct library *lib, const struct fetch_request *req, int fd,
			   struct fetch_reply *ret)
{
	struct answer a = { .fd = fd };
	const usec_t start = clock_now(), until = start + FETCH_PATIENCE;
	usec_t left;

	*ret = (struct fetch_reply){ .outcome = (int32_t)await_connection(fd, until) };
	left = sub_sat(until, clock_now()) / USEC_MSEC;
	if (ret->outcome == FETCH_OK)
		ask(lib, req, (long)MAX(left, UINT64_C(1)), &a, ret);
	ret->took_usec = clock_now() - start;
	closep(&a.fd);
	free(a.body);
}

/*
 * No socket, no file, no program, no child of its own making: what it is handed is all there is. Releases of the library
 * before 8.0 connect a socket that is connected already.
 */
static bool drop_rights(void)
{
	static const int allowed[] = {
		SCMP_SYS(read),		SCMP_SYS(write),	  SCMP_SYS(readv),
		SCMP_SYS(writev),	SCMP_SYS(recvfrom),	  SCMP_SYS(recvmsg),
		SCMP_SYS(sendto),	SCMP_SYS(sendmsg),	  SCMP_SYS(poll),
		SCMP_SYS(ppoll),	SCMP_SYS(getsockopt),	  SCMP_SYS(setsockopt),
		SCMP_SYS(getsockname),	SCMP_SYS(getpeername),	  SCMP_SYS(shutdown),
		SCMP_SYS(fcntl),	SCMP_SYS(close),	  SCMP_SYS(mmap),
		SCMP_SYS(munmap),	SCMP_SYS(mremap),	  SCMP_SYS(mprotect),
		SCMP_SYS(brk),		SCMP_SYS(madvise),	  SCMP_SYS(futex),
		SCMP_SYS(getrandom),	SCMP_SYS(clock_gettime),  SCMP_SYS(gettimeofday),
		SCMP_SYS(time),		SCMP_SYS(getpid),	  SCMP_SYS(gettid),
		SCMP_SYS(socketpair),	SCMP_SYS(eventfd2),	  SCMP_SYS(pipe2),
		SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(exit_group),
		SCMP_SYS(rt_sigreturn),
	};

	return confine_self(&(struct confine){ .calls = allowed,
					       .n_calls = ARRAY_SIZE(allowed),
					       .address_space_bytes = ADDRESS_SPACE_MAX,
					       .refuses = true,
					       .connects = true });
}

void fetch_curl_serve(int fd)
{
	static struct library lib;
	static struct fetch_request req;
	static struct fetch_reply reply;
	char lacks;
	int sock;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-http");
	signal(SIGPIPE, SIG_IGN);
	lacks = !library_load(&lib);
	if (!drop_rights() || send(fd, &lacks, 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	while (!lacks && fetch_message_receive(fd, &req, sizeof(req), &sock) == 0) {
		answer_request(&lib, &req, sock, &reply);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
