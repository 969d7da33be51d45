/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "report/metrics_families.h"

/* Families of the receivers of alerts; @of is a struct metrics_daemon. Nothing of a receiver that is not configured. */
void metrics_write_notifications(struct metrics_series *s, const void *of);
void metrics_write_queued(struct metrics_series *s, const void *of);
void metrics_write_receivers(struct metrics_series *s, const void *of);
