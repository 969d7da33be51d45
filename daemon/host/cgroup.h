/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/snapshot.h"
#include "host/hostroot.h"

/* One cgroup, held by its directory: what is read belongs to it, not to another of the same name made later. */
struct cgroup;

enum {
	CGROUP_GONE = 1,
	CGROUP_TOO_DEEP, /* more ancestors than are followed */
};

/* @path is from the root, with a leading slash. Returns 0, an outcome above, or -errno. */
int cgroup_open(const struct hostroot *host, const char *path, struct cgroup **ret);
struct cgroup *cgroup_free(struct cgroup *cg);

static inline void cgroup_freep(struct cgroup **cg)
{
	cgroup_free(*cg);
}

const char *cgroup_path(const struct cgroup *cg);
uint64_t cgroup_id(const struct cgroup *cg); /* the directory's inode number (kernel: cgroup id) */
int cgroup_dirfd(const struct cgroup *cg);

/*
 * Where the limit comes from and where the room does: path of the ancestor (or of the cgroup itself), "" where
 * there is none. Set by the last cgroup_read.
 */
const char *cgroup_limit_origin(const struct cgroup *cg);
const char *cgroup_room_origin(const struct cgroup *cg);
/* Which of its files the room is from: "memory.max" or "memory.high". */
const char *cgroup_room_by(const struct cgroup *cg);

/*
 * The lowest memory.high that is not ours, of the cgroup (what its owner had, where ours is there now) and those above it,
 * and whose it is: the kubelet's (Memory QoS), a unit's MemoryHigh= or an operator's. BYTES_UNLIMITED and "": there is
 * none.
 */
uint64_t cgroup_others_high(const struct cgroup *cg);
const char *cgroup_high_origin(const struct cgroup *cg);

/*
 * Reads limit, room, memory.stat, events, pressure and CPU. @now is put into the snapshot as its age. A file that
 * this kernel or hierarchy does not have leaves its figures 0 (limits: BYTES_UNLIMITED). memory_high's facts are not
 * touched. swap_left is what memory.swap.max and memory.swap.high leave, which the host may not have. Returns 0,
 * CGROUP_GONE or -errno. Source: Documentation/admin-guide/cgroup-v2.rst.
 */
int cgroup_read(struct cgroup *cg, usec_t now, struct snapshot_cgroup *ret);

/* A limit that a cgroup is under, by the last read. */
struct cgroup_limit {
	const char *path; /* of the cgroup that has it; the cgroup's own */
	uint64_t
		max; /* memory.max, or memory.high that is not ours; BYTES_UNLIMITED: it has none */
	uint64_t used; /* memory.current of it, with all that is below; 0 without a limit */
};

/* Of the n-th level, from the cgroup itself (0) up to below the root. False beyond. */
bool cgroup_level_limit(const struct cgroup *cg, size_t level, struct cgroup_limit *ret);

/* Limit and room alone: what gomemctl scan needs. */
int cgroup_read_limits(struct cgroup *cg, struct snapshot_cgroup *ret);

/* Is any process left in it or below? */
bool cgroup_populated(const struct cgroup *cg);

/*
 * The limit of a cgroup of v1's memory controller (memory.limit_in_bytes over the ancestors), BYTES_UNLIMITED where
 * none. Read only: gomemd never writes v1.
 */
uint64_t cgroup1_limit(const struct hostroot *host, const char *path);

/* Descriptor of the n-th directory from the cgroup itself (0) up to below the root; -1 beyond. Stays the cgroup's. */
int cgroup_level_fd(const struct cgroup *cg, size_t level);
