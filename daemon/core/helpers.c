/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "core/manager.h"

/* A helper in the loop: its answers by descriptor, its deadline by timer; both move when it is replaced. */
struct in_loop {
	struct inspector *in;
	sd_event_source **io, **timer;
	unsigned int *generation;
};

enum {
	HELPERS = 3,
};

static void helpers_of(struct manager *m, struct in_loop ret[HELPERS])
{
	ret[0] = (struct in_loop){ m->inspector, &m->inspector_io, &m->inspector_timer,
				   &m->inspector_generation };
	ret[1] = (struct in_loop){ m->writer, &m->writer_io, &m->writer_timer,
				   &m->writer_generation };
	ret[2] = (struct in_loop){ m->walker, &m->walker_io, &m->walker_timer,
				   &m->walker_generation };
}

static int helper_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;
	struct in_loop loops[HELPERS];

	(void)fd;
	(void)revents;
	helpers_of(m, loops);
	for (size_t i = 0; i < HELPERS; i++)
		if (*loops[i].io == s) {
			inspector_dispatch(loops[i].in);
			break;
		}
	manager_arm(m);
	return 0;
}

static int helper_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	struct in_loop loops[HELPERS];

	(void)usec;
	helpers_of(m, loops);
	for (size_t i = 0; i < HELPERS; i++)
		if (*loops[i].timer == s) {
			inspector_expire(loops[i].in, clock_now());
			break;
		}
	manager_arm(m);
	return 0;
}

static int listener_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	listener_dispatch(m->listener);
	manager_arm(m);
	return 0;
}

static int listener_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)usec;
	listener_expire(m->listener, clock_now());
	manager_arm(m);
	return 0;
}

static void arm_timer(struct manager *m, sd_event_source **timer, usec_t at,
		      sd_event_time_handler_t handler)
{
	if (!at) {
		if (*timer)
			sd_event_source_set_enabled(*timer, SD_EVENT_OFF);
		return;
	}
	if (!*timer) {
		if (sd_event_add_time(m->event, timer, CLOCK_BOOTTIME, at, 1, handler, m) < 0)
			log_error("Cannot add a timer");
		return;
	}
	sd_event_source_set_time(*timer, at);
	sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
}

int manager_watch_fd(struct manager *m, sd_event_source **ret, int fd,
		     sd_event_io_handler_t handler, void *userdata)
{
	_cleanup_(closep) int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int r = own < 0 ? -errno : sd_event_add_io(m->event, ret, own, EPOLLIN, handler, userdata);

	if (r >= 0)
		r = sd_event_source_set_io_fd_own(*ret, true);
	if (r >= 0)
		(void)TAKE_FD(own);
	return MIN(r, 0);
}

static void arm_one(struct manager *m, const struct in_loop *l)
{
	if (!l->in)
		return;
	if (*l->generation != inspector_generation(l->in)) {
		*l->generation = inspector_generation(l->in);
		*l->io = sd_event_source_disable_unref(*l->io);
		if (inspector_fd(l->in) >= 0 &&
		    manager_watch_fd(m, l->io, inspector_fd(l->in), helper_io, m) < 0)
			log_error("Cannot watch a helper");
	}
	arm_timer(m, l->timer, inspector_deadline(l->in), helper_time);
}

/* One that has ended by itself, since there is nothing to be heard here, has no descriptor. */
static void arm_listener(struct manager *m)
{
	const int fd = listener_fd(m->listener);

	if (fd < 0)
		m->listener_io = sd_event_source_disable_unref(m->listener_io);
	if (fd >= 0 && m->listener_generation != listener_generation(m->listener)) {
		m->listener_generation = listener_generation(m->listener);
		m->listener_io = sd_event_source_disable_unref(m->listener_io);
		if (manager_watch_fd(m, &m->listener_io, fd, listener_io, m) < 0)
			log_error("Cannot watch the helper that listens");
	}
	arm_timer(m, &m->listener_timer, listener_deadline(m->listener), listener_time);
}

static int tracker_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)usec;
	tracker_run(m->tracker, clock_now());
	manager_arm(m);
	return 0;
}

void manager_arm(struct manager *m)
{
	struct in_loop loops[HELPERS];

	helpers_of(m, loops);
	for (size_t i = 0; i < HELPERS; i++)
		arm_one(m, &loops[i]);
	if (m->listener)
		arm_listener(m);
	if (m->tracker)
		arm_timer(m, &m->tracker_timer, tracker_due(m->tracker), tracker_time);
}

struct inspector *manager_writer(struct manager *m)
{
	int r;

	if (m->writer)
		return m->writer;
	r = inspector_new(&m->host, true, m->config.helper_deadline, &m->writer);
	if (r < 0)
		log_error("Cannot start the helper for cgroup writes: %s", strerror(-r));
	return m->writer;
}

struct inspector *manager_walker(struct manager *m)
{
	int r;

	if (m->walker)
		return m->walker;
	r = inspector_new(&m->host, false, m->config.helper_deadline, &m->walker);
	if (r < 0)
		log_error("Cannot start the helper for heap profiles: %s", strerror(-r));
	return m->walker;
}

int manager_start_helpers(struct manager *m)
{
	/* Memory that may not be written cannot be opened for it either. */
	int r = inspector_new(&m->host, m->rights == RIGHTS_FULL, m->config.helper_deadline,
			      &m->inspector);

	if (r < 0)
		return r;
	manager_arm(m);
	return 0;
}
