/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"
#include "base/util.h"

enum {
	OCTAVE_FIRST = 10, /* 2^10 ns */
};

size_t histogram_bucket(uint64_t ns)
{
	unsigned int octave;

	if (ns >> OCTAVE_FIRST == 0)
		return 0;
	octave = 63 - (unsigned int)__builtin_clzll(ns);
	return MIN(2 * (size_t)(octave - OCTAVE_FIRST) + (ns >> (octave - 1) & 1) + 1,
		   (size_t)HISTOGRAM_BUCKETS - 1);
}

/* Where bucket @i begins: at 2^k, or half as much again. */
static uint64_t begins_at(size_t i)
{
	uint64_t octave;

	if (i == 0)
		return 0;
	octave = UINT64_C(1) << (OCTAVE_FIRST + (i - 1) / 2);
	return (i - 1) % 2 ? octave + octave / 2 : octave;
}

uint64_t histogram_below_ns(size_t bucket)
{
	return bucket + 1 < HISTOGRAM_BUCKETS ? begins_at(bucket + 1) : UINT64_MAX;
}

void histogram_small_add(struct histogram_small *h, uint64_t ns)
{
	uint16_t *count = &h->count[histogram_bucket(ns)];

	*count = (uint16_t)MIN(*count + 1, UINT16_MAX);
	h->max_ns = MAX(h->max_ns, ns);
}

void histogram_small_merge(struct histogram_small *h, const struct histogram_small *more)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->count[i] = (uint16_t)MIN(h->count[i] + more->count[i], UINT16_MAX);
	h->max_ns = MAX(h->max_ns, more->max_ns);
}

void histogram_add_small(struct histogram *h, const struct histogram_small *more)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->count[i] += more->count[i];
	h->max_ns = MAX(h->max_ns, more->max_ns);
}

void histogram_merge(struct histogram *h, const struct histogram *more)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->count[i] += more->count[i];
	h->max_ns = MAX(h->max_ns, more->max_ns);
}

uint64_t histogram_n(const struct histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->count[i];
	return n;
}

uint64_t histogram_quantile_ns(const struct histogram *h, unsigned int permille)
{
	const uint64_t n = histogram_n(h), rank = (n * permille + 999) / 1000;
	uint64_t before = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS && n; i++) {
		const uint64_t from = begins_at(i), to = MIN(histogram_below_ns(i), h->max_ns);

		if (before + h->count[i] >= rank)
			return to > from ? from + mul_div(to - from, rank - before, h->count[i]) :
					   to;
		before += h->count[i];
	}
	return h->max_ns;
}
