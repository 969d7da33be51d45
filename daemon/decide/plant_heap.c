/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/heapmath.h"
#include "decide/plant_heap.h"

#define MARK_MIN	 200
#define GC_PERMILLE	 250 /* of the CPUs mark, without assists */
#define GC_PERMILLE_MAX	 990
#define LIMITER_PERMILLE 500
#define TRIGGER_LOW	 70 /* percent of the way from what is marked to the goal */
#define TRIGGER_HIGH	 95
#define RUNWAY_MIN	 (64 * KIB)
#define SCAVENGE_ABOVE	 110 /* percent of the goal of GOGC */
#define SCAVENGE_BELOW	 95  /* percent of the soft limit */
#define GLOBALS_BYTES	 (256 * KIB)

uint64_t plant_between(uint64_t a, uint64_t b, usec_t done, usec_t span)
{
	if (span == 0 || done == 0)
		return a;
	return a <= b ? a + mul_div(b - a, MIN(done, span), span) :
			a - mul_div(a - b, MIN(done, span), span);
}

static struct plant_point point_now(const struct plant *p, uint32_t i)
{
	const struct plant_load *load = &p->setup.loads[i];
	const struct plant_point *a = &load->points[p->procs[i].point];
	const struct plant_point *b = p->procs[i].point + 1 < load->n_points ? a + 1 : a;
	const usec_t done = sub_sat(p->now, a->at), span = b->at - a->at;

	return (struct plant_point){
		.at = p->now,
		.live_bytes = plant_between(a->live_bytes, b->live_bytes, done, span),
		.alloc_bytes_per_second = plant_between(a->alloc_bytes_per_second,
							b->alloc_bytes_per_second, done, span),
		.rest_bytes = plant_between(a->rest_bytes, b->rest_bytes, done, span),
	};
}

/* The CPUs of a process as permille of one. */
static uint64_t cpus_permille(const struct plant *p, uint32_t i)
{
	return MAX(MIN((uint64_t)p->setup.loads[i].gomaxprocs * 1000, p->setup.cpu_quota_permille),
		   100u);
}

void plant_heap_commit(struct go_sample *s)
{
	s->heap_minimum_bytes = heap_minimum(s->gc_percent);
	s->gc_percent_goal_bytes = heap_percent_goal(s, s->gc_percent);
}

/* What the heap's spans take of @alloc, with what no object fits into. */
static uint64_t inuse_of(const struct plant *p, uint32_t i, uint64_t alloc)
{
	return alloc + mul_div(alloc, p->setup.loads[i].fragmentation_permille, 1000);
}

/* Pages that the scavenger gives back; with MADV_FREE the kernel still counts them. */
static void release(struct plant *p, uint32_t i, uint64_t bytes)
{
	p->samples[i].mapped_ready_bytes -= bytes;
	if (p->samples[i].madvdontneed == 0)
		p->procs[i].lazy_bytes += bytes;
}

/* The pages that are ready: what is in use, and what is free and not given back. */
static void map(struct plant *p, uint32_t i, uint64_t rest, usec_t usec)
{
	struct go_sample *s = &p->samples[i];
	struct plant_process *pp = &p->procs[i];
	const uint64_t alloc = go_sample_heap_alloc(s), inuse = inuse_of(p, i, alloc);
	const uint64_t used = inuse + rest;
	const uint64_t quick = mul_div(p->setup.scavenge_bytes_per_second, usec, USEC_SEC);
	uint64_t keep = UINT64_MAX;

	if (used > s->mapped_ready_bytes) {
		pp->lazy_bytes = sub_sat(pp->lazy_bytes, used - s->mapped_ready_bytes);
		s->mapped_ready_bytes = used;
	}
	/* Inline, by whoever allocates. */
	if (s->mapped_ready_bytes > (uint64_t)s->memory_limit_bytes)
		release(p, i, s->mapped_ready_bytes - MAX(used, (uint64_t)s->memory_limit_bytes));
	if (s->gc_percent >= 0)
		keep = add_sat(rest, mul_div(inuse_of(p, i, s->gc_percent_goal_bytes),
					     SCAVENGE_ABOVE, 100));
	if (s->memory_limit_bytes != VALUE_NONE)
		keep = MIN(keep, mul_div((uint64_t)s->memory_limit_bytes, SCAVENGE_BELOW, 100));
	keep = MAX(keep, used);
	release(p, i, MIN(sub_sat(s->mapped_ready_bytes, keep), quick));
	s->heap_inuse_bytes = inuse;
	s->heap_free_bytes = s->mapped_ready_bytes - used;
	s->heap_live_bytes = alloc;
	pp->sys_bytes = MAX(pp->sys_bytes, inuse + s->heap_free_bytes);
	s->heap_released_bytes = pp->sys_bytes - inuse - s->heap_free_bytes;
}

/* Which share of its CPUs has to mark, so that the goal is kept; the limiter holds it at one half. */
static uint32_t marking_permille(const struct plant *p, uint32_t i, uint64_t runway, uint64_t rate,
				 uint64_t marks)
{
	/* By two figures that must be equal: what is allocated while marking with a share a of the CPUs, and the runway. */
	const double speed = (double)p->setup.loads[i].mark_bytes_per_second *
			     (double)cpus_permille(p, i) / 1000;
	const double k = (double)(1000 - GC_PERMILLE) / 1000 * (double)runway * speed /
			 ((double)MAX(rate, 1u) * (double)MAX(marks, 1u));
	const double a = 1000 / (1 + k);

	if (a < GC_PERMILLE)
		return GC_PERMILLE;
	return (uint32_t)MIN(a, p->samples[i].limiter_enabled ? LIMITER_PERMILLE : GC_PERMILLE_MAX);
}

static usec_t marking_time(const struct plant *p, uint32_t i, uint64_t marks, uint32_t permille)
{
	const uint64_t speed =
		mul_div(mul_div(p->setup.loads[i].mark_bytes_per_second, cpus_permille(p, i), 1000),
			permille, 1000);

	return MAX(mul_div(marks, USEC_SEC, MAX(speed, 1u)), (uint64_t)MARK_MIN);
}

static uint64_t marks_now(const struct plant *p, uint32_t i)
{
	return p->procs[i].live_bytes + p->samples[i].stack_scan_bytes +
	       p->samples[i].globals_scan_bytes;
}

static uint64_t trigger_of(const struct plant *p, uint32_t i, uint64_t rate)
{
	const struct go_sample *s = &p->samples[i];
	const uint64_t goal = heap_goal(s, p->setup.loads[i].minor);
	const uint64_t way = sub_sat(goal, s->heap_marked_bytes);
	const uint64_t runway =
		mul_div(rate, marking_time(p, i, heap_mark_bytes(s), GC_PERMILLE), USEC_SEC);
	const uint64_t low = s->heap_marked_bytes + way / 100 * TRIGGER_LOW;
	const uint64_t high = s->heap_marked_bytes + way / 100 * TRIGGER_HIGH;

	return MIN(MAX(sub_sat(goal, runway), low), high);
}

static void begin_cycle(struct plant *p, uint32_t i, uint64_t rate)
{
	struct go_sample *s = &p->samples[i];
	struct plant_process *pp = &p->procs[i];
	const uint64_t alloc = go_sample_heap_alloc(s);
	const uint64_t goal = heap_goal(s, p->setup.loads[i].minor);
	const uint64_t marks = marks_now(p, i);

	pp->gc_permille =
		marking_permille(p, i, MAX(sub_sat(goal, alloc), RUNWAY_MIN), rate, marks);
	pp->mark_left = marking_time(p, i, marks, pp->gc_permille);
	pp->marking = true;
	pp->live_at_mark = pp->live_bytes;
	pp->alloc_at_mark = alloc;
	s->triggered_bytes = alloc;
	s->mark_start_ns = (PLANT_EPOCH + p->now) * 1000;
	s->mark_work_ns =
		mul_div(marks, 1000000000, MAX(p->setup.loads[i].mark_bytes_per_second, 1u));
	p->totals.gc_cpu_ns += s->mark_work_ns;
}

static void end_cycle(struct plant *p, uint32_t i)
{
	struct go_sample *s = &p->samples[i];
	struct plant_process *pp = &p->procs[i];
	const uint64_t alloc = go_sample_heap_alloc(s);
	/* What was allocated meanwhile counts as marked. */
	const uint64_t marked = MIN(pp->live_at_mark + sub_sat(alloc, pp->alloc_at_mark), alloc);

	pp->marking = false;
	pp->cycle_at = p->now;
	s->triggered_bytes = UINT64_MAX;
	s->heap_marked_bytes = marked;
	s->total_free_bytes += alloc - marked;
	s->num_gc++;
	s->last_gc_unix_ns = (PLANT_EPOCH + p->now) * 1000;
	p->totals.cycles++;
	plant_heap_commit(s);
}

/* The bucket of the runtime's limiter: what goes to collecting fills it, what the program has empties it. */
static void limit_cpu(struct plant *p, uint32_t i, usec_t usec)
{
	struct go_sample *s = &p->samples[i];
	struct plant_process *pp = &p->procs[i];
	const uint64_t capacity = cpus_permille(p, i) * 1000000;
	const uint64_t share = pp->marking ? pp->gc_permille : 0;
	const uint64_t cpu_ns = cpus_permille(p, i) * usec;

	if (share >= LIMITER_PERMILLE)
		pp->limiter_ns =
			MIN(capacity, pp->limiter_ns + mul_div(cpu_ns, 2 * share - 1000, 1000));
	else
		pp->limiter_ns = sub_sat(pp->limiter_ns, mul_div(cpu_ns, 1000 - 2 * share, 1000));
	s->limiter_enabled = pp->limiter_ns == capacity;
	if (!s->limiter_enabled)
		return;
	s->limiter_last_cycle = s->num_gc + 1;
	if (pp->marking && pp->gc_permille > LIMITER_PERMILLE) {
		pp->mark_left = mul_div(pp->mark_left, pp->gc_permille, LIMITER_PERMILLE);
		pp->gc_permille = LIMITER_PERMILLE;
	}
}

/* What the program gets to allocate: less while others' CPUs mark, and while it is stalled. */
static uint64_t rate_now(const struct plant *p, uint32_t i, uint64_t wanted)
{
	const struct plant_process *pp = &p->procs[i];

	if (pp->marking && pp->gc_permille > GC_PERMILLE)
		wanted = mul_div(wanted, 1000 - pp->gc_permille, 1000 - GC_PERMILLE);
	return mul_div(wanted, 1000 - p->stall_permille, 1000);
}

void plant_heap_step(struct plant *p, uint32_t i, usec_t usec)
{
	struct go_sample *s = &p->samples[i];
	struct plant_process *pp = &p->procs[i];
	const struct plant_point at = point_now(p, i);
	const uint64_t rate = rate_now(p, i, at.alloc_bytes_per_second);
	/* What becomes live has been allocated. */
	const uint64_t bytes =
		MAX(mul_div(rate, usec, USEC_SEC), sub_sat(at.live_bytes, pp->live_bytes));

	s->total_alloc_bytes += bytes;
	p->totals.allocated_bytes += bytes;
	pp->live_bytes = at.live_bytes;
	s->stack_scan_bytes = at.rest_bytes / 4;
	s->globals_scan_bytes = GLOBALS_BYTES;
	limit_cpu(p, i, usec);
	if (pp->marking) {
		pp->mark_left -= MIN(pp->mark_left, usec);
		if (pp->mark_left == 0)
			end_cycle(p, i);
	}
	if (!pp->marking &&
	    (go_sample_heap_alloc(s) >= trigger_of(p, i, rate) ||
	     (s->gc_percent >= 0 && p->now - pp->cycle_at >= (usec_t)s->gc_period_ns / 1000)))
		begin_cycle(p, i, at.alloc_bytes_per_second);
	map(p, i, at.rest_bytes, usec);
}

/* How long until something happens to a process. */
usec_t plant_heap_next(const struct plant *p, uint32_t i)
{
	const struct plant_process *pp = &p->procs[i];
	const struct plant_point at = point_now(p, i);
	const uint64_t rate = MAX(rate_now(p, i, at.alloc_bytes_per_second), 1u);

	if (pp->marking)
		return pp->mark_left;
	return mul_div(sub_sat(trigger_of(p, i, rate), go_sample_heap_alloc(&p->samples[i])),
		       USEC_SEC, rate);
}

void plant_heap_start(struct plant *p, uint32_t i)
{
	const struct plant_load *load = &p->setup.loads[i];
	struct plant_process *pp = &p->procs[i];
	struct go_sample *s = &p->samples[i];
	struct lever_facts *f = p->facts[i];
	const struct plant_point at = point_now(p, i);

	*pp = (struct plant_process){
		.there = true, .point = pp->point, .cycle_at = p->now, .live_bytes = at.live_bytes
	};
	*s = (struct go_sample){
		.gc_percent = load->gogc,
		.memory_limit_bytes = load->memory_limit_bytes,
		.madvdontneed = load->madvdontneed,
		.gomaxprocs = load->gomaxprocs,
		.mem_profile_rate = PROFILE_RATE_DEFAULT,
		.gc_period_ns = GC_PERIOD_DEFAULT,
		.goroutines = -1,
		.triggered_bytes = UINT64_MAX,
		.total_alloc_bytes = at.live_bytes,
		.heap_marked_bytes = at.live_bytes,
		.stack_scan_bytes = at.rest_bytes / 4,
		.globals_scan_bytes = GLOBALS_BYTES,
		.enablegc = true,
		.limiter_known = true,
	};
	f[LEVER_SOFT_LIMIT] = (struct lever_facts){ .owner = load->memory_limit_bytes,
						    .owner_set = load->owner_set_limit };
	f[LEVER_GOGC] =
		(struct lever_facts){ .owner = load->gogc, .owner_set = load->owner_set_gogc };
	f[LEVER_MADVDONTNEED] = (struct lever_facts){ .owner = load->madvdontneed };
	f[LEVER_HEAP_PROFILE] = (struct lever_facts){ .owner = PROFILE_RATE_DEFAULT };
	f[LEVER_GC_PERIOD] = (struct lever_facts){ .owner = GC_PERIOD_DEFAULT };
	plant_heap_commit(s);
	map(p, i, at.rest_bytes, 0);
}
