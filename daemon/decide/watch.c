/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/watch.h"

#define WATCH_CYCLES	  2
#define WATCH_USEC	  (2 * USEC_SEC)
#define WATCH_MAX_USEC	  (2 * USEC_MIN) /* no cycle came: nothing to judge */
#define REST_USEC	  (10 * USEC_MIN)
#define GAIN_SHARE	  50  /* 2 % of what was mapped or used */
#define CPU_RISE_PERMILLE 100 /* of one CPU, and half as much again as before */
#define STALL_SHARE	  10  /* stalled a tenth of the time */
#define THROTTLED_SHARE	  4   /* throttled in a quarter of the periods */

static bool gained(const struct lever_watch *w, const struct snapshot *s)
{
	return snapshot_mapped(s) + w->mapped_bytes / GAIN_SHARE <= w->mapped_bytes ||
	       snapshot_usage(&s->cgroup) + w->usage_bytes / GAIN_SHARE <= w->usage_bytes;
}

static bool harmed(const struct lever_watch *w, const struct snapshot *s,
		   const struct proc_history *ph, usec_t now)
{
	const uint64_t rise = CPU_RISE_PERMILLE + w->gc_cpu_permille / 2;
	const bool dearer = ph->gc_cpu_permille > w->gc_cpu_permille + rise;
	const uint64_t stalled = s->cgroup.psi_full_us - w->psi_full_us;
	const uint64_t periods = s->cgroup.cpu_periods - w->cpu_periods;
	const uint64_t throttled = s->cgroup.cpu_throttled - w->cpu_throttled;

	const bool slower = periods > 0 && throttled > periods / THROTTLED_SHARE &&
			    ph->gc_cpu_permille > w->gc_cpu_permille;

	return (w->tighter && (dearer || slower)) || stalled > (now - w->since) / STALL_SHARE;
}

static void judge(const struct snapshot *s, usec_t now, const struct snapshot_proc *p,
		  struct proc_history *ph, enum policy_lever lever)
{
	struct lever_watch *w = &ph->lever[lever].watch;

	/* A profile is no lever of memory: it is not to blame for what collection costs. */
	if (lever == LEVER_HEAP_PROFILE || !w->active || now - w->since < WATCH_USEC)
		return;
	if (p->sample.num_gc - w->num_gc < WATCH_CYCLES) {
		w->active = now - w->since < WATCH_MAX_USEC;
		return;
	}
	w->active = false;
	/* One that is balanced may cost more so that the others cost less: they are judged together (balance.h). */
	if (lever == LEVER_GOGC && ph->balance.gogc)
		return;
	/* A soft limit that does not set the goal has no effect, so none of this is its doing. */
	if (lever == LEVER_SOFT_LIMIT && !heap_goal_is_limit(&p->sample, p->minor))
		return;
	if (harmed(w, s, ph, now) && !gained(w, s) && !p->lever[lever].pinned)
		ph->lever[lever].rest_until = now + REST_USEC;
}

void watch_judge(const struct snapshot *s, usec_t now, const struct snapshot_proc *p,
		 struct proc_history *ph)
{
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		judge(s, now, p, ph, l);
}
