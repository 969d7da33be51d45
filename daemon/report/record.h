/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/replay.h"

/*
 * The file of decisions: a header, then records. At half its cap it becomes FILE.1 (the one before is dropped), so
 * that at least half a cap of decisions is always there.
 */
struct recorder;

/* @dir stays open and the caller's. Returns 0 or -errno; the daemon runs without it where it cannot be written. */
int recorder_new(const char *dir, uint64_t max_bytes, struct recorder **ret);
struct recorder *recorder_free(struct recorder *rec);

static inline void recorder_freep(struct recorder **rec)
{
	recorder_free(*rec);
}

int recorder_add(struct recorder *rec, const struct replay_record *r);
