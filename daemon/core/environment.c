/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "act/environment.h"
#include "base/array.h"
#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "host/unit_files.h"

#define GATHER		USEC_SEC /* what changes together is read together */
#define ASK_AGAIN	USEC_MIN /* the owner may have written to the unit's files meanwhile */
#define FAILED_AGAIN	(10 * USEC_MIN)
#define ENDED_AFTER	(5 * USEC_SEC) /* by then a transient unit is collected, or there again */
#define REVIEW_INTERVAL (5 * USEC_SEC)
#define ASK_AT_ONCE	8

/* A question about a unit, on its way. */
struct asking {
	struct manager *manager;
	uint64_t token; /* of the workload that wants `wanted`; 0: of an environment that stands */
	char unit[256];
	struct environment wanted;
};

static void reload(struct manager *m);

static struct unit_environment *find(const struct manager *m, const char *unit)
{
	for (size_t i = 0; i < m->environments.n; i++)
		if (!strcmp(m->environments.of[i].unit, unit))
			return &m->environments.of[i];
	return NULL;
}

const struct unit_environment *environment_get(const struct manager *m, const char *unit)
{
	return find(m, unit);
}

/* The workload that runs there; of two, while a service restarts, the one that has a process. */
static struct workload *workload_by_path(const struct manager *m, const char *path)
{
	size_t cursor = 0;

	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		if (w->n_procs > 0 && !strcmp(w->name.workload, path))
			return w;
	return NULL;
}

static void say(struct manager *m, const struct workload *w, const struct unit_environment *u,
		int32_t reason, const char *outcome)
{
	char text[ENVIRONMENT_TEXT_MAX];
	struct audit_subject subject = { .workload = u->unit, .cgroup = u->workload };
	const struct audit_environment e = { .unit = u->unit,
					     .variables = environment_text(text, &u->values),
					     .reason = reason,
					     .outcome = outcome };

	if (w)
		workload_subject(w, &subject);
	audit_environment(m->journal, &subject, &e);
}

static int reload_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	reload(userdata);
	return 0;
}

/* Has the service manager told: soon where an operator waits for it, else with what else comes up meanwhile. */
static void reload_later(struct manager *m, bool urgent)
{
	struct environments *e = &m->environments;
	const usec_t now = clock_now(), from = e->reloaded + m->config.reload_interval;
	const usec_t at = urgent ? now : MAX(now + GATHER, e->reloaded ? from : 0);
	uint64_t due;

	e->owed = true;
	if (e->reloading) {
		e->again = true;
		return;
	}
	if (!e->timer) {
		if (sd_event_add_time(m->event, &e->timer, CLOCK_BOOTTIME, at, 1, reload_time, m) <
		    0)
			log_error("Cannot add a timer for a reload of the service manager");
		return;
	}
	if (sd_event_source_get_enabled(e->timer, NULL) > 0 &&
	    sd_event_source_get_time(e->timer, &due) >= 0 && due <= at)
		return;
	sd_event_source_set_time(e->timer, at);
	sd_event_source_set_enabled(e->timer, SD_EVENT_ONESHOT);
}

static void reloaded(void *userdata, int result)
{
	struct manager *m = userdata;
	struct environments *e = &m->environments;

	e->reloading = false;
	e->reloaded = clock_now();
	e->reloads++;
	if (result < 0)
		log_warning("The service manager has not read its units anew: %s",
			    strerror(-result));
	for (size_t i = 0; i < e->n && result == 0; i++)
		e->of[i].in_force |= e->of[i].loading;
	if (result < 0 && m->stopping) {
		/* gomemd --restore, which comes next, finds on disk that it is owed. */
		e->owed = false;
		return;
	}
	if (result < 0 || e->again) {
		reload_later(m, m->stopping);
		return;
	}
	e->owed = false;
	if (store_put_reload(m->store, false) < 0)
		log_debug("Cannot forget that a reload was owed, ignoring");
}

static void reload(struct manager *m)
{
	struct environments *e = &m->environments;

	if (!m->bus || e->reloading || !e->owed)
		return;
	e->again = false;
	for (size_t i = 0; i < e->n; i++)
		e->of[i].loading = true;
	e->reloading = unit_reload(m->bus, reloaded, m) == 0;
	if (!e->reloading)
		reloaded(m, -EIO);
}

static void forget(struct manager *m, struct unit_environment *u)
{
	*u = m->environments.of[--m->environments.n];
}

/* What is owed is on disk before it is: a death between the file's end and the reload is made up for. */
static void give_back(struct manager *m, struct unit_environment *u, int32_t reason)
{
	const bool urgent = reason == REASON_OPERATOR;
	int r = store_put_reload(m->store, true);

	if (r < 0)
		log_warning("Cannot write down that a reload is owed: %s, ignoring", strerror(-r));
	r = unit_dropin_remove(&m->host, u->unit);
	if (r < 0) {
		log_error("Cannot take the drop-in of %s away: %s", u->unit, strerror(-r));
		return;
	}
	say(m, workload_by_path(m, u->workload), u, reason,
	    r == UNIT_DROPIN_FOREIGN ? "manual" : "restored");
	reload_later(m, urgent);
	forget(m, u);
}

/* Why it may not stand any more, or REASON_NONE. */
static enum decide_reason must_go(const struct manager *m, const struct unit_environment *u)
{
	const struct workload *w = workload_by_path(m, u->workload);
	int tier = w ? w->tier : -1;

	if (m->stopping || orders_stopped(&m->orders) || orders_released(&m->orders, u->workload) ||
	    m->rights != RIGHTS_FULL)
		return REASON_OPERATOR;
	/* One that does not run matches as it did: its process is not there to be matched by. */
	for (size_t i = 0; i < m->policy->n_tiers && !w; i++)
		if (!strcmp(m->policy->tiers[i].rules.tier, u->tier))
			tier = (int)i;
	if (tier < 0 || !m->policy->tiers[tier].rules.environment)
		return REASON_STATE_LEFT;
	if ((w ? w->mode :
		 policy_mode_of(m->policy, tier,
				&(const struct policy_subject){ .cgroup = u->workload },
				(enum policy_mode)m->config.mode, NULL)) != MODE_ENFORCE)
		return REASON_STATE_LEFT;
	return REASON_NONE;
}

static const char *variable_of(enum policy_lever lever)
{
	return lever_ops(lever)->variable;
}

/* What its files name is the owner's, and goes out of @e. */
static void leave_owners(const struct unit_facts *facts, struct environment *e)
{
	for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++) {
		e->set[l] &= !facts->paths_cut;
		for (size_t i = 0; i < facts->n_paths && e->set[l]; i++)
			e->set[l] = !unit_file_names(facts->paths[i], variable_of(l));
	}
}

static bool is_same(const struct environment *a, const struct environment *b)
{
	for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++)
		if (a->set[l] != b->set[l] || (a->set[l] && a->value[l] != b->value[l]))
			return false;
	return true;
}

static struct unit_environment *add(struct manager *m, const char *unit)
{
	struct environments *e = &m->environments;
	struct unit_environment *u;

	if (array_make_room(&e->of, &e->room, e->n, ENVIRONMENTS_MAX, sizeof(*u)) < 0) {
		e->left_out++;
		return NULL;
	}
	u = &e->of[e->n++];
	*u = (struct unit_environment){ 0 };
	text_copy(u->unit, sizeof(u->unit), unit);
	return u;
}

/* Writes the drop-in; the record tells of it. @w is NULL where nothing of it runs. */
static void put(struct manager *m, struct workload *w, struct unit_environment *u)
{
	char text[ENVIRONMENT_DROPIN_MAX];
	const size_t len = environment_dropin(text, &u->values);
	const int r = unit_dropin_write(&m->host, u->unit, text, len);

	u->loading = u->in_force = false;
	say(m, w, u, REASON_HEADROOM,
	    r == 0		     ? "done" :
	    r == UNIT_DROPIN_FOREIGN ? "manual" :
				       "failed");
	if (r == 0) {
		reload_later(m, false);
		return;
	}
	if (w)
		w->environment.ask_from = clock_now() + FAILED_AGAIN;
	if (r < 0)
		log_warning("Cannot write a drop-in for %s: %s", u->unit, strerror(-r));
	if (u->asked)
		give_back(m, u, REASON_OWNER);
	else
		forget(m, u);
}

static void take_facts(struct manager *m, struct workload *w, const struct asking *a,
		       const struct unit_facts *facts)
{
	struct unit_environment *u = find(m, a->unit);
	struct environment e = a->wanted;

	/* Another unit than the name of the cgroup says, or one that is on its way down or up: a later look tells. */
	if (w && strcmp(facts->cgroup, w->name.workload) != 0)
		return;
	/* A transient unit that has ended has no next start; what comes by its name is another. */
	if (!facts->loaded)
		e = (struct environment){ 0 };
	leave_owners(facts, &e);
	if (environment_is_empty(&e)) {
		if (u)
			give_back(m, u,
				  facts->loaded && !environment_is_empty(&a->wanted) ?
					  REASON_OWNER :
					  REASON_STATE_LEFT);
		return;
	}
	if (u && is_same(&u->values, &e)) {
		u->wanted = a->wanted;
		u->asked = clock_now();
		return;
	}
	if (!u && w)
		u = add(m, a->unit);
	if (!u)
		return;
	if (w) {
		text_copy(u->workload, sizeof(u->workload), w->name.workload);
		text_copy(u->tier, sizeof(u->tier), m->policy->tiers[w->tier].rules.tier);
	}
	u->wanted = a->wanted;
	u->values = e;
	put(m, w, u);
	u = find(m, a->unit);
	if (u)
		u->asked = clock_now();
}

static void told(void *userdata, int result, const struct unit_facts *facts)
{
	_cleanup_(freep) struct asking *a = userdata;
	struct manager *m = a->manager;
	struct workload *w = a->token ? table_get(&m->workloads, a->token) : NULL;
	const struct unit_environment *u = find(m, a->unit);

	if (w)
		w->environment.asking = false;
	if (result < 0)
		log_debug("The service manager tells nothing of %s: %s, ignoring", a->unit,
			  strerror(-result));
	/* Meanwhile it may have gone, or may not have it any more. */
	if (result < 0 || m->stopping || (a->token && !w) || (!a->token && !u))
		return;
	if (w && (w->tier < 0 || w->mode != MODE_ENFORCE || orders_stopped(&m->orders) ||
		  orders_released(&m->orders, w->name.workload)))
		return;
	take_facts(m, w, a, facts);
}

static int ask(struct manager *m, const char *unit, uint64_t token, const struct environment *e)
{
	struct asking *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	*a = (struct asking){ .manager = m, .token = token, .wanted = *e };
	text_copy(a->unit, sizeof(a->unit), unit);
	r = unit_ask(m->bus, unit, told, a);
	if (r < 0)
		free(a);
	return r;
}

/* In the process's own environment there may be more than in the unit: of a wrapper, of a file that the unit names. */
static void leave_process(const struct workload *w, struct environment *e)
{
	for (size_t i = 0; i < w->n_procs; i++)
		for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++)
			e->set[l] &= !lever_variable_is_owners(lever_ops(l), &w->procs[i].info);
}

static void recommend(struct workload *w, const struct environment *e)
{
	struct unit_environment u = { .values = *e };

	if (environment_is_empty(e) || environment_is_about(e, &w->environment.said))
		return;
	w->environment.said = *e;
	text_copy(u.unit, sizeof(u.unit), w->name.unit);
	say(w->manager, w, &u, REASON_HEADROOM, "recommended");
}

void environment_look(struct workload *w, usec_t now)
{
	struct manager *m = w->manager;
	struct workload_environment *we = &w->environment;
	const struct unit_environment *u;
	struct environment e;

	if (now - m->environments.reviewed >= REVIEW_INTERVAL)
		environments_review(m);
	we->verdict = ENVIRONMENT_OFF;
	if (w->tier < 0 || w->mode == MODE_OBSERVE)
		return;
	we->verdict = environment_decide(&m->policy->tiers[w->tier].rules, &w->snapshot,
					 &w->history, &w->decision, &we->watch, &e);
	if (we->verdict != ENVIRONMENT_SETTLED || m->stopping || orders_stopped(&m->orders) ||
	    orders_released(&m->orders, w->name.workload))
		return;
	leave_process(w, &e);
	if (w->mode == MODE_RECOMMEND)
		recommend(w, &e);
	u = find(m, w->name.unit);
	if (w->mode != MODE_ENFORCE || !m->bus || we->asking ||
	    (u ? environment_is_about(&e, &u->wanted) : environment_is_empty(&e)) ||
	    now < we->ask_from)
		return;
	we->ask_from = now + ASK_AGAIN;
	we->asking = ask(m, w->name.unit, w->token, &e) == 0;
}

/* Its owner may have had his say since it was looked up; a unit that is no more has none. */
static void look_up(struct manager *m, struct unit_environment *u, usec_t now)
{
	u->asked = now;
	if (m->bus && ask(m, u->unit, 0, &u->wanted) < 0)
		log_debug("Cannot ask for %s, ignoring", u->unit);
}

void environment_started(struct workload *w)
{
	struct unit_environment *u = find(w->manager, w->name.unit);

	if (u && w->name.unit[0])
		look_up(w->manager, u, clock_now());
}

void environment_ended(struct workload *w)
{
	struct unit_environment *u = w->name.unit[0] ? find(w->manager, w->name.unit) : NULL;

	if (u)
		u->asked = sub_sat(clock_now(), ASK_AGAIN - ENDED_AFTER);
}

void environments_review(struct manager *m)
{
	const usec_t now = clock_now();
	unsigned int asked = 0;

	m->environments.reviewed = now;
	for (size_t i = m->environments.n; i-- > 0;) {
		struct unit_environment *u = &m->environments.of[i];
		const enum decide_reason reason = must_go(m, u);

		if (reason != REASON_NONE) {
			give_back(m, u, (int32_t)reason);
		} else if (now - u->asked >= ASK_AGAIN && asked < ASK_AT_ONCE) {
			look_up(m, u, now);
			asked++;
		}
	}
}

bool environments_pending(const struct manager *m)
{
	return m->environments.n > 0 || (m->environments.owed && m->bus);
}

void environments_done(struct manager *m)
{
	sd_event_source_disable_unref(m->environments.timer);
	free(m->environments.of);
	m->environments = (struct environments){ 0 };
}
