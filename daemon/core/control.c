/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "core/orders.h"
#include "core/view.h"

enum {
	CONNECTIONS_MAX = 16,
	STREAMS_MAX = 4, /* of them that record: the others stay for who asks */
	STREAM_BYTES_MAX = 1024 * 1024,
};

#define CONNECTION_TIME (10 * USEC_SEC)
#define GROUP		"gomemd"

/* One request and its answer; whoever is slow is cut off, whoever comes beyond the cap is turned away. */
struct connection {
	struct control *control;
	int fd;
	struct requester who;
	sd_event_source *io, *timer;
	char request[CONTROL_REQUEST_MAX + 1];
	size_t received;
	json_object *answer;
	const char *text; /* belongs to answer */
	size_t sent, length;
	struct stream *stream; /* of one that records, after its answer */
};

/* Looks on their way to one who records them. What he does not take in time is left out, and counted. */
struct stream {
	char workload[512]; /* "": all */
	uint64_t lost;
	size_t used;
	char bytes[STREAM_BYTES_MAX];
};

struct control {
	struct manager *manager;
	int fd;
	char path[108];
	sd_event_source *io;
	struct connection *connections[CONNECTIONS_MAX];
};

static void connection_free(struct connection *c)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (c->control->connections[i] == c)
			c->control->connections[i] = NULL;
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->timer);
	closep(&c->fd);
	free(c->stream);
	if (c->answer) {
		json_object_put(c->answer);
		/* The answer about a full host is larger than all that the daemon keeps. */
		malloc_trim(0);
	}
	free(c);
}

static int connection_late(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	connection_free(userdata);
	return 0;
}

static size_t streams_of(const struct control *control)
{
	size_t n = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		n += control->connections[i] && control->connections[i]->stream;
	return n;
}

/* An answer that is no refusal is the first line of what follows; it takes the time that it takes. */
static void begin_stream(struct connection *c, const struct control_request *req)
{
	if (json_object_object_get_ex(c->answer, "error", NULL))
		return;
	c->stream = streams_of(c->control) < STREAMS_MAX ? calloc(1, sizeof(*c->stream)) : NULL;
	if (!c->stream) {
		json_object_object_add(c->answer, "error",
				       json_object_new_string("too many recordings"));
		return;
	}
	text_copy(c->stream->workload, sizeof(c->stream->workload), req->workload);
	sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
}

/* Whole lines alone; the end of the first one is the answer's. */
static void stream_add(struct stream *s, json_object *line)
{
	size_t len = 0;
	const char *text =
		line ? json_object_to_json_string_length(line, JSON_C_TO_STRING_PLAIN, &len) : NULL;

	if (!text || len + 1 > sizeof(s->bytes) - s->used) {
		s->lost++;
	} else {
		s->bytes[s->used] = '\n';
		memcpy(s->bytes + s->used + 1, text, len);
		s->used += len + 1;
	}
	json_object_put(line);
}

/* Only the sender's half of him is of interest: a closed one. */
static bool is_closed(const struct connection *c)
{
	char ignored[64];
	const ssize_t n = recv(c->fd, ignored, sizeof(ignored), MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void stream_send(struct connection *c)
{
	struct stream *s = c->stream;
	const ssize_t n = s->used ? send(c->fd, s->bytes, s->used, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		connection_free(c);
		return;
	}
	if (n > 0) {
		s->used -= (size_t)n;
		memmove(s->bytes, s->bytes + n, s->used);
	}
	sd_event_source_set_io_events(c->io, s->used ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void control_seen(void *userdata, const struct workload *w)
{
	struct control *control = userdata;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = control->connections[i];

		if (!c || !c->stream || !orders_names(w, c->stream->workload))
			continue;
		stream_add(c->stream, view_trace_look(w, c->stream->lost));
		sd_event_source_set_io_events(c->io, EPOLLIN | EPOLLOUT);
	}
}

static void make_answer(struct connection *c)
{
	struct control_request req;
	const char *why;

	if (control_parse(c->request, c->received, &req, &why) == 0) {
		c->answer = orders_answer(c->control->manager, &req, &c->who);
		if (req.verb == CONTROL_RECORD && c->answer)
			begin_stream(c, &req);
		manager_arm(c->control->manager);
	} else {
		c->answer = json_object_new_object();
		json_object_object_add(c->answer, "schema", json_object_new_int(1));
		json_object_object_add(c->answer, "error", json_object_new_string(why));
	}
	c->text = json_object_to_json_string_length(c->answer, JSON_C_TO_STRING_PLAIN, &c->length);
	sd_event_source_set_io_events(c->io, EPOLLOUT);
}

static void receive(struct connection *c)
{
	ssize_t n = read(c->fd, c->request + c->received, CONTROL_REQUEST_MAX - c->received);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		connection_free(c);
		return;
	}
	c->received += (size_t)n;
	if (memchr(c->request, '\n', c->received) || c->received == CONTROL_REQUEST_MAX)
		make_answer(c);
}

static void reply(struct connection *c)
{
	ssize_t n = send(c->fd, c->text + c->sent, c->length - c->sent, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->sent += (size_t)MAX(n, 0);
	if (n <= 0 || (c->sent == c->length && !c->stream))
		connection_free(c);
	else if (c->sent == c->length)
		sd_event_source_set_io_events(c->io, EPOLLIN);
}

static int connection_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;

	(void)s;
	(void)fd;
	if (c->stream && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && is_closed(c))
		connection_free(c);
	else if (c->stream && c->sent == c->length)
		stream_send(c);
	else if (c->answer)
		reply(c);
	else
		receive(c);
	return 0;
}

static struct connection *connection_add(struct control *control, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (!c)
		return NULL;
	c->control = control;
	c->fd = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
	    sd_event_add_io(control->manager->event, &c->io, fd, EPOLLIN, connection_io, c) < 0 ||
	    sd_event_add_time_relative(control->manager->event, &c->timer, CLOCK_BOOTTIME,
				       CONNECTION_TIME, 0, connection_late, c) < 0) {
		connection_free(c);
		return NULL;
	}
	c->who = (struct requester){ .uid = cred.uid, .pid = cred.pid };
	return c;
}

static int control_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct control *control = userdata;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)s;
	(void)revents;
	if (client < 0)
		return 0;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (!control->connections[i]) {
			control->connections[i] = connection_add(control, client);
			return 0;
		}
	close(client);
	return 0;
}

/* Out of the file that sysusers.d(5) puts it into: asking NSS would keep 0.7 MiB of libraries in the daemon. */
static bool find_group(gid_t *ret)
{
	FILE *f = fopen("/etc/group", "re");
	const struct group *g = NULL;

	while (f && (g = fgetgrent(f)) && strcmp(g->gr_name, GROUP) != 0)
		;
	if (g)
		*ret = g->gr_gid;
	if (f)
		fclose(f);
	return g;
}

/* A file's owner may give it to his own group: that takes no right over files of others. */
static int give_to(const char *path, gid_t gid)
{
	const gid_t own = getegid();
	int r;

	if (setegid(gid) < 0)
		return -errno;
	r = chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0660) < 0 ? -errno : 0;
	if (setegid(own) < 0)
		return -errno;
	return r;
}

/* Reading for the group, writing (checked per request) for root. Without the group: root alone. */
void control_set_access(const char *path)
{
	gid_t gid;
	int r;

	if (!find_group(&gid)) {
		log_info("No group %s in /etc/group: only root can talk to this daemon", GROUP);
		return;
	}
	r = give_to(path, gid);
	if (r < 0)
		log_info("Cannot give %s to the group %s: %s; it is root's alone", path, GROUP,
			 strerror(-r));
}

int control_new(struct manager *m, const char *path, struct control **ret)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct control *c = calloc(1, sizeof(*c));
	mode_t mask;
	int r;

	if (!c)
		return -ENOMEM;
	c->manager = m;
	if (!text_copy(addr.sun_path, sizeof(addr.sun_path), path)) {
		free(c);
		return -ENAMETOOLONG;
	}
	text_copy(c->path, sizeof(c->path), path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	mask = umask(0177);
	r = c->fd < 0 || bind(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
			    listen(c->fd, CONNECTIONS_MAX) < 0 ?
		    -errno :
		    0;
	umask(mask);
	if (r == 0) {
		control_set_access(path);
		r = sd_event_add_io(m->event, &c->io, c->fd, EPOLLIN, control_io, c);
	}
	if (r < 0) {
		control_free(c);
		return r;
	}
	m->seen = control_seen;
	m->seen_userdata = c;
	*ret = c;
	return 0;
}

struct control *control_free(struct control *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (c->connections[i])
			connection_free(c->connections[i]);
	sd_event_source_disable_unref(c->io);
	c->manager->seen = NULL;
	if (c->fd >= 0) {
		unlink(c->path);
		close(c->fd);
	}
	free(c);
	return NULL;
}
