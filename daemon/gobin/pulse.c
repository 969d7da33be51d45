/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "gobin/layout.h"
#include "gobin/pulse.h"

enum {
	PROCS_MAX = 4096,
	IDS_BATCH = 16,		   /* _GoidCacheBatch */
	MEMSTATS_PAUSE_NS = 16,	   /* from last_gc_unix on; as long behind it as it is, pause_end */
	MEMSTATS_CPU_FRACTION = 8, /* from numgc on; last_gc_nanotime follows */
};

#define SECONDS_MAX_NS (INT64_MAX / 2)

/*
 * Of the numbers that sched.goidgen has given out in batches each P keeps those that it has not used yet. What does not
 * look like that is not the layout that it is taken for.
 */
static int64_t read_created(const struct memory *m, const struct go_runtime *rt,
			    const struct go_release_layout *l)
{
	uint64_t given, allp[3], p, ids[2], unused = 0;

	if (!rt->global[GLOBAL_GOIDGEN] || !rt->global[GLOBAL_ALLP] || !l->p_goidcache ||
	    memory_read_u64(m, rt->global[GLOBAL_GOIDGEN], &given) < 0 ||
	    memory_read(m, rt->global[GLOBAL_ALLP], allp, sizeof(allp)) < 0 || given > INT64_MAX ||
	    allp[2] > PROCS_MAX)
		return -1;
	for (uint64_t i = 0; i < allp[1] && i < allp[2]; i++) {
		if (memory_read_u64(m, allp[0] + 8 * i, &p) < 0 ||
		    memory_read(m, p + l->p_goidcache, ids, sizeof(ids)) < 0 || ids[0] > ids[1])
			return -1;
		/* A batch that was taken after the counter was read is not in it. */
		if (ids[1] > given + 1)
			continue;
		if (ids[1] - ids[0] > IDS_BATCH)
			return -1;
		unused += ids[1] - ids[0];
	}
	return unused <= given ? (int64_t)(given - unused) : -1;
}

/*
 * gc_cpu_fraction is of GOMAXPROCS over time since the start, as that was at last_gc_nanotime. The runtime has it summed
 * up to procresizetime, which is when the world was started last, mostly a little later: with another GOMAXPROCS in
 * between the figure is off by as little, until the next collection. Read while a collection ends, the parts may be of
 * two: what is impossible is unknown then.
 */
static int64_t read_gc_cpu(const struct memory *m, const struct go_runtime *rt,
			   const struct go_release_layout *l, const struct go_sample *s)
{
	const uint64_t memstats = rt->global[GLOBAL_MEMSTATS], sched = rt->global[GLOBAL_SCHED];
	uint64_t words[2];
	int64_t resized, total, ended;
	double fraction, cpu_ns;

	if (!l->sched_procresize || !sched || s->gomaxprocs <= 0 ||
	    memory_read(m, memstats + l->num_gc + MEMSTATS_CPU_FRACTION, words, sizeof(words)) < 0)
		return -1;
	memcpy(&fraction, &words[0], sizeof(fraction));
	memcpy(&ended, &words[1], sizeof(ended));
	if (memory_read(m, sched + l->sched_procresize, words, sizeof(words)) < 0)
		return -1;
	memcpy(&resized, &words[0], sizeof(resized));
	memcpy(&total, &words[1], sizeof(total));
	if (s->num_gc == 0)
		return 0;
	if (resized <= 0 || resized > SECONDS_MAX_NS || ended <= 0 || ended > SECONDS_MAX_NS ||
	    total < 0 || total > SECONDS_MAX_NS || !(fraction >= 0 && fraction <= 1))
		return -1;
	cpu_ns = fraction * ((double)total + (double)(ended - resized) * s->gomaxprocs);
	return cpu_ns >= 0 && cpu_ns < (double)SECONDS_MAX_NS ? (int64_t)cpu_ns : -1;
}

/* The n-th collection, from 1 on, has the place (n - 1) % 256. */
static int read_pauses(const struct memory *m, const struct go_runtime *rt,
		       const struct go_release_layout *l, uint32_t last,
		       const struct go_pulse_since *since, struct go_pulse *ret)
{
	const uint64_t at = rt->global[GLOBAL_MEMSTATS] + l->last_gc_unix + MEMSTATS_PAUSE_NS;
	const uint32_t asked = last - since->num_gc;
	uint64_t pause_ns[PULSE_PAUSES_MAX], end[PULSE_PAUSES_MAX];
	uint32_t n = MIN(asked, (uint32_t)PULSE_PAUSES_MAX);

	/* None, or a number of another runtime than this. */
	if (asked == 0 || asked > INT32_MAX)
		return 0;
	ret->pauses_missed = asked - n;
	if (memory_read(m, at, pause_ns, sizeof(pause_ns)) < 0 ||
	    (since->unix_ns && memory_read(m, at + sizeof(pause_ns), end, sizeof(end)) < 0))
		return -EIO;
	for (; n > 0; n--) {
		const uint32_t place = (last - n) % PULSE_PAUSES_MAX;

		if (since->unix_ns && end[place] < since->unix_ns) {
			ret->pauses_missed = 0;
			continue;
		}
		if (since->unix_ns && !ret->oldest_unix_ns)
			ret->oldest_unix_ns = end[place];
		histogram_small_add(&ret->pause, pause_ns[place]);
		ret->pauses_ns = add_sat(ret->pauses_ns, pause_ns[place]);
		ret->pauses++;
	}
	return 0;
}

int go_pulse_read(const struct memory *m, const struct go_runtime *rt, const struct go_sample *s,
		  const struct go_pulse_since *since, struct go_pulse *ret)
{
	const struct go_release_layout *l = go_release_layout_of(rt->minor);
	struct go_pulse pulse = GO_PULSE_UNKNOWN;
	int r;

	if (!l)
		return -EINVAL;
	pulse.gc_cpu_ns = read_gc_cpu(m, rt, l, s);
	pulse.goroutines_created = read_created(m, rt, l);
	r = read_pauses(m, rt, l, s->num_gc, since, &pulse);
	if (r < 0)
		return r;
	*ret = pulse;
	return 0;
}
