/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Sorts in place, the smallest first, without memory and without a system call: qsort of glibc asks the kernel how much
 * memory there is, which the helper that parses may not. No order of its input makes it slow (heap sort).
 */
void sort_u64(uint64_t *v, size_t n);
