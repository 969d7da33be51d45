/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/hostroot.h"

/* The host's swap, which every workload may take of that is not denied it (memory.swap.max). Sources: proc(5). */

/* Is there any (/proc/swaps)? Not where the file cannot be read. */
bool swap_is_there(const struct hostroot *host);

/* Bytes of it that nobody has taken (SwapFree of /proc/meminfo); 0 where that cannot be read. */
uint64_t swap_free(const struct hostroot *host);
