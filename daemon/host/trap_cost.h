/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct bpf_program;

/*
 * What a hit of a uprobe costs here, in nanoseconds: a probe of this very process is hit some thousand times, at an
 * instruction that the kernel emulates as it does those that probes.h chooses. @program is to do nothing for this process.
 * Milliseconds. Returns 0 or -errno.
 */
int trap_cost_measure(struct bpf_program *program, uint64_t *ret_ns);
