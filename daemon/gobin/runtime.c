/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "base/util.h"
#include "gobin/globals.h"
#include "gobin/layout.h"
#include "gobin/runtime.h"

enum {
	MINOR_MIN = 19,
	CONTROLLER_BYTES = 352,
	PROCS_MAX = 4096,
	GC_PERCENT_MAX = 1 << 24,
	START_SLACK_NS = 20 * 1000 * 1000,
};

static const char *const gate_names[] = {
	[GATE_MODULEDATA] = "moduledata",
	[GATE_VERSION] = "version",
	[GATE_FUNCTIONS] = "functions",
	[GATE_GC_CONTROLLER] = "gc-controller",
	[GATE_LAYOUT] = "layout",
	[GATE_SINGLE_RUNTIME] = "single-runtime",
	[GATE_ENABLEGC] = "enablegc",
	[GATE_GC_PERCENT] = "gc-percent",
	[GATE_MEMORY_LIMIT] = "memory-limit",
	[GATE_HEAP_GOAL] = "heap-goal",
	[GATE_MAPPED_READY] = "mapped-ready",
	[GATE_ALIVE] = "alive",
};
_Static_assert(ARRAY_SIZE(gate_names) == GATE_MAX_, "a name for each gate");

const char *go_gate_name(enum go_gate gate)
{
	return gate < GATE_MAX_ ? gate_names[gate] : "none";
}

static bool gate_set(struct go_runtime *rt, enum go_gate gate, bool ok, const char *format, ...)
	_printf_(4, 5);

static bool gate_set(struct go_runtime *rt, enum go_gate gate, bool ok, const char *format, ...)
{
	struct go_gate_result *g = &rt->gates[gate];
	va_list ap;

	g->asked = true;
	g->ok = ok;
	va_start(ap, format);
	vsnprintf(g->detail, sizeof(g->detail), format, ap);
	va_end(ap);
	return ok;
}

enum go_gate go_runtime_refusal(const struct go_runtime *rt)
{
	for (enum go_gate g = 0; g < GATE_MAX_; g++)
		if (rt->gates[g].asked && !rt->gates[g].ok)
			return g;
	return GATE_MAX_;
}

/* A build without build information: runtime.buildVersion is a string header that schedinit names. */
static int version_from_schedinit(const struct memory *m, const struct go_image *image,
				  const struct function_list *functions, char *ret, size_t size)
{
	struct code_ref refs[256];
	uint8_t code[8192];

	for (size_t i = 0; i < functions->n; i++) {
		const struct function *f = &functions->functions[i];
		size_t len = MIN(f->end - f->entry, sizeof(code)), n;

		if (f->kind != FUNCTION_SCHEDINIT || memory_read(m, f->entry, code, len) < 0)
			continue;
		n = code_refs(code, len, f->entry, image, refs, ARRAY_SIZE(refs));
		/* The reference may be to the header's second word, its length. */
		for (size_t k = 0; k < 2 * n; k++) {
			uint64_t header[2];
			char text[48] = "";

			if (memory_read(m, refs[k / 2].target - 8 * (k % 2), header,
					sizeof(header)) < 0 ||
			    header[1] < 5 || header[1] >= sizeof(text) ||
			    memory_read(m, header[0], text, header[1]) < 0 ||
			    go_version_minor(text) < 0)
				continue;
			snprintf(ret, size, "%s", text);
			return 0;
		}
	}
	return -ENOENT;
}

static uint64_t file_base(const struct memory *m, uint64_t file)
{
	for (size_t i = 0; i < m->n_regions; i++)
		if (file && m->regions[i].file == file)
			return m->regions[i].start;
	return 0;
}

static int locate_version(const struct memory *m, const struct go_image *image,
			  const struct function_list *functions, struct go_runtime *rt)
{
	int r = go_buildinfo_read(m, image, &rt->info);

	if (r == -ENOMEM)
		return r;
	if (go_version_minor(rt->info.version) < 0)
		version_from_schedinit(m, image, functions, rt->info.version,
				       sizeof(rt->info.version));
	rt->minor = go_version_minor(rt->info.version);
	if (!gate_set(rt, GATE_VERSION, rt->minor >= MINOR_MIN, "%s",
		      rt->minor < 0	    ? "no Go version found" :
		      rt->minor < MINOR_MIN ? "older than Go 1.19: it has no soft limit" :
					      rt->info.version))
		return rt->minor < 0 ? GO_UNPROVED : GO_TOO_OLD;
	return 0;
}

/* Of the images found, the one that holds the runtime; counts how many do. */
static int choose_image(const struct memory *m, const struct go_image *images, size_t n,
			struct go_runtime *rt, struct function_list *ret, size_t *ret_index)
{
	int last = -ENOENT;

	for (size_t i = 0; i < n; i++) {
		_cleanup_(function_list_done) struct function_list list = { 0 };
		int r = function_list_read(m, &images[i], &list);

		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			last = r;
			continue;
		}
		if (rt->runtimes++ == 0) {
			*ret = list;
			list = (struct function_list){ 0 };
			*ret_index = i;
		}
	}
	gate_set(rt, GATE_FUNCTIONS, rt->runtimes > 0, "%s",
		 rt->runtimes	 ? "package runtime listed" :
		 last == -ENOENT ? "its pclntab has no package runtime" :
				   "its pclntab contradicts itself");
	return rt->runtimes ? 0 : GO_UNPROVED;
}

int go_runtime_locate(const struct memory *m, struct go_runtime *ret)
{
	_cleanup_(function_list_done) struct function_list functions = { 0 };
	struct go_image images[IMAGES_MAX];
	size_t index = 0;
	int n, r;

	*ret = (struct go_runtime){ .minor = -1 };
	n = go_image_find(m, images, IMAGES_MAX);
	if (n == -ENOMEM)
		return n;
	if (!gate_set(ret, GATE_MODULEDATA, n > 0, "%s",
		      n > 0	  ? "found" :
		      n == -EFBIG ? "more writable file mappings than a Go program has" :
				    "no Go module data in its writable mappings")) {
		ret->marked = n == 0 && go_buildinfo_marked(m);
		return GO_NONE;
	}
	r = choose_image(m, images, MIN((size_t)n, (size_t)IMAGES_MAX), ret, &functions, &index);
	if (r)
		return r;
	ret->magic = images[index].magic;
	ret->moduledata = images[index].moduledata;
	ret->pclntab = images[index].pclntab;
	ret->image_file = memory_region_at(m, ret->moduledata)->file;
	ret->image_base = file_base(m, ret->image_file);
	r = locate_version(m, &images[index], &functions, ret);
	if (r)
		return r;
	go_sites_find(m, &functions, &ret->sites);
	return globals_locate(m, &images[index], &functions, ret);
}

bool go_runtime_rebase(struct go_runtime *rt, const struct memory *m)
{
	uint64_t base = file_base(m, rt->image_file), pclntab;
	uint64_t shift = base - rt->image_base;

	if (!base)
		return false;
	rt->image_base = base;
	rt->moduledata += shift;
	rt->pclntab += shift;
	for (size_t i = 0; i < GLOBAL_MAX_; i++)
		if (rt->global[i])
			rt->global[i] += shift;
	for (uint32_t i = 0; i < rt->sites.n; i++)
		rt->sites.site[i].address += shift;
	for (uint32_t i = 0; i < rt->sites.n_own_calls; i++)
		rt->sites.own_calls[i] += shift;
	/* moduledata's first word is the pcHeader's address: a wrong shift cannot pass here. */
	return memory_read_u64(m, rt->moduledata, &pclntab) == 0 && pclntab == rt->pclntab;
}

static uint64_t u64_at(const uint8_t *block, uint16_t offset)
{
	uint64_t v;

	memcpy(&v, block + offset, sizeof(v));
	return v;
}

static void decode_controller(const uint8_t *block, const struct go_controller_layout *l,
			      struct go_sample *s)
{
	memcpy(&s->gc_percent, block + l->gc_percent, sizeof(s->gc_percent));
	s->memory_limit_bytes = (int64_t)u64_at(block, l->memory_limit);
	s->heap_minimum_bytes = u64_at(block, l->heap_minimum);
	s->gc_percent_goal_bytes = u64_at(block, l->gc_percent_goal);
	s->sweep_min_trigger_bytes = u64_at(block, l->sweep_min_trigger);
	s->triggered_bytes = u64_at(block, l->triggered);
	s->heap_live_bytes = u64_at(block, l->heap_live);
	s->stack_scan_bytes = u64_at(block, l->stack_scan);
	s->globals_scan_bytes = u64_at(block, l->globals_scan);
	s->heap_marked_bytes = u64_at(block, l->heap_marked);
	s->heap_inuse_bytes = u64_at(block, l->heap_inuse);
	s->heap_released_bytes = u64_at(block, l->heap_released);
	s->heap_free_bytes = u64_at(block, l->heap_free);
	s->total_alloc_bytes = u64_at(block, l->total_alloc);
	s->total_free_bytes = u64_at(block, l->total_free);
	s->mapped_ready_bytes = u64_at(block, l->mapped_ready);
	s->mark_work_ns = u64_at(block, l->assist_time) +
			  u64_at(block, (uint16_t)(l->assist_time + 8)) +
			  u64_at(block, (uint16_t)(l->assist_time + 16));
	s->mark_start_ns = u64_at(block, (uint16_t)(l->assist_time + 32));
}

static int read_memstats(const struct memory *m, const struct go_runtime *rt,
			 const struct go_release_layout *l, struct go_sample *s)
{
	const uint64_t at = rt->global[GLOBAL_MEMSTATS];
	uint64_t times[2];
	uint32_t counts[2];
	uint8_t flag;

	if (memory_read(m, at + l->last_gc_unix, times, sizeof(times)) < 0 ||
	    memory_read(m, at + l->num_gc, counts, sizeof(counts)) < 0)
		return -EIO;
	s->last_gc_unix_ns = times[0];
	s->pause_total_ns = times[1];
	s->num_gc = counts[0];
	s->num_forced_gc = counts[1];
	for (size_t i = 0; i < ARRAY_SIZE(l->enablegc) && !s->enablegc; i++)
		s->enablegc = memory_read(m, at + l->enablegc[i], &flag, 1) == 0 && flag == 1;
	return 0;
}

/* gcount() of src/runtime/proc.go: allglen - sched.gFree - ngsys - what each P keeps. */
static int64_t read_goroutines(const struct memory *m, const struct go_runtime *rt,
			       const struct go_release_layout *l)
{
	uint64_t len, allp[3], p;
	uint32_t system, n;
	int64_t count;

	if (!l->p_gfree || !rt->global[GLOBAL_ALLGS] || !rt->global[GLOBAL_SCHED] ||
	    !rt->global[GLOBAL_ALLP] ||
	    memory_read_u64(m, rt->global[GLOBAL_ALLGS] + 8, &len) < 0 ||
	    memory_read_u32(m, rt->global[GLOBAL_SCHED] + l->sched_ngsys, &system) < 0 ||
	    memory_read(m, rt->global[GLOBAL_ALLP], allp, sizeof(allp)) < 0 || len > INT32_MAX ||
	    allp[2] > PROCS_MAX)
		return -1;
	count = (int64_t)len - (int32_t)system;
	for (size_t i = 0; i < ARRAY_SIZE(l->sched_gfree); i++)
		if (l->sched_gfree[i] &&
		    memory_read_u32(m, rt->global[GLOBAL_SCHED] + l->sched_gfree[i], &n) == 0)
			count -= (int32_t)n;
	for (uint64_t i = 0; i < allp[1] && i < allp[2]; i++) {
		if (memory_read_u64(m, allp[0] + 8 * i, &p) < 0 ||
		    memory_read_u32(m, p + l->p_gfree, &n) < 0)
			return -1;
		count -= (int32_t)n;
	}
	return MAX(count, 0);
}

static void read_options(const struct memory *m, const struct go_runtime *rt,
			 const struct go_release_layout *l, struct go_sample *s)
{
	const uint64_t *global = rt->global;
	uint8_t enabled;
	uint32_t v;
	uint64_t rate, period;

	if (global[GLOBAL_GOMAXPROCS] && memory_read_u32(m, global[GLOBAL_GOMAXPROCS], &v) == 0 &&
	    v <= PROCS_MAX)
		s->gomaxprocs = (int32_t)v;
	if (global[GLOBAL_MADVDONTNEED] &&
	    memory_read_u32(m, global[GLOBAL_MADVDONTNEED], &v) == 0 && v <= 1)
		s->madvdontneed = (int32_t)v;
	if (rt->rate_confirmed && memory_read_u64(m, global[GLOBAL_MEM_PROFILE_RATE], &rate) == 0)
		s->mem_profile_rate = (int64_t)rate;
	if (rt->period_confirmed &&
	    memory_read_u64(m, global[GLOBAL_FORCE_GC_PERIOD], &period) == 0 && period <= INT64_MAX)
		s->gc_period_ns = (int64_t)period;
	/* gcCPULimiterState: lock, then enabled. */
	if (global[GLOBAL_CPU_LIMITER] &&
	    memory_read(m, global[GLOBAL_CPU_LIMITER] + 4, &enabled, 1) == 0 && enabled <= 1 &&
	    memory_read_u32(m, global[GLOBAL_CPU_LIMITER] + l->limiter_last_cycle,
			    &s->limiter_last_cycle) == 0) {
		s->limiter_known = true;
		s->limiter_enabled = enabled;
	}
}

int go_runtime_sample(const struct memory *m, const struct go_runtime *rt, uint32_t flags,
		      struct go_sample *ret)
{
	const struct go_controller_layout *cl = go_controller_layout_of(rt->last_goal_offset);
	const struct go_release_layout *l = go_release_layout_of(rt->minor);
	struct go_sample s = {
		.madvdontneed = -1, .mem_profile_rate = -1, .gc_period_ns = -1, .goroutines = -1
	};
	uint8_t block[CONTROLLER_BYTES];
	int r;

	if (!cl || !l)
		return -EINVAL;
	r = memory_read(m, rt->global[GLOBAL_GC_CONTROLLER], block, sizeof(block));
	if (r < 0)
		return r;
	decode_controller(block, cl, &s);
	r = read_memstats(m, rt, l, &s);
	if (r < 0)
		return r;
	read_options(m, rt, l, &s);
	if (flags & GO_SAMPLE_GOROUTINES)
		s.goroutines = read_goroutines(m, rt, l);
	*ret = s;
	return 0;
}

/*
 * gcPercentHeapGoal as commit() computes it (src/runtime/mgcpacer.go), within 1 %; heapMinimum below that. A
 * cycle that has just ended may have moved the inputs: GOGC that was just changed takes effect at the next commit.
 */
static bool goal_agrees(const struct go_sample *s)
{
	uint64_t roots = add_sat(s->stack_scan_bytes, s->globals_scan_bytes), goal, slack;

	if (s->gc_percent < 0)
		return s->gc_percent_goal_bytes == UINT64_MAX;
	if (s->gc_percent_goal_bytes == s->heap_minimum_bytes)
		return true;
	goal = add_sat(s->heap_marked_bytes,
		       mul_div(add_sat(s->heap_marked_bytes, roots), (uint64_t)s->gc_percent, 100));
	slack = goal / 100 + 4096;
	return s->gc_percent_goal_bytes + slack >= goal && s->gc_percent_goal_bytes <= goal + slack;
}

bool go_runtime_judge(struct go_runtime *rt, const struct go_sample *s, uint64_t virtual_bytes)
{
	bool ok = gate_set(rt, GATE_SINGLE_RUNTIME, rt->runtimes == 1, "%u Go runtime(s) in it",
			   rt->runtimes);

	ok &= gate_set(rt, GATE_ENABLEGC, s->enablegc, "%s",
		       s->enablegc ? "the runtime has started" : "the runtime has not started yet");
	ok &= gate_set(rt, GATE_GC_PERCENT, s->gc_percent >= -1 && s->gc_percent <= GC_PERCENT_MAX,
		       "GOGC %d", s->gc_percent);
	ok &= gate_set(rt, GATE_MEMORY_LIMIT, s->memory_limit_bytes > 0, "soft limit %" PRId64,
		       s->memory_limit_bytes);
	ok &= gate_set(rt, GATE_HEAP_GOAL, goal_agrees(s), "goal %" PRIu64 ", marked %" PRIu64,
		       s->gc_percent_goal_bytes, s->heap_marked_bytes);
	/* What the runtime holds ready need not be resident, but it is mapped, and its heap is in it. */
	ok &= gate_set(rt, GATE_MAPPED_READY,
		       s->mapped_ready_bytes >= go_sample_heap_alloc(s) &&
			       s->mapped_ready_bytes >= s->heap_free_bytes &&
			       (!virtual_bytes || s->mapped_ready_bytes <= virtual_bytes),
		       "ready %" PRIu64 ", heap %" PRIu64 ", mapped in all %" PRIu64,
		       s->mapped_ready_bytes, go_sample_heap_alloc(s), virtual_bytes);
	return ok;
}

bool go_runtime_judge_alive(struct go_runtime *rt, const struct go_sample *s, uint32_t threads,
			    uint64_t started_ns)
{
	/* The start is known to the tick of the kernel's clock, 10 ms. */
	const bool older =
		s->mark_start_ns && add_sat(s->mark_start_ns, START_SLACK_NS) < started_ns;

	/* A runtime that has come up has a thread of its own beside the first (sysmon, src/runtime/proc.go, main). */
	return gate_set(rt, GATE_ALIVE, threads != 1 && !older, "%s",
			threads == 1 ? "a forked copy: one thread, where a Go runtime has several" :
			older	     ? "a forked copy: its last cycle was before the process" :
				       "it runs in this process");
}

bool go_runtime_is_torn(const struct go_runtime *rt)
{
	for (enum go_gate g = 0; g < GATE_MAX_; g++)
		if (rt->gates[g].asked && rt->gates[g].ok == (g == GATE_HEAP_GOAL))
			return false;
	return rt->gates[GATE_HEAP_GOAL].asked;
}

bool go_runtime_field(const struct go_runtime *rt, enum go_field field, uint64_t *ret_addr,
		      size_t *ret_size)
{
	const struct go_controller_layout *l = go_controller_layout_of(rt->last_goal_offset);
	const uint64_t controller = rt->global[GLOBAL_GC_CONTROLLER];

	if (!l || !controller)
		return false;
	*ret_size = 8;
	switch (field) {
	case FIELD_GC_PERCENT:
		*ret_size = 4;
		*ret_addr = controller + l->gc_percent;
		return true;
	case FIELD_MEMORY_LIMIT:
		*ret_addr = controller + l->memory_limit;
		return true;
	case FIELD_HEAP_MINIMUM:
		*ret_addr = controller + l->heap_minimum;
		return true;
	case FIELD_GC_PERCENT_GOAL:
		*ret_addr = controller + l->gc_percent_goal;
		return true;
	case FIELD_MADVDONTNEED:
		*ret_size = 4;
		*ret_addr = rt->global[GLOBAL_MADVDONTNEED];
		return *ret_addr != 0;
	case FIELD_PROFILE_RATE:
		*ret_addr = rt->global[GLOBAL_MEM_PROFILE_RATE];
		return *ret_addr != 0 && rt->rate_confirmed;
	case FIELD_GC_PERIOD:
		*ret_addr = rt->global[GLOBAL_FORCE_GC_PERIOD];
		return *ret_addr != 0 && rt->period_confirmed;
	default:
		return false;
	}
}
