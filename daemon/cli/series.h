/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/cli.h"

/* gomemctl heap WORKLOAD: the daemon's series, the site that grows most first. Returns an exit code. */
int series_show(const struct options *o);

/* The same, ranked: what of it costs most. */
int series_show_culprits(const struct options *o);
