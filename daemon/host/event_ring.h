/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The ring that BPF programs write to, read from the other side: for probes.c and kernel_probes.c. */
struct event_ring;

/* @map_fd is that of a ring buffer map. Returns 0 or -errno. */
int event_ring_new(int map_fd, struct event_ring **ret);
struct event_ring *event_ring_free(struct event_ring *r);

/*
 * Records since the last call, in their order; at most some thousand at a time, so that whoever fills the ring without
 * end does not keep the caller from its other work. Returns 0 or -errno.
 */
typedef void (*event_ring_record)(void *userdata, const void *data, size_t size);
int event_ring_consume(struct event_ring *r, event_ring_record each, void *userdata);

/* Readable when there are records that asked for a wake-up. */
int event_ring_fd(const struct event_ring *r);

/* libbpf explains failures at length on standard error; whoever opens programs here gets -errno instead. */
void event_ring_quiet(void);
