/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/throttle.h" /* the skeleton has variables of what it defines */

#include <bpf/libbpf.h>
#include <throttle.skel.h>

#include "base/util.h"
#include "host/event_ring.h"
#include "host/probe_file.h"
#include "host/throttle_bucket.h"
#include "host/trap_cost.h"

#define NSEC_MSEC UINT64_C(1000000)

/*
 * What wakes late is made up for out of what was saved up; what is little ahead is not worth a stop. Debt grows beyond
 * what the threads that are held will pay only where they cannot be held.
 */
#define BURST_NS    (50 * NSEC_MSEC)
#define SLACK_NS    (1 * NSEC_MSEC)
#define DEBT_MAX_NS (1000 * NSEC_MSEC)

enum {
	OPCODE_PUSH_RBP = 0x55,
};

struct throttle_bucket {
	struct throttle_bpf *skel;
	struct bpf_link *link;
};

static int load(struct throttle_bucket *b, const struct throttle_target *t)
{
	struct throttle_rules *rules;

	event_ring_quiet();
	b->skel = throttle_bpf__open();
	if (!b->skel)
		return -errno;
	rules = (struct throttle_rules *)(uintptr_t)&b->skel->rodata->rules;
	*rules = (struct throttle_rules){
		.pid = (uint32_t)t->pid,
		.jump = t->site.code[0] != OPCODE_PUSH_RBP,
		.burst_ns = BURST_NS,
		.slack_ns = SLACK_NS,
		.debt_max_ns = DEBT_MAX_NS,
		.n_own_calls = MIN(t->n_own_calls, (uint32_t)THROTTLE_OWN_CALLS_MAX),
	};
	memcpy(rules->own_calls, t->own_calls, sizeof(rules->own_calls));
	return throttle_bpf__load(b->skel);
}

static int attach(struct throttle_bucket *b, const struct throttle_target *t)
{
	const struct bpf_uprobe_opts opts = { .sz = sizeof(opts) };
	_cleanup_(closep) int fd = probe_file_open(t->pid);
	char path[48];

	if (fd < 0)
		return fd;
	if (!probe_file_agrees(fd, &t->site))
		return -ESTALE;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	b->link = bpf_program__attach_uprobe_opts(b->skel->progs.on_newproc, t->pid, path,
						  t->site.file_offset, &opts);
	return b->link ? 0 : -errno;
}

int throttle_bucket_new(const struct throttle_target *t, struct throttle_bucket **ret)
{
	_cleanup_(throttle_bucket_freep) struct throttle_bucket *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	r = load(b, t);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

int throttle_bucket_attach(struct throttle_bucket *b, const struct throttle_target *t)
{
	uint64_t ignored;

	return t->pid ? attach(b, t) : trap_cost_measure(b->skel->progs.on_newproc, &ignored);
}

struct throttle_bucket *throttle_bucket_free(struct throttle_bucket *b)
{
	if (!b)
		return NULL;
	bpf_link__destroy(b->link);
	throttle_bpf__destroy(b->skel);
	free(b);
	return NULL;
}

volatile struct throttle_state *throttle_bucket_state(struct throttle_bucket *b)
{
	return &b->skel->bss->state;
}
