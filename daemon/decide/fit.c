/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/fit.h"
#include "decide/heapmath.h"

#define BYTES_MAX                                                                                  \
	(UINT64_C(1) << 46) /* no figure of a process is larger; a trace may say what it likes */
#define POINT_INTERVAL	    (10 * USEC_SEC) /* a point at least, without a cycle */
#define MARK_DEFAULT	    (512 * MIB)	    /* a second and CPU, where none was seen */
#define MARK_LEAST	    MIB
#define SCAVENGE_PER_SECOND (64 * MIB)

static uint64_t bounded(uint64_t bytes)
{
	return MIN(bytes, BYTES_MAX);
}

static int64_t owners(const struct lever_facts *f, int64_t now)
{
	return f->ours || f->manual ? f->owner : now;
}

static void begin_process(struct fit *f, uint32_t i, const struct snapshot_proc *p, usec_t at)
{
	const struct go_sample *s = &p->sample;
	const int64_t limit = owners(&p->lever[LEVER_SOFT_LIMIT], s->memory_limit_bytes);

	f->procs[i].key = p->key;
	f->procs[i].interval = USEC_SEC;
	f->setup.loads[i] = (struct plant_load){
		.from = at,
		.minor = MIN(MAX(p->minor, 19), 99),
		.gomaxprocs = MIN(MAX(s->gomaxprocs, 1), 1024),
		.gogc = (int32_t)owners(&p->lever[LEVER_GOGC], s->gc_percent),
		.memory_limit_bytes = MAX(limit, 1),
		.madvdontneed = owners(&p->lever[LEVER_MADVDONTNEED], s->madvdontneed) != 0,
		.owner_set_gogc = p->lever[LEVER_GOGC].owner_set,
		.owner_set_limit = p->lever[LEVER_SOFT_LIMIT].owner_set,
		.key = p->key,
	};
}

/* Its place, or PLANT_PROCS_MAX. */
static uint32_t place_of(struct fit *f, const struct snapshot_proc *p, usec_t at)
{
	for (uint32_t i = 0; i < f->setup.n_loads; i++)
		if (f->procs[i].key.pid == p->key.pid &&
		    f->procs[i].key.start_ticks == p->key.start_ticks)
			return i;
	if (f->setup.n_loads == PLANT_PROCS_MAX)
		return PLANT_PROCS_MAX;
	begin_process(f, f->setup.n_loads, p, at);
	return f->setup.n_loads++;
}

static void thin_points(struct fit_process *fp, struct plant_load *load)
{
	size_t kept = 0;

	for (size_t i = 0; i < load->n_points; i += 2)
		fp->points[kept++] = fp->points[i];
	load->n_points = kept;
	fp->interval *= 2;
}

/* What was allocated since the last point was so at its rate, which is known now. */
static void add_point(struct fit_process *fp, struct plant_load *load, const struct go_sample *s,
		      usec_t at)
{
	uint64_t rate = 0;

	if (load->n_points) {
		struct plant_point *last = &fp->points[load->n_points - 1];

		rate = bounded(mul_div(sub_sat(s->total_alloc_bytes, fp->total_alloc), USEC_SEC,
				       MAX(at - last->at, 1u)));
		last->alloc_bytes_per_second = rate;
	}
	if (load->n_points == FIT_POINTS)
		thin_points(fp, load);
	fp->total_alloc = s->total_alloc_bytes;
	fp->points[load->n_points++] =
		(struct plant_point){ .at = at,
				      .live_bytes = bounded(s->heap_marked_bytes),
				      .alloc_bytes_per_second = rate,
				      .rest_bytes = bounded(heap_nonheap_bytes(s)) };
}

static void add_process(struct fit *f, uint32_t i, const struct snapshot_proc *p, usec_t at)
{
	struct fit_process *fp = &f->procs[i];
	struct plant_load *load = &f->setup.loads[i];
	const struct go_sample *s = &p->sample;
	const bool cycled = load->n_points && s->num_gc != fp->num_gc;
	const usec_t since = load->n_points ? at - fp->points[load->n_points - 1].at : 0;

	if (cycled && s->mark_work_ns) {
		fp->marks += heap_mark_bytes(s) / KIB;
		fp->mark_ns += s->mark_work_ns / 1000;
	}
	if (!load->n_points || (cycled && since >= fp->interval) ||
	    since >= MAX(POINT_INTERVAL, fp->interval))
		add_point(fp, load, s, at);
	fp->num_gc = s->num_gc;
	fp->seen = at;
}

static void add_around(struct fit *f, const struct snapshot *s, usec_t at)
{
	struct plant_setup *setup = &f->setup;
	const uint64_t parent = setup->parent_bytes;
	size_t kept = 0;

	if (setup->n_around && at - f->around[setup->n_around - 1].at < f->interval)
		return;
	if (setup->n_around == FIT_POINTS) {
		for (size_t i = 0; i < FIT_POINTS; i += 2)
			f->around[kept++] = f->around[i];
		setup->n_around = kept;
		f->interval *= 2;
	}
	f->around[setup->n_around++] = (struct plant_around){
		.at = at,
		.nongo_bytes = bounded(snapshot_nongo(s)),
		.neighbour_bytes = parent == BYTES_UNLIMITED ? 0 : sub_sat(parent, s->cgroup.room),
	};
}

/* The room may be smaller than the cgroup's own limit: by an ancestor's, or by what neighbours use of it. */
static void begin(struct fit *f, const struct snapshot *s)
{
	const struct snapshot_cgroup *c = &s->cgroup;

	f->begun = true;
	f->began = c->at;
	f->interval = USEC_SEC;
	f->setup.max_bytes = c->max;
	f->setup.parent_bytes = c->limit < c->max ? c->limit :
				c->room < c->max  ? 2 * BYTES_MAX :
						    BYTES_UNLIMITED;
	f->setup.file_bytes = bounded(sub_sat(c->file, c->shmem));
	f->setup.cpu_quota_permille = c->cpu_quota_permille;
	f->setup.scavenge_bytes_per_second = SCAVENGE_PER_SECOND;
}

void fit_add(struct fit *f, const struct snapshot *s)
{
	usec_t at;

	if (!f->begun)
		begin(f, s);
	else if (s->cgroup.at <= f->began + f->ended)
		return;
	at = s->cgroup.at - f->began;
	f->ended = at;
	add_around(f, s, at);
	for (uint32_t i = 0; i < s->n_procs; i++) {
		uint32_t place;

		if (!s->procs[i].proved)
			continue;
		place = place_of(f, &s->procs[i], at);
		if (place < PLANT_PROCS_MAX)
			add_process(f, place, &s->procs[i], at);
		else
			f->left_out++;
	}
}

bool fit_setup(struct fit *f, struct plant_setup *ret, usec_t *ret_duration)
{
	for (uint32_t i = 0; i < f->setup.n_loads; i++) {
		const struct fit_process *fp = &f->procs[i];
		struct plant_load *load = &f->setup.loads[i];
		const uint64_t speed = fp->mark_ns ?
					       mul_div(fp->marks * KIB, USEC_SEC, fp->mark_ns) :
					       MARK_DEFAULT;

		load->points = fp->points;
		load->mark_bytes_per_second = bounded(MAX(speed, MARK_LEAST));
		load->until = fp->seen < f->ended ? fp->seen + 1 : 0;
	}
	f->setup.around = f->around;
	*ret = f->setup;
	*ret_duration = f->ended;
	return f->setup.n_loads > 0 && f->ended > 0;
}
