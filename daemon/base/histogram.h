/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Durations by how long they are: two buckets to each doubling, from 1 us (bucket 0 has all below) to half a second (the
 * last has all above), so that a quantile is within a quarter of what it would be of the durations themselves. The
 * longest is kept as it is.
 */
enum {
	HISTOGRAM_BUCKETS = 40,
};

struct histogram {
	uint64_t max_ns;
	uint32_t count[HISTOGRAM_BUCKETS];
};

/* The same in little room, for what is kept by the hundred: a full bucket stays full. */
struct histogram_small {
	uint64_t max_ns;
	uint16_t count[HISTOGRAM_BUCKETS];
};

size_t histogram_bucket(uint64_t ns);

/* What all of that bucket are below; UINT64_MAX for the last. */
uint64_t histogram_below_ns(size_t bucket);

void histogram_small_add(struct histogram_small *h, uint64_t ns);
void histogram_small_merge(struct histogram_small *h, const struct histogram_small *more);
void histogram_add_small(struct histogram *h, const struct histogram_small *more);
void histogram_merge(struct histogram *h, const struct histogram *more);

uint64_t histogram_n(const struct histogram *h);

/* What @permille of them do not exceed, interpolated in its bucket and never above the longest; 0 where there is none. */
uint64_t histogram_quantile_ns(const struct histogram *h, unsigned int permille);
