/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The memory of a program, wherever it lies: a process, a core file, a fixture. Every byte in it belongs to a
 * stranger, and what lies in it may be forged.
 */
enum memory_flags {
	MEMORY_READ = 1 << 0,
	MEMORY_WRITE = 1 << 1,
	MEMORY_EXEC = 1 << 2,
	MEMORY_FILE = 1 << 3,	/* backed by a file */
	MEMORY_SHARED = 1 << 4, /* a store would reach others */
};

struct memory_region {
	uint64_t start, end; /* [start, end) */
	uint64_t file;	     /* equal for regions of the same file, 0 where there is none */
	uint64_t offset;     /* of `start` in that file */
	uint32_t flags;
};

struct memory {
	/* Reads all of [addr, addr + len) and returns 0, or -errno and *buf is undefined. */
	int (*read)(void *context, uint64_t addr, void *buf, size_t len);
	void *context;
	const struct memory_region *regions; /* sorted by address, not overlapping */
	size_t n_regions;
};

int memory_read(const struct memory *m, uint64_t addr, void *buf, size_t len);
int memory_read_u32(const struct memory *m, uint64_t addr, uint32_t *ret);
int memory_read_u64(const struct memory *m, uint64_t addr, uint64_t *ret);

/* The region that holds @addr, or NULL. */
const struct memory_region *memory_region_at(const struct memory *m, uint64_t addr);

/* True where all of [addr, addr + len) lies in one region that has all of @flags. */
bool memory_covers(const struct memory *m, uint64_t addr, uint64_t len, uint32_t flags);

/*
 * A window that slides over a table in that memory, so that tables of any size cost one buffer. The pointer that
 * memory_window_get gives holds until the next call.
 */
#define MEMORY_WINDOW_BYTES (64 * 1024)

struct memory_window {
	const struct memory *memory;
	uint64_t start;
	size_t filled;
	uint8_t bytes[MEMORY_WINDOW_BYTES];
};

/* @len is at most MEMORY_WINDOW_BYTES. Returns -errno where the memory cannot be read. */
int memory_window_get(struct memory_window *w, uint64_t addr, size_t len, const uint8_t **ret);
