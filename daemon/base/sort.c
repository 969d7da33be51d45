/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sort.h"

static void swap(uint64_t *a, uint64_t *b)
{
	const uint64_t v = *a;

	*a = *b;
	*b = v;
}

/* Lets v[i] sink below whichever is larger. */
static void sink(uint64_t *v, size_t i, size_t n)
{
	for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[i] >= v[child])
			return;
		swap(&v[i], &v[child]);
		i = child;
	}
}

void sort_u64(uint64_t *v, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sink(v, i, n);
	for (size_t end = n; end-- > 1;) {
		swap(&v[0], &v[end]);
		sink(v, 0, end);
	}
}
