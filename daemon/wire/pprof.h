/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/*
 * A profile in pprof's format, as Go programs write and serve it: protocol buffers, mostly in gzip. Whoever wrote it may
 * be hostile: everything has a cap, every reference is checked.
 */
enum {
	PPROF_TYPES_MAX = 8,
	PPROF_BYTES_MAX = 256 * 1024 * 1024, /* unpacked */
	PPROF_SAMPLES_MAX = 1024 * 1024,
	PPROF_LOCATIONS_MAX = 1024 * 1024, /* and as many functions, lines and strings */
	PPROF_REFERENCES_MAX = 16 * 1024 * 1024,
};

struct pprof_function {
	uint64_t id;
	const char *name, *file; /* never NULL */
};

struct pprof_line {
	uint32_t function; /* place in `functions` */
	uint32_t line;
};

/* An address of code: its lines are a call and those it was inlined into, outwards. None: no symbol. */
struct pprof_location {
	uint64_t id, address;
	uint32_t first_line, n_lines;
};

/* A stack, innermost location first. */
struct pprof_sample {
	uint32_t first, n; /* in `stacks` */
	int64_t value[PPROF_TYPES_MAX];
};

struct pprof {
	uint32_t n_types;
	struct {
		const char *name, *unit;
	} types[PPROF_TYPES_MAX];
	const char *binary,
		*build_id; /* of the first mapping, which is the executable; "": not told */
	const char *period_type;
	int64_t period, time_ns, duration_ns;
	size_t n_samples, n_locations, n_lines, n_functions;
	struct pprof_sample *samples;
	uint32_t *stacks; /* places in `locations` */
	struct pprof_location *locations;
	struct pprof_line *lines;
	struct pprof_function *functions;
	char *text; /* what the strings are in */
};

/*
 * Reads a whole profile. Returns 0, -EBADMSG where the bytes are no profile, -EFBIG over a cap, -ENOMEM. @ret is the
 * caller's, to be ended with pprof_done.
 */
int pprof_read(struct span bytes, struct pprof *ret);
void pprof_done(struct pprof *p);

/* The place of the values named @type ("alloc_space"), or -ENOENT. */
int pprof_type(const struct pprof *p, const char *type);
