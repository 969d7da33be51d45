/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/plant_heap.h"

#define STEP_MAX  (100 * USEC_MSEC)
#define STEP_MIN  200 /* so that a collector without any room costs no more */
#define STALL_MAX 980

static void pass_points(struct plant *p)
{
	for (uint32_t i = 0; i < p->setup.n_loads; i++) {
		const struct plant_load *load = &p->setup.loads[i];
		size_t *at = &p->procs[i].point;

		while (*at + 1 < load->n_points && load->points[*at + 1].at <= p->now)
			(*at)++;
	}
	while (p->around + 1 < p->setup.n_around && p->setup.around[p->around + 1].at <= p->now)
		p->around++;
}

static struct plant_around around_now(const struct plant *p)
{
	const struct plant_around *a, *b;
	usec_t done, span;

	if (!p->setup.n_around)
		return (struct plant_around){ 0 };
	a = &p->setup.around[p->around];
	b = p->around + 1 < p->setup.n_around ? a + 1 : a;
	done = sub_sat(p->now, a->at);
	span = b->at - a->at;
	return (struct plant_around){
		.nongo_bytes = plant_between(a->nongo_bytes, b->nongo_bytes, done, span),
		.neighbour_bytes =
			plant_between(a->neighbour_bytes, b->neighbour_bytes, done, span),
	};
}

static void come_and_go(struct plant *p)
{
	for (uint32_t i = 0; i < p->setup.n_loads; i++) {
		const struct plant_load *load = &p->setup.loads[i];
		const bool there = p->now >= load->from && (!load->until || p->now < load->until);

		if (there && !p->procs[i].there)
			plant_heap_start(p, i);
		p->procs[i].there = there;
	}
}

/* Takes up to @bytes of what the kernel can take without asking; returns what is left to find. */
static uint64_t reclaim(struct plant *p, uint64_t bytes)
{
	const uint64_t file = MIN(p->file_bytes, bytes);

	p->file_bytes -= file;
	bytes -= file;
	for (uint32_t i = 0; i < p->setup.n_loads && bytes; i++) {
		const uint64_t lazy = MIN(p->procs[i].lazy_bytes, bytes);

		p->procs[i].lazy_bytes -= lazy;
		bytes -= lazy;
	}
	return bytes;
}

static void fill_cgroup(struct plant *p, uint64_t nongo)
{
	struct snapshot_cgroup *c = &p->snapshot.cgroup;
	uint64_t lazy = 0;

	c->at = PLANT_EPOCH + p->now;
	c->anon = nongo;
	for (uint32_t i = 0; i < p->setup.n_loads; i++)
		if (p->procs[i].there) {
			c->anon += p->samples[i].mapped_ready_bytes + p->procs[i].lazy_bytes;
			lazy += p->procs[i].lazy_bytes;
		}
	c->shmem = p->setup.shmem_bytes;
	c->kernel_unreclaimable = p->setup.kernel_bytes;
	c->file = p->file_bytes + c->shmem;
	c->inactive_file = p->file_bytes + lazy;
	c->active_file = 0;
	c->current = c->anon + c->file + c->kernel_unreclaimable;
	c->room = MIN(c->max, sub_sat(p->setup.parent_bytes, p->neighbour_bytes));
	if (p->setup.parent_bytes == BYTES_UNLIMITED)
		c->room = c->max;
}

/* What is above memory.high makes everybody in it wait, the more the further. */
static void throttle(struct plant *p, usec_t usec)
{
	struct snapshot_cgroup *c = &p->snapshot.cgroup;
	const uint64_t over = sub_sat(c->current, c->high);

	p->stall_permille = 0;
	if (!over || !reclaim(p, over))
		return;
	c->events_high++;
	p->stall_permille =
		(uint32_t)MIN(mul_div(over, 20000, MAX(c->high, 1u)) + 100, (uint64_t)STALL_MAX);
	c->psi_full_us += mul_div(usec, p->stall_permille, 1000);
	c->psi_some_us += mul_div(usec, p->stall_permille, 1000);
	p->totals.stalled += mul_div(usec, p->stall_permille, 1000);
}

static void step_cgroup(struct plant *p, usec_t usec)
{
	struct snapshot_cgroup *c = &p->snapshot.cgroup;
	const struct plant_around around = around_now(p);
	uint64_t usage;

	p->neighbour_bytes = around.neighbour_bytes;
	fill_cgroup(p, around.nongo_bytes);
	throttle(p, usec);
	if (c->current > c->room) {
		c->events_max++;
		if (reclaim(p, c->current - c->room)) {
			c->events_oom++;
			c->events_oom_kill++;
			p->totals.killed_at = MAX(p->now, (usec_t)1);
		}
	}
	fill_cgroup(p, around.nongo_bytes);
	usage = snapshot_usage(c);
	p->totals.peak_usage_bytes = MAX(p->totals.peak_usage_bytes, usage);
}

static void fill_snapshot(struct plant *p)
{
	struct snapshot *s = &p->snapshot;

	s->n_procs = 0;
	for (uint32_t i = 0; i < p->setup.n_loads; i++) {
		const struct plant_load *load = &p->setup.loads[i];
		struct snapshot_proc *sp = &s->procs[s->n_procs];

		if (!p->procs[i].there)
			continue;
		p->load_of[s->n_procs++] = i;
		*sp = (struct snapshot_proc){
			.key = load->key,
			.at = s->cgroup.at,
			.proved = true,
			.minor = load->minor,
			.rss_bytes = p->samples[i].mapped_ready_bytes + p->procs[i].lazy_bytes,
			.sample = p->samples[i],
		};
		if (!sp->key.pid)
			sp->key = (struct proc_key){ .pid = (int32_t)(1000 + i),
						     .start_ticks = 1 + i };
		for (int l = 0; l < LEVER_MAX_; l++)
			sp->lever[l] = p->facts[i][l];
	}
}

void plant_start(struct plant *p, const struct plant_setup *setup)
{
	struct snapshot_cgroup *c = &p->snapshot.cgroup;

	*p = (struct plant){ .setup = *setup, .file_bytes = setup->file_bytes };
	c->max = setup->max_bytes;
	c->limit = MIN(setup->max_bytes, setup->parent_bytes);
	c->high = BYTES_UNLIMITED;
	c->memory_high.owner = VALUE_NONE;
	c->cpu_quota_permille = setup->cpu_quota_permille;
	c->swapped_out_bytes = 0;
	pass_points(p);
	come_and_go(p);
	step_cgroup(p, 0);
	fill_snapshot(p);
}

void plant_run(struct plant *p, usec_t usec)
{
	const usec_t end = p->now + usec;

	while (p->now < end && !p->totals.killed_at) {
		usec_t step = MIN(end - p->now, STEP_MAX);

		for (uint32_t i = 0; i < p->setup.n_loads; i++)
			if (p->procs[i].there)
				step = MIN(step, MAX(plant_heap_next(p, i), (usec_t)STEP_MIN));
		p->now += step;
		pass_points(p);
		come_and_go(p);
		for (uint32_t i = 0; i < p->setup.n_loads; i++)
			if (p->procs[i].there)
				plant_heap_step(p, i, step);
		step_cgroup(p, step);
	}
	fill_snapshot(p);
}

/* act/lever.c writes GOGC with what the runtime derives from it; all others are one word. */
static void set_lever(struct plant *p, uint32_t i, enum policy_lever lever, int64_t value)
{
	struct go_sample *s = &p->samples[i];

	switch (lever) {
	case LEVER_SOFT_LIMIT:
		s->memory_limit_bytes = value;
		break;
	case LEVER_GOGC:
		s->gc_percent = (int32_t)value;
		plant_heap_commit(s);
		break;
	case LEVER_MADVDONTNEED:
		s->madvdontneed = (int32_t)value;
		break;
	case LEVER_HEAP_PROFILE:
		s->mem_profile_rate = value;
		break;
	case LEVER_GC_PERIOD:
		s->gc_period_ns = value;
		break;
	default:
		break;
	}
}

/* As core/ keeps them: the owner's value is what was there before the first write. */
static void own(struct lever_facts *f, const struct lever_decision *ld)
{
	if (!f->ours)
		f->owner = ld->from;
	f->ours = ld->verdict == VERDICT_SET;
}

static void apply_high(struct plant *p, const struct lever_decision *ld, struct history *h)
{
	struct snapshot_cgroup *c = &p->snapshot.cgroup;

	own(&c->memory_high, ld);
	c->high = ld->to == VALUE_NONE ? BYTES_UNLIMITED : (uint64_t)ld->to;
	h->high_changed = PLANT_EPOCH + p->now;
}

uint32_t plant_apply(struct plant *p, const struct decision *d, struct history *h)
{
	uint32_t changes = 0;

	for (uint32_t k = 0; k < d->n_procs && k < p->snapshot.n_procs; k++) {
		const uint32_t i = p->load_of[k];

		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++) {
			const struct lever_decision *ld = &d->procs[k].lever[l];

			if (ld->verdict == VERDICT_HOLD)
				continue;
			own(&p->facts[i][l], ld);
			set_lever(p, i, l, ld->to);
			history_applied(h, &p->snapshot, &d->procs[k].key, l, ld->from, ld->to,
					d->now);
			changes++;
		}
	}
	if (d->memory_high.verdict != VERDICT_HOLD) {
		apply_high(p, &d->memory_high, h);
		changes++;
	}
	fill_snapshot(p);
	return changes;
}

uint64_t plant_live(const struct plant *p)
{
	uint64_t live = 0;

	for (uint32_t i = 0; i < p->setup.n_loads; i++)
		if (p->procs[i].there)
			live += p->procs[i].live_bytes;
	return live;
}
