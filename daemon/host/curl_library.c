/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"
#include "host/confine.h"
#include "host/curl_library.h"

#define ADDRESS_SPACE_MAX (512 * MIB)

static bool load_symbol(void *handle, const char *name, void *ret)
{
	void *symbol = dlsym(handle, name);

	memcpy(ret, &symbol, sizeof(symbol));
	return symbol;
}

bool curl_library_load(struct curl_library *lib)
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
	       load_symbol(h, "curl_slist_append", &lib->slist_append) &&
	       load_symbol(h, "curl_slist_free_all", &lib->slist_free_all) &&
	       lib->global_init(CURL_GLOBAL_ALL) == CURLE_OK;
}

/* Releases of the library before 8.0 connect a socket that is connected already. */
bool curl_confine(void)
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

int curl_await_connection(int fd, usec_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	const usec_t left = sub_sat(until, clock_now());
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, (int)(left / USEC_MSEC)) < 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		return -ECONNREFUSED;
	return 0;
}

/* Whatever address it has in mind: there is one socket, and it is connected. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	int *fd = userdata;

	(void)purpose;
	(void)address;
	return *fd >= 0 ? TAKE_FD(*fd) : CURL_SOCKET_BAD;
}

static int on_connect(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
	(void)userdata;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

bool curl_set_common(const struct curl_library *lib, CURL *curl, const char *url, long left_ms,
		     int *fd)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },       { CURLOPT_TIMEOUT_MS, left_ms },
		{ CURLOPT_FOLLOWLOCATION, 0 }, { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
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
		{ CURLOPT_OPENSOCKETDATA, fd },
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
	ok &= lib->easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK;
	ok &= lib->easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_connect) == CURLE_OK;
	return ok;
}
