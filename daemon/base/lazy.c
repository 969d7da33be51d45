/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>

#include "base/lazy.h"

void *lazy_new(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void lazy_free(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}
