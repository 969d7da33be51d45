/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/util.h"
#include "host/unit.h"

#define CALL_TIMEOUT   (5 * USEC_SEC)
#define RELOAD_TIMEOUT USEC_MIN /* with many units it takes its time */
#define JOB_TIMEOUT                                                                                \
	(3 * USEC_MIN) /* TimeoutStopSec= and TimeoutStartSec= as they come, one after the other */

#define SERVICE_MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH	"/org/freedesktop/systemd1"
#define MANAGER		SERVICE_MANAGER ".Manager"
#define PROPERTIES	"org.freedesktop.DBus.Properties"

enum {
	JOBS_MAX = 16,
};

/* A job of ours that has not ended yet; free where done is NULL. */
struct job {
	unit_done done;
	void *userdata;
	char path[128]; /* "" until the call is answered */
	sd_event_source *timer;
};

struct unit_bus {
	sd_bus *bus;
	sd_event *event;
	bool subscribed;
	struct job jobs[JOBS_MAX];
};

struct call {
	unit_done done;
	void *userdata;
};

int unit_bus_new(struct sd_event *event, struct unit_bus **ret)
{
	_cleanup_(unit_bus_freep) struct unit_bus *ub = calloc(1, sizeof(*ub));
	int r;

	if (!ub)
		return -ENOMEM;
	r = sd_bus_open_system(&ub->bus);
	if (r >= 0)
		r = sd_bus_attach_event(ub->bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r;
	ub->event = sd_event_ref(event);
	*ret = TAKE_PTR(ub);
	return 0;
}

struct unit_bus *unit_bus_free(struct unit_bus *ub)
{
	if (!ub)
		return NULL;
	for (size_t i = 0; i < JOBS_MAX; i++)
		sd_event_source_disable_unref(ub->jobs[i].timer);
	sd_bus_flush_close_unref(ub->bus);
	sd_event_unref(ub->event);
	free(ub);
	return NULL;
}

static int call_ended(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(freep) struct call *call = userdata;

	(void)error;
	call->done(call->userdata, -sd_bus_message_get_errno(m));
	return 0;
}

static int make_call(sd_bus *bus, const char *unit, uint64_t bytes, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(bus, ret, SERVICE_MANAGER, MANAGER_PATH, MANAGER,
					       "SetUnitProperties");

	/* true: until the next boot only. */
	if (r >= 0)
		r = sd_bus_message_append(*ret, "sba(sv)", unit, 1, 1, "MemoryHigh", "t", bytes);
	return r;
}

int unit_set_memory_high(struct unit_bus *ub, const char *unit, uint64_t bytes, unit_done done,
			 void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	_cleanup_(freep) struct call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	call->done = done;
	call->userdata = userdata;
	r = make_call(ub->bus, unit, bytes, &m);
	if (r >= 0)
		r = sd_bus_call_async(ub->bus, NULL, m, call_ended, call, CALL_TIMEOUT);
	if (r < 0)
		return r;
	TAKE_PTR(call);
	return 0;
}

int unit_set_memory_high_now(const char *unit, uint64_t bytes)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = sd_bus_open_system(&bus);

	if (r >= 0)
		r = make_call(bus, unit, bytes, &m);
	if (r >= 0)
		r = sd_bus_call(bus, m, CALL_TIMEOUT, NULL, NULL);
	return MIN(r, 0);
}

struct question {
	unit_answer answer;
	void *userdata;
};

static void facts_add_path(struct unit_facts *f, const char *path)
{
	if (!path[0])
		return;
	if (f->n_paths == UNIT_PATHS_MAX ||
	    !text_copy(f->paths[f->n_paths], sizeof(f->paths[0]), path))
		f->paths_cut = true;
	else
		f->n_paths++;
}

/* The word in the variant that is next. */
static int read_word(sd_bus_message *m, const char **ret)
{
	return sd_bus_message_read(m, "v", "s", ret);
}

static int read_paths(sd_bus_message *m, struct unit_facts *f)
{
	const char *path;
	int r = sd_bus_message_enter_container(m, 'v', "as");

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(m, "s", &path)) > 0)
		facts_add_path(f, path);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_fact(sd_bus_message *m, const char *name, struct unit_facts *f)
{
	static const char *const refusals[] = { "RefuseManualStart", "RefuseManualStop" };
	static const char *const abilities[] = { "CanStart", "CanStop" };
	const char *word = NULL;
	int r, flag;

	if (!strcmp(name, "DropInPaths"))
		return read_paths(m, f);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (!strcmp(name, refusals[i]) || !strcmp(name, abilities[i])) {
			r = sd_bus_message_read(m, "v", "b", &flag);
			if (r >= 0 && flag == !strcmp(name, refusals[i]))
				f->restartable = false;
			return r;
		}
	if (strcmp(name, "LoadState") != 0 && strcmp(name, "ActiveState") != 0 &&
	    strcmp(name, "FragmentPath") != 0 && strcmp(name, "ControlGroup") != 0 &&
	    strcmp(name, "Type") != 0)
		return sd_bus_message_skip(m, "v");
	r = read_word(m, &word);
	if (r < 0)
		return r;
	if (!strcmp(name, "LoadState"))
		f->loaded = !strcmp(word, "loaded");
	else if (!strcmp(name, "ActiveState"))
		f->active = !strcmp(word, "active");
	else if (!strcmp(name, "FragmentPath"))
		facts_add_path(f, word);
	else if (!strcmp(name, "ControlGroup"))
		(void)text_copy(f->cgroup, sizeof(f->cgroup), word);
	else if (!strcmp(word, "oneshot"))
		f->restartable = false;
	return 0;
}

static int read_facts(sd_bus_message *m, struct unit_facts *f)
{
	const char *name;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	f->restartable = true;
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &name);
		if (r >= 0)
			r = read_fact(m, name, f);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int asked(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(freep) struct question *q = userdata;
	_cleanup_(freep) struct unit_facts *f = calloc(1, sizeof(*f));
	int r = -sd_bus_message_get_errno(m);

	(void)error;
	if (r == 0)
		r = f ? read_facts(m, f) : -ENOMEM;
	q->answer(q->userdata, MIN(r, 0), r < 0 ? NULL : f);
	return 0;
}

int unit_ask(struct unit_bus *ub, const char *unit, unit_answer answer, void *userdata)
{
	_cleanup_(freep) struct question *q = calloc(1, sizeof(*q));
	_cleanup_(freep) char *path = NULL;
	int r;

	if (!q)
		return -ENOMEM;
	*q = (struct question){ .answer = answer, .userdata = userdata };
	r = sd_bus_path_encode(MANAGER_PATH "/unit", unit, &path);
	/* "": of every interface that the object has. */
	if (r >= 0)
		r = sd_bus_call_method_async(ub->bus, NULL, SERVICE_MANAGER, path, PROPERTIES,
					     "GetAll", asked, q, "s", "");
	if (r < 0)
		return r;
	TAKE_PTR(q);
	return 0;
}

static int make_reload(sd_bus *bus, sd_bus_message **ret)
{
	return sd_bus_message_new_method_call(bus, ret, SERVICE_MANAGER, MANAGER_PATH, MANAGER,
					      "Reload");
}

/* On the way down: what the manager would read is gone with it. */
static bool is_stopping(sd_bus_message *m)
{
	const char *state = "";

	return !sd_bus_message_is_method_error(m, NULL) && read_word(m, &state) >= 0 &&
	       !strcmp(state, "stopping");
}

static int state_told(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reload = NULL;
	_cleanup_(freep) struct call *call = userdata;
	int r = 0;

	(void)error;
	if (!is_stopping(m)) {
		r = make_reload(sd_bus_message_get_bus(m), &reload);
		if (r >= 0)
			r = sd_bus_call_async(sd_bus_message_get_bus(m), NULL, reload, call_ended,
					      call, RELOAD_TIMEOUT);
		if (r >= 0) {
			TAKE_PTR(call);
			return 0;
		}
	}
	call->done(call->userdata, r);
	return 0;
}

int unit_reload(struct unit_bus *ub, unit_done done, void *userdata)
{
	_cleanup_(freep) struct call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	*call = (struct call){ .done = done, .userdata = userdata };
	r = sd_bus_call_method_async(ub->bus, NULL, SERVICE_MANAGER, MANAGER_PATH, PROPERTIES,
				     "Get", state_told, call, "ss", MANAGER, "SystemState");
	if (r < 0)
		return r;
	TAKE_PTR(call);
	return 0;
}

int unit_reload_now(void)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *state = NULL;
	int r = sd_bus_open_system(&bus);

	if (r >= 0)
		r = sd_bus_call_method(bus, SERVICE_MANAGER, MANAGER_PATH, PROPERTIES, "Get", NULL,
				       &state, "ss", MANAGER, "SystemState");
	if (r < 0 || is_stopping(state))
		return MIN(r, 0);
	r = make_reload(bus, &m);
	if (r >= 0)
		r = sd_bus_call(bus, m, RELOAD_TIMEOUT, NULL, NULL);
	return MIN(r, 0);
}

static void job_end(struct job *job, int result)
{
	const struct job ended = *job;

	sd_event_source_disable_unref(job->timer);
	*job = (struct job){ 0 };
	ended.done(ended.userdata, result);
}

static int job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit_bus *ub = userdata;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (ub->jobs[i].done && !strcmp(ub->jobs[i].path, path))
			job_end(&ub->jobs[i], !strcmp(result, "done")	  ? 0 :
					      !strcmp(result, "canceled") ? -ECANCELED :
									    -EIO);
	return 0;
}

static int job_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	job_end(userdata, -ETIMEDOUT);
	return 0;
}

static int job_made(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct job *job = userdata;
	const char *path = NULL;
	int r = -sd_bus_message_get_errno(m);

	(void)error;
	if (!job->done)
		return 0;
	if (r == 0)
		r = sd_bus_message_read(m, "o", &path);
	if (r >= 0 && !text_copy(job->path, sizeof(job->path), path))
		r = -ENAMETOOLONG;
	if (r < 0)
		job_end(job, r);
	return 0;
}

/* Signals are sent to nobody as long as nobody has asked for them; so not before they are needed. */
static int subscribe(struct unit_bus *ub)
{
	int r;

	if (ub->subscribed)
		return 0;
	r = sd_bus_match_signal_async(ub->bus, NULL, SERVICE_MANAGER, MANAGER_PATH, MANAGER,
				      "JobRemoved", job_removed, NULL, ub);
	if (r >= 0)
		r = sd_bus_call_method_async(ub->bus, NULL, SERVICE_MANAGER, MANAGER_PATH, MANAGER,
					     "Subscribe", NULL, NULL, NULL);
	ub->subscribed = r >= 0;
	return MIN(r, 0);
}

int unit_restart(struct unit_bus *ub, const char *unit, unit_done done, void *userdata)
{
	struct job *job = NULL;
	int r = subscribe(ub);

	for (size_t i = 0; i < JOBS_MAX && !job; i++)
		if (!ub->jobs[i].done)
			job = &ub->jobs[i];
	if (r < 0 || !job)
		return r < 0 ? r : -EBUSY;
	*job = (struct job){ .done = done, .userdata = userdata };
	r = sd_event_add_time(ub->event, &job->timer, CLOCK_BOOTTIME, clock_now() + JOB_TIMEOUT,
			      USEC_SEC, job_time, job);
	if (r >= 0)
		r = sd_bus_call_method_async(ub->bus, NULL, SERVICE_MANAGER, MANAGER_PATH, MANAGER,
					     "RestartUnit", job_made, job, "ss", unit, "replace");
	if (r < 0) {
		sd_event_source_disable_unref(job->timer);
		*job = (struct job){ 0 };
	}
	return MIN(r, 0);
}
