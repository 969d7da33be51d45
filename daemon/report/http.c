/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/util.h"
#include "report/http.h"

#define LIBRARY	     "libmicrohttpd.so.12"
#define IDLE_SECONDS 5u

/* The functions of the library, each of the type that its header gives it. */
#define FUNCTIONS(f)                                                                               \
	f(MHD_start_daemon) f(MHD_stop_daemon) f(MHD_run) f(MHD_get_timeout)                       \
		f(MHD_get_daemon_info) f(MHD_get_connection_info) f(MHD_lookup_connection_value)   \
			f(MHD_queue_response) f(MHD_create_response_from_buffer)                   \
				f(MHD_add_response_header) f(MHD_destroy_response)

struct library {
#define DECLARE(name) __typeof__(name) *name;
	FUNCTIONS(DECLARE)
#undef DECLARE
};

/* A connection, so that one which takes too long can be ended: the library has a time for idle ones alone. */
struct slot {
	int fd; /* -1: free */
	usec_t until;
	size_t bytes; /* of its answer */
};

struct http_server {
	struct library mhd;
	struct MHD_Daemon *daemon;
	http_handler handler;
	void *userdata;
	struct address address;
	usec_t now, due;
	struct slot slots[HTTP_CONNECTIONS_MAX];
};

/* It stays loaded: what it has set up for itself and its own libraries is not made to be taken down and built anew. */
static int load(struct library *mhd, char why[HTTP_WHY_MAX])
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!handle) {
		snprintf(why, HTTP_WHY_MAX, "%s; Debian's package is libmicrohttpd12", dlerror());
		return -ELIBACC;
	}
#define RESOLVE(name)                                                                              \
	*(void **)&mhd->name = dlsym(handle, #name);                                               \
	if (!mhd->name) {                                                                          \
		snprintf(why, HTTP_WHY_MAX, "%s has no %s", LIBRARY, #name);                       \
		dlclose(handle);                                                                   \
		return -ELIBACC;                                                                   \
	}
	FUNCTIONS(RESOLVE)
#undef RESOLVE
	dlclose(handle);
	return 0;
}

/* Only what is a socket, and no file that somebody named by mistake. */
static void remove_left(const struct address *a)
{
	struct stat st;

	if (a->any.sa_family == AF_UNIX && lstat(a->local.sun_path, &st) == 0 &&
	    S_ISSOCK(st.st_mode))
		unlink(a->local.sun_path);
}

/* The address of an interface that comes up later may be bound now. */
static void set_options(int fd, sa_family_t family)
{
	const int on = 1;

	if (family == AF_UNIX)
		return;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

static int open_listener(const struct address *a, int *ret_fd)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
	mode_t mask;

	if (fd < 0)
		return -errno;
	set_options(fd, a->any.sa_family);
	remove_left(a);
	mask = umask(0177);
	r = bind(fd, &a->any, a->len) < 0 || listen(fd, HTTP_CONNECTIONS_MAX) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		closep(&fd);
	else
		*ret_fd = fd;
	return r;
}

static int connection_fd(struct http_server *s, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		s->mhd.MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* The library takes no more connections than there are slots. */
static void notify(void *cls, struct MHD_Connection *c, void **context,
		   enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cls;
	struct slot *slot = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (slot)
			*slot = (struct slot){ .fd = -1 };
		return;
	}
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (s->slots[i].fd < 0) {
			s->slots[i] = (struct slot){ .fd = connection_fd(s, c),
						     .until = s->now + HTTP_TIME_MAX };
			*context = &s->slots[i];
			return;
		}
}

static enum MHD_Result send_answer(struct http_server *s, struct MHD_Connection *c,
				   struct http_answer *a)
{
	struct MHD_Response *response =
		s->mhd.MHD_create_response_from_buffer(a->len, a->text, MHD_RESPMEM_MUST_FREE);
	const union MHD_ConnectionInfo *info =
		s->mhd.MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct slot *slot = info ? info->socket_context : NULL;
	enum MHD_Result r;

	if (!response) {
		free(a->text);
		return MHD_NO;
	}
	r = s->mhd.MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	if (r == MHD_YES)
		r = s->mhd.MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (r == MHD_YES && a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		r = s->mhd.MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (r == MHD_YES)
		r = s->mhd.MHD_queue_response(c, a->status, response);
	if (r == MHD_YES && slot)
		slot->bytes = a->len;
	s->mhd.MHD_destroy_response(response);
	return r;
}

static enum MHD_Result refuse(struct http_server *s, struct MHD_Connection *c, unsigned int status,
			      const char *why)
{
	struct http_answer a = { .status = status, .type = "text/plain" };

	a.text = strdup(why);
	if (!a.text)
		return MHD_NO;
	a.len = strlen(a.text);
	return send_answer(s, c, &a);
}

/* Who does not read holds his answer in memory, which the unit has little of. */
static bool is_too_much(const struct http_server *s, size_t len)
{
	size_t bytes = len;

	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		bytes += s->slots[i].bytes;
	return len > HTTP_SMALL && bytes > HTTP_OWED_MAX;
}

/* Called once with the headers, and again with the body that nobody here wants: that ends the connection. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	static char seen;
	struct http_server *s = cls;
	struct http_answer a = { 0 };
	struct http_request req = { .path = url };

	(void)version;
	(void)upload;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return *context ? MHD_NO :
				  refuse(s, c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (*upload_size)
		return MHD_NO;
	if (!*context) {
		*context = &seen;
		return MHD_YES;
	}
	req.accept = s->mhd.MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	if (s->handler(s->userdata, &req, &a) < 0)
		return MHD_NO;
	if (is_too_much(s, a.len)) {
		free(a.text);
		return refuse(s, c, MHD_HTTP_SERVICE_UNAVAILABLE, "others do not read\n");
	}
	return send_answer(s, c, &a);
}

static int start(struct http_server *s, int fd)
{
	const unsigned int per_address =
		s->address.any.sa_family == AF_UNIX ? 0 : HTTP_PER_ADDRESS_MAX;

	s->daemon = s->mhd.MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)HTTP_CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, per_address, MHD_OPTION_CONNECTION_TIMEOUT,
		IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADER_BYTES_MAX,
		MHD_OPTION_NOTIFY_CONNECTION, notify, s, MHD_OPTION_END);
	return s->daemon && http_fd(s) >= 0 ? 0 : -EIO;
}

int http_new(const struct address *listen, http_handler handler, void *userdata,
	     struct http_server **ret, char ret_why[HTTP_WHY_MAX])
{
	struct http_server *s = calloc(1, sizeof(*s));
	int fd = -1, r;

	if (!s)
		return -ENOMEM;
	s->handler = handler;
	s->userdata = userdata;
	s->address = *listen;
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		s->slots[i].fd = -1;
	r = load(&s->mhd, ret_why);
	if (r < 0) {
		free(s);
		return r;
	}
	r = open_listener(listen, &fd);
	if (r == 0)
		r = start(s, fd);
	if (r == 0) {
		*ret = s;
		return 0;
	}
	snprintf(ret_why, HTTP_WHY_MAX, "%s", strerror(-r));
	if (!s->daemon)
		closep(&fd);
	http_free(s);
	return r;
}

struct http_server *http_free(struct http_server *s)
{
	if (!s)
		return NULL;
	if (s->daemon) {
		s->mhd.MHD_stop_daemon(s->daemon);
		remove_left(&s->address);
	}
	free(s);
	return NULL;
}

int http_fd(const struct http_server *s)
{
	const union MHD_DaemonInfo *info =
		s->mhd.MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

usec_t http_due(const struct http_server *s)
{
	return s->due;
}

/* What has had its time is cut off below the library, which then finds it closed. */
static void end_slow(struct http_server *s)
{
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (s->slots[i].fd >= 0 && s->slots[i].until <= s->now) {
			shutdown(s->slots[i].fd, SHUT_RDWR);
			s->slots[i].until = s->now + HTTP_TIME_MAX;
		}
}

static void set_due(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	s->due = 0;
	if (s->mhd.MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		s->due = s->now + ms * USEC_MSEC;
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (s->slots[i].fd >= 0 && (!s->due || s->slots[i].until < s->due))
			s->due = s->slots[i].until;
}

void http_dispatch(struct http_server *s, usec_t now)
{
	s->now = now;
	end_slow(s);
	s->mhd.MHD_run(s->daemon);
	set_due(s);
}
