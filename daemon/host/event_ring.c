/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "base/util.h"
#include "host/event_ring.h"

enum {
	TAKEN_MAX = 4096, /* records at one call */
};

struct event_ring {
	struct ring_buffer *ring;
	event_ring_record each;
	void *userdata;
	unsigned int taken;
};

static int on_record(void *context, void *data, size_t size)
{
	struct event_ring *r = context;

	r->each(r->userdata, data, size);
	/* The library keeps its place. */
	return ++r->taken < TAKEN_MAX ? 0 : -ECANCELED;
}

int event_ring_new(int map_fd, struct event_ring **ret)
{
	struct event_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->ring = ring_buffer__new(map_fd, on_record, r, NULL);
	if (!r->ring) {
		int e = -errno;

		free(r);
		return e;
	}
	*ret = r;
	return 0;
}

struct event_ring *event_ring_free(struct event_ring *r)
{
	if (!r)
		return NULL;
	ring_buffer__free(r->ring);
	free(r);
	return NULL;
}

int event_ring_consume(struct event_ring *r, event_ring_record each, void *userdata)
{
	int e;

	r->each = each;
	r->userdata = userdata;
	r->taken = 0;
	e = ring_buffer__consume(r->ring);
	return e == -ECANCELED ? 0 : MIN(e, 0);
}

int event_ring_fd(const struct event_ring *r)
{
	return ring_buffer__epoll_fd(r->ring);
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level;
	(void)format;
	(void)ap;
	return 0;
}

void event_ring_quiet(void)
{
	libbpf_set_print(say_nothing);
}
