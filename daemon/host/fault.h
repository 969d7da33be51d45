/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Fault injection for the tests: where the environment's GOMEMD_FAULT names this point, the whole daemon is killed
 * here as by kill -9, in whichever of its processes the point is reached. Costs one comparison elsewhere.
 *
 * Points, in the order of a change: undo-before, undo-after, store-before, stored-first, stored-more, store-after,
 * audit-before, restore-before, restore-after.
 */
void fault_point(const char *name);
