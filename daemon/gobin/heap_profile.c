/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/util.h"
#include "gobin/heap_profile.h"
#include "gobin/profile_layout.h"

enum {
	BUCKET_WORDS =
		6, /* next, allnext, typ, hash, size, nstk; the addresses and the record follow */
	WORD_ALLNEXT = 1,
	WORD_TYPE = 2,
	WORD_SIZE = 4,
	WORD_N_PCS = 5,
	TYPE_MEM_PROFILE = 1,
	STACK_MAX = 1024, /* maxProfStackDepth, the most that GODEBUG=profstackdepth can ask for */
	FUTURES = 3,	  /* cycles that wait to be published, memRecord.future */
	ALL_FUTURES = (1 << FUTURES) - 1,
	RECORD_WORDS_MAX = 4 * (1 + FUTURES),
	VISITS_MAX = 1 << 20,
	TRIES = 4,
};

/* Sums over all buckets: the same of two walks where nothing has been published between. */
struct sums {
	uint64_t allocs, frees, alloc_bytes, free_bytes;
};

struct walk {
	const struct memory *memory;
	const struct go_profile_layout *layout;
	uint64_t head;
	uint32_t futures; /* a bit for each waiting cycle that counts as published */
	struct sums sums;
	uint64_t words[BUCKET_WORDS + STACK_MAX + RECORD_WORDS_MAX];
};

static void add_cycle(const struct walk *w, const uint64_t *cycle, struct heap_bucket *b)
{
	b->allocs += cycle[0];
	b->frees += cycle[1];
	if (w->layout->counts_bytes) {
		b->alloc_bytes += cycle[2];
		b->free_bytes += cycle[3];
	}
}

/* The bucket at @addr, its addresses left in w->words. *ret_next is the one after it. */
static int read_bucket(struct walk *w, uint64_t addr, struct heap_bucket *ret, uint64_t *ret_next)
{
	const size_t per_cycle = w->layout->counts_bytes ? 4 : 2;
	const size_t record = per_cycle * (1 + FUTURES);
	struct heap_bucket b = { 0 };
	const uint64_t *cycles;
	int r;

	if (addr & 7)
		return -EBADMSG;
	r = memory_read(w->memory, addr, w->words, BUCKET_WORDS * sizeof(*w->words));
	if (r < 0)
		return r;
	if (w->words[WORD_TYPE] != TYPE_MEM_PROFILE || w->words[WORD_N_PCS] > STACK_MAX)
		return -EBADMSG;
	b.n_pcs = (uint32_t)w->words[WORD_N_PCS];
	r = memory_read(w->memory, addr + BUCKET_WORDS * sizeof(*w->words), w->words + BUCKET_WORDS,
			(b.n_pcs + record) * sizeof(*w->words));
	if (r < 0)
		return r;
	cycles = w->words + BUCKET_WORDS + b.n_pcs;
	b.size_bytes = w->words[WORD_SIZE];
	add_cycle(w, cycles, &b);
	for (size_t i = 0; i < FUTURES; i++)
		if (w->futures & 1u << i)
			add_cycle(w, cycles + (1 + i) * per_cycle, &b);
	if (!w->layout->counts_bytes) {
		b.alloc_bytes = mul_div(b.allocs, b.size_bytes, 1);
		b.free_bytes = mul_div(b.frees, b.size_bytes, 1);
	}
	*ret_next = w->words[WORD_ALLNEXT];
	*ret = b;
	return 0;
}

/* A profile that is being filled, with the room of its arrays. */
struct filling {
	struct heap_profile profile;
	size_t room, room_pcs;
};

static void filling_done(struct filling *f)
{
	heap_profile_done(&f->profile);
}

static int keep(struct filling *f, const struct walk *w, struct heap_bucket b)
{
	struct heap_profile *p = &f->profile;
	uint32_t stack = b.n_pcs;
	int r;

	if (p->n == HEAP_BUCKETS_MAX) {
		p->buckets_left_out++;
		return 0;
	}
	b.n_pcs = (uint32_t)MIN((size_t)MIN(stack, (uint32_t)HEAP_STACK_MAX),
				HEAP_PCS_MAX - p->n_pcs);
	p->pcs_left_out += stack - b.n_pcs;
	b.first_pc = (uint32_t)p->n_pcs;
	r = array_make_room(&p->buckets, &f->room, p->n, HEAP_BUCKETS_MAX, sizeof(*p->buckets));
	if (r == 0)
		r = array_make_room_for(&p->pcs, &f->room_pcs, p->n_pcs, b.n_pcs, HEAP_PCS_MAX,
					sizeof(*p->pcs));
	if (r < 0)
		return r;
	if (b.n_pcs > 0)
		memcpy(p->pcs + p->n_pcs, w->words + BUCKET_WORDS, b.n_pcs * sizeof(*p->pcs));
	p->n_pcs += b.n_pcs;
	p->buckets[p->n++] = b;
	return 0;
}

/* Over all buckets; without @f only for their sums. */
static int walk(struct walk *w, struct filling *f)
{
	size_t visits = 0;
	struct heap_bucket b = { 0 };

	w->sums = (struct sums){ 0 };
	for (uint64_t at = w->head; at; visits++) {
		int r = visits < VISITS_MAX ? read_bucket(w, at, &b, &at) : -E2BIG;

		if (r == 0 && f)
			r = keep(f, w, b);
		if (r < 0)
			return r;
		w->sums.allocs += b.allocs;
		w->sums.frees += b.frees;
		w->sums.alloc_bytes += b.alloc_bytes;
		w->sums.free_bytes += b.free_bytes;
	}
	return 0;
}

/*
 * Between the start of a collection's publication and its end a cycle waits in the future that bears its number; what
 * has been published is there as zeros. So the two together are what the runtime itself would tell.
 */
static uint32_t published_future(const struct go_runtime *rt, uint32_t cycle)
{
	return rt->global[GLOBAL_MPROF_CYCLE] ? 1u << ((cycle >> 1) % FUTURES) : 0;
}

/* One walk that keeps, one that compares. Returns 1 where they differ. */
static int try_once(struct walk *w, const struct go_runtime *rt, struct filling *f)
{
	const uint64_t cycle_at = rt->global[GLOBAL_MPROF_CYCLE];
	uint32_t before = 0, after = 0;
	struct sums first;
	int r = cycle_at ? memory_read_u32(w->memory, cycle_at, &before) : 0;

	if (r == 0)
		r = memory_read_u64(w->memory, rt->global[GLOBAL_MBUCKETS], &w->head);
	w->futures = published_future(rt, before);
	if (r == 0)
		r = walk(w, NULL);
	if (r < 0)
		return r;
	f->profile.published = w->sums.allocs || w->sums.frees;
	if (!f->profile.published)
		w->futures = ALL_FUTURES;
	first = w->sums;
	r = walk(w, f);
	if (r == 0 && cycle_at)
		r = memory_read_u32(w->memory, cycle_at, &after);
	if (r < 0)
		return r;
	/* What has not been published yet is added to all the time: no two walks agree on that. */
	return before >> 1 != after >> 1 ||
	       (f->profile.published && memcmp(&first, &w->sums, sizeof(first)));
}

int heap_profile_read(const struct memory *m, const struct go_runtime *rt, struct heap_profile *ret)
{
	_cleanup_(filling_done) struct filling f = { 0 };
	_cleanup_(freep) struct walk *w = calloc(1, sizeof(*w));
	uint64_t rate = 0;
	int r = 1;

	if (!w)
		return -ENOMEM;
	w->memory = m;
	w->layout = go_profile_layout_of(rt->minor);
	if (!w->layout || !rt->global[GLOBAL_MBUCKETS])
		return HEAP_PROFILE_UNKNOWN;
	for (int tries = 0; r == 1 && tries < TRIES; tries++) {
		filling_done(&f);
		f = (struct filling){ 0 };
		r = try_once(w, rt, &f);
	}
	if (r < 0)
		return r;
	f.profile.torn = r;
	f.profile.rate = -1;
	if (rt->global[GLOBAL_MEM_PROFILE_RATE] &&
	    memory_read_u64(m, rt->global[GLOBAL_MEM_PROFILE_RATE], &rate) == 0)
		f.profile.rate = (int64_t)rate;
	/* Some programs sample an allocation before their start-up has switched it off. */
	if (f.profile.rate == 0 && (f.profile.n == 0 || !rt->profiles_heap))
		return HEAP_PROFILE_OFF;
	*ret = f.profile;
	f.profile = (struct heap_profile){ 0 };
	return 0;
}

void heap_profile_done(struct heap_profile *p)
{
	free(p->buckets);
	free(p->pcs);
	*p = (struct heap_profile){ 0 };
}

/*
 * 1 - exp(-x) of x above 0: halved until a short series will do, and doubled back. Nothing else here needs libm, which
 * costs the daemon and its helpers 0.4 MiB.
 */
static double chance_of_sample(double x)
{
	unsigned int halved = 0;
	double v;

	if (x > 64)
		return 1;
	while (x > 0.01) {
		x /= 2;
		halved++;
	}
	v = x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5))));
	for (; halved > 0; halved--)
		v *= 2 - v;
	return v;
}

uint64_t heap_profile_estimate(uint64_t sampled, uint64_t size_bytes, int64_t rate)
{
	double v;

	if (rate <= 1 || sampled == 0 || size_bytes == 0)
		return sampled;
	v = (double)sampled / chance_of_sample((double)size_bytes / (double)rate);
	return v < (double)(UINT64_MAX / 2) ? (uint64_t)v : UINT64_MAX / 2;
}

struct heap_figures heap_bucket_figures(const struct heap_bucket *b, int64_t rate)
{
	return (struct heap_figures){
		.inuse_objects = heap_profile_estimate(heap_bucket_inuse(b), b->size_bytes, rate),
		.inuse_bytes =
			heap_profile_estimate(heap_bucket_inuse_bytes(b), b->size_bytes, rate),
		.alloc_objects = heap_profile_estimate(b->allocs, b->size_bytes, rate),
		.alloc_bytes = heap_profile_estimate(b->alloc_bytes, b->size_bytes, rate),
	};
}
