/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/event.h" /* the skeleton has a variable of what it defines */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <runtime.skel.h>

#include "base/util.h"
#include "host/event_ring.h"
#include "host/probe_file.h"
#include "host/probes.h"
#include "host/trap_cost.h"

enum {
	TARGETS_MAX = 1024,
	/* So many hits of one site in a second, and it falls silent. */
	LIMIT_CYCLE = 1000,
	LIMIT_ALLOC = 5000,
	LIMIT_SPANS = 200000, /* on each CPU: whoever takes them away in time does not do so */
};

_Static_assert((int)SITE_NEWPROC == (int)EVENT_SITE_MAX_ &&
		       (int)SITE_ALLOC_LARGE == (int)EVENT_ALLOC_LARGE,
	       "a site's kind is its event's");

struct attached {
	pid_t pid;
	uint32_t n;
	uint8_t kind[GO_SITES_MAX];
	struct bpf_link *link[GO_SITES_MAX];
};

struct probes {
	struct runtime_bpf *skel;
	struct event_ring *ring;
	struct attached *attached[TARGETS_MAX];
	probes_event each;
	void *userdata;
	unsigned int n_attached;
};

int probes_open(uint32_t ring_bytes, struct probes **ret)
{
	_cleanup_(probes_closep) struct probes *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	event_ring_quiet();
	p->skel = runtime_bpf__open();
	if (!p->skel)
		return -errno;
	r = bpf_map__set_max_entries(p->skel->maps.events, ring_bytes);
	if (r == 0)
		r = runtime_bpf__load(p->skel);
	if (r == 0)
		r = event_ring_new(bpf_map__fd(p->skel->maps.events), &p->ring);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

static struct attached *attached_free(struct attached *a)
{
	if (!a)
		return NULL;
	for (uint32_t i = 0; i < a->n; i++)
		bpf_link__destroy(a->link[i]);
	free(a);
	return NULL;
}

struct probes *probes_close(struct probes *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < TARGETS_MAX; i++)
		attached_free(p->attached[i]);
	event_ring_free(p->ring);
	runtime_bpf__destroy(p->skel);
	free(p);
	return NULL;
}

/* Of mProf_Malloc's arguments the size is the second, from 1.23 on the third. */
static uint64_t cookie_of(const struct go_site *s, int32_t minor)
{
	const bool third = s->kind == SITE_MPROF_MALLOC && minor >= 23;

	return s->kind | (uint64_t)third << 32;
}

static struct bpf_program *program_of(const struct probes *p, uint8_t kind)
{
	if (kind == SITE_MPROF_MALLOC)
		return p->skel->progs.on_alloc;
	return PROBES_SPANS & 1u << kind ? p->skel->progs.on_span : p->skel->progs.on_cycle;
}

static struct bpf_link *attach_one(struct probes *p, const struct probe_target *t,
				   const struct go_site *s, const char *path)
{
	const struct bpf_uprobe_opts opts = { .sz = sizeof(opts),
					      .bpf_cookie = cookie_of(s, t->minor) };

	return bpf_program__attach_uprobe_opts(program_of(p, s->kind), t->pid, path, s->file_offset,
					       &opts);
}

static int attach_sites(struct probes *p, const struct probe_target *t, const char *path, int fd,
			struct attached *a, uint32_t *ret_kinds)
{
	int r = -ENOENT;

	for (uint32_t i = 0; i < t->sites.n && i < GO_SITES_MAX; i++) {
		const struct go_site *s = &t->sites.site[i];
		struct bpf_link *link;

		if ((int)s->kind >= (int)EVENT_SITE_MAX_ || !(t->kinds & 1u << s->kind))
			continue;
		if (!probe_file_agrees(fd, s)) {
			r = -ESTALE;
			continue;
		}
		link = attach_one(p, t, s, path);
		if (!link) {
			r = -errno;
			continue;
		}
		a->kind[a->n] = s->kind;
		a->link[a->n++] = link;
		*ret_kinds |= 1u << s->kind;
	}
	return a->n > 0 ? 0 : r;
}

static uint32_t limit_of(int kind)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (PROBES_SPANS & 1 << kind)
		return LIMIT_SPANS * (uint32_t)MIN(MAX(cpus, 1L), 4096L);
	return kind == EVENT_MPROF_MALLOC ? LIMIT_ALLOC : LIMIT_CYCLE;
}

static void put_target(struct probes *p, const struct probe_target *t)
{
	const uint32_t key = (uint32_t)t->pid;
	struct event_target value = {
		.heap_live = t->heap_live,
		.heap_marked = t->heap_marked,
		.heap_goal = t->heap_goal,
		.total_alloc = t->total_alloc,
		.num_gc = t->num_gc,
		.span_slot = t->sites.span_slot,
		.span_counts = t->sites.span_counts,
	};

	for (int i = 0; i < EVENT_SITE_MAX_; i++)
		value.limit[i] = limit_of(i);
	bpf_map__update_elem(p->skel->maps.targets, &key, sizeof(key), &value, sizeof(value),
			     BPF_ANY);
}

int probes_attach(struct probes *p, const struct probe_target *t, uint32_t *ret_kinds)
{
	_cleanup_(closep) int fd = -1;
	struct attached **slot = NULL;
	char path[48];
	int r;

	*ret_kinds = 0;
	probes_detach(p, t->pid, UINT32_MAX);
	for (size_t i = 0; i < TARGETS_MAX && !slot; i++)
		if (!p->attached[i])
			slot = &p->attached[i];
	if (!slot)
		return -ENOSPC;
	fd = probe_file_open(t->pid);
	if (fd < 0)
		return fd;
	*slot = calloc(1, sizeof(**slot));
	if (!*slot)
		return -ENOMEM;
	(*slot)->pid = t->pid;
	p->n_attached++;
	put_target(p, t);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = attach_sites(p, t, path, fd, *slot, ret_kinds);
	if (r < 0)
		probes_detach(p, t->pid, UINT32_MAX);
	return r;
}

struct event_spans *probes_spans(struct probes *p)
{
	return &p->skel->bss->spans;
}

int probes_trap_cost(struct probes *p, uint64_t *ret_ns)
{
	return trap_cost_measure(p->skel->progs.on_span, ret_ns);
}

bool probes_any(const struct probes *p)
{
	return p->n_attached > 0;
}

static void detach_kinds(struct attached *a, uint32_t kinds)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		if (kinds & 1u << a->kind[i]) {
			bpf_link__destroy(a->link[i]);
			continue;
		}
		a->kind[kept] = a->kind[i];
		a->link[kept++] = a->link[i];
	}
	a->n = kept;
}

void probes_detach(struct probes *p, pid_t pid, uint32_t kinds)
{
	const uint32_t key = (uint32_t)pid;

	for (size_t i = 0; i < TARGETS_MAX; i++) {
		if (!p->attached[i] || p->attached[i]->pid != pid)
			continue;
		detach_kinds(p->attached[i], kinds);
		if (p->attached[i]->n > 0)
			return;
		p->attached[i] = attached_free(p->attached[i]);
		p->n_attached--;
		bpf_map__delete_elem(p->skel->maps.targets, &key, sizeof(key), 0);
	}
}

static void on_record(void *userdata, const void *data, size_t size)
{
	const struct probes *p = userdata;

	if (size >= sizeof(struct event))
		p->each(p->userdata, data,
			size >= sizeof(struct event_alloc) ? (const struct event_alloc *)data :
							     NULL);
}

int probes_consume(struct probes *p, probes_event each, void *userdata)
{
	p->each = each;
	p->userdata = userdata;
	return event_ring_consume(p->ring, on_record, p);
}

uint64_t probes_lost(const struct probes *p)
{
	return p->skel->bss->lost;
}
