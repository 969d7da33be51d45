/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/libbpf.h>
#include <kernel.skel.h>
#include <process.skel.h>

#include "base/util.h"
#include "host/event_ring.h"
#include "host/kernel_probes.h"

/* One of the two objects. */
struct kernel_probes {
	struct kernel_bpf *kernel;
	struct process_bpf *process;
	struct event_ring *ring;
	kernel_event each;
	void *userdata;
};

static int open_kernel(struct kernel_probes *p, bool memory, bool processes)
{
	int r;

	p->kernel = kernel_bpf__open();
	if (!p->kernel)
		return -errno;
	p->kernel->rodata->tell_processes = processes;
	/* These fail for programs that are loaded already, and none is. */
	(void)bpf_program__set_autoload(p->kernel->progs.on_exec, processes);
	(void)bpf_program__set_autoload(p->kernel->progs.on_victim, memory);
	(void)bpf_program__set_autoload(p->kernel->progs.on_reclaim_begin, memory);
	(void)bpf_program__set_autoload(p->kernel->progs.on_reclaim_end, memory);
	r = kernel_bpf__load(p->kernel);
	if (r == 0)
		r = kernel_bpf__attach(p->kernel);
	return r ? r : event_ring_new(bpf_map__fd(p->kernel->maps.events), &p->ring);
}

static int open_process(struct kernel_probes *p)
{
	int r;

	p->process = process_bpf__open();
	if (!p->process)
		return -errno;
	r = process_bpf__load(p->process);
	if (r == 0)
		r = process_bpf__attach(p->process);
	return r ? r : event_ring_new(bpf_map__fd(p->process->maps.events), &p->ring);
}

int kernel_probes_open(bool memory, bool processes, struct kernel_probes **ret)
{
	_cleanup_(kernel_probes_closep) struct kernel_probes *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	event_ring_quiet();
	r = open_kernel(p, memory, processes);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

int kernel_probes_open_processes(struct kernel_probes **ret)
{
	_cleanup_(kernel_probes_closep) struct kernel_probes *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	event_ring_quiet();
	r = open_process(p);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

struct kernel_probes *kernel_probes_close(struct kernel_probes *p)
{
	if (!p)
		return NULL;
	event_ring_free(p->ring);
	kernel_bpf__destroy(p->kernel);
	process_bpf__destroy(p->process);
	free(p);
	return NULL;
}

static void on_record(void *userdata, const void *data, size_t size)
{
	const struct kernel_probes *p = userdata;

	if (size >= sizeof(struct event))
		p->each(p->userdata, data);
}

int kernel_probes_consume(struct kernel_probes *p, kernel_event each, void *userdata)
{
	p->each = each;
	p->userdata = userdata;
	return event_ring_consume(p->ring, on_record, p);
}

int kernel_probes_fd(const struct kernel_probes *p)
{
	return event_ring_fd(p->ring);
}

uint64_t kernel_probes_lost(const struct kernel_probes *p)
{
	return p->kernel ? p->kernel->bss->lost : p->process->bss->lost;
}
