// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Uprobes in Go's runtime. Only UAPI headers and no kernel type information: loads on any kernel with ring buffers
 * and attach cookies (5.15). Each program is attached with the pid of its process and does nothing for others.
 */
#include <linux/bpf.h>
#include <asm/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "event.h"

#define WINDOW_NS    1000000000ull
#define BURST_NS     5000000ull /* of hits in so short a time the first ... */
#define BURST_ALL    16		/* ... are all told, of more ever fewer */
#define SPENT_MAX_NS 20000ull	/* at one hit: over that its thread was not running meanwhile */
#define BURST_LOG    16		/* down to one in 2^16 */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct event_target);
} targets SEC(".maps");

__u64 lost;
struct event_spans spans;

/* Wakes nobody: a wake-up would lengthen the pause that is measured. The listener looks by the clock. */
static __always_inline void submit(void *e)
{
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

static __always_inline void *reserve(__u64 size)
{
	void *e = bpf_ringbuf_reserve(&events, size, 0);

	if (!e)
		__sync_fetch_and_add(&lost, 1);
	return e;
}

static __always_inline __u64 user_u64(__u64 address)
{
	__u64 v = 0;

	if (address)
		bpf_probe_read_user(&v, sizeof(v), (const void *)address);
	return v;
}

static __always_inline void fill(struct event *e, const struct event_target *t, __u32 kind,
				 __u64 value, __u64 now)
{
	__u64 id = bpf_get_current_pid_tgid(), counts = user_u64(t->num_gc);

	e->kind = kind;
	e->pid = (__u32)(id >> 32);
	e->tid = (__u32)id;
	e->at_ns = now;
	e->value = value;
	e->num_gc = (__u32)counts;
	e->num_forced = (__u32)(counts >> 32);
	e->heap_live = user_u64(t->heap_live);
	e->heap_marked = user_u64(t->heap_marked);
	e->heap_goal = user_u64(t->heap_goal);
	e->total_alloc = user_u64(t->total_alloc);
	e->cgroup_id = 0;
	e->unused = 0;
}

/* A site that is hit too often costs its process more than it tells: silent from here on, and said once. */
static __always_inline bool admit(struct event_target *t, __u32 kind, __u64 now)
{
	struct event *e;

	if (kind >= EVENT_SITE_MAX_ || (t->muted & (1ull << kind)))
		return false;
	if (now - t->window_ns >= WINDOW_NS) {
		t->window_ns = now;
		for (int i = 0; i < EVENT_SITE_MAX_; i++)
			t->hits[i] = 0;
	}
	if (__sync_fetch_and_add(&t->hits[kind], 1) < t->limit[kind])
		return true;
	/* Where it cannot be told now, the next hit tells it: a probe that nobody takes away costs its process on. */
	e = reserve(sizeof(*e));
	if (!e)
		return false;
	if (__sync_fetch_and_or(&t->muted, 1ull << kind) & (1ull << kind)) {
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
		return false;
	}
	fill(e, t, EVENT_GUARD, kind, now);
	submit(e);
	return false;
}

/* One of two registers. Both are loaded: the verifier takes no computed offset into the context. */
static __always_inline __u64 choose(bool first, __u64 a, __u64 b)
{
	barrier_var(a);
	barrier_var(b);
	return first ? a : b;
}

static __always_inline struct event_target *target_of_current(void)
{
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);

	return bpf_map_lookup_elem(&targets, &pid);
}

SEC("uprobe")
int on_cycle(struct pt_regs *ctx)
{
	struct event_target *t = target_of_current();
	__u32 kind = (__u32)bpf_get_attach_cookie(ctx);
	__u64 now = bpf_ktime_get_ns();
	struct event *e;

	if (!t || !admit(t, kind, now))
		return 0;
	e = reserve(sizeof(*e));
	if (!e)
		return 0;
	/* The register ABI: first argument in RAX, second in RBX; of record the first is the histogram. */
	fill(e, t, kind, choose(kind == EVENT_GC_START, ctx->rax, ctx->rbx), now);
	submit(e);
	return 0;
}

/* The sample that is told of an allocation, with its stack; only ctx is read, since registers need no copy. */
static __always_inline void tell_alloc(struct pt_regs *ctx, const struct event_target *t,
				       __u32 kind, __u64 value, __u64 now, __u32 weight,
				       __u32 given)
{
	__u64 fp = ctx->rbp, pc;
	struct event_alloc *e = reserve(sizeof(*e));
	long n;

	if (!e)
		return;
	fill(&e->head, t, kind, value, now);
	e->weight = weight;
	e->given = given;
	e->caller = pc = user_u64(ctx->rsp);
	for (int i = 0; i < EVENT_FRAMES; i++) {
		__u64 words[4] = { 0 };

		bpf_probe_read_user(words, sizeof(words), (const void *)fp);
		e->frame[i].pc = pc;
		e->frame[i].words[0] = words[2];
		e->frame[i].words[1] = words[3];
		fp = words[0];
		pc = words[1];
	}
	e->n_frames = EVENT_FRAMES;
	n = bpf_get_stack(ctx, e->pcs, sizeof(e->pcs), BPF_F_USER_STACK);
	e->n_pcs = n > 0 ? (__u32)n / 8 : 0;
	submit(e);
}

SEC("uprobe")
int on_alloc(struct pt_regs *ctx)
{
	struct event_target *t = target_of_current();
	__u64 cookie = bpf_get_attach_cookie(ctx), now = bpf_ktime_get_ns();

	/* Which register has the size is in the cookie: it differs per release. */
	if (t && admit(t, (__u32)cookie, now))
		tell_alloc(ctx, t, (__u32)cookie, choose(cookie >> 32, ctx->rcx, ctx->rbx), now, 1,
			   EVENT_GIVEN_UNKNOWN);
	return 0;
}

/*
 * How many hits this one stands for; 0: it is not told. Stacks cost more than the trap does and the ring has its size, so
 * that of many hits in a short time, the n-th is told with the probability 1/2^k that n leads to.
 */
static __always_inline __u32 thin_out(__u64 now)
{
	__u32 weight = 1;
	__u64 n;

	if (now - spans.burst_at_ns >= BURST_NS) {
		spans.burst_at_ns = now;
		spans.burst_hits = 0;
	}
	n = __sync_fetch_and_add(&spans.burst_hits, 1) / BURST_ALL;
	for (int i = 0; i < BURST_LOG && n > 0; i++) {
		weight <<= 1;
		n >>= 1;
	}
	return bpf_get_prandom_u32() & (weight - 1) ? 0 : weight;
}

/*
 * What the span that has run out gave: (*mcache).refill has the cache and the class of spans as arguments. mspan has
 * allocCount, spanclass and, 6 bytes on, allocCountBeforeCache together (src/runtime/mheap.go, 1.19 to 1.27); the span
 * that stands for none has them 0.
 */
static __always_inline __u32 given_by_last(struct pt_regs *ctx, const struct event_target *t)
{
	__u64 class = ctx->rbx & 0xff, span, counts;
	__u16 taken, before;

	if (!t->span_counts)
		return EVENT_GIVEN_UNKNOWN;
	span = user_u64(ctx->rax + t->span_slot + 8 * class);
	if (!span)
		return EVENT_GIVEN_UNKNOWN;
	counts = user_u64(span + t->span_counts);
	taken = (__u16)counts;
	before = (__u16)(counts >> 48);
	if (taken == 0 && before == 0)
		return EVENT_GIVEN_NONE;
	if ((counts >> 16 & 0xff) != class || taken <= before)
		return EVENT_GIVEN_UNKNOWN;
	return (__u32)(taken - before);
}

static __always_inline void tell_span(struct pt_regs *ctx, __u64 now)
{
	struct event_target *t = target_of_current();
	__u32 kind = (__u32)bpf_get_attach_cookie(ctx), weight;

	if (!t || !admit(t, kind, now) || !spans.open)
		return;
	weight = thin_out(now);
	if (weight)
		tell_alloc(ctx, t, kind, ctx->rbx, now, weight,
			   kind == EVENT_REFILL ? given_by_last(ctx, t) : EVENT_GIVEN_UNKNOWN);
}

SEC("uprobe")
int on_span(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns(), spent;

	if (spans.pid != (__u32)(bpf_get_current_pid_tgid() >> 32))
		return 0;
	tell_span(ctx, now);
	spent = bpf_ktime_get_ns() - now;
	__sync_fetch_and_add(&spans.hits, 1);
	__sync_fetch_and_add(&spans.spent_ns, spent < SPENT_MAX_NS ? spent : SPENT_MAX_NS);
	return 0;
}
