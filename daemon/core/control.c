/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
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

enum {
	CONNECTIONS_MAX = 16,
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
	json_object_put(c->answer);
	free(c);
}

static int connection_late(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	connection_free(userdata);
	return 0;
}

static void make_answer(struct connection *c)
{
	struct control_request req;
	const char *why;

	if (control_parse(c->request, c->received, &req, &why) == 0) {
		c->answer = orders_answer(c->control->manager, &req, &c->who);
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
	if (n <= 0 || c->sent == c->length)
		connection_free(c);
}

static int connection_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	if (c->answer)
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

/* Reading for the group, writing (checked per request) for root. Without the group: root alone. */
static void set_access(const char *path)
{
	const struct group *g = getgrnam(GROUP);

	if (!g || chown(path, 0, g->gr_gid) < 0 || chmod(path, 0660) < 0)
		log_info("No group %s: only root can talk to this daemon", GROUP);
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
		set_access(path);
		r = sd_event_add_io(m->event, &c->io, c->fd, EPOLLIN, control_io, c);
	}
	if (r < 0) {
		control_free(c);
		return r;
	}
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
	if (c->fd >= 0) {
		unlink(c->path);
		close(c->fd);
	}
	free(c);
	return NULL;
}
