/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "host/kernel_probes.h"
#include "host/listen.h"
#include "host/probes.h"
#include "host/span_watch.h"

#define CONSUME_MS 50 /* between two looks at the ring, while anybody is listened to */

/* A collection is some records of 88 bytes; a sample of an allocation has its stack with it. */
#define RING_DAEMON  (128 * KIB)
#define RING_SAMPLES MIB

#define QUEUED_BYTES (4 << 20) /* what may wait for an owner who is slow */

struct ear {
	int fd;
	struct probes *probes;
	struct kernel_probes *kernel;
	struct span_watch *spans;
	uint64_t dropped; /* samples that the owner did not take in time */
	struct listen_message events, allocs;
};

/* An owner who does not read is waited for, and the ring counts what is lost meanwhile; or it is told later. */
static bool send_message(struct ear *ear, struct listen_message *m, size_t bytes, int flags)
{
	m->lost = ear->dropped;
	m->lost += ear->probes ? probes_lost(ear->probes) : 0;
	m->lost += ear->kernel ? kernel_probes_lost(ear->kernel) : 0;
	if (send(ear->fd, m, bytes, MSG_NOSIGNAL | flags) >= 0)
		return true;
	if (!flags || errno != EAGAIN)
		_exit(0);
	return false;
}

static void send_head(struct ear *ear, struct listen_message *m)
{
	(void)send_message(ear, m, offsetof(struct listen_message, events), 0);
}

static void flush(struct ear *ear)
{
	/* Probes at spans have to go in time, whoever reads or not. */
	const int flags = ear->spans ? MSG_DONTWAIT : 0;

	if (ear->events.n > 0)
		(void)send_message(ear, &ear->events,
				   offsetof(struct listen_message, events) +
					   ear->events.n * sizeof(struct event),
				   0);
	if (ear->allocs.n > 0 && !send_message(ear, &ear->allocs,
					       offsetof(struct listen_message, allocs) +
						       ear->allocs.n * sizeof(struct event_alloc),
					       flags))
		ear->dropped += ear->allocs.n;
	ear->events.n = ear->allocs.n = 0;
}

/* Of spans the ones are nothing without the others. */
static void guard(struct ear *ear, pid_t pid, uint32_t kinds)
{
	if (ear->spans && pid == span_watch_pid(ear->spans) && kinds & PROBES_SPANS) {
		span_watch_guarded(ear->spans);
		kinds |= PROBES_SPANS;
	}
	probes_detach(ear->probes, pid, kinds);
}

static void on_event(void *userdata, const struct event *e, const struct event_alloc *alloc)
{
	struct ear *ear = userdata;

	if (alloc)
		ear->allocs.allocs[ear->allocs.n++] = *alloc;
	else
		ear->events.events[ear->events.n++] = *e;
	if (ear->allocs.n == LISTEN_ALLOCS || ear->events.n == LISTEN_EVENTS)
		flush(ear);
	if (e->kind == EVENT_GUARD)
		guard(ear, (pid_t)e->pid, 1u << MIN(e->value, (uint64_t)31));
}

static void on_kernel_event(void *userdata, const struct event *e)
{
	on_event(userdata, e, NULL);
}

static void consume(struct ear *ear)
{
	if (ear->probes)
		probes_consume(ear->probes, on_event, ear);
	if (ear->kernel)
		kernel_probes_consume(ear->kernel, on_kernel_event, ear);
	flush(ear);
}

static bool on_slice(void *userdata, pid_t pid, const struct span_slice *slice, bool wait)
{
	struct ear *ear = userdata;
	struct listen_message m = { .kind = LISTEN_SLICE, .pid = pid, .slice = *slice };

	consume(ear);
	return send_message(ear, &m, offsetof(struct listen_message, slice) + sizeof(m.slice),
			    wait ? 0 : MSG_DONTWAIT);
}

static int attach(struct ear *ear, const struct probe_target *t, uint32_t *ret_kinds)
{
	if (!ear->probes)
		return -ENOTSUP;
	if (t->kinds & PROBES_SPANS)
		return span_watch_new(ear->probes, t, ret_kinds, on_slice, ear, &ear->spans);
	return probes_attach(ear->probes, t, ret_kinds);
}

static void detach(struct ear *ear, pid_t pid)
{
	if (ear->spans && span_watch_pid(ear->spans) == pid)
		ear->spans = span_watch_free(ear->spans);
	if (ear->probes)
		probes_detach(ear->probes, pid, UINT32_MAX);
}

static void serve_request(struct ear *ear, const struct listen_request *req)
{
	struct listen_message m = { .kind = LISTEN_DETACHED, .pid = req->target.pid };

	if (req->op == LISTEN_ATTACH) {
		m.kind = LISTEN_ATTACHING;
		send_head(ear, &m);
		m.kind = LISTEN_ATTACHED;
		m.error = attach(ear, &req->target, &m.kinds);
	} else {
		detach(ear, req->target.pid);
	}
	send_head(ear, &m);
}

static int patience_ms(const struct ear *ear)
{
	if (ear->spans)
		return span_watch_patience_ms(ear->spans);
	return ear->probes && probes_any(ear->probes) ? CONSUME_MS : -1;
}

/* That programs are loaded does not say that a probe may be set: with CAP_BPF and CAP_PERFMON alone none may. */
static int open_probes(struct ear *ear, uint32_t ring_bytes)
{
	uint64_t ignored;
	int r = probes_open(ring_bytes, &ear->probes);

	if (r < 0)
		return r;
	r = probes_trap_cost(ear->probes, &ignored);
	if (r != -EPERM && r != -EACCES)
		return 0;
	ear->probes = probes_close(ear->probes);
	return r;
}

static void start(struct ear *ear, uint32_t what)
{
	struct listen_message m = { .kind = LISTEN_READY };
	struct listen_ready *ready = &m.ready;
	const bool kernel = what & LISTEN_KERNEL;
	const bool processes = what & LISTEN_PROCESSES;
	int r = -ENOTSUP;

	ear->events.kind = LISTEN_HEARD;
	ear->allocs.kind = LISTEN_SAMPLED;
	*ready = (struct listen_ready){ -ENOTSUP, -ENOTSUP, -ENOTSUP, 0 };
	if (what & LISTEN_RUNTIMES)
		ready->runtimes = open_probes(ear, kernel ? RING_DAEMON : RING_SAMPLES);
	if (kernel || processes)
		r = kernel_probes_open(kernel, processes, &ear->kernel);
	if (kernel)
		ready->kernel = r;
	if (processes && r < 0) {
		r = kernel_probes_open_processes(&ear->kernel);
		ready->processes_by_raw = 1;
	}
	if (processes)
		ready->processes = r;
	send_message(ear, &m, offsetof(struct listen_message, ready) + sizeof(m.ready), 0);
}

_Noreturn void listen_serve(int fd, uint32_t what)
{
	static struct ear ear;
	const int queued = QUEUED_BYTES;
	struct listen_request req;
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = -1, .events = POLLIN } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Without the right to it, it is what sockets have. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &queued, sizeof(queued));
	ear.fd = fd;
	start(&ear, what);
	if (ear.kernel)
		p[1].fd = kernel_probes_fd(ear.kernel);
	while ((ear.probes || ear.kernel) && poll(p, 2, patience_ms(&ear)) >= 0) {
		if (p[0].revents) {
			if (recv(fd, &req, sizeof(req), 0) != (ssize_t)sizeof(req))
				break;
			serve_request(&ear, &req);
		}
		if (ear.spans)
			span_watch_step(ear.spans, clock_now());
		consume(&ear);
	}
	_exit(0);
}
