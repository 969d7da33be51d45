/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "core/manager.h"

/* A helper in the loop: its answers by descriptor, its deadline by timer; both move when it is replaced. */
struct in_loop {
	struct inspector *in;
	sd_event_source **io, **timer;
	unsigned int *generation;
	sd_event_io_handler_t on_io;
	sd_event_time_handler_t on_timer;
};

static int inspector_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	inspector_dispatch(m->inspector);
	manager_arm(m);
	return 0;
}

static int inspector_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)usec;
	inspector_expire(m->inspector, clock_now());
	manager_arm(m);
	return 0;
}

static int writer_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	inspector_dispatch(m->writer);
	manager_arm(m);
	return 0;
}

static int writer_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)usec;
	inspector_expire(m->writer, clock_now());
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

static void arm_one(struct manager *m, const struct in_loop *l)
{
	if (!l->in)
		return;
	if (*l->generation != inspector_generation(l->in)) {
		*l->generation = inspector_generation(l->in);
		*l->io = sd_event_source_disable_unref(*l->io);
		if (inspector_fd(l->in) >= 0 &&
		    sd_event_add_io(m->event, l->io, inspector_fd(l->in), EPOLLIN, l->on_io, m) < 0)
			log_error("Cannot watch a helper");
	}
	arm_timer(m, l->timer, inspector_deadline(l->in), l->on_timer);
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
	const struct in_loop loops[] = {
		{ m->inspector, &m->inspector_io, &m->inspector_timer, &m->inspector_generation,
		  inspector_io, inspector_time },
		{ m->writer, &m->writer_io, &m->writer_timer, &m->writer_generation, writer_io,
		  writer_time },
	};

	for (size_t i = 0; i < ARRAY_SIZE(loops); i++)
		arm_one(m, &loops[i]);
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

int manager_start_helpers(struct manager *m)
{
	int r = inspector_new(&m->host, true, m->config.helper_deadline, &m->inspector);

	if (r < 0)
		return r;
	manager_arm(m);
	return 0;
}
