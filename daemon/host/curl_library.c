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

bool curl_library_load(struct curl_library *ret)
{
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
	void *h = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !h; i++)
		h = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return h && load_symbol(h, "curl_global_init", &ret->global_init) &&
	       load_symbol(h, "curl_easy_init", &ret->easy_init) &&
	       load_symbol(h, "curl_easy_setopt", &ret->easy_setopt) &&
	       load_symbol(h, "curl_easy_perform", &ret->easy_perform) &&
	       load_symbol(h, "curl_easy_getinfo", &ret->easy_getinfo) &&
	       load_symbol(h, "curl_easy_cleanup", &ret->easy_cleanup) &&
	       load_symbol(h, "curl_slist_append", &ret->slist_append) &&
	       load_symbol(h, "curl_slist_free_all", &ret->slist_free_all) &&
	       ret->global_init(CURL_GLOBAL_ALL) == CURLE_OK;
}

bool curl_library_set(const struct curl_library *lib, CURL *curl, const struct curl_number *numbers,
		      size_t n_numbers, const struct curl_pointer *pointers, size_t n_pointers)
{
	static const struct curl_number always[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_FRESH_CONNECT, 1 },
		{ CURLOPT_FORBID_REUSE, 1 },
	};
	static const struct curl_pointer texts[] = {
		{ CURLOPT_PROXY, "" },
		{ CURLOPT_NOPROXY, "*" },
		{ CURLOPT_USERAGENT, "gomemd/" GOMEMD_VERSION },
	};
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		ok &= lib->easy_setopt(curl, always[i].option, always[i].value) == CURLE_OK;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ok &= lib->easy_setopt(curl, texts[i].option, texts[i].value) == CURLE_OK;
	for (size_t i = 0; i < n_numbers; i++)
		ok &= lib->easy_setopt(curl, numbers[i].option, numbers[i].value) == CURLE_OK;
	for (size_t i = 0; i < n_pointers; i++)
		ok &= lib->easy_setopt(curl, pointers[i].option, pointers[i].value) == CURLE_OK;
	/* The first is known from 7.85 on, the second until it is taken away. */
	ok &= lib->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK ||
	      lib->easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) ==
		      CURLE_OK;
	return ok;
}

int curl_library_await(int fd, usec_t until)
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

bool curl_library_use_socket(const struct curl_library *lib, CURL *curl, int *fd)
{
	return lib->easy_setopt(curl, CURLOPT_OPENSOCKETDATA, fd) == CURLE_OK &&
	       lib->easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
	       lib->easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_connect) == CURLE_OK;
}

/* What it is handed is all there is. Releases of the library before 8.0 connect a socket that is connected already. */
bool curl_library_confine(void)
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
