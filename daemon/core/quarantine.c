/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "core/quarantine.h"

/* 0 where the cgroup is not there. */
static uint64_t id_of(struct manager *m, const char *workload)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;

	return cgroup_open(&m->host, workload, &cg) == 0 ? cgroup_id(cg) : 0;
}

static void drop(struct manager *m, size_t i)
{
	m->quarantine[i] = m->quarantine[--m->n_quarantined];
}

/* The entry of this very cgroup, or NULL; one of a cgroup that is no more goes. */
static struct quarantined *find(struct manager *m, const char *workload)
{
	for (size_t i = 0; i < m->n_quarantined; i++) {
		if (strcmp(m->quarantine[i].workload, workload))
			continue;
		if (m->quarantine[i].cgroup_id == id_of(m, workload))
			return &m->quarantine[i];
		drop(m, i);
		return NULL;
	}
	return NULL;
}

static void extend(struct quarantined *q)
{
	q->until = clock_now() + inspector_rest(q->times++);
}

void quarantine_add(struct manager *m, const char *path)
{
	struct quarantined *q;
	struct cgroup_name name;

	/* The root and the runtimes' own cgroups hold what is not one tenant's. */
	if (!path[0] || cgroup_name_parse(path, &name) < 0 || cgroup_name_is_infrastructure(&name))
		return;
	q = find(m, name.workload);
	if (q) {
		extend(q);
		return;
	}
	if (m->n_quarantined == QUARANTINE_MAX) {
		m->quarantine_forgotten++;
		drop(m, 0);
	}
	q = &m->quarantine[m->n_quarantined];
	*q = (struct quarantined){ .cgroup_id = id_of(m, name.workload) };
	if (!q->cgroup_id || !text_copy(q->workload, sizeof(q->workload), name.workload))
		return;
	m->n_quarantined++;
	extend(q);
}

bool quarantine_has_workload(struct manager *m, const char *workload)
{
	const struct quarantined *q = find(m, workload);

	return q && clock_now() < q->until;
}

bool quarantine_has_process(struct manager *m, pid_t pid)
{
	struct cgroup_name name;
	char path[4096];

	return m->n_quarantined > 0 &&
	       process_read_cgroup(&m->host, pid, false, path, sizeof(path)) == 0 && path[0] &&
	       cgroup_name_parse(path, &name) == 0 && quarantine_has_workload(m, name.workload);
}
