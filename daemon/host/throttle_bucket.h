/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/throttle.h"

/*
 * The probe and its bucket, by libbpf: for the helper alone, since setting a probe reads the process's file.
 */
struct throttle_bucket;

/* Loads the program for @t. Returns 0 or -errno: -EPERM, -EINVAL or -ENOTSUP where the kernel lacks what it needs. */
int throttle_bucket_new(const struct throttle_target *t, struct throttle_bucket **ret);
struct throttle_bucket *throttle_bucket_free(struct throttle_bucket *b);

static inline void throttle_bucket_freep(struct throttle_bucket **b)
{
	throttle_bucket_free(*b);
}

/*
 * Sets the probe; nothing is counted before the first period. For a @t of no process it is set in this program itself, to
 * see whether it can be, and taken away. Returns 0 or -errno: -EPERM, -ESTALE where file and memory differ, -ESRCH.
 */
int throttle_bucket_attach(struct throttle_bucket *b, const struct throttle_target *t);

/* Shared with the program: the period is to be written, the rest is read. */
volatile struct throttle_state *throttle_bucket_state(struct throttle_bucket *b);
