/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/util.h"
#include "host/duty.h"
#include "host/probes.h"
#include "host/span_watch.h"

enum {
	PATIENCE_ON_MS = 5, /* while each hit costs */
	PATIENCE_OFF_MS = 20,
	TRAP_NS = 1500, /* where it could not be measured */
	SWITCH_NS =
		100 *
		1000, /* pages of code are written and given back, and CPUs interrupted for it */
};

struct span_watch {
	struct probes *probes;
	struct event_spans *shared;
	struct probe_target target;
	struct duty duty;
	span_watch_slice each;
	void *userdata;
	clockid_t clock;
	int pidfd;
	uint64_t trap_ns;
	uint64_t cpu_ns, hits, spent_ns; /* at the last look */
	bool over;			 /* it is gone, or its probes are */
};

static bool is_alive(const struct span_watch *w)
{
	struct pollfd p = { .fd = w->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static void set_open(struct span_watch *w, bool open)
{
	__atomic_store_n(&w->shared->open, open, __ATOMIC_SEQ_CST);
}

/* A process that is gone used nothing any more. */
static struct duty_figures since_last(struct span_watch *w)
{
	const uint64_t hits = __atomic_load_n(&w->shared->hits, __ATOMIC_RELAXED);
	const uint64_t spent = __atomic_load_n(&w->shared->spent_ns, __ATOMIC_RELAXED);
	struct duty_figures f = { .cost_ns = (hits - w->hits) * w->trap_ns + spent - w->spent_ns };
	struct timespec ts;

	w->hits = hits;
	w->spent_ns = spent;
	if (clock_gettime(w->clock, &ts) == 0) {
		const uint64_t cpu = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;

		f.cpu_ns = sub_sat(cpu, w->cpu_ns);
		w->cpu_ns = cpu;
	}
	return f;
}

static void tell(struct span_watch *w, bool last, bool wait)
{
	const struct span_slice s = {
		.observed_ns = w->duty.observed_ns,
		.missed_ns = w->duty.missed_ns,
		.cpu_ns = w->duty.all.cpu_ns,
		.cost_ns = w->duty.all.cost_ns,
		.hits = w->hits,
		.last = last,
	};

	if (w->each(w->userdata, w->target.pid, &s, wait))
		duty_slice_taken(&w->duty);
}

static int measure_trap(struct probes *p, uint64_t *ret_ns)
{
	uint64_t ns;
	int r = probes_trap_cost(p, &ns);

	/* A program that works has other things in its caches than one that is probed all the time. */
	*ret_ns = r == 0 ? ns + ns / 4 : TRAP_NS;
	return r;
}

static int open_process(struct span_watch *w, pid_t pid)
{
	if (clock_getcpuclockid(pid, &w->clock) != 0)
		return -ESRCH;
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return w->pidfd < 0 ? -errno : 0;
}

int span_watch_new(struct probes *p, const struct probe_target *t, uint32_t *ret_kinds,
		   span_watch_slice each, void *userdata, struct span_watch **ret)
{
	struct event_spans *shared = probes_spans(p);
	struct span_watch *w;
	int r;

	if (shared->pid)
		return -EBUSY;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct span_watch){ .probes = p,
				  .shared = shared,
				  .target = *t,
				  .each = each,
				  .userdata = userdata,
				  .pidfd = -1 };
	(void)setpriority(PRIO_PROCESS, 0, -20);
	r = open_process(w, t->pid);
	if (r == 0) {
		(void)measure_trap(p, &w->trap_ns);
		*w->shared = (struct event_spans){ .pid = (uint32_t)t->pid };
		r = probes_attach(p, t, ret_kinds);
	}
	if (r < 0) {
		shared->pid = 0;
		closep(&w->pidfd);
		free(w);
		return r;
	}
	(void)since_last(w);
	duty_start(&w->duty, clock_now());
	set_open(w, true);
	*ret = w;
	return 0;
}

/* What was heard stays in the ring until the probes are gone: whoever is told of it may let one wait. */
static void switch_off(struct span_watch *w, usec_t now)
{
	set_open(w, false);
	duty_switch(&w->duty, now, false);
	probes_detach(w->probes, w->target.pid, PROBES_SPANS);
	if (duty_has_slice(&w->duty))
		tell(w, false, true);
}

static void switch_on(struct span_watch *w)
{
	struct duty_figures f;
	uint32_t kinds;

	if (!is_alive(w) || probes_attach(w->probes, &w->target, &kinds) < 0) {
		w->over = true;
		return;
	}
	f = since_last(w);
	f.cost_ns += SWITCH_NS;
	(void)duty_step(&w->duty, clock_now(), f);
	duty_switch(&w->duty, clock_now(), true);
	set_open(w, true);
}

void span_watch_step(struct span_watch *w, usec_t now)
{
	bool want;

	if (w->over)
		return;
	want = duty_step(&w->duty, now, since_last(w));
	if (want && !w->duty.on)
		switch_on(w);
	else if (!want && w->duty.on)
		switch_off(w, now);
	else if (w->duty.on && duty_has_slice(&w->duty))
		tell(w, false, false);
}

int span_watch_patience_ms(const struct span_watch *w)
{
	return w->duty.on && !w->over ? PATIENCE_ON_MS : PATIENCE_OFF_MS;
}

pid_t span_watch_pid(const struct span_watch *w)
{
	return w->target.pid;
}

void span_watch_guarded(struct span_watch *w)
{
	set_open(w, false);
	w->over = true;
}

struct span_watch *span_watch_free(struct span_watch *w)
{
	if (!w)
		return NULL;
	if (!w->over)
		(void)duty_step(&w->duty, clock_now(), since_last(w));
	set_open(w, false);
	probes_detach(w->probes, w->target.pid, PROBES_SPANS);
	tell(w, true, true);
	w->shared->pid = 0;
	closep(&w->pidfd);
	free(w);
	return NULL;
}
