/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/manager.h"
#include "decide/restart.h"

#define KEEP_INTERVAL (10 * USEC_MIN)

/*
 * What outlives a workload: its unit, or for a container its namespace, the pod's owner, and its own name there. "" while
 * the pod's name is not known.
 */
static void lasting_name(const struct workload *w, char *buf, size_t size)
{
	buf[0] = '\0';
	if (!w->name.container[0] && !w->name.pod_uid[0])
		text_copy(buf, size, w->name.workload);
	else if (w->named)
		snprintf(buf, size, "%s/%s/%s", w->pod.space, w->owner, w->pod.container);
}

const struct learned_entry *learned_of(const struct workload *w, char name[LEARNED_NAME_MAX])
{
	lasting_name(w, name, LEARNED_NAME_MAX);
	return name[0] ? learned_get(&w->manager->learned, name) : NULL;
}

/*
 * The one before may still be known, since its cgroup has not been seen to go yet, and what runs beside it of the same
 * owner has learned something as well.
 */
static void keep_kin(const struct workload *w, const char *name)
{
	char other[LEARNED_NAME_MAX];
	size_t cursor = 0;

	for (struct workload *o = table_next(&w->manager->workloads, &cursor); o;
	     o = table_next(&w->manager->workloads, &cursor)) {
		if (o == w)
			continue;
		lasting_name(o, other, sizeof(other));
		if (!strcmp(other, name))
			learned_keep(o);
	}
}

void learned_recall(struct workload *w)
{
	const struct learned_entry *e;
	char name[LEARNED_NAME_MAX];

	if (w->recalled)
		return;
	lasting_name(w, name, sizeof(name));
	if (!name[0])
		return;
	keep_kin(w, name);
	e = learned_get(&w->manager->learned, name);
	w->recalled = true;
	if (e && e->nongo_bytes)
		history_recall_nongo(&w->history, e->nongo_bytes);
}

static void put(struct workload *w, const struct learned_entry *e)
{
	if (e->name[0] && learned_put(&w->manager->learned, e) < 0)
		log_debug("Cannot remember what was learned of %s, ignoring", w->label);
}

/* What is known, to be added to. */
static struct learned_entry entry_of(const struct workload *w)
{
	char name[LEARNED_NAME_MAX];
	const struct learned_entry *known = learned_of(w, name);
	struct learned_entry e = known ? *known : (struct learned_entry){ 0 };

	text_copy(e.name, sizeof(e.name), name);
	e.seen_wall = clock_wall();
	return e;
}

void learned_keep(struct workload *w)
{
	const uint64_t nongo = history_learned_nongo(&w->history);
	const uint64_t live = history_live_at_start(&w->history);
	struct learned_entry e;

	if (!nongo && !live)
		return;
	e = entry_of(w);
	if (nongo)
		e.nongo_bytes = nongo;
	if (live)
		e.live_at_start_bytes = live;
	put(w, &e);
}

void learned_restarted(struct workload *w)
{
	struct learned_entry e;

	learned_keep(w);
	e = entry_of(w);
	e.restarts = restart_count(e.restarts, e.restarted_wall, e.seen_wall);
	e.restarted_wall = e.seen_wall;
	put(w, &e);
	learned_save(w->manager, true);
}

void learned_save(struct manager *m, bool now)
{
	size_t cursor = 0;
	int r;

	if (!now && clock_now() - m->learned_at < KEEP_INTERVAL)
		return;
	m->learned_at = clock_now();
	for (struct workload *w = table_next(&m->workloads, &cursor); w;
	     w = table_next(&m->workloads, &cursor))
		learned_keep(w);
	r = store_put_learned(m->store, &m->learned);
	if (r < 0)
		log_warning("Cannot write what was learned: %s, ignoring", strerror(-r));
}
