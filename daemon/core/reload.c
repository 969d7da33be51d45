/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "host/file_watch.h"

/* What changes in several steps is read once, when it has settled, and at the latest after the second. */
#define SETTLED	 (500 * USEC_MSEC)
#define PATIENCE (5 * USEC_SEC)

struct reloader {
	struct manager *manager;
	struct file_watch *watch;
	sd_event_source *io, *timer;
	usec_t changed; /* the first change that was not read yet; 0: none */
	bool said;	/* that not all can be watched */
};

struct reloader *reloader_free(struct reloader *r)
{
	if (!r)
		return NULL;
	sd_event_source_disable_unref(r->io);
	sd_event_source_disable_unref(r->timer);
	file_watch_free(r->watch);
	free(r);
	return NULL;
}

static bool add(struct reloader *r, const char *path, const char *name)
{
	int added = file_watch_add(r->watch, path, name);

	if (added < 0 && added != -ENOENT && added != -ENOTDIR && !r->said) {
		log_warning("Cannot watch %s: %s; after a change of it, reload by hand", path,
			    strerror(-added));
		r->said = true;
	}
	return added > 0;
}

/* True where a directory is watched that was not. */
static bool add_all(struct reloader *r)
{
	const char *root = getenv("GOMEMD_ROOT"), *file = r->manager->config_file, *directory;
	const char *slash = strrchr(file, '/');
	char path[PATH_MAX];
	bool new;

	snprintf(path, sizeof(path), "%.*s", slash ? (int)(slash - file) + 1 : 1,
		 slash ? file : ".");
	new = add(r, path, slash ? slash + 1 : file);
	for (size_t i = 0; (directory = policy_directory(i)); i++) {
		snprintf(path, sizeof(path), "%s%s", root ? root : "", directory);
		new = add(r, path, ".ini") || new;
	}
	return new;
}

void reload_watch(struct manager *m)
{
	struct reloader *r;
	int error;

	if (m->reloader)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		return;
	r->manager = m;
	error = file_watch_new(&r->watch);
	if (error < 0) {
		log_debug("Cannot watch settings and policies: %s", strerror(-error));
		free(r);
		return;
	}
	m->reloader = r;
	add_all(r);
}

static int on_settled(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct reloader *r = userdata;
	struct manager *m = r->manager;

	(void)s;
	(void)usec;
	r->changed = 0;
	if (m->stopping)
		return 0;
	/* A directory that stands in the place of another is watched before it is read. */
	add_all(r);
	/* It is there, or this would not be asked for: without it defaults would be in force, until somebody reloads. */
	if (access(m->config_file, F_OK) < 0 && errno == ENOENT) {
		log_warning("%s is gone: what was in force stays until it is there again, or a "
			    "reload by hand",
			    m->config_file);
		return 0;
	}
	log_info("Settings or policies have changed: reading them again");
	/* Ends with this object where they say so. */
	manager_reload(m);
	return 0;
}

static void read_soon(struct reloader *r)
{
	const usec_t now = clock_now();
	usec_t at;

	if (!r->changed)
		r->changed = now;
	at = MIN(now + SETTLED, r->changed + PATIENCE);
	if (!r->timer) {
		sd_event_add_time(r->manager->event, &r->timer, CLOCK_BOOTTIME, at, 1, on_settled,
				  r);
		return;
	}
	sd_event_source_set_time(r->timer, at);
	sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static int on_change(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct reloader *r = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	if (file_watch_dispatch(r->watch))
		read_soon(r);
	return 0;
}

void reload_review(struct manager *m)
{
	if (m->reloader && add_all(m->reloader))
		read_soon(m->reloader);
}

void reload_apply(struct manager *m)
{
	struct reloader *r = m->reloader;

	if (!m->config.reload_on_change) {
		m->reloader = reloader_free(r);
		return;
	}
	if (r && !r->io &&
	    sd_event_add_io(m->event, &r->io, file_watch_fd(r->watch), EPOLLIN, on_change, r) >= 0)
		return;
	if (!r || !r->io)
		log_warning(
			"Cannot watch settings and policies (fs.inotify.max_user_instances may be too low): after a change, reload by hand");
}
