/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/span.h"
#include "wire/figures.h"

/*
 * The Prometheus text format, version 0.0.4 (and OpenMetrics, as far as these families go): what Go programs say of their
 * runtime, by the names of the Go client's collectors, of all its releases, and of runtime/metrics.
 */
enum {
	PROM_TEXT_BYTES_MAX = 8 * 1024 * 1024,
};

/*
 * Reads the figures. A series that comes twice, with whatever labels, is not known: the page tells of several programs, or
 * contradicts itself. Lines that are no samples are skipped. Returns 0, -EBADMSG where no figure was found, -EFBIG over
 * the cap. *ret is written only on 0. Allocates nothing.
 */
int prom_text_read(struct span body, struct figures *ret);
